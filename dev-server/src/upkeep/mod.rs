//! What keeps the database in order while nobody asks for it, beside the live feed.
//!
//! Each job has a thread of its own, a connection of its own, and goes in short steps, so that a writer never waits
//! long for one. Two processes may do the same jobs on one file.

mod change_log;
mod reaper;
mod retention;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::file::{Error, File};

/// How many rows one step deletes.
const STEP: u16 = 500;
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
    start_job(path, "the reaper", Duration::ZERO, reaper::step);
    let keep = config.change_log_max;
    let prune = move |connection: &Connection| change_log::step(connection, keep);
    start_job(path, "the change log's pruning", Duration::ZERO, prune);
    if let Some(days) = config.retention_days {
        let grace = if config.retention_is_default {
            info!(
                "log entries older than {days} days are deleted, first in {} minutes; RETENTION_DAYS=0 keeps them",
                retention::GRACE.as_secs() / 60
            );
            retention::GRACE
        } else {
            Duration::ZERO
        };
        let retain = move |connection: &Connection| retention::step(connection, days);
        start_job(path, "the retention of log entries", grace, retain);
    }
}

/// After `grace`, does one step of a job after the other. A step gives the pause until the next one.
fn start_job(
    database: &Path,
    name: &'static str,
    grace: Duration,
    step: impl Fn(&Connection) -> rusqlite::Result<Duration> + Send + 'static,
) {
    let mut job = Job {
        database: database.to_owned(),
        name,
        step,
        file: None,
        complaint: None,
    };
    std::thread::spawn(move || {
        std::thread::sleep(grace);
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
    file: Option<File>,
    /// What was last logged, so that a lasting fault is one line.
    complaint: Option<String>,
}

impl<S: Fn(&Connection) -> rusqlite::Result<Duration>> Job<S> {
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
        match (self.step)(&file.connection).map_err(Error::from) {
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
    fn open(&mut self) -> Result<File, Error> {
        if let Some(file) = self.file.take()
            && file.check().is_ok()
        {
            return Ok(file);
        }
        let mut file = File::open(&self.database)?;
        file.connection.busy_handler(Some(wait_for_lock))?;
        Ok(file)
    }
}

/// SQLite's own waiting soon makes pauses of 100 ms, in which busy writers let nobody else in.
fn wait_for_lock(tries: i32) -> bool {
    std::thread::sleep(LOCK_PAUSE);
    tries < LOCK_TRIES
}

/// The pause after a step that has deleted so many rows.
fn pause_after(deleted: usize, interval: Duration) -> Duration {
    if deleted < usize::from(STEP) {
        interval
    } else {
        PAUSE
    }
}
