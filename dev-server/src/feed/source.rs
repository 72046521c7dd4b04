//! What the feed reads of the database.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use database::{SCHEMA_VERSION, native};
use feed_protocol::{Agent, Before, Change, PAGE};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row, params};

use super::picture::Picture;

/// Why the database cannot be read now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    #[error("the file was replaced")]
    Replaced,
    #[error("the schema has version {found}, this build needs {SCHEMA_VERSION}")]
    Schema { found: i64 },
    #[error("{}", native::message(.0))]
    Sqlite(#[from] rusqlite::Error),
}

/// A connection that only reads, on a file that may go away.
pub(super) struct Source {
    connection: Connection,
    path: PathBuf,
    file: Option<(u64, u64)>,
    database: Arc<str>,
}

impl Source {
    /// Opens the file, which must be there and have our schema.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = identity(path).ok_or_else(|| Error::Missing(path.to_owned()))?;
        // Not read-only: the first reader of a write-ahead log has to write to the files beside it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_millis(100))?;
        let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found != SCHEMA_VERSION {
            return Err(Error::Schema { found });
        }
        let database: String =
            connection.query_row("SELECT id FROM database_identity", [], |row| row.get(0))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            file: Some(file),
            database: database.into(),
        })
    }

    /// What tells this database from another.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// Whether the path still leads to the file that was opened.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        match identity(&self.path) {
            None => Err(Error::Missing(self.path.clone())),
            file if file == self.file => Ok(()),
            Some(_) => Err(Error::Replaced),
        }
    }

    /// A number that changes whenever another connection commits. Costs microseconds.
    pub(super) fn data_version(&self) -> Result<i64, Error> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// All agents, and the position in the log that they are of.
    pub(super) fn picture(&mut self) -> Result<Picture, Error> {
        let transaction = self.connection.transaction()?;
        let seq = last_seq(&transaction)?;
        let agents = transaction
            .prepare("SELECT payload FROM feed_agents")?
            .query_map([], |row| text(row, 0))?
            .filter_map(|payload| payload.map(read).transpose())
            .collect::<Result<Vec<Agent>, _>>()?;
        transaction.commit()?;
        Ok(Picture::new(Arc::clone(&self.database), seq, agents))
    }

    /// The changes after `seq`, in order, at most [`PAGE`] of them. `None` where some of them were pruned.
    pub(super) fn changes(&self, seq: i64) -> Result<Option<Vec<Change>>, Error> {
        // Both queries must see the same log.
        let transaction = self.connection.unchecked_transaction()?;
        let mut statement = transaction.prepare_cached(
            "SELECT seq, op, entity_id, payload FROM change_log WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?;
        let changes = statement
            .query_map(params![seq, PAGE], |row| {
                let op: String = row.get(1)?;
                let id = text(row, 2)?;
                let after = match op.as_str() {
                    "delete" => None,
                    _ => read(text(row, 3)?).map(Arc::new),
                };
                Ok(Change {
                    seq: row.get(0)?,
                    id: id.into(),
                    before: Before::Unknown,
                    after,
                })
            })?
            .collect::<Result<Vec<Change>, _>>()?;
        // Numbers are given without gaps, so a gap is what was pruned.
        let whole = match changes.first() {
            Some(first) => first.seq == seq + 1,
            None => last_seq(&transaction)? == seq,
        };
        Ok(whole.then_some(changes))
    }
}

/// The number of the last change that there ever was.
fn last_seq(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.query_row(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change_log'), 0)",
        [],
        |row| row.get(0),
    )?)
}

/// A column's text, whatever bytes another writer put into it.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => String::new(),
    })
}

fn read(payload: String) -> Option<Agent> {
    let agent = Agent::read(payload);
    if agent.is_none() {
        tracing::warn!("an agent's row makes no valid JSON and is not shown");
    }
    agent
}

/// What tells this file from another of the same name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
