//! Deletes log entries that are older than `RETENTION_DAYS`.

use std::time::Duration;

use database::DELETE_OLD_LOGS;
use rusqlite::Connection;

use super::{STEP, pause_after};

/// How often there is a look for old entries.
const INTERVAL: Duration = Duration::from_mins(10);
/// How long after the start that begins where nobody has set `RETENTION_DAYS`: who starts the server on a database that
/// has been kept for years may not know yet that it deletes.
pub(super) const GRACE: Duration = Duration::from_mins(10);

/// Deletes some of the entries that are older than so many days.
pub(super) fn step(connection: &Connection, days: u32) -> rusqlite::Result<Duration> {
    let mut pause = INTERVAL;
    for sql in DELETE_OLD_LOGS {
        let deleted = connection.prepare_cached(sql)?.execute((days, STEP))?;
        pause = pause.min(pause_after(deleted, INTERVAL));
    }
    Ok(pause)
}
