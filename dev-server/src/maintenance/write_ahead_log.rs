//! Keeps the write-ahead log short.
//!
//! SQLite moves the log into the file by itself, but begins it anew only at a moment when nobody reads, and never makes it
//! shorter. So after one long reader it stays as large as it was, and while readers overlap it grows. Our own are held up for
//! it where they take long; those of other processes cannot be, and are complained of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hosting::Pool;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::PAUSE;
use crate::database_file::{DatabaseFile, LogLeft};
use crate::metrics::METRICS;
use crate::store::Error;

/// How often there is a look.
const INTERVAL: Duration = Duration::from_secs(1);
/// Up to how many bytes the log is left alone. Our commits move it into the file at 16 MB, and begin it anew then.
const SHORT: u64 = 24 << 20;
/// From how many bytes on readers that overlap are complained of.
const LONG: u64 = 256 << 20;
/// After how long one reader is.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is tried while they are held up.
const TRIES: u32 = 5;
/// How long they are left alone after that did not help.
const IN_VAIN: Duration = Duration::from_secs(15);

/// The state of the job.
pub(super) struct WriteAheadLog {
    path: PathBuf,
    is_long_said: bool,
    pin: Pin,
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
            is_long_said: false,
            pin: Pin::default(),
            readers,
            runtime: Handle::current(),
            in_vain: None,
        }
    }

    /// Moves the log into the file and makes it empty, where it is long. No writer waits for a reader over this.
    pub(super) fn step(&mut self, file: &DatabaseFile) -> Result<Duration, Error> {
        let bytes = size(&self.path);
        if bytes <= SHORT {
            self.is_long_said = false;
            self.pin.note(LogLeft::Nothing, bytes);
            return Ok(INTERVAL);
        }
        let start = Instant::now();
        let mut left = file.empty_log()?;
        let is_in_vain = self.in_vain.is_some_and(|last| last.elapsed() < IN_VAIN);
        if left != LogLeft::Nothing && !is_in_vain {
            let tried = self.readers.without_long_reads(&self.runtime, || {
                // What still reads is short, and so soon leaves a moment without.
                for _ in 1..TRIES {
                    if file.empty_log()? == LogLeft::Nothing {
                        return Ok(LogLeft::Nothing);
                    }
                    std::thread::sleep(PAUSE);
                }
                file.empty_log()
            });
            left = tried.transpose()?.unwrap_or(left);
            self.in_vain = (left != LogLeft::Nothing).then(Instant::now);
        }
        self.pin.note(left, bytes);
        if left != LogLeft::Nothing && bytes > LONG && !self.is_long_said {
            self.is_long_said = true;
            warn!(
                "somebody reads for so long that the write-ahead log has {} MB and grows",
                bytes >> 20
            );
        }
        tracing::debug!(
            "the write-ahead log had {bytes} bytes, and has {} after {:?}",
            size(&self.path),
            start.elapsed()
        );
        Ok(INTERVAL)
    }
}

/// Whether it is one reader that keeps the log from beginning anew, and since when: from one look to the next, no more of
/// it could be moved into the file, though there is more.
#[derive(Default)]
struct Pin {
    moved: Option<i64>,
    since: Option<Instant>,
    is_said: bool,
}

impl Pin {
    fn note(&mut self, left: LogLeft, bytes: u64) {
        let moved = match left {
            LogLeft::Some { pages, moved } if moved < pages => Some(moved),
            _ => None,
        };
        let goes_on = moved.is_some() && moved == self.moved;
        if !goes_on {
            self.since = moved.map(|_| Instant::now());
            self.moved = moved;
        }
        let pinned = self.since.filter(|since| since.elapsed() >= INTERVAL);
        METRICS.pin_log(pinned);
        // Who reads this finds it in the metrics too.
        if !goes_on && std::mem::take(&mut self.is_said) {
            info!("the write-ahead log is no longer kept by that reader");
        }
        if pinned.is_some_and(|since| since.elapsed() >= PATIENCE) && !self.is_said {
            self.is_said = true;
            warn!(
                "one reader keeps the write-ahead log from beginning anew: it has {} MB and grows with each write",
                bytes >> 20
            );
        }
    }
}

/// The size of the write-ahead log of the database at `path`, in bytes.
pub(crate) fn size(path: &Path) -> u64 {
    // The log lies beside the file itself, where the path is a link to it.
    let Ok(path) = path.canonicalize() else {
        return 0;
    };
    let mut log = path.into_os_string();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}
