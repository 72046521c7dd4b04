//! Fills in which log entries a text may be in.

use std::time::{Duration, Instant};

use database::log_blocks::Log;
use database::{Connection, Error, transaction};

use super::PAUSE;

/// How often there is a look for entries that are not filled in.
const INTERVAL: Duration = Duration::from_secs(1);
/// How much longer than a step the pause after it is, in which others may write.
const SHARE: u32 = 9;

/// Fills in some entries.
pub(super) fn step(db: &dyn Connection) -> Result<Duration, Error> {
    let start = Instant::now();
    let mut is_more = false;
    for log in [Log::Agent, Log::System] {
        // Asked first without the write lock.
        is_more |= log.is_unsearched(db)?
            && transaction(db, "BEGIN IMMEDIATE", &mut |db| log.fill_some(db))?;
    }
    Ok(if is_more {
        (start.elapsed() * SHARE).max(PAUSE)
    } else {
        INTERVAL
    })
}
