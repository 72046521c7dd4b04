//! Counts log entries, which are written uncounted.

use std::time::Duration;

use database::log_blocks::Log;
use database::{Connection, Error, transaction};

use super::PAUSE;

/// How often there is a look for entries that are not counted.
const INTERVAL: Duration = Duration::from_secs(1);

/// Counts some blocks of entries.
pub(super) fn step(db: &dyn Connection) -> Result<Duration, Error> {
    let mut pause = INTERVAL;
    for log in [Log::Agent, Log::System] {
        // Asked first without the write lock.
        if log.is_behind(db)? && transaction(db, "BEGIN IMMEDIATE", &mut |db| log.count_some(db))? {
            pause = PAUSE;
        }
    }
    Ok(pause)
}
