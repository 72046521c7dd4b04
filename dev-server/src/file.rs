//! The database file, as the feed and the upkeep open it: it may not be there yet, go away, or be replaced.

use std::path::{Path, PathBuf};
use std::time::Duration;

use database::SCHEMA_VERSION;
use database::native::{self, Identity};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

/// Why the database cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    #[error("the file was replaced")]
    Replaced,
    #[error("the schema has version {found}, this build needs {SCHEMA_VERSION}")]
    Schema { found: i64 },
    #[error("{}", native::message(.0))]
    Sqlite(#[from] rusqlite::Error),
}

impl Error {
    /// Whether somebody else holds the lock, which passes.
    pub(crate) fn is_busy(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        )
    }
}

/// A connection, and the file that it was opened on.
pub(crate) struct File {
    pub(crate) connection: Connection,
    path: PathBuf,
    identity: Identity,
}

impl File {
    /// Opens the file, which must be there and have our schema. A statement waits for a lock for 100 ms.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let identity = native::identity(path).ok_or_else(|| Error::Missing(path.to_owned()))?;
        // Not read-only: the first reader of a write-ahead log has to write to the files beside it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_millis(100))?;
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

    /// Whether the path still leads to the file that was opened.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match native::identity(&self.path) {
            None => Err(Error::Missing(self.path.clone())),
            Some(identity) if identity == self.identity => Ok(()),
            Some(_) => Err(Error::Replaced),
        }
    }
}

/// A column's text, whatever bytes another writer put into it.
pub(crate) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => native::text_of(bytes),
        _ => String::new(),
    })
}
