//! What the feed reads of the database: the port for changes, over a file or a server that may go away.

use std::sync::Arc;

use database::change_log::{self, Position};
use database::log_tail::{self, LogFilter};
use database::transaction;
use feed_protocol::{Change, Entry, Filter, MOST_MISSED, MissedLogs, frames, log_columns};
use hosting::Storage;

use super::hub::Snapshot;
use crate::location::Location;
use crate::store::{Error, Lender, Store, Version};

/// A connection to the log.
pub(super) struct Source {
    store: Store,
}

impl Source {
    /// Opens the database, which must be there and have our schema.
    pub(super) fn open(location: &Location) -> Result<Self, Error> {
        let store = Store::open(location)?;
        Ok(Self { store })
    }

    /// Does a job with a connection of those that the components use too.
    pub(super) fn with<T>(
        storage: &Storage,
        job: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut lender = Lender::of(storage);
        let store = lender.take()?;
        let source = Self { store };
        let done = job(&source);
        lender.give_back(source.store)?;
        done
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
            Store::Server(_) => self.position()?.seq < seq,
        })
    }

    /// Where the log is.
    pub(super) fn position(&self) -> Result<Position, Error> {
        Ok(change_log::position(self.store.connection())?)
    }

    /// What there is under `filter`, all as of one position in the log.
    pub(super) fn snapshot(&self, filter: &Filter) -> Result<Snapshot, Error> {
        let snapshot = transaction(self.store.connection(), "BEGIN", &mut |db| {
            change_log::snapshot(
                db,
                filter.session_id.as_deref(),
                &filter.status,
                &filter.include.entities(),
            )
        })?;
        let others = snapshot.others.iter();
        let agents: Vec<_> = snapshot.agents.into_iter().map(Arc::new).collect();
        Ok(Snapshot {
            database: snapshot.position.database.into(),
            seq: snapshot.position.seq,
            log_id: snapshot.log_id,
            others: others
                .map(|(entity, rows)| frames::snapshot_beside(*entity, rows).text.into())
                .collect(),
            agents: frames::array(&agents).into(),
        })
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
