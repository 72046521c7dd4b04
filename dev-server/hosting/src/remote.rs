//! Spin's SQLite interface over a libSQL server.
//!
//! A component's connection is a [`Session`]. Its statements block, so each goes to a thread that may. Neither the queue of
//! writers nor the lease clock is asked: the server has its own queue, and other machines write too.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use database::libsql::{Server, Session};
use database::native::Rows;
use database::{Value, WRITE_LOCK_TIMEOUT};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::guest::bindings::spin::sqlite::sqlite as wit;
use crate::metrics::{Wait, busy};
use crate::sqlite::LOCKED;

/// How many of this process are at the server at once: who writes, or waits for its lock, and who reads. The server has
/// connections for 128, and whoever waits there must not keep one from those that read.
const WRITERS: usize = 16;
const READERS: usize = 16;

/// A libSQL server, as the components of this process use it.
pub struct Remote {
    server: Server,
    committed: OnceLock<Box<dyn Fn() + Send + Sync>>,
    old_entries: AtomicI64,
    writers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

impl Remote {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(server: Server) -> Arc<Self> {
        Arc::new(Self {
            server,
            committed: OnceLock::new(),
            old_entries: AtomicI64::new(-1),
            writers: Arc::new(Semaphore::new(WRITERS)),
            readers: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Calls `committed` after each statement that may have committed something. The first call of this counts.
    pub(crate) fn on_commit(&self, committed: impl Fn() + Send + Sync + 'static) {
        let _ = self.committed.set(Box::new(committed));
    }

    /// Says how many log entries are about to be deleted for their age.
    pub(crate) fn say_old_entries(&self, entries: i64) {
        self.old_entries.store(entries, Ordering::Relaxed);
    }

    /// How many these are; `None` where nobody has counted them.
    pub(crate) fn old_entries(&self) -> Option<i64> {
        let entries = self.old_entries.load(Ordering::Relaxed);
        (entries >= 0).then_some(entries)
    }

    /// Waits for a place among those that write, or those that read.
    async fn place(&self, writes: bool) -> Result<Place, wit::Error> {
        let _wait = writes.then(Wait::begin);
        let places = if writes { &self.writers } else { &self.readers };
        let place = Arc::clone(places).acquire_owned();
        match timeout(WRITE_LOCK_TIMEOUT, place).await {
            Ok(Ok(permit)) => Ok(Place {
                _permit: permit,
                writes,
            }),
            _ => Err(wit::Error::Io(LOCKED.to_owned())),
        }
    }

    fn tell(&self) {
        if let Some(committed) = self.committed.get() {
            committed();
        }
    }
}

/// A component's connection.
pub(crate) struct RemoteHandle {
    remote: Arc<Remote>,
    /// `None` while a statement runs.
    session: Option<Session>,
    /// Until a transaction has ended.
    place: Option<Place>,
}

struct Place {
    _permit: OwnedSemaphorePermit,
    writes: bool,
}

impl RemoteHandle {
    pub(crate) fn new(remote: &Arc<Remote>) -> Self {
        Self {
            remote: Arc::clone(remote),
            session: None,
            place: None,
        }
    }

    /// Runs one statement.
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        parameters: Vec<wit::Value>,
    ) -> Result<wit::QueryResult, wit::Error> {
        if self.place.is_none() {
            self.place = Some(self.remote.place(writes(&sql)).await?);
        }
        let kept = self.session.take();
        let server = &self.remote.server;
        let mut session = kept.unwrap_or_else(|| Session::new(server.clone()));
        // Dropped in the middle, the session takes its transaction back on that thread.
        let running = tokio::task::spawn_blocking(move || {
            let values: Vec<Value> = parameters.into_iter().map(value).collect();
            let outcome = busy(|| session.run(&sql, &values));
            (session, outcome)
        });
        let (session, outcome) = running
            .await
            .map_err(|error| wit::Error::Io(error.to_string()))?;
        let is_idle = session.is_idle();
        self.session = Some(session);
        if let Some(place) = self.place.take_if(|_| is_idle)
            && place.writes
            && outcome.is_ok()
        {
            self.remote.tell();
        }
        let Rows { columns, rows } = outcome.map_err(wit::Error::Io)?;
        let rows = rows.into_iter().map(|values| wit::RowResult {
            values: values.into_iter().map(wit_value).collect(),
        });
        Ok(wit::QueryResult {
            columns,
            rows: rows.collect(),
        })
    }
}

impl Drop for RemoteHandle {
    fn drop(&mut self) {
        if let Some(session) = self.session.take_if(|session| session.is_open()) {
            // An instance that has failed ends here, on a thread that must not wait where it serves.
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || drop(session))),
                Err(_) => drop(session),
            }
        }
    }
}

/// Whether a statement takes the write lock.
fn writes(sql: &str) -> bool {
    const READING: [&str; 6] = ["SELECT", "WITH", "BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"];
    sql == "BEGIN IMMEDIATE" || !READING.iter().any(|word| sql.starts_with(word))
}

fn value(value: wit::Value) -> Value {
    match value {
        wit::Value::Null => Value::Null,
        wit::Value::Integer(number) => Value::Integer(number),
        wit::Value::Real(number) => Value::Real(number),
        wit::Value::Text(text) => Value::Text(text),
        wit::Value::Blob(bytes) => Value::Blob(bytes),
    }
}

fn wit_value(value: Value) -> wit::Value {
    match value {
        Value::Null => wit::Value::Null,
        Value::Integer(number) => wit::Value::Integer(number),
        Value::Real(number) => wit::Value::Real(number),
        Value::Text(text) => wit::Value::Text(text),
        Value::Blob(bytes) => wit::Value::Blob(bytes),
    }
}
