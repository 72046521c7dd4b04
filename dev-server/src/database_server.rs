//! A libSQL server, as the feed and the maintenance use it: it may be away for a while, and what is asked may be a replica.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use database::change_log::{self, Newest};
use database::libsql::{Server, Session};
use database::{Connection, SCHEMA_VERSION};

use crate::store::Error;

/// For how long a database may be behind what it has told already: a replica that was started anew, or another one. After
/// that it was put back.
const BEHIND: Duration = Duration::from_secs(10);

/// A connection to the server.
pub(crate) struct DatabaseServer {
    session: RefCell<Session>,
    identity: String,
    newest: Cell<Newest>,
    behind: Cell<Option<Instant>>,
}

impl DatabaseServer {
    /// Looks at the database, which must have our schema. Foreign keys are off, so that what is deleted is deleted in steps.
    pub(crate) fn open(server: &Server) -> Result<Self, Error> {
        let session = RefCell::new(Session::unchecked(server.clone()));
        let rows = session.execute("PRAGMA user_version", &[])?;
        let found = rows.into_iter().next();
        let found = found.map_or(Ok(0), |mut row| row.integer("user_version"))?;
        if found != SCHEMA_VERSION {
            return Err(Error::Schema { found });
        }
        let (newest, identity) = change_log::newest(&session)?;
        Ok(Self {
            session,
            identity,
            newest: Cell::new(newest),
            behind: Cell::default(),
        })
    }

    /// What tells the database from another.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The connection.
    pub(crate) fn connection(&self) -> &dyn Connection {
        &self.session
    }

    /// The newest of all that the feed tells: one short request.
    pub(crate) fn newest(&self) -> Result<Newest, Error> {
        let (newest, identity) = change_log::newest(&self.session)?;
        let known = self.newest.get();
        if newest.seq < known.seq || identity != self.identity {
            let since = self.behind.get().unwrap_or_else(Instant::now);
            self.behind.set(Some(since));
            return Err(if since.elapsed() < BEHIND {
                Error::Behind
            } else {
                Error::Stale
            });
        }
        self.behind.set(None);
        self.newest.set(newest);
        Ok(newest)
    }
}
