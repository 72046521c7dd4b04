//! Spin's SQLite interface over rusqlite.
//!
//! A component's connection is a handle. Each statement borrows a real connection from the pool and gives it back,
//! unless it leaves a transaction open: then the handle keeps it until the transaction ends.
//!
//! Of all that write, one goes at a time: in this process they queue for a permit, in the order in which they came,
//! and whoever holds it tries again while another process has the lock. SQLite itself never waits, and no thread
//! does. A statement that found no way in within [`WRITE_LOCK_TIMEOUT`] gets SQLite's own "database is locked".

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use database::native::{self, File, Rows};
use database::{Error, FOREIGN_KEYS_OFF, FOREIGN_KEYS_ON, WRITE_LOCK_TIMEOUT};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::folder_changes::FolderChanges;
use crate::guest::bindings::spin::sqlite::sqlite as wit;
use crate::write_lock::{self, WriteLock};

/// The most bytes that one statement may give. A component asks for fewer rows where this is not enough.
const MAX_RESULT_BYTES: usize = 16 << 20;
/// How many connections stay open while nobody uses them.
const IDLE_CONNECTIONS: usize = 32;
/// How often there is a look whether the file is still the same.
const FILE_INTERVAL: Duration = Duration::from_millis(100);
/// The pause between two tries while another process has the lock.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a statement may keep a thread that others wait for.
const SHORT: Duration = Duration::from_millis(2);
/// After how many of SQLite's own operations the clock is looked at.
const OPERATIONS: i32 = 2000;
/// SQLite's words for a lock that somebody else holds.
const LOCKED: &str = "database is locked";

/// The connections of this process to one file.
pub struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<File>>,
    writer: Arc<Semaphore>,
    committed: OnceLock<Box<dyn Fn() + Send + Sync>>,
    write_lock: WriteLock,
    old_entries: AtomicI64,
    written: AtomicU64,
}

impl Pool {
    /// A pool for the file at `path`. Nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            idle: Mutex::default(),
            writer: Arc::new(Semaphore::new(1)),
            committed: OnceLock::new(),
            write_lock: WriteLock::default(),
            old_entries: AtomicI64::new(-1),
            written: AtomicU64::new(0),
        })
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

    /// How many statements have written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Waits for the turn to write. `None` never comes, as the queue is not closed.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.writer).acquire_owned().await.ok()
    }

    /// Takes the write lock and gives it back; false where another process has it.
    pub(crate) fn try_lock(&self) -> Result<bool, String> {
        let file = self.take()?;
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

    /// Looks after the file and its write lock from now on.
    pub fn watch(self: &Arc<Self>) {
        self.watch_file();
        tokio::spawn(write_lock::watch(Arc::downgrade(self)));
    }

    /// Closes what is open as soon as the file is moved, deleted or replaced: until then no other can be opened, and one that
    /// somebody makes under its name would share the files beside it with our connections.
    fn watch_file(self: &Arc<Self>) {
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
        let mut idle = self.idle();
        let is_stale = idle.last().is_some_and(|file| !file.is_current());
        if is_stale {
            let stale = std::mem::take(&mut *idle);
            drop(idle);
            drop(stale);
        }
        is_stale
    }

    /// Says that there may be something new in the file.
    fn tell(&self) {
        if let Some(committed) = self.committed.get() {
            committed();
        }
    }

    fn take(&self) -> Result<File, String> {
        self.close_stale();
        let kept = self.idle().pop();
        match kept {
            Some(file) => Ok(file),
            None => File::open(&self.path).map_err(|error| error.to_string()),
        }
    }

    /// Puts a connection aside that is pinned, and any other back.
    fn keep(&self, mut turn: Checkout) -> Option<Checkout> {
        if turn.pinned {
            turn.permit = None;
            return Some(turn);
        }
        self.give_back(turn.file);
        None
    }

    fn give_back(&self, file: File) {
        if !file.is_current() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(file);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<File>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A component's connection. Dropped inside a transaction, it takes that back: SQLite rolls back what a closed
/// connection has left open.
pub struct Handle {
    pool: Arc<Pool>,
    checkout: Option<Checkout>,
}

/// A connection that is not in the pool: while a statement runs, a transaction is open, or its foreign keys are off.
struct Checkout {
    file: File,
    /// The right to write.
    permit: Option<OwnedSemaphorePermit>,
    /// Whether it stays aside between statements: its foreign keys are off.
    pinned: bool,
}

impl Handle {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            checkout: None,
        }
    }

    /// Runs one statement.
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        parameters: Vec<wit::Value>,
    ) -> Result<wit::QueryResult, wit::Error> {
        let (checkout, result) = run(
            &self.pool,
            self.checkout.take(),
            Arc::new((sql, parameters)),
        )
        .await
        .map_err(wit::Error::Io)?;
        self.checkout = checkout;
        let Rows { columns, rows } = result.map_err(wit::Error::Io)?;
        let rows = rows
            .into_iter()
            .map(|values| wit::RowResult { values })
            .collect();
        Ok(wit::QueryResult { columns, rows })
    }
}

type Statement = Arc<(String, Vec<wit::Value>)>;
type Outcome = (Option<Checkout>, Result<Rows<wit::Value>, String>);

/// Runs a statement on the connection that is `kept`, or on one of the pool. Gives the connection to keep afterwards, if
/// any.
///
/// # Errors
/// Where no connection could be had.
async fn run(
    pool: &Arc<Pool>,
    kept: Option<Checkout>,
    statement: Statement,
) -> Result<Outcome, String> {
    let deadline = Instant::now() + WRITE_LOCK_TIMEOUT;
    // Another statement may go on where a transaction is open; what comes before one waits by itself.
    let inside = kept.as_ref().is_some_and(|kept| !kept.file.is_autocommit());
    let pinned = match statement.0.as_str() {
        FOREIGN_KEYS_OFF => true,
        FOREIGN_KEYS_ON => false,
        _ => kept.as_ref().is_some_and(|kept| kept.pinned),
    };
    let mut turn = match kept {
        Some(kept) => kept,
        None => Checkout {
            file: pool.take()?,
            permit: None,
            pinned,
        },
    };
    turn.pinned = pinned;
    loop {
        if turn.permit.is_none() && writes(&turn.file, &statement.0) {
            let queue = Arc::clone(&pool.writer).acquire_owned();
            let Ok(permit) = timeout_at(deadline, queue).await else {
                return Ok((pool.keep(turn), Err(LOCKED.to_owned())));
            };
            turn.permit = permit.ok();
        }
        let (done, result) = step(turn, Arc::clone(&statement)).await?;
        turn = done;
        if !turn.file.is_autocommit() {
            return Ok((Some(turn), result));
        }
        let locked = matches!(&result, Err(message) if Error::from_message(message) == Error::Busy);
        if turn.permit.is_some() {
            pool.tell();
            if result.is_ok() {
                pool.written.fetch_add(1, Ordering::Relaxed);
            }
        }
        if inside || !locked || Instant::now() >= deadline {
            return Ok((pool.keep(turn), result));
        }
        sleep(PAUSE).await;
    }
}

/// Whether the statement may change the file. What does not prepare will say so when it runs.
fn writes(connection: &rusqlite::Connection, sql: &str) -> bool {
    connection
        .prepare_cached(sql)
        .is_ok_and(|statement| !statement.readonly())
}

/// Whether the statement begins or ends a transaction and does not wait for the disk. SQLite never waits for a lock here.
fn is_boundary(turn: &Checkout, sql: &str) -> bool {
    match sql {
        "BEGIN" | "BEGIN IMMEDIATE" | "ROLLBACK" => true,
        "COMMIT" => turn.permit.is_none(),
        _ => false,
    }
}

/// Whether the statement only reads, also in the middle of a transaction that writes.
fn only_reads(turn: &Checkout, sql: &str) -> bool {
    sql != "COMMIT" && (turn.permit.is_none() || !writes(&turn.file, sql))
}

/// Runs the statement: one that only reads right here, which saves a quarter of a small request's time, unless it
/// turns out to take long; any other on a thread that may block, as a commit waits for the disk.
async fn step(
    mut turn: Checkout,
    statement: Statement,
) -> Result<(Checkout, Result<Rows<wit::Value>, String>), String> {
    if is_boundary(&turn, &statement.0) {
        // Not to be interrupted and run again: an interrupted BEGIN may have begun.
        let (sql, parameters) = &*statement;
        let result = native::execute(&turn.file, sql, parameters, MAX_RESULT_BYTES);
        return Ok((turn, result));
    }
    if only_reads(&turn, &statement.0)
        && let Some(result) = step_shortly(&mut turn.file, &statement)?
    {
        return Ok((turn, result));
    }
    let mut interrupt = Interrupt(Some(turn.file.get_interrupt_handle()));
    let outcome = tokio::task::spawn_blocking(move || {
        let (sql, parameters) = &*statement;
        let result = native::execute(&turn.file, sql, parameters, MAX_RESULT_BYTES);
        (turn, result)
    })
    .await
    .map_err(|error| error.to_string());
    interrupt.0 = None;
    outcome
}

/// Runs a statement that only reads for at most [`SHORT`]; `None` where that was not enough.
fn step_shortly(
    connection: &mut rusqlite::Connection,
    statement: &Statement,
) -> Result<Option<Result<Rows<wit::Value>, String>>, String> {
    let text = |error: rusqlite::Error| native::message(&error);
    let out_of_time = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&out_of_time);
    let start = std::time::Instant::now();
    let watch = move || {
        let over = start.elapsed() > SHORT;
        noted.store(over, Ordering::Relaxed);
        over
    };
    connection
        .progress_handler(OPERATIONS, Some(watch))
        .map_err(text)?;
    let (sql, parameters) = &**statement;
    let result = native::execute(connection, sql, parameters, MAX_RESULT_BYTES);
    connection
        .progress_handler(0, None::<fn() -> bool>)
        .map_err(text)?;
    Ok((!out_of_time.load(Ordering::Relaxed)).then_some(result))
}

/// Interrupts a statement when dropped.
struct Interrupt(Option<rusqlite::InterruptHandle>);

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.interrupt();
        }
    }
}

database::convert_values!(wit::Value);
