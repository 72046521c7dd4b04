//! What the feed reads of the database.

use std::path::Path;
use std::sync::Arc;

use feed_protocol::{Agent, Before, Change, PAGE};
use rusqlite::{Connection, params};

use crate::file::{Error, File, text};

use super::picture::Picture;

/// A connection that only reads, on a file that may go away.
pub(super) struct Source {
    file: File,
    database: Arc<str>,
}

impl Source {
    /// Opens the file, which must be there and have our schema.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path)?;
        let database: String =
            file.connection
                .query_row("SELECT id FROM database_identity", [], |row| row.get(0))?;
        Ok(Self {
            file,
            database: database.into(),
        })
    }

    /// What tells this database from another.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// Whether the path still leads to the file that was opened.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        self.file.check()
    }

    /// A number that changes whenever another connection commits. Costs microseconds.
    pub(super) fn data_version(&self) -> Result<i64, Error> {
        let mut statement = self.file.connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// All agents, and the position in the log that they are of.
    pub(super) fn picture(&mut self) -> Result<Picture, Error> {
        let transaction = self.file.connection.transaction()?;
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
        let transaction = self.file.connection.unchecked_transaction()?;
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

fn read(payload: String) -> Option<Agent> {
    let agent = Agent::read(payload);
    if agent.is_none() {
        tracing::warn!("an agent's row makes no valid JSON and is not shown");
    }
    agent
}
