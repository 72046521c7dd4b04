//! Keeps the write-ahead log short.
//!
//! SQLite moves the log into the file by itself, but begins it anew only at a moment when nobody reads, and never makes it
//! shorter. So after one long reader it stays as large as it was.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::database_file::{DatabaseFile, Error};

/// How often there is a look.
const INTERVAL: Duration = Duration::from_secs(1);
/// Up to how many bytes the log is left alone. Our commits move it into the file at 16 MB, and begin it anew then.
const SHORT: u64 = 24 << 20;
/// From how many bytes on somebody who reads for long is complained of.
const LONG: u64 = 256 << 20;

/// The state of the job.
pub(super) struct WriteAheadLog {
    path: PathBuf,
    is_said: bool,
}

impl WriteAheadLog {
    /// That of the database at `path`.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            is_said: false,
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
        let is_empty = file.empty_log()?;
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
