//! Keeps the change log from growing without end.

use std::time::Duration;

use rusqlite::Connection;

use super::{STEP, pause_after};

/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// Deletes some of the changes but for the newest `keep`.
pub(super) fn step(connection: &Connection, keep: i64) -> rusqlite::Result<Duration> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM change_log WHERE seq <= (SELECT max(seq) FROM change_log) - ?1 \
             AND seq < (SELECT min(seq) FROM change_log) + ?2",
        )?
        .execute((keep, STEP))?;
    Ok(pause_after(deleted, INTERVAL))
}
