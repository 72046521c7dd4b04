//! The adapter outside of a component: rusqlite. Handlers run on it in native tests and in the benchmark's ceiling;
//! the dev-server takes its connections from here too.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::types::ValueRef;

use crate::{Backend, Connection, Error, Row, Value};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 128;

/// Opens the file, making it where there is none, as every connection to it should be: waiting for a lock is the
/// caller's (no busy timeout), write-ahead log, foreign keys on, every commit flushed to disk.
///
/// # Errors
/// [`rusqlite::Error`] where the file cannot be opened or is not a database.
pub fn open(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    configure(rusqlite::Connection::open(path)?)
}

fn configure(connection: rusqlite::Connection) -> rusqlite::Result<rusqlite::Connection> {
    connection.busy_timeout(Duration::ZERO)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Pages that change again and again are moved into the file less often than at SQLite's 1000, by a commit that waits.
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    Ok(connection)
}

/// What tells a file from another of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// Which file `path` leads to now, `None` where there is none.
#[must_use]
pub fn identity(path: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing is there. Only a start makes a database.
    #[error("unable to open database file: there is no {}", .0.display())]
    Missing(PathBuf),
    /// It is another file than the one that this process still has connections to.
    #[error("unable to open database file: {} was replaced", .0.display())]
    Replaced(PathBuf),
    /// SQLite's own error.
    #[error("{}", message(.0))]
    Sqlite(#[from] rusqlite::Error),
}

/// The files that this process has connections to, and how many, by their path.
///
/// Beside a file lie its log and the index of the log, which SQLite finds by the file's name. Once the file is moved away
/// and another has its name, both would be shared by the old file's connections and the new one's; and POSIX drops the locks
/// of a process on a file when any of its descriptors is closed. So a new file has to wait until the old one is closed.
static OPEN: Mutex<BTreeMap<PathBuf, (Identity, usize)>> = Mutex::new(BTreeMap::new());

/// A connection to a file that is there: it may be moved, deleted or replaced meanwhile.
pub struct File {
    /// `None` only while it is dropped.
    connection: Option<rusqlite::Connection>,
    path: PathBuf,
    identity: Identity,
}

impl File {
    /// Opens the file at `path`, configured as [`open`] does.
    ///
    /// # Errors
    /// [`OpenError`], also where the file is replaced at this moment.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let identity = identity(path).ok_or_else(|| OpenError::Missing(path.to_owned()))?;
        let replaced = || OpenError::Replaced(path.to_owned());
        {
            let mut open = lock(&OPEN);
            let (of, count) = open.entry(path.to_owned()).or_insert((identity, 0));
            if *count > 0 && *of != identity {
                return Err(replaced());
            }
            (*of, *count) = (identity, *count + 1);
        }
        // From here on, a drop is what takes it off the list.
        let mut file = Self {
            connection: None,
            path: path.to_owned(),
            identity,
        };
        // Not read-only: the first reader of a write-ahead log has to write to the files beside it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = configure(rusqlite::Connection::open_with_flags(path, flags)?)?;
        // The log is opened by its name too, at the first query.
        connection.query_row("PRAGMA user_version", [], |_| Ok(()))?;
        file.connection = Some(connection);
        if file.is_current() {
            Ok(file)
        } else {
            Err(replaced())
        }
    }

    /// What tells the file from another.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether the path still leads to this file.
    #[must_use]
    pub fn is_current(&self) -> bool {
        identity(&self.path) == Some(self.identity)
    }
}

impl std::ops::Deref for File {
    type Target = rusqlite::Connection;

    fn deref(&self) -> &rusqlite::Connection {
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("a file is used only while it is open"),
        }
    }
}

impl std::ops::DerefMut for File {
    fn deref_mut(&mut self) -> &mut rusqlite::Connection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a file is used only while it is open"),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && identity(&self.path).is_none()
        {
            // Where the file is now, its log does not follow: so what was committed goes into the file.
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
        let mut open = lock(&OPEN);
        if let Some((_, count)) = open.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.path);
            }
        }
    }
}

/// The columns and rows of a statement, in whatever form the caller keeps a value.
pub struct Rows<V> {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The values of each row.
    pub rows: Vec<Vec<V>>,
}

/// Runs one statement and gives its rows, at most `max_bytes` of them.
///
/// # Errors
/// SQLite's message without the statement, which [`Error::from_message`] understands.
pub fn execute<V, P>(
    connection: &rusqlite::Connection,
    sql: &str,
    parameters: &[P],
    max_bytes: usize,
) -> Result<Rows<V>, String>
where
    V: for<'a> From<ValueRef<'a>>,
    P: rusqlite::ToSql,
{
    let run = || -> Result<Rows<V>, Failure> {
        let mut statement = connection.prepare_cached(sql)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut cursor = statement.query(rusqlite::params_from_iter(parameters))?;
        let mut rows = Vec::new();
        let mut bytes = 0;
        while let Some(row) = cursor.next()? {
            let mut values = Vec::with_capacity(columns.len());
            for column in 0..columns.len() {
                let value = row.get_ref(column)?;
                bytes += size_of::<V>();
                if let ValueRef::Text(content) | ValueRef::Blob(content) = value {
                    bytes += content.len();
                }
                if bytes > max_bytes {
                    return Err(Failure::TooLarge);
                }
                values.push(V::from(value));
            }
            rows.push(values);
        }
        Ok(Rows { columns, rows })
    };
    run().map_err(|failure| match failure {
        Failure::TooLarge => format!("query result exceeds limit of {max_bytes} bytes"),
        Failure::Sqlite(error) => message(&error),
    })
}

enum Failure {
    TooLarge,
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// A column's text. Another process may have stored bytes that are no UTF-8; these become U+FFFD.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    // Checked first, as that is several times faster than the conversion.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// SQLite's own words for an error. rusqlite's text has the whole statement in it.
#[must_use]
pub fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// Converts between SQLite's values and a type with the variants of [`Value`]. A macro, since only the crate of a type
/// may do so for it.
#[macro_export]
macro_rules! convert_values {
    ($value:ty) => {
        impl ::rusqlite::ToSql for $value {
            fn to_sql(&self) -> ::rusqlite::Result<::rusqlite::types::ToSqlOutput<'_>> {
                use ::rusqlite::types::{ToSqlOutput, ValueRef};
                Ok(ToSqlOutput::Borrowed(match self {
                    Self::Null => ValueRef::Null,
                    Self::Integer(number) => ValueRef::Integer(*number),
                    Self::Real(number) => ValueRef::Real(*number),
                    Self::Text(text) => ValueRef::Text(text.as_bytes()),
                    Self::Blob(bytes) => ValueRef::Blob(bytes),
                }))
            }
        }

        impl From<::rusqlite::types::ValueRef<'_>> for $value {
            fn from(value: ::rusqlite::types::ValueRef<'_>) -> Self {
                use ::rusqlite::types::ValueRef;
                match value {
                    ValueRef::Null => Self::Null,
                    ValueRef::Integer(number) => Self::Integer(number),
                    ValueRef::Real(number) => Self::Real(number),
                    ValueRef::Text(text) => Self::Text($crate::native::text_of(text)),
                    ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
                }
            }
        }
    };
}

convert_values!(Value);

/// A database for handlers that run natively.
pub enum Native {
    /// A file, with as many connections as there are calls at once.
    File {
        /// Where it is.
        path: PathBuf,
        /// Connections that nobody uses now.
        idle: Mutex<Vec<rusqlite::Connection>>,
    },
    /// In memory: one connection, which is the database.
    Memory(Mutex<rusqlite::Connection>),
}

impl Native {
    /// The database in the file at `path`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File {
            path: path.into(),
            idle: Mutex::default(),
        }
    }

    /// An empty database in memory.
    ///
    /// # Errors
    /// [`rusqlite::Error`] where SQLite has no memory.
    pub fn memory() -> rusqlite::Result<Self> {
        Ok(Self::Memory(Mutex::new(configure(
            rusqlite::Connection::open_in_memory()?,
        )?)))
    }
}

impl Backend for Native {
    fn with(&self, job: &mut dyn FnMut(&dyn Connection) -> Result<(), Error>) -> Result<(), Error> {
        match self {
            Self::Memory(connection) => job(&*lock(connection)),
            Self::File { path, idle } => {
                let kept = lock(idle).pop();
                let connection = match kept {
                    Some(connection) => connection,
                    None => open(path).map_err(|error| Error::from_message(&message(&error)))?,
                };
                let result = job(&connection);
                if connection.is_autocommit() {
                    lock(idle).push(connection);
                }
                result
            }
        }
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(pause))
    }
}

impl Connection for rusqlite::Connection {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let result = execute::<Value, Value>(self, sql, parameters, usize::MAX)
            .map_err(|message| Error::from_message(&message))?;
        let columns: Arc<[String]> = result.columns.into();
        Ok(result
            .rows
            .into_iter()
            .map(|values| Row::new(Arc::clone(&columns), values))
            .collect())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
