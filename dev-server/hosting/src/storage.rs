//! Where the components' database is: a file, or a libSQL server.

use std::path::Path;
use std::sync::Arc;

use crate::guest::bindings::spin::sqlite::sqlite as wit;
use crate::pool::Pool;
use crate::remote::{Remote, RemoteHandle};
use crate::spin::{self, SpinHandle};
use crate::sqlite::Handle;

/// Where it is. Cheap to clone.
#[derive(Clone)]
pub enum Storage {
    /// A file.
    File(Arc<Pool>),
    /// A libSQL server.
    Server(Arc<Remote>),
}

/// A component's connection.
pub struct Connection(Inner);

enum Inner {
    File(Handle),
    Server(RemoteHandle),
    AsInSpin(SpinHandle),
}

impl Storage {
    /// Calls `committed` after each statement that may have committed something. The first call of this counts.
    pub fn on_commit(&self, committed: impl Fn() + Send + Sync + 'static) {
        match self {
            Self::File(pool) => pool.on_commit(committed),
            Self::Server(remote) => remote.on_commit(committed),
        }
    }

    /// Looks after a file from now on.
    pub fn watch_file(&self) {
        if let Self::File(pool) = self {
            pool.watch_file();
        }
    }

    /// Looks after a file's write lock from now on. A server looks after its own.
    pub fn watch_lock(&self) {
        if let Self::File(pool) = self {
            pool.watch_lock();
        }
    }

    /// Says how many log entries are about to be deleted for their age.
    pub fn say_old_entries(&self, entries: i64) {
        match self {
            Self::File(pool) => pool.say_old_entries(entries),
            Self::Server(remote) => remote.say_old_entries(entries),
        }
    }

    /// How many these are; `None` where nobody has counted them.
    pub(crate) fn old_entries(&self) -> Option<i64> {
        match self {
            Self::File(pool) => pool.old_entries(),
            Self::Server(remote) => remote.old_entries(),
        }
    }

    /// For how many seconds nobody could write. A server takes its lock from whoever keeps it for long.
    #[must_use]
    pub fn write_blocked_seconds(&self) -> u64 {
        match self {
            Self::File(pool) => pool.write_blocked_seconds(),
            Self::Server(_) => 0,
        }
    }
}

/// How a component's databases are had.
#[derive(Clone)]
pub(crate) enum Databases {
    /// In our own way.
    Ours(Storage),
    /// In Spin's, on a file.
    AsInSpin(Arc<Path>),
}

impl Databases {
    pub(crate) fn open(&self) -> Connection {
        Connection(match self {
            Self::Ours(Storage::File(pool)) => Inner::File(Handle::new(Arc::clone(pool))),
            Self::Ours(Storage::Server(remote)) => Inner::Server(RemoteHandle::new(remote)),
            Self::AsInSpin(path) => Inner::AsInSpin(SpinHandle::new(path)),
        })
    }

    /// How many requests an instance serves at once. A statement that waits for the write lock holds up its whole instance,
    /// so in our own way it has none beside it; more instances cost nothing in throughput.
    pub(crate) fn requests_at_once(&self) -> usize {
        match self {
            Self::Ours(_) => 1,
            Self::AsInSpin(_) => spin::REQUESTS_AT_ONCE,
        }
    }
}

impl Connection {
    /// Runs one statement.
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        parameters: Vec<wit::Value>,
    ) -> Result<wit::QueryResult, wit::Error> {
        match &mut self.0 {
            Inner::File(handle) => handle.execute(sql, parameters).await,
            Inner::Server(handle) => handle.execute(sql, parameters).await,
            Inner::AsInSpin(handle) => handle.execute(sql, parameters).await,
        }
    }
}
