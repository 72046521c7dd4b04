//! Keeps the change log from growing without end.

use std::time::Duration;

use database::{Connection, Error, change_log};

use super::{DELETED_AT_ONCE, pause_after};

/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// Deletes some of the changes but for the newest `keep`.
pub(super) fn step(db: &dyn Connection, keep: i64) -> Result<Duration, Error> {
    let deleted = change_log::prune(db, keep, DELETED_AT_ONCE)?;
    Ok(pause_after(deleted, INTERVAL))
}
