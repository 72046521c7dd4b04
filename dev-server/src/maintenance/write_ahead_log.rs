//! Keeps the write-ahead log short.
//!
//! SQLite moves the log into the file by itself, but begins it anew only at a moment when nobody reads, and never makes it
//! shorter. So after one long reader it stays as large as it was, and while readers overlap it grows. Our own are held up for
//! it where they take long; those of other processes cannot be.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hosting::Pool;
use tokio::runtime::Handle;
use tracing::warn;

use super::PAUSE;
use crate::database_file::{DatabaseFile, Error};

/// How often there is a look.
const INTERVAL: Duration = Duration::from_secs(1);
/// Up to how many bytes the log is left alone. Our commits move it into the file at 16 MB, and begin it anew then.
const SHORT: u64 = 24 << 20;
/// From how many bytes on somebody who reads for long is complained of.
const LONG: u64 = 256 << 20;

/// How often it is tried while they are held up.
const TRIES: u32 = 5;
/// How long they are left alone after that did not help.
const IN_VAIN: Duration = Duration::from_secs(15);

/// The state of the job.
pub(super) struct WriteAheadLog {
    path: PathBuf,
    is_said: bool,
    /// Who reads in this process, and what its threads run on.
    readers: Arc<Pool>,
    runtime: Handle,
    in_vain: Option<Instant>,
}

impl WriteAheadLog {
    /// That of the database at `path`, which is read through `readers`. Inside a runtime.
    pub(super) fn of(path: &Path, readers: Arc<Pool>) -> Self {
        Self {
            path: path.to_owned(),
            is_said: false,
            readers,
            runtime: Handle::current(),
            in_vain: None,
        }
    }

    /// Moves the log into the file and makes it empty, where it is long. No writer waits for a reader over this.
    pub(super) fn step(&mut self, file: &DatabaseFile) -> Result<Duration, Error> {
        let size = self.size();
        if size <= SHORT {
            self.is_said = false;
            return Ok(INTERVAL);
        }
        let start = Instant::now();
        let mut is_empty = file.empty_log()?;
        let is_in_vain = self.in_vain.is_some_and(|last| last.elapsed() < IN_VAIN);
        if !is_empty && !is_in_vain {
            let emptied = self.readers.without_long_reads(&self.runtime, || {
                // What still reads is short, and so soon leaves a moment without.
                for _ in 1..TRIES {
                    if file.empty_log()? {
                        return Ok(true);
                    }
                    std::thread::sleep(PAUSE);
                }
                file.empty_log()
            });
            is_empty = emptied.transpose()?.unwrap_or(false);
            self.in_vain = (!is_empty).then(Instant::now);
        }
        if !is_empty && size > LONG && !self.is_said {
            self.is_said = true;
            warn!(
                "somebody reads for so long that the write-ahead log has {} MB and grows",
                size >> 20
            );
        }
        tracing::debug!(
            "the write-ahead log had {size} bytes, and has {} after {:?}",
            self.size(),
            start.elapsed()
        );
        Ok(INTERVAL)
    }

    fn size(&self) -> u64 {
        // The log lies beside the file itself, where the path is a link to it.
        let Ok(path) = self.path.canonicalize() else {
            return 0;
        };
        let mut log = path.into_os_string();
        log.push("-wal");
        std::fs::metadata(log).map_or(0, |metadata| metadata.len())
    }
}
