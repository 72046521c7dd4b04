//! What keeps the database in order while nobody asks for it, beside the live feed.
//!
//! Each job has a thread of its own, a connection of its own, and goes in short steps, so that a writer never waits
//! long for one. Two processes may do the same jobs on one file.

mod change_log;
mod counting;
mod deletions;
mod reaper;
mod retention;
mod write_ahead_log;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use database::{Connection, Error as DatabaseError};
use hosting::Pool;
use tracing::{debug, warn};

use crate::config::Config;
use crate::database_file::{DatabaseFile, Error};

/// How many rows one step deletes.
const DELETED_AT_ONCE: usize = 500;
/// The pause between two steps, in which others may write.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a job waits before it tries again to use a database.
const RETRY: Duration = Duration::from_millis(500);
/// The longest pause over which a connection is kept: one that lies open keeps a file from being replaced.
const KEPT: Duration = PAUSE;
/// How long a start waits for the first step of the reaper.
const BEGIN: Duration = Duration::from_secs(1);
/// The pause between two tries for the write lock, and for how many of them a step waits.
const LOCK_PAUSE: Duration = Duration::from_millis(2);
const LOCK_TRIES: i32 = 2500;

/// The jobs that run.
pub(crate) struct Maintenance {
    stopping: Arc<Stopping>,
    threads: Vec<JoinHandle<()>>,
    begun: Receiver<()>,
}

/// Starts all jobs. Where this process has a `pool` too, its requests learn when the database could last be written and how
/// many log entries are about to be deleted, and its long reads make room for a checkpoint. Inside a runtime.
pub(crate) fn start(config: &Config, pool: Option<Arc<Pool>>) -> Maintenance {
    let (is_begun, begun) = channel();
    let mut maintenance = Maintenance {
        stopping: Arc::default(),
        threads: Vec::new(),
        begun,
    };
    let path = &config.database_path;
    let mut start = |name, step| maintenance.start(path, name, step);
    let clock = pool.as_ref().map(|pool| Arc::clone(pool.lease_clock()));
    let mut reaper = reaper::Reaper::of(clock.unwrap_or_default());
    start(
        "the reaper",
        on_connection(move |db| {
            let pause = reaper.step(db)?;
            let _ = is_begun.send(());
            Ok(pause)
        }),
    );
    start("the counting of log entries", on_connection(counting::step));
    start(
        "the deletion of what hangs on deleted agents",
        on_connection(deletions::step),
    );
    let keep = config.change_log_max;
    start(
        "the change log's pruning",
        on_connection(move |db| change_log::step(db, keep)),
    );
    let mut log = write_ahead_log::WriteAheadLog::of(path, pool.clone());
    start(
        "the checkpoints",
        Box::new(move |file: &DatabaseFile| log.step(file)),
    );
    if let Some(days) = config.retention_days {
        let say = move |old| {
            if let Some(pool) = &pool {
                pool.say_old_entries(old);
            }
        };
        let mut retention = retention::Retention::new(days, say);
        start(
            "the retention of log entries",
            Box::new(move |file: &DatabaseFile| retention.step(file)),
        );
    }
    maintenance
}

/// A step that needs nothing but the connection.
fn on_connection(
    mut step: impl FnMut(&dyn Connection) -> Result<Duration, DatabaseError> + Send + 'static,
) -> Step {
    Box::new(move |file| Ok(step(file.connection())?))
}

impl Maintenance {
    /// Does one step of a job after the other.
    fn start(&mut self, database: &Path, name: &'static str, step: Step) {
        let mut job = Job {
            database: database.to_owned(),
            name,
            step,
            file: None,
            complaint: None,
        };
        let stopping = Arc::clone(&self.stopping);
        self.threads.push(std::thread::spawn(
            move || {
                while !stopping.wait(job.run()) {}
            },
        ));
    }

    /// Waits until the leases run anew after the start, so that nobody is told of an agent which was only not heard. Not for
    /// long: the database may be locked, or not be there.
    pub(crate) fn begun(&self) {
        let _ = self.begun.recv_timeout(BEGIN);
    }

    /// Lets each job end the step that it is at, and ends them.
    pub(crate) fn stop(self) {
        self.stopping.say();
        ENDING.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A job that has panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Whether the jobs are to end.
#[derive(Default)]
struct Stopping {
    said: Mutex<bool>,
    saying: Condvar,
}

impl Stopping {
    fn say(&self) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.saying.notify_all();
    }

    /// Waits for so long, or until it is said, and gives whether it was.
    fn wait(&self, most: Duration) -> bool {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.saying.wait_timeout_while(said, most, |said| !*said);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A step of a job, which gives the pause until the next one.
type Step = Box<dyn FnMut(&DatabaseFile) -> Result<Duration, Error> + Send>;

struct Job {
    database: PathBuf,
    name: &'static str,
    step: Step,
    /// The connection of the last step, where the next one follows at once.
    file: Option<DatabaseFile>,
    /// What was last logged, so that a lasting fault is one line.
    complaint: Option<String>,
}

impl Job {
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
        match (self.step)(&file) {
            Ok(pause) => {
                self.file = (pause <= KEPT).then_some(file);
                self.complaint = None;
                pause
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.complaint.as_ref() != Some(&complaint) {
                    if error.is_busy() {
                        debug!("{} waits for the write lock", self.name);
                    } else {
                        warn!("{} has failed and is tried again: {complaint}", self.name);
                    }
                    self.complaint = Some(complaint);
                }
                if error.is_busy() {
                    self.file = Some(file);
                    return LOCK_PAUSE;
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

/// Whether the process ends, and nobody waits for a lock any more.
static ENDING: AtomicBool = AtomicBool::new(false);

/// SQLite's own waiting soon makes pauses of 100 ms, in which busy writers let nobody else in.
fn wait_for_lock(tries: i32) -> bool {
    std::thread::sleep(LOCK_PAUSE);
    tries < LOCK_TRIES && !ENDING.load(Ordering::Relaxed)
}

/// The pause after a step that has deleted so many rows.
fn pause_after(deleted: usize, interval: Duration) -> Duration {
    if deleted < DELETED_AT_ONCE {
        interval
    } else {
        PAUSE
    }
}
