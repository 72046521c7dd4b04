//! Deletes log entries that are older than `RETENTION_DAYS`.

use std::time::Duration;

use database::log_blocks::Log;
use database::{Connection, Error};

use super::{DELETED_AT_ONCE, pause_after};

/// How often there is a look for old entries.
const INTERVAL: Duration = Duration::from_mins(10);

/// Deletes some of the entries that are older than so many days.
pub(super) fn step(db: &dyn Connection, days: u32) -> Result<Duration, Error> {
    let mut pause = INTERVAL;
    for log in [Log::Agent, Log::System] {
        let deleted = log.delete_old(db, days.into(), DELETED_AT_ONCE)?;
        pause = pause.min(pause_after(deleted, INTERVAL));
    }
    Ok(pause)
}
