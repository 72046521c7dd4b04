//! Deletes what hangs on agents and definitions that were deleted.

use std::time::Duration;

use database::{Connection, Error, deletions, transaction};

use super::{DELETED_AT_ONCE, PAUSE};

/// How often there is a look for deletions.
const INTERVAL: Duration = Duration::from_millis(500);

/// Deletes some rows.
pub(super) fn step(db: &dyn Connection) -> Result<Duration, Error> {
    // Asked first without the write lock.
    if !deletions::are_pending(db)? {
        return Ok(INTERVAL);
    }
    transaction(db, "BEGIN IMMEDIATE", &mut |db| {
        deletions::step(db, DELETED_AT_ONCE)
    })?;
    Ok(PAUSE)
}
