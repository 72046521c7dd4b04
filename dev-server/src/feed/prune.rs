//! Keeps the change log from growing without end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tracing::{debug, warn};

/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_secs(10);
/// How many rows one transaction deletes.
const STEP: u16 = 1000;
/// The pause between two of them, in which others may write.
const PAUSE: Duration = Duration::from_millis(20);

/// Deletes all but the newest `keep` changes, again and again. Two processes may do so at once.
pub(super) async fn run(database: PathBuf, keep: i64) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        loop {
            let path = database.clone();
            let more = tokio::task::spawn_blocking(move || step(&path, keep)).await;
            match more {
                Ok(Ok(true)) => tokio::time::sleep(PAUSE).await,
                Ok(Ok(false)) => break,
                // The poller says what is wrong with the database; here it is tried again later.
                Ok(Err(error)) => {
                    debug!("the change log is not pruned: {error}");
                    break;
                }
                Err(error) => {
                    warn!("{error}");
                    break;
                }
            }
        }
    }
}

/// Deletes up to [`STEP`] changes. Gives whether there may be more.
fn step(database: &Path, keep: i64) -> rusqlite::Result<bool> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(Duration::from_millis(100))?;
    let deleted = connection.execute(
        "DELETE FROM change_log WHERE seq <= (SELECT max(seq) FROM change_log) - ?1 \
         AND seq < (SELECT min(seq) FROM change_log) + ?2",
        (keep, STEP),
    )?;
    Ok(deleted == usize::from(STEP))
}
