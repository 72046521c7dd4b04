//! Where the database is that this process works on.

use std::fmt;
use std::path::PathBuf;

use database::Database;
use database::libsql::Server;
use database::native::Native;
use hosting::{Pool, Remote, Storage};

/// A file, or a libSQL server. Cheap to clone.
#[derive(Clone)]
pub enum Location {
    /// `DATABASE_PATH`.
    File(PathBuf),
    /// `DATABASE_URL`, with `DATABASE_TOKEN`.
    Server(Server),
}

impl Location {
    /// The variable that says it, for messages.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        match self {
            Self::File(_) => "DATABASE_PATH",
            Self::Server(_) => "DATABASE_URL",
        }
    }

    /// The same as components and the maintenance use it.
    #[must_use]
    pub fn storage(&self) -> Storage {
        match self {
            Self::File(path) => Storage::File(Pool::new(path)),
            Self::Server(server) => Storage::Server(Remote::new(server.clone())),
        }
    }

    /// The database there, for a command that waits as long as it takes.
    #[must_use]
    pub fn database(&self) -> Database {
        match self {
            Self::File(path) => Database::new(Native::file(path)),
            Self::Server(server) => Database::new(server.with_patience(None)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(server) => server.fmt(f),
        }
    }
}
