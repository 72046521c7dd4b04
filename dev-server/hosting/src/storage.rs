//! Where the components' database is: a file, or a libSQL server.

use std::sync::Arc;

use crate::guest::bindings::spin::sqlite::sqlite as wit;
use crate::pool::Pool;
use crate::remote::{Remote, RemoteHandle};
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

    pub(crate) fn open(&self) -> Connection {
        match self {
            Self::File(pool) => Connection(Inner::File(Handle::new(Arc::clone(pool)))),
            Self::Server(remote) => Connection(Inner::Server(RemoteHandle::new(remote))),
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
        }
    }
}
