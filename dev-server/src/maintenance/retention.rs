//! Deletes log entries that are older than `RETENTION_DAYS`: never before it was said how many that are.

use std::time::Duration;

use database::Connection;
use database::log_blocks::Log;
use tracing::{info, warn};

use super::{DELETED_AT_ONCE, pause_after};
use crate::store::{Error, Store};

/// How often there is a look for old entries.
const INTERVAL: Duration = Duration::from_mins(10);

/// How long it was said before anything is deleted.
const NOTICE: Duration = Duration::from_secs(10);

/// The state of the job.
pub(super) struct Retention<S> {
    days: i64,
    say: S,
    /// The database that it was said of.
    said_of: Option<String>,
}

impl<S: Fn(i64)> Retention<S> {
    /// Keeps entries for so many days. `say` is told how many are older.
    pub(super) fn new(days: u32, say: S) -> Self {
        Self {
            days: days.into(),
            say,
            said_of: None,
        }
    }

    /// Says at first how many entries are to be deleted; from the second time on deletes some of them.
    pub(super) fn step(&mut self, store: &Store, db: &dyn Connection) -> Result<Duration, Error> {
        if self.said_of.as_deref() != Some(&*store.identity()) {
            let mut old = 0;
            for log in [Log::Agent, Log::System] {
                old += log.count_old(db, self.days)?;
            }
            let days = self.days;
            if old == 0 {
                info!(
                    "log entries are deleted after {days} days (RETENTION_DAYS); none is that old now"
                );
            } else {
                warn!(
                    "{old} log entries are older than {days} days (RETENTION_DAYS) and will be deleted, from {} seconds \
                     from now on",
                    NOTICE.as_secs()
                );
            }
            (self.say)(old);
            self.said_of = Some(store.identity());
            return Ok(NOTICE);
        }
        let mut pause = INTERVAL;
        for log in [Log::Agent, Log::System] {
            let deleted = log.delete_old(db, self.days, DELETED_AT_ONCE)?;
            pause = pause.min(pause_after(deleted, INTERVAL));
        }
        if pause == INTERVAL {
            (self.say)(0);
        }
        Ok(pause)
    }
}
