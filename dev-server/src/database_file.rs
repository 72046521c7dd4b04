//! The database file, as the feed and the maintenance open it: it may not be there yet, go away, or be replaced.

use std::path::Path;
use std::time::Duration;

use database::native::{self, File, Identity, OpenError};
use database::{Connection, SCHEMA_VERSION};
use hosting::Pool;

use crate::store::Error;

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Sqlite(error) => error.into(),
            error => Self::File(error),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(database::Error::from_message(&native::message(&error)))
    }
}

/// What is left in the write-ahead log after an attempt to empty it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLeft {
    Nothing,
    /// So many pages, of which so many are in the file too. A reader keeps back those that came after it began.
    Some {
        pages: i64,
        moved: i64,
    },
}

/// A connection to the file.
pub(crate) struct DatabaseFile(File);

impl DatabaseFile {
    /// Opens the file, which must be there and have our schema. A statement waits for a lock for 100 ms. Foreign keys are
    /// off, so that what is deleted is deleted in steps.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Self::of(File::open(path)?)
    }

    /// The same with a connection of `pool`.
    pub(crate) fn take(pool: &Pool) -> Result<Self, Error> {
        Self::of(pool.take()?)
    }

    /// The same, with another way to wait for a lock.
    pub(crate) fn take_patient(pool: &Pool, wait: fn(i32) -> bool) -> Result<Self, Error> {
        let mut file = Self::take(pool)?;
        file.0.busy_handler(Some(wait))?;
        Ok(file)
    }

    /// Gives the connection back to `pool`, unless something has left a transaction open on it.
    pub(crate) fn give_back(self, pool: &Pool) -> Result<(), Error> {
        if !self.0.is_autocommit() {
            return Ok(());
        }
        self.0.busy_timeout(Duration::ZERO)?;
        self.0.pragma_update(None, "foreign_keys", true)?;
        pool.give_back(self.0);
        Ok(())
    }

    fn of(file: File) -> Result<Self, Error> {
        file.busy_timeout(Duration::from_millis(100))?;
        file.pragma_update(None, "foreign_keys", false)?;
        let found = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found != SCHEMA_VERSION {
            return Err(Error::Schema { found });
        }
        Ok(Self(file))
    }

    /// What tells the file from another.
    pub(crate) fn identity(&self) -> Identity {
        self.0.identity()
    }

    /// The connection.
    pub(crate) fn connection(&self) -> &dyn Connection {
        &*self.0
    }

    /// A number that changes whenever another connection commits. Costs microseconds.
    pub(crate) fn data_version(&self) -> Result<i64, Error> {
        let mut statement = self.0.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Moves what is in the write-ahead log into the database file, and makes the log empty. Readers that are at work are
    /// waited for, for a second.
    pub(crate) fn checkpoint(&self) -> Result<(), Error> {
        self.0.busy_timeout(Duration::from_secs(1))?;
        let busy = self
            .0
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            return Err(database::Error::Busy.into());
        }
        Ok(())
    }

    /// The same, in passing: what can be moved is moved without a lock, and only then writers are held up, for 50 ms, to see
    /// whether nobody reads.
    pub(crate) fn empty_log(&self) -> Result<LogLeft, Error> {
        let checkpoint = |sql: &str| {
            self.0.query_row(sql, [], |row| {
                let left = (row.get(1)?, row.get(2)?);
                Ok((row.get::<_, bool>(0)?, left))
            })
        };
        self.0.busy_timeout(Duration::ZERO)?;
        let (_, (pages, moved)) = checkpoint("PRAGMA wal_checkpoint(PASSIVE)")?;
        self.0.busy_timeout(Duration::from_millis(50))?;
        let (is_busy, _) = checkpoint("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(if is_busy {
            LogLeft::Some { pages, moved }
        } else {
            LogLeft::Nothing
        })
    }

    /// Whether the path still leads to the file that was opened.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.is_current() {
            Ok(())
        } else {
            Err(Error::Stale)
        }
    }
}
