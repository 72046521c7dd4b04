//! Spin's SQLite interface as Spin 4.1 itself has it, so that what holds there is tested where there is no Spin.
//!
//! A connection is a plain one of rusqlite, which makes the file where there is none and waits five seconds for a lock. It is
//! opened at its first statement and shares nothing with others. An instance serves sixteen requests at once, and stands still
//! while one of them waits for a statement.

use std::path::Path;
use std::sync::Arc;

use rusqlite::params_from_iter;
use rusqlite::types::ValueRef;

use crate::guest::bindings::spin::sqlite::sqlite as wit;

/// How many requests an instance serves at once.
pub(crate) const REQUESTS_AT_ONCE: usize = 16;
/// The most bytes that one statement may give.
const MAX_RESULT_BYTES: usize = 128 << 20;

/// A component's connection.
pub(crate) struct SpinHandle {
    path: Arc<Path>,
    /// `None` before the first statement, and while one runs.
    connection: Option<rusqlite::Connection>,
}

impl SpinHandle {
    pub(crate) fn new(path: &Arc<Path>) -> Self {
        Self {
            path: Arc::clone(path),
            connection: None,
        }
    }

    /// Runs one statement.
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        parameters: Vec<wit::Value>,
    ) -> Result<wit::QueryResult, wit::Error> {
        let (path, kept) = (Arc::clone(&self.path), self.connection.take());
        let running = tokio::task::spawn_blocking(move || {
            let connection = match kept {
                Some(connection) => connection,
                None => rusqlite::Connection::open(&*path).map_err(|error| error.to_string())?,
            };
            let result = query(&connection, &sql, parameters);
            Ok((connection, result))
        });
        let ran: Result<_, String> = running.await.map_err(|_| internal())?;
        let (connection, result) = ran.map_err(wit::Error::Io)?;
        self.connection = Some(connection);
        result.map_err(wit::Error::Io)
    }
}

fn internal() -> wit::Error {
    wit::Error::Io("internal runtime error".to_owned())
}

fn query(
    connection: &rusqlite::Connection,
    sql: &str,
    parameters: Vec<wit::Value>,
) -> Result<wit::QueryResult, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let mut statement = connection.prepare_cached(sql).map_err(text)?;
    let columns: Vec<String> = statement.column_names().map(ToOwned::to_owned).collect();
    let mut found = statement
        .query(params_from_iter(parameters))
        .map_err(text)?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.next().map_err(text)? {
        let mut values = Vec::new();
        for column in 0..columns.len() {
            let value = row.get_ref(column).map_err(text)?;
            bytes += match value {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
                _ => 0,
            } + size_of::<wit::Value>();
            if let ValueRef::Text(bytes) = value {
                // Spin panics on its own thread, which is all that a component hears of it.
                std::str::from_utf8(bytes).map_err(|_| "internal runtime error")?;
            }
            values.push(value.into());
        }
        if bytes > MAX_RESULT_BYTES {
            return Err(format!(
                "query result exceeds limit of {MAX_RESULT_BYTES} bytes"
            ));
        }
        rows.push(wit::RowResult { values });
    }
    Ok(wit::QueryResult { columns, rows })
}
