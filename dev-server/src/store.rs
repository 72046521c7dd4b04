//! The database as the feed and the maintenance work on it, wherever it is.

use database::native::OpenError;
use database::{Connection, SCHEMA_VERSION};
use hosting::Storage;

use crate::database_file::DatabaseFile;
use crate::database_server::DatabaseServer;
use crate::location::Location;

/// Why the database cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(OpenError),
    #[error("the database was moved or replaced")]
    Stale,
    #[error("the database is behind what it has told already")]
    Behind,
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

/// A connection to the database.
pub(crate) enum Store {
    File(DatabaseFile),
    Server(DatabaseServer),
}

/// A number, or two, that change whenever somebody has committed what the feed tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// SQLite's own: another connection has committed anything at all.
    File(i64),
    /// The last change and the last log entry.
    Server(database::change_log::Newest),
}

impl Store {
    /// Opens the database, which must be there and have our schema.
    pub(crate) fn open(location: &Location) -> Result<Self, Error> {
        match location {
            Location::File(path) => DatabaseFile::open(path).map(Self::File),
            Location::Server(server) => DatabaseServer::open(server).map(Self::Server),
        }
    }

    /// The connection.
    pub(crate) fn connection(&self) -> &dyn Connection {
        match self {
            Self::File(file) => file.connection(),
            Self::Server(server) => server.connection(),
        }
    }

    /// What tells the database from another.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::File(file) => format!("{:?}", file.identity()),
            Self::Server(server) => server.identity().to_owned(),
        }
    }

    /// Whether the path of a file still leads to the file that was opened.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::File(file) => file.check(),
            Self::Server(_) => Ok(()),
        }
    }

    /// What changes whenever somebody has committed. Costs microseconds for a file, a request for a server.
    pub(crate) fn version(&self) -> Result<Version, Error> {
        match self {
            Self::File(file) => file.data_version().map(Version::File),
            Self::Server(server) => server.newest().map(Version::Server),
        }
    }

    /// Whether an error passes by itself, and what was read so far still holds.
    pub(crate) fn passes(&self, error: &Error) -> bool {
        let is_away = matches!(
            error,
            Error::Behind | Error::Database(database::Error::Unavailable(_))
        );
        error.is_busy() || is_away && matches!(self, Self::Server(_))
    }
}

/// Lends one connection at a time to the database that the components use too. A file's is one of its pool, which closes it
/// when the file goes; a server's is kept, as it is none while it is idle.
pub(crate) struct Lender {
    storage: Storage,
    kept: Option<DatabaseServer>,
}

impl Lender {
    /// Of `storage`.
    pub(crate) fn of(storage: &Storage) -> Self {
        Self {
            storage: storage.clone(),
            kept: None,
        }
    }

    /// A connection, which waits for a lock for 100 ms.
    pub(crate) fn take(&mut self) -> Result<Store, Error> {
        match &self.storage {
            Storage::File(pool) => DatabaseFile::take(pool).map(Store::File),
            Storage::Server(remote) => match self.kept.take() {
                Some(server) => Ok(Store::Server(server)),
                None => DatabaseServer::open(remote.server()).map(Store::Server),
            },
        }
    }

    /// The same, with another way to wait for a file's lock.
    pub(crate) fn take_patient(&mut self, wait: fn(i32) -> bool) -> Result<Store, Error> {
        match &self.storage {
            Storage::File(pool) => DatabaseFile::take_patient(pool, wait).map(Store::File),
            Storage::Server(_) => self.take(),
        }
    }

    /// Takes the connection back.
    pub(crate) fn give_back(&mut self, store: Store) -> Result<(), Error> {
        match (&self.storage, store) {
            (Storage::File(pool), Store::File(file)) => file.give_back(pool),
            (_, Store::Server(server)) => {
                self.kept = Some(server);
                Ok(())
            }
            (Storage::Server(_), Store::File(_)) => Ok(()),
        }
    }
}
