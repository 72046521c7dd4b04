//! Spin's SQLite interface over rusqlite.
//!
//! A component's connection is a handle. Each statement that reads borrows a real connection from the pool and gives it
//! back, unless it leaves a transaction open: then the handle keeps it until the transaction ends. Whatever writes goes
//! through the [queue of writers](crate::write_queue), but for what has foreign keys off, which is a connection's own.
//!
//! A statement that found no way in within [`WRITE_LOCK_TIMEOUT`] gets SQLite's own "database is locked".

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use database::native::{self, File, Rows};
use database::{Error, FOREIGN_KEYS_OFF, FOREIGN_KEYS_ON, WRITE_LOCK_TIMEOUT};
use tokio::time::{Instant, sleep};

use crate::guest::bindings::spin::sqlite::sqlite as wit;
use crate::metrics;
use crate::pool::Pool;
use crate::write_queue::{self, Transaction, Turn};

/// The most bytes that one statement may give. A component asks for fewer rows where this is not enough.
const MAX_RESULT_BYTES: usize = 16 << 20;
/// The pause between two tries while another process has the lock.
pub(crate) const PAUSE: Duration = Duration::from_millis(2);
/// How long a statement may keep a thread that others wait for, and after how many of SQLite's own operations the clock is
/// looked at.
pub(crate) const SHORT: Short = Short {
    time: Duration::from_millis(2),
    operations: 2000,
};
/// SQLite's words for a lock that somebody else holds.
pub(crate) const LOCKED: &str = "database is locked";

/// What is short.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    pub(crate) time: Duration,
    operations: i32,
}

/// A statement and its parameters.
pub(crate) type Statement = Arc<(String, Vec<wit::Value>)>;
/// What it gives, or SQLite's message.
pub(crate) type Outcome = Result<Rows<wit::Value>, String>;

/// Runs a statement.
pub(crate) fn execute(connection: &rusqlite::Connection, statement: &Statement) -> Outcome {
    let (sql, parameters) = &**statement;
    metrics::busy(|| native::execute(connection, sql, parameters, MAX_RESULT_BYTES))
}

/// Runs one that gives no rows and has no parameters.
pub(crate) fn order(connection: &rusqlite::Connection, sql: &str) -> Result<(), String> {
    native::execute::<wit::Value, wit::Value>(connection, sql, &[], 0).map(|_| ())
}

/// Whether it failed since somebody else holds a lock.
pub(crate) fn is_locked<T>(outcome: &Result<T, String>) -> bool {
    matches!(outcome, Err(message) if Error::from_message(message) == Error::Busy)
}

/// A component's connection. Dropped inside a transaction, it takes that back: SQLite rolls back what a closed
/// connection has left open.
pub(crate) struct Handle {
    pool: Arc<Pool>,
    checkout: Option<Checkout>,
}

/// What a handle has between two statements.
enum Checkout {
    /// A connection of its own.
    Own(Own),
    /// A transaction that writes.
    Writing(Transaction),
}

/// A connection that is not in the pool: while a statement runs, a transaction is open, or its foreign keys are off.
struct Own {
    file: File,
    /// The right to write.
    turn: Option<Turn>,
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

/// Runs a statement on the connection that is `kept`, or on one of the pool. Gives the connection to keep afterwards, if
/// any.
///
/// # Errors
/// Where no connection could be had.
async fn run(
    pool: &Arc<Pool>,
    kept: Option<Checkout>,
    statement: Statement,
) -> Result<(Option<Checkout>, Outcome), String> {
    let deadline = Instant::now() + WRITE_LOCK_TIMEOUT;
    let own = match (kept, statement.0.as_str()) {
        (None, "BEGIN IMMEDIATE") => {
            let begun = Transaction::begin(pool, deadline).await;
            return Ok(match begun {
                Ok(transaction) => (Some(Checkout::Writing(transaction)), Ok(nothing())),
                Err(error) => (None, Err(error)),
            });
        }
        (Some(Checkout::Writing(transaction)), "COMMIT") => {
            return Ok((None, transaction.commit().await.map(|()| nothing())));
        }
        (Some(Checkout::Writing(transaction)), "ROLLBACK") => {
            drop(transaction);
            return Ok((None, Ok(nothing())));
        }
        (Some(Checkout::Writing(transaction)), _) => {
            let (transaction, outcome) = transaction.run(statement).await;
            return Ok((transaction.map(Checkout::Writing), outcome));
        }
        (Some(Checkout::Own(mut own)), sql) => {
            if own.turn.is_none() && writes(&own.file, sql) {
                match write_queue::turn(pool, deadline).await {
                    Ok(turn) => own.turn = Some(turn),
                    Err(error) => return Ok((keep(pool, own), Err(error))),
                }
            }
            own
        }
        (None, sql) => {
            let file = pool.take().map_err(|error| error.to_string())?;
            if writes(&file, sql) {
                pool.give_back(file);
                return Ok((None, write_queue::write(pool, statement, deadline).await));
            }
            Own {
                file,
                turn: None,
                pinned: false,
            }
        }
    };
    run_on(pool, own, statement, deadline).await
}

/// What an order to SQLite gives.
pub(crate) fn nothing() -> Rows<wit::Value> {
    Rows {
        columns: Vec::new(),
        rows: Vec::new(),
    }
}

/// Runs a statement on a connection of its own.
async fn run_on(
    pool: &Arc<Pool>,
    mut own: Own,
    statement: Statement,
    deadline: Instant,
) -> Result<(Option<Checkout>, Outcome), String> {
    // Another statement may go on where a transaction is open; what comes before one waits by itself.
    let inside = !own.file.is_autocommit();
    match statement.0.as_str() {
        FOREIGN_KEYS_OFF => own.pinned = true,
        FOREIGN_KEYS_ON => own.pinned = false,
        _ => {}
    }
    loop {
        let caught_up = if inside {
            Ok(None)
        } else {
            pool.lease_clock().catch_up(&*own.file).map(Some)
        };
        let outcome = if caught_up == Err(Error::Busy) && own.turn.is_some() {
            // Only who reads goes on, as it waits for nobody.
            Err(LOCKED.to_owned())
        } else {
            let (done, outcome) = step(pool, own, Arc::clone(&statement)).await?;
            own = done;
            outcome
        };
        if let (Some(_), Ok(Some(begun)), Ok(_)) = (&own.turn, caught_up, &outcome) {
            pool.lease_clock().reached(begun);
        }
        if !own.file.is_autocommit() {
            return Ok((Some(Checkout::Own(own)), outcome));
        }
        if own.turn.is_some() {
            pool.wrote(u64::from(outcome.is_ok()));
        }
        if inside || !is_locked(&outcome) || Instant::now() >= deadline {
            return Ok((keep(pool, own), outcome));
        }
        sleep(PAUSE).await;
    }
}

/// Puts a connection aside that is pinned, and any other back.
fn keep(pool: &Pool, mut own: Own) -> Option<Checkout> {
    if own.pinned {
        own.turn = None;
        return Some(Checkout::Own(own));
    }
    pool.give_back(own.file);
    None
}

/// Whether the statement may change the file. What does not prepare will say so when it runs.
fn writes(connection: &rusqlite::Connection, sql: &str) -> bool {
    connection
        .prepare_cached(sql)
        .is_ok_and(|statement| !statement.readonly())
}

/// Whether the statement begins or ends a transaction and does not wait for the disk. SQLite never waits for a lock here.
fn is_boundary(own: &Own, sql: &str) -> bool {
    match sql {
        "BEGIN" | "BEGIN IMMEDIATE" | "ROLLBACK" => true,
        "COMMIT" => own.turn.is_none(),
        _ => false,
    }
}

/// Runs the statement: one that only reads right here, which saves a quarter of a small request's time, unless it
/// turns out to take long; any other on a thread that may block, as a commit waits for the disk.
async fn step(pool: &Pool, mut own: Own, statement: Statement) -> Result<(Own, Outcome), String> {
    if is_boundary(&own, &statement.0) {
        // Not to be interrupted and run again: an interrupted BEGIN may have begun.
        let outcome = execute(&own.file, &statement);
        return Ok((own, outcome));
    }
    let mut place = None;
    if own.turn.is_none() {
        if let Some(outcome) = step_shortly(&mut own.file, &statement, pool.short())? {
            return Ok((own, outcome));
        }
        let inside = !own.file.is_autocommit();
        place = pool.long_read(inside).await;
    }
    let mut interrupt = Interrupt(Some(own.file.get_interrupt_handle()));
    let done = tokio::task::spawn_blocking(move || {
        let outcome = execute(&own.file, &statement);
        drop(place);
        (own, outcome)
    })
    .await
    .map_err(|error| error.to_string());
    interrupt.0 = None;
    done
}

/// Runs a statement that only reads if it is `short`; `None` where it is not.
fn step_shortly(
    connection: &mut rusqlite::Connection,
    statement: &Statement,
    short: Short,
) -> Result<Option<Outcome>, String> {
    let text = |error: rusqlite::Error| native::message(&error);
    let out_of_time = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&out_of_time);
    let start = std::time::Instant::now();
    let watch = move || {
        let over = start.elapsed() > short.time;
        noted.store(over, Ordering::Relaxed);
        over
    };
    connection
        .progress_handler(short.operations, Some(watch))
        .map_err(text)?;
    let outcome = execute(connection, statement);
    connection
        .progress_handler(0, None::<fn() -> bool>)
        .map_err(text)?;
    Ok((!out_of_time.load(Ordering::Relaxed)).then_some(outcome))
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
