//! The adapter for a component: Spin's SQLite interface, by our own bindings.
//!
//! The SDK offers only the interface's `execute-async`, whose stream of rows has to be drained and whose errors come
//! late. The synchronous `execute` gives all rows in one call and is twice as fast. This is the one place that calls
//! it.

#[expect(clippy::same_length_and_capacity, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "database",
        generate_all,
    });
}

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindings::spin::sqlite::sqlite as wit;

use crate::{Backend, Connection, Error, Row, Value, is_about_a_file};

/// The label in spin.toml.
const LABEL: &str = "default";

/// Whether it is a libSQL server that answers.
const IS_SERVER: &str =
    "SELECT 1 FROM pragma_function_list WHERE name = 'libsql_server_database_name'";
/// What holds for a connection and not for the file. The write lock is waited for in [`crate::Database`], so SQLite
/// itself must not. A libSQL server has its own ways to the same end.
const PRAGMAS: &[&str] = &[
    "PRAGMA busy_timeout = 0",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
];

/// The instance's connection, opened at the first request and kept for the instance's life: to open one costs ten
/// times a small query.
#[derive(Default)]
pub(crate) struct Spin(Mutex<Option<SpinConnection>>);

struct SpinConnection {
    inner: wit::Connection,
    is_server: bool,
}

impl Backend for Spin {
    fn with(&self, job: &mut dyn FnMut(&dyn Connection) -> Result<(), Error>) -> Result<(), Error> {
        let mut kept = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let connection = match kept.take() {
            Some(connection) => connection,
            None => open()?,
        };
        let result = job(&connection);
        // After an error that says the connection itself is bad, the next request gets a new one.
        if !matches!(result, Err(Error::Unavailable(_))) {
            *kept = Some(connection);
        }
        result
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(spin_sdk::time::sleep(pause))
    }
}

fn open() -> Result<SpinConnection, Error> {
    let inner = wit::Connection::open(LABEL).map_err(error)?;
    let mut connection = SpinConnection {
        inner,
        is_server: false,
    };
    connection.is_server = !connection.execute(IS_SERVER, &[])?.is_empty();
    for pragma in PRAGMAS {
        if let Err(Error::Unavailable(message)) = connection.execute(pragma, &[]) {
            domain::warn(None, &format!("{pragma}: {message}"));
        }
    }
    Ok(connection)
}

impl Connection for SpinConnection {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        if self.is_server && is_about_a_file(sql) {
            return Ok(Vec::new());
        }
        let parameters: Vec<wit::Value> = parameters.iter().cloned().map(Into::into).collect();
        let result = self.inner.execute(sql, &parameters).map_err(error)?;
        let columns: Arc<[String]> = result.columns.into();
        Ok(result
            .rows
            .into_iter()
            .map(|row| {
                let values = row.values.into_iter().map(Into::into).collect();
                Row::new(Arc::clone(&columns), values)
            })
            .collect())
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<wit::Value> for Value {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Null => Self::Null,
            wit::Value::Integer(number) => Self::Integer(number),
            wit::Value::Real(number) => Self::Real(number),
            wit::Value::Text(text) => Self::Text(text),
            wit::Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

fn error(error: wit::Error) -> Error {
    match error {
        wit::Error::Io(message) => Error::from_message(&message),
        wit::Error::NoSuchDatabase => {
            Error::Unavailable(format!("the host has no database {LABEL:?}"))
        }
        wit::Error::AccessDenied => {
            Error::Unavailable(format!("the host denies the database {LABEL:?}"))
        }
        wit::Error::InvalidConnection => Error::Unavailable("the connection is gone".to_owned()),
        wit::Error::DatabaseFull => Error::Unavailable("the database is full".to_owned()),
    }
}
