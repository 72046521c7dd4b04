//! The database port: what a handler may ask of SQLite, whoever answers.
//!
//! A [`Connection`] is synchronous, since that is what keeps a transaction whole: between `BEGIN` and `COMMIT`
//! there is no `await`, so no other request of the same component instance can slip in. Waiting for the write lock
//! is the one thing that must not be synchronous, as it would hold up every request of the instance; so both
//! adapters answer [`Error::Busy`] at once, and [`Database`] sleeps between tries.
//!
//! Adapters: Spin's SQLite interface inside a component (`spin`); outside of one rusqlite (`native`), or a libSQL server
//! (`libsql`).

pub mod change_log;
pub mod check;
pub mod deletions;
mod error;
#[cfg(feature = "native")]
pub mod lease_clock;
pub mod leases;
#[cfg(feature = "libsql")]
pub mod libsql;
pub mod log_blocks;
pub mod log_search;
pub mod log_tail;
pub mod maintenance_lease;
mod migrate;
#[cfg(feature = "native")]
pub mod native;
mod page;
mod row;
#[cfg(target_family = "wasm")]
mod spin;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use error::{Constraint, Error};
pub use migrate::{MIGRATIONS, SCHEMA_VERSION, steps};
pub use page::{Access, Condition, List, Page, Select, Window};
pub use row::{Row, Value};

/// How long a request waits for the write lock before it answers 503.
pub const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// First pause between two tries for the write lock; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Turns the foreign keys of a connection off. A host that lends its connections statement by statement keeps one aside
/// from this to [`FOREIGN_KEYS_ON`].
pub const FOREIGN_KEYS_OFF: &str = "PRAGMA foreign_keys = OFF";
/// Turns them on again.
pub const FOREIGN_KEYS_ON: &str = "PRAGMA foreign_keys = ON";

/// One SQLite connection.
pub trait Connection {
    /// Runs one statement with its positional parameters (`?1`, `?2`, …) and gives all its rows.
    ///
    /// The caller bounds the result (`LIMIT`): rows are held in memory.
    ///
    /// # Errors
    /// [`Error::Busy`] at once where another connection holds the lock; the other kinds as SQLite reports them.
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error>;
}

/// Where connections come from: one a component instance, a pool outside.
pub trait Backend: Send + Sync {
    /// Lends a connection to `job` for the length of the call.
    ///
    /// # Errors
    /// Those of `job`, or [`Error::Unavailable`] where no connection can be had.
    fn with(&self, job: &mut dyn FnMut(&dyn Connection) -> Result<(), Error>) -> Result<(), Error>;

    /// Waits without holding up other requests.
    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The handle that handlers hold. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    backend: Arc<dyn Backend>,
    /// Whether the schema was seen to be current.
    ready: Arc<AtomicBool>,
}

impl Database {
    /// A database over `backend`. Nothing is opened until the first call.
    pub fn new(backend: impl Backend + 'static) -> Self {
        Self {
            backend: Arc::new(backend),
            ready: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The label `default` of the Spin application.
    #[cfg(target_family = "wasm")]
    #[must_use]
    pub fn spin() -> Self {
        Self::new(spin::Spin::default())
    }

    /// Runs queries that change nothing, all of which see the same state of the database. `job` may run again while the
    /// database is busy.
    ///
    /// # Errors
    /// What `job` gives, or an [`Error`] of the database.
    pub async fn read<T, E: From<Error>>(
        &self,
        mut job: impl FnMut(&dyn Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.prepare().await?;
        self.retry_while_busy(&mut |connection| transaction(connection, "BEGIN", &mut job))
            .await
    }

    /// Runs a `job` of one statement, which needs no transaction around it to be whole: a query that sees one state of the
    /// database, or a change that commits by itself. After one that failed it may try another.
    ///
    /// # Errors
    /// What `job` gives, or an [`Error`] of the database; then nothing was written. [`Error::Statement`] for a second
    /// statement.
    pub async fn one<T, E: From<Error>>(
        &self,
        mut job: impl FnMut(&dyn Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.prepare().await?;
        self.retry_while_busy(&mut |connection| {
            job(&OneStatement {
                connection,
                used: std::cell::Cell::new(false),
            })
        })
        .await
    }

    /// Runs `job` in a transaction that holds the write lock from its start, and commits when `job` gives `Ok`.
    /// `job` may run again while the database is busy.
    ///
    /// # Errors
    /// What `job` gives, or an [`Error`] of the database; then nothing was written.
    pub async fn write<T, E: From<Error>>(
        &self,
        mut job: impl FnMut(&dyn Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.prepare().await?;
        self.retry_while_busy(&mut |connection| {
            transaction(connection, "BEGIN IMMEDIATE", &mut job)
        })
        .await
    }

    /// The same with foreign keys off: what refers to a row that `job` deletes stays. A database that does not let them be
    /// turned off deletes it with the row.
    ///
    /// # Errors
    /// What `job` gives, or an [`Error`] of the database; then nothing was written.
    pub async fn write_unchecked<T, E: From<Error>>(
        &self,
        mut job: impl FnMut(&dyn Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.prepare().await?;
        self.retry_while_busy(&mut |connection| {
            let _ = connection.execute(FOREIGN_KEYS_OFF, &[]);
            let result = transaction(connection, "BEGIN IMMEDIATE", &mut job);
            let _ = connection.execute(FOREIGN_KEYS_ON, &[]);
            result
        })
        .await
    }

    /// Waits without holding up other requests.
    pub async fn sleep(&self, pause: Duration) {
        self.backend.sleep(pause).await;
    }

    /// Whether the database answers, and the number of the last migration that it has seen.
    ///
    /// # Errors
    /// An [`Error`] of the database, also where its schema is newer than this build.
    pub async fn schema_version(&self) -> Result<i64, Error> {
        let version = self.one(migrate::version).await?;
        if version > SCHEMA_VERSION {
            self.ready.store(false, Ordering::Relaxed);
            return Err(Error::NewerSchema { found: version });
        }
        Ok(version)
    }

    /// Whether the write lock is to be had now. Waits for nobody and changes nothing.
    ///
    /// # Errors
    /// An [`Error`] of the database other than [`Error::Busy`].
    pub fn is_writable(&self) -> Result<bool, Error> {
        let taken = self.backend.with(&mut |connection| {
            transaction(connection, "BEGIN IMMEDIATE", &mut |_| Ok::<_, Error>(()))
        });
        match taken {
            Ok(()) => Ok(true),
            Err(Error::Busy) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Brings the schema up to date, unless it was seen to be already.
    ///
    /// # Errors
    /// [`Error::NewerSchema`] where this build is too old for the file.
    pub async fn prepare(&self) -> Result<(), Error> {
        if self.ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let version = self.retry_while_busy(&mut migrate::version).await?;
        if version > SCHEMA_VERSION {
            return Err(Error::NewerSchema { found: version });
        }
        if version < SCHEMA_VERSION {
            self.retry_while_busy(&mut migrate::use_wal).await?;
            while let Some(pause) = self
                .retry_while_busy(&mut |connection: &dyn Connection| {
                    let more =
                        transaction(connection, "BEGIN IMMEDIATE", &mut migrate::apply_some)?;
                    migrate::checkpoint(connection);
                    Ok::<_, Error>(more)
                })
                .await?
            {
                self.backend.sleep(pause).await;
            }
        }
        self.ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Runs `job` until no lock turns it away, at most for [`WRITE_LOCK_TIMEOUT`].
    async fn retry_while_busy<T, E: From<Error>>(
        &self,
        job: &mut impl FnMut(&dyn Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let mut outcome = None;
            // The job's outcome, whose error may be anything, goes round the port; what the port has to know of it
            // goes through.
            let lent = self.backend.with(&mut |connection| {
                let probe = ErrorProbe::new(connection);
                outcome = Some(job(&probe));
                probe.into_result()
            });
            match &lent {
                Err(Error::Busy) if start.elapsed() < WRITE_LOCK_TIMEOUT => {
                    self.backend.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
                // The file was replaced under us: look at its schema again at the next call.
                Err(Error::Schema(_)) => self.ready.store(false, Ordering::Relaxed),
                _ => {}
            }
            return match (outcome, lent) {
                (Some(outcome), _) => outcome,
                (None, Err(error)) => Err(error.into()),
                (None, Ok(())) => Err(Error::Unavailable("no connection".to_owned()).into()),
            };
        }
    }
}

/// A connection that remembers the first error that is about the database rather than about the statement.
struct ErrorProbe<'a> {
    connection: &'a dyn Connection,
    noted: std::cell::RefCell<Option<Error>>,
}

impl<'a> ErrorProbe<'a> {
    fn new(connection: &'a dyn Connection) -> Self {
        Self {
            connection,
            noted: std::cell::RefCell::default(),
        }
    }

    fn into_result(self) -> Result<(), Error> {
        self.noted.into_inner().map_or(Ok(()), Err)
    }
}

impl Connection for ErrorProbe<'_> {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let result = self.connection.execute(sql, parameters);
        if let Err(error @ (Error::Busy | Error::Schema(_) | Error::Unavailable(_))) = &result {
            self.noted.borrow_mut().get_or_insert_with(|| error.clone());
        }
        result
    }
}

/// A connection for one statement.
struct OneStatement<'a> {
    connection: &'a dyn Connection,
    used: std::cell::Cell<bool>,
}

impl Connection for OneStatement<'_> {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        if self.used.get() {
            return Err(Error::Statement(
                "a second statement without a transaction".to_owned(),
            ));
        }
        let result = self.connection.execute(sql, parameters);
        // One that fails has done nothing and told nothing, so another may follow.
        self.used.set(result.is_ok());
        result
    }
}

/// Runs `job` between `begin` (`BEGIN` or `BEGIN IMMEDIATE`) and `COMMIT`; anything but success is rolled back.
///
/// # Errors
/// What `job` gives, or an [`Error`] of the connection.
pub fn transaction<T, E: From<Error>>(
    connection: &dyn Connection,
    begin: &str,
    job: &mut impl FnMut(&dyn Connection) -> Result<T, E>,
) -> Result<T, E> {
    if let Err(error) = connection.execute(begin, &[]) {
        // Whatever an earlier job has left open, it ends here.
        if error != Error::Busy {
            let _ = connection.execute("ROLLBACK", &[]);
        }
        return Err(error.into());
    }
    let result = job(connection).and_then(|value| {
        connection.execute("COMMIT", &[])?;
        Ok(value)
    });
    if result.is_err() {
        // Fails only where SQLite has rolled back by itself already.
        let _ = connection.execute("ROLLBACK", &[]);
    }
    result
}

/// Whether a statement is about the file or its connection, which a server looks after itself and lets nobody set.
#[cfg(any(target_family = "wasm", feature = "libsql"))]
fn is_about_a_file(sql: &str) -> bool {
    const ABOUT_A_FILE: [&str; 4] = [
        "PRAGMA busy_timeout",
        "PRAGMA journal_mode",
        "PRAGMA synchronous",
        "PRAGMA wal_checkpoint",
    ];
    ABOUT_A_FILE.iter().any(|pragma| sql.starts_with(pragma))
}
