//! One process at a time, where several share a libSQL server.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use database::libsql::{Server, Session};
use database::maintenance_lease as lease;
use database::{Connection, Error};
use tracing::{debug, info};

/// How often the lease is asked for, and taken anew.
const INTERVAL: Duration = Duration::from_secs(1);

/// The lease as this process has it, or has it not.
pub(super) struct Lease {
    holder: String,
    is_held: AtomicBool,
}

impl Lease {
    /// Nobody's yet.
    pub(super) fn new() -> Self {
        Self {
            holder: domain::new_id(),
            is_held: AtomicBool::new(false),
        }
    }

    /// What tells this process from others.
    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    /// Whether this process had the lease when it last asked. What is written is looked at again.
    pub(super) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    /// Asks for the lease.
    pub(super) fn step(&self, db: &dyn Connection) -> Result<Duration, Error> {
        let taken = lease::take(db, &self.holder);
        let is_held = matches!(taken, Ok(true));
        let was_held = self.is_held.swap(is_held, Ordering::Relaxed);
        match (was_held, is_held) {
            (false, true) => info!("this process keeps the database in order"),
            (true, false) => info!("this process does not keep the database in order any more"),
            _ => {}
        }
        taken.map(|_| INTERVAL)
    }

    /// Gives the lease back, so that another process has it at once.
    pub(super) fn give_back(&self, server: &Server) {
        if !self.is_held() {
            return;
        }
        let session = RefCell::new(Session::new(server.clone()));
        let given = lease::give_back(&session, &self.holder);
        if let Err(error) = given {
            debug!("the lease of the maintenance ends by itself: {error}");
        }
    }
}
