//! What the feed reads of the database: the port for changes, over a file or a server that may go away.

use std::sync::Arc;

use database::change_log::{self, Position, Snapshot};
use database::log_tail::{self, LogFilter};
use database::transaction;
use feed_protocol::{Change, Entry, Filter, MOST_MISSED, MissedLogs, log_columns};

use super::agent_index::AgentIndex;
use crate::location::Location;
use crate::store::{Error, Store, Version};

/// A connection to the log.
pub(super) struct Source {
    store: Store,
    database: Arc<str>,
}

impl Source {
    /// Opens the database, which must be there and have our schema.
    pub(super) fn open(location: &Location) -> Result<Self, Error> {
        let store = Store::open(location)?;
        let Position { database, .. } = change_log::position(store.connection())?;
        Ok(Self {
            store,
            database: database.into(),
        })
    }

    /// What tells this database from another.
    pub(super) fn database(&self) -> Arc<str> {
        Arc::clone(&self.database)
    }

    /// Whether the path still leads to the file that was opened.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        self.store.check()
    }

    /// What changes whenever somebody has committed.
    pub(super) fn version(&self) -> Result<Version, Error> {
        self.store.version()
    }

    /// Whether an error passes by itself, and what was read so far still holds.
    pub(super) fn passes(&self, error: &Error) -> bool {
        self.store.passes(error)
    }

    /// Whether the database has not come as far as `seq` yet: it is a replica, and another one had.
    pub(super) fn is_behind(&self, seq: i64) -> Result<bool, Error> {
        Ok(match &self.store {
            Store::File(_) => false,
            Store::Server(_) => change_log::position(self.store.connection())?.seq < seq,
        })
    }

    /// All agents, and the position in the log that they are of.
    pub(super) fn agents(&self) -> Result<AgentIndex, Error> {
        let (position, agents) = transaction(self.store.connection(), "BEGIN", &mut |db| {
            let position = change_log::position(db)?;
            let agents = change_log::all_agents(db)?;
            Ok::<_, database::Error>((position, agents))
        })?;
        Ok(AgentIndex::new(
            Arc::clone(&self.database),
            position.seq,
            agents,
        ))
    }

    /// What is there under `filter`, all as of one position in the log.
    pub(super) fn snapshot(&self, filter: &Filter) -> Result<Snapshot, Error> {
        Ok(transaction(self.store.connection(), "BEGIN", &mut |db| {
            change_log::snapshot(
                db,
                filter.session_id.as_deref(),
                &filter.status,
                &filter.include.entities(),
            )
        })?)
    }

    /// The number of the last log entry.
    pub(super) fn last_log_id(&self) -> Result<i64, Error> {
        Ok(log_tail::last_id(self.store.connection())?)
    }

    /// The log entries after `id`, in order, some at a time.
    pub(super) fn logs(&self, id: i64) -> Result<Vec<Entry>, Error> {
        let rows = log_tail::since(self.store.connection(), id, log_columns())?;
        Ok(rows
            .into_iter()
            .map(Entry::read)
            .collect::<Result<_, _>>()?)
    }

    /// What a client under `filter` that has the entries up to `id` is to be sent next.
    pub(super) fn missed_logs(&self, id: i64, filter: &LogFilter) -> Result<MissedLogs, Error> {
        Ok(transaction(self.store.connection(), "BEGIN", &mut |db| {
            let missed = log_tail::missed(db, id, MOST_MISSED, log_columns(), filter)?;
            MissedLogs::new(missed, id, filter)
        })?)
    }

    /// The changes after `seq`, in order, some at a time. `None` where some of them were pruned.
    pub(super) fn changes(&self, seq: i64) -> Result<Option<Vec<Change>>, Error> {
        let changes = transaction(self.store.connection(), "BEGIN", &mut |db| {
            change_log::since(db, seq)
        })?;
        Ok(changes.map(|changes| changes.into_iter().map(Change::from).collect()))
    }
}
