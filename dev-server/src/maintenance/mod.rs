//! What keeps the database in order while nobody asks for it, beside the live feed.
//!
//! Each job has a thread of its own and goes in short steps, so that a writer never waits long for one. Its connection is
//! one of the pool, which closes it when the file goes: to open one for each step was most of what an idle server did, as
//! SQLite reads the whole schema anew. Two processes may do the same jobs on one file; on a server it is one at a time, which
//! has a [`lease`].

mod change_log;
mod counting;
mod deletions;
mod lease;
mod reaper;
mod retention;
mod text_search;
mod write_ahead_log;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use database::maintenance_lease::Fenced;
use database::{Connection, Error as DatabaseError};
use hosting::Storage;
use tracing::{debug, warn};

use crate::config::Config;
use crate::location::Location;
use crate::store::{Error, Lender, Store};
use lease::Lease;
pub(crate) use write_ahead_log::size as log_size;

/// How many rows one step deletes.
const DELETED_AT_ONCE: usize = 500;
/// The pause between two steps, in which others may write.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a job waits before it tries again to use a database.
const RETRY: Duration = Duration::from_millis(500);
/// How long a start waits for the first step of the reaper.
const BEGIN: Duration = Duration::from_secs(1);
/// How often a job looks whether this process has the lease.
const WITHOUT_LEASE: Duration = Duration::from_millis(100);
/// The pause between two tries for the write lock, and for how many of them a step waits.
const LOCK_PAUSE: Duration = Duration::from_millis(2);
const LOCK_TRIES: i32 = 2500;

/// The jobs that run.
pub(crate) struct Maintenance {
    storage: Storage,
    /// Where this process is not the only one.
    lease: Option<Arc<Lease>>,
    stopping: Arc<Stopping>,
    threads: Vec<JoinHandle<()>>,
    begun: Receiver<()>,
}

/// Starts all jobs on `storage`. Requests that use it too learn when a file could last be written and how many log entries are
/// about to be deleted, and long reads make room for a checkpoint. Inside a runtime.
pub(crate) fn start(config: &Config, storage: &Storage) -> Maintenance {
    let (is_begun, begun) = channel();
    let mut maintenance = Maintenance {
        storage: storage.clone(),
        lease: None,
        stopping: Arc::default(),
        threads: Vec::new(),
        begun,
    };
    let clock = match storage {
        Storage::File(pool) => Arc::clone(pool.lease_clock()),
        Storage::Server(_) => {
            maintenance.ask_for_lease(is_begun.clone());
            Arc::default()
        }
    };
    let mut start = |name, step| maintenance.start(name, step);
    let mut reaper = reaper::Reaper::of(clock);
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
        "the index of log entries' texts",
        on_connection(text_search::step),
    );
    start(
        "the deletion of what hangs on deleted agents",
        on_connection(deletions::step),
    );
    let keep = config.change_log_max;
    start(
        "the change log's pruning",
        on_connection(move |db| change_log::step(db, keep)),
    );
    if let (Location::File(path), Storage::File(pool)) = (&config.database, storage) {
        let mut log = write_ahead_log::WriteAheadLog::of(path, Arc::clone(pool));
        start(
            "the checkpoints",
            Box::new(move |store: &Store, _: &dyn Connection| match store {
                Store::File(file) => log.step(file),
                Store::Server(_) => Ok(RETRY),
            }),
        );
    }
    if let Some(days) = config.retention_days {
        let storage = storage.clone();
        let say = move |old| storage.say_old_entries(old);
        let mut retention = retention::Retention::new(days, say);
        start(
            "the retention of log entries",
            Box::new(move |store: &Store, db: &dyn Connection| retention.step(store, db)),
        );
    }
    maintenance
}

/// A step that needs nothing but the connection.
fn on_connection(
    mut step: impl FnMut(&dyn Connection) -> Result<Duration, DatabaseError> + Send + 'static,
) -> Step {
    Box::new(move |_: &Store, db: &dyn Connection| Ok(step(db)?))
}

impl Maintenance {
    /// Has jobs from here on only while this process has the lease. Where it has not, there is no reaper to wait for.
    fn ask_for_lease(&mut self, is_begun: Sender<()>) {
        let lease = Arc::new(Lease::new());
        let asking = Arc::clone(&lease);
        self.start(
            "the lease of the maintenance",
            on_connection(move |db| {
                let pause = asking.step(db)?;
                if !asking.is_held() {
                    let _ = is_begun.send(());
                }
                Ok(pause)
            }),
        );
        self.lease = Some(lease);
    }

    /// Does one step of a job after the other.
    fn start(&mut self, name: &'static str, step: Step) {
        let mut job = Job {
            lender: Lender::of(&self.storage),
            lease: self.lease.clone(),
            name,
            step,
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
        if let (Some(lease), Storage::Server(remote)) = (self.lease, &self.storage) {
            lease.give_back(remote.server());
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

/// A step of a job, which gives the pause until the next one. It works on the connection, and may ask the store what it is.
type Step = Box<dyn FnMut(&Store, &dyn Connection) -> Result<Duration, Error> + Send>;

struct Job {
    lender: Lender,
    lease: Option<Arc<Lease>>,
    name: &'static str,
    step: Step,
    /// What was last logged, so that a lasting fault is one line.
    complaint: Option<String>,
}

impl Job {
    /// Does a step, and gives the pause until the next one.
    fn run(&mut self) -> Duration {
        if self.lease.as_ref().is_some_and(|lease| !lease.is_held()) {
            return WITHOUT_LEASE;
        }
        let store = match self.lender.take_patient(wait_for_lock) {
            Ok(store) => store,
            Err(error) => {
                // The feed says so too, and louder.
                debug!("{} has no database: {error}", self.name);
                return RETRY;
            }
        };
        let db = store.connection();
        let done = match &self.lease {
            Some(lease) => (self.step)(&store, &Fenced::new(db, lease.holder())),
            None => (self.step)(&store, db),
        };
        let passes = done.as_ref().is_err_and(|error| store.passes(error));
        let is_locked = passes && matches!(store, Store::File(_));
        let given_back = self.lender.give_back(store);
        match done.and_then(|pause| given_back.map(|()| pause)) {
            Ok(pause) => {
                self.complaint = None;
                pause
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.complaint.as_ref() != Some(&complaint) {
                    if passes {
                        debug!("{} waits: {complaint}", self.name);
                    } else {
                        warn!("{} has failed and is tried again: {complaint}", self.name);
                    }
                    self.complaint = Some(complaint);
                }
                if is_locked { LOCK_PAUSE } else { RETRY }
            }
        }
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
