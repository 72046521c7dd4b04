//! The adapter outside of a component: rusqlite. Handlers run on it in native tests and in the benchmark's ceiling;
//! the dev-server takes its connections from here too.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
