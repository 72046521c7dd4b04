//! What keeps the database in order while nobody asks for it, beside the live feed.
//!
//! Each job has a thread of its own, a connection of its own, and goes in short steps, so that a writer never waits
//! long for one. Two processes may do the same jobs on one file.

mod change_log;
mod counting;
mod deletions;
mod reaper;
mod retention;

use std::path::{Path, PathBuf};
use std::time::Duration;

use database::{Connection, Error as DatabaseError};
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::database_file::{DatabaseFile, Error};

/// How many rows one step deletes.
const DELETED_AT_ONCE: usize = 500;
/// The pause between two steps, in which others may write.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a job waits before it tries again to use a database.
const RETRY: Duration = Duration::from_millis(500);
/// The longest pause over which a connection is kept.
const KEPT: Duration = Duration::from_secs(1);
/// The pause between two tries for the write lock, and for how many of them a step waits.
const LOCK_PAUSE: Duration = Duration::from_millis(2);
const LOCK_TRIES: i32 = 2500;

/// Starts all jobs, which end with the process.
pub(crate) fn start(config: &Config) {
    let path = &config.database_path;
    start_job(path, "the reaper", reaper::step);
    start_job(path, "the counting of log entries", counting::step);
    start_job(
        path,
        "the deletion of what hangs on deleted agents",
        deletions::step,
    );
    let keep = config.change_log_max;
    let prune = move |db: &dyn Connection| change_log::step(db, keep);
    start_job(path, "the change log's pruning", prune);
    if let Some(days) = config.retention_days {
        info!("log entries older than {days} days are deleted (RETENTION_DAYS)");
        let retain = move |db: &dyn Connection| retention::step(db, days);
        start_job(path, "the retention of log entries", retain);
    }
}

/// Does one step of a job after the other. A step gives the pause until the next one.
fn start_job(
    database: &Path,
    name: &'static str,
    step: impl Fn(&dyn Connection) -> Result<Duration, DatabaseError> + Send + 'static,
) {
    let mut job = Job {
        database: database.to_owned(),
        name,
        step,
        file: None,
        complaint: None,
    };
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(job.run());
        }
    });
}

struct Job<S> {
    database: PathBuf,
    name: &'static str,
    step: S,
    /// The connection of the last step, where the next one follows soon.
    file: Option<DatabaseFile>,
    /// What was last logged, so that a lasting fault is one line.
    complaint: Option<String>,
}

impl<S: Fn(&dyn Connection) -> Result<Duration, DatabaseError>> Job<S> {
    /// Does a step, and gives the pause until the next one.
    fn run(&mut self) -> Duration {
        let file = match self.open() {
            Ok(file) => file,
            Err(error) => {
                // The feed says so too, and louder.
                debug!("{} has no database: {error}", self.name);
                return RETRY;
            }
        };
        match (self.step)(file.connection()).map_err(Error::from) {
            Ok(pause) => {
                self.file = (pause <= KEPT).then_some(file);
                self.complaint = None;
                pause
            }
            Err(error) if error.is_busy() => {
                debug!("{} waits for the write lock", self.name);
                self.file = Some(file);
                LOCK_PAUSE
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.complaint.as_ref() != Some(&complaint) {
                    warn!("{} has failed and is tried again: {complaint}", self.name);
                    self.complaint = Some(complaint);
                }
                RETRY
            }
        }
    }

    /// The connection that is open, or a new one where the file was replaced.
    fn open(&mut self) -> Result<DatabaseFile, Error> {
        if let Some(file) = self.file.take()
            && file.check().is_ok()
        {
            return Ok(file);
        }
        DatabaseFile::open_patient(&self.database, wait_for_lock)
    }
}

/// SQLite's own waiting soon makes pauses of 100 ms, in which busy writers let nobody else in.
fn wait_for_lock(tries: i32) -> bool {
    std::thread::sleep(LOCK_PAUSE);
    tries < LOCK_TRIES
}

/// The pause after a step that has deleted so many rows.
fn pause_after(deleted: usize, interval: Duration) -> Duration {
    if deleted < DELETED_AT_ONCE {
        interval
    } else {
        PAUSE
    }
}
