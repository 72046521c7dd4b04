//! The database file, as the feed and the maintenance open it: it may not be there yet, go away, or be replaced.

use std::path::{Path, PathBuf};
use std::time::Duration;

use database::native::{self, Identity};
use database::{Connection, SCHEMA_VERSION};
use rusqlite::OpenFlags;

/// Why the database cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    #[error("the file was replaced")]
    Replaced,
    #[error("the schema has version {found}, this build needs {SCHEMA_VERSION}")]
    Schema { found: i64 },
    #[error(transparent)]
    Database(#[from] database::Error),
}

impl Error {
    /// Whether somebody else holds the lock, which passes.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Database(database::Error::Busy))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(database::Error::from_message(&native::message(&error)))
    }
}

/// A connection, and the file that it was opened on.
pub(crate) struct DatabaseFile {
    connection: rusqlite::Connection,
    path: PathBuf,
    identity: Identity,
}

impl DatabaseFile {
    /// Opens the file, which must be there and have our schema. A statement waits for a lock for 100 ms. Foreign keys are
    /// off, so that what is deleted is deleted in steps.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let identity = native::identity(path).ok_or_else(|| Error::Missing(path.to_owned()))?;
        // Not read-only: the first reader of a write-ahead log has to write to the files beside it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_millis(100))?;
        connection.pragma_update(None, "foreign_keys", false)?;
        let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found != SCHEMA_VERSION {
            return Err(Error::Schema { found });
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
            identity,
        })
    }

    /// The same, with another way to wait for a lock.
    pub(crate) fn open_patient(path: &Path, wait: fn(i32) -> bool) -> Result<Self, Error> {
        let mut file = Self::open(path)?;
        file.connection.busy_handler(Some(wait))?;
        Ok(file)
    }

    /// The connection.
    pub(crate) fn connection(&self) -> &dyn Connection {
        &self.connection
    }

    /// A number that changes whenever another connection commits. Costs microseconds.
    pub(crate) fn data_version(&self) -> Result<i64, Error> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Whether the path still leads to the file that was opened.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match native::identity(&self.path) {
            None => Err(Error::Missing(self.path.clone())),
            Some(identity) if identity == self.identity => Ok(()),
            Some(_) => Err(Error::Replaced),
        }
    }
}
