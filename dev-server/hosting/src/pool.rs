//! The connections of this process to its database.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use database::Error;
use database::lease_clock::LeaseClock;
use database::native::{self, File, OpenError};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::timeout;

use crate::folder_changes::FolderChanges;
use crate::sqlite::{SHORT, Short};
use crate::write_lock::{self, WriteLock};
use crate::write_queue::WriteQueue;

/// How many connections stay open while nobody uses them.
const IDLE_CONNECTIONS: usize = 32;
/// How often there is a look whether the file is still the same.
const FILE_INTERVAL: Duration = Duration::from_millis(100);
/// How long a read that takes long waits for a moment without any.
const NO_LONG_READS: Duration = Duration::from_secs(5);

/// The connections of this process to one file.
pub struct Pool {
    path: PathBuf,
    short: Short,
    idle: Mutex<Vec<File>>,
    /// Shared by the reads that take long.
    long_reads: Arc<RwLock<()>>,
    writers: WriteQueue,
    committed: OnceLock<Box<dyn Fn() + Send + Sync>>,
    write_lock: WriteLock,
    lease_clock: Arc<LeaseClock>,
    old_entries: AtomicI64,
    written: AtomicU64,
}

impl Pool {
    /// A pool for the file at `path`. Nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path) -> Arc<Self> {
        Self::with_short(path, SHORT)
    }

    /// The same with another measure of what is short.
    pub(crate) fn with_short(path: &Path, short: Short) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            short,
            idle: Mutex::default(),
            long_reads: Arc::default(),
            writers: WriteQueue::default(),
            committed: OnceLock::new(),
            write_lock: WriteLock::default(),
            lease_clock: Arc::default(),
            old_entries: AtomicI64::new(-1),
            written: AtomicU64::new(0),
        })
    }

    pub(crate) fn short(&self) -> Short {
        self.short
    }

    /// Calls `committed` after each statement that may have committed something. The first call of this counts.
    pub fn on_commit(&self, committed: impl Fn() + Send + Sync + 'static) {
        let _ = self.committed.set(Box::new(committed));
    }

    /// Says how many log entries are about to be deleted for their age.
    pub fn say_old_entries(&self, entries: i64) {
        self.old_entries.store(entries, Ordering::Relaxed);
    }

    /// How many these are; `None` where nobody has counted them.
    pub(crate) fn old_entries(&self) -> Option<i64> {
        let entries = self.old_entries.load(Ordering::Relaxed);
        (entries >= 0).then_some(entries)
    }

    /// Whether anybody can write.
    pub(crate) fn write_lock(&self) -> &WriteLock {
        &self.write_lock
    }

    /// For how many seconds nobody could write, from some on; else 0.
    #[must_use]
    pub fn write_blocked_seconds(&self) -> u64 {
        self.write_lock.blocked_seconds()
    }

    /// When the file could last be written. Statements ask it where somebody keeps it.
    #[must_use]
    pub fn lease_clock(&self) -> &Arc<LeaseClock> {
        &self.lease_clock
    }

    /// Where those that write wait for one another.
    pub(crate) fn writers(&self) -> &WriteQueue {
        &self.writers
    }

    /// How many transactions were written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Runs `job` while no read of this process is at work that takes long, and gives what it gives; `None` where they went on
    /// for some seconds. Reads that turn out to take long meanwhile begin afterwards; all others go on. Blocks, so not on a
    /// thread of `runtime`.
    pub fn without_long_reads<T>(&self, runtime: &Runtime, job: impl FnOnce() -> T) -> Option<T> {
        let alone = async { timeout(NO_LONG_READS, self.long_reads.write()).await };
        let _alone = runtime.block_on(alone).ok()?;
        Some(job())
    }

    /// The place of a read that takes long. One `inside` a transaction has begun, and waits for nothing.
    pub(crate) async fn long_read(&self, inside: bool) -> Option<OwnedRwLockReadGuard<()>> {
        let place = Arc::clone(&self.long_reads);
        if inside {
            place.try_read_owned().ok()
        } else {
            timeout(NO_LONG_READS, place.read_owned()).await.ok()
        }
    }

    /// Takes the write lock and gives it back; false where another process has it.
    pub(crate) fn try_lock(&self) -> Result<bool, String> {
        let file = self.take().map_err(|error| error.to_string())?;
        let tried = file.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
        let message = tried.err().map(|error| native::message(&error));
        let is_busy = message
            .as_deref()
            .is_some_and(|message| Error::from_message(message) == Error::Busy);
        self.give_back(file);
        // A file that may not be written is as good as locked.
        let is_refused = is_busy || message.as_deref().is_some_and(|it| it.contains("readonly"));
        match message {
            Some(message) if !is_refused => Err(message),
            message => Ok(message.is_none()),
        }
    }

    /// Looks after the write lock from now on.
    pub fn watch_lock(self: &Arc<Self>) {
        tokio::spawn(write_lock::watch(Arc::downgrade(self)));
    }

    /// Closes what is open as soon as the file is moved, deleted or replaced: until then no other can be opened, and one that
    /// somebody makes under its name would share the files beside it with our connections.
    pub fn watch_file(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        let changes = FolderChanges::of(&self.path);
        std::thread::spawn(move || {
            while let Some(pool) = pool.upgrade() {
                if pool.close_stale() {
                    // Whoever else has connections looks too.
                    pool.tell();
                }
                drop(pool);
                changes.wait(FILE_INTERVAL);
            }
        });
    }

    /// Gives whether there was something to close.
    fn close_stale(&self) -> bool {
        let is_writer_stale = self.writers.close_stale();
        let mut idle = self.idle();
        let is_stale = idle.last().is_some_and(|file| !file.is_current());
        if is_stale {
            let stale = std::mem::take(&mut *idle);
            drop(idle);
            drop(stale);
        }
        is_stale || is_writer_stale
    }

    /// Says that so many transactions are in the file now, and calls whoever wants to know.
    pub(crate) fn wrote(&self, transactions: u64) {
        self.written.fetch_add(transactions, Ordering::Relaxed);
        self.tell();
    }

    /// Says that there may be something new in the file.
    pub(crate) fn tell(&self) {
        if let Some(committed) = self.committed.get() {
            committed();
        }
    }

    /// A connection that nobody else uses.
    ///
    /// # Errors
    /// Why the file cannot be opened.
    pub fn take(&self) -> Result<File, OpenError> {
        let kept = self.idle().pop();
        if let Some(file) = kept {
            // Outside of the lock, as it asks the system.
            if file.is_current() {
                return Ok(file);
            }
            drop(file);
            self.close_stale();
        }
        File::open(&self.path)
    }

    /// Takes a connection back, which has no transaction open and is configured as it was.
    pub fn give_back(&self, file: File) {
        if !file.is_current() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(file);
        }
    }

    /// The connections that nobody uses.
    pub(crate) fn idle(&self) -> std::sync::MutexGuard<'_, Vec<File>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
