//! Whether anybody can write.
//!
//! A process that fails in the middle of a transaction and goes on holds the write lock, and every write is 503 from then on.
//! So the lock is taken and given back once a second, and `/health` says for how long it was not to be had.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::{info, warn};

use crate::pool::Pool;
use crate::write_queue;

/// The pause between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// For how long a look tries, and the pause between two tries.
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(2);
/// After how long it is said.
const SAID_AFTER: Duration = Duration::from_secs(5);

/// Since when the lock is not to be had.
#[derive(Default)]
pub(crate) struct WriteLock(Mutex<Option<Instant>>);

impl WriteLock {
    /// For how many seconds nobody could write; 0 where somebody can, or not for long yet.
    pub(crate) fn blocked_seconds(&self) -> u64 {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = since.map_or(Duration::ZERO, |since| since.elapsed());
        if elapsed < SAID_AFTER {
            0
        } else {
            elapsed.as_secs()
        }
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Looks as long as the pool lives.
pub(crate) async fn watch(pool: Weak<Pool>) {
    let mut since = None;
    let mut is_said = false;
    loop {
        sleep(INTERVAL).await;
        let Some(pool) = pool.upgrade() else { return };
        let start = Instant::now();
        let is_writable = can_write(&pool).await;
        since = if is_writable {
            None
        } else {
            since.or(Some(start))
        };
        // Whoever reads the log then asks.
        pool.write_lock().set(since);
        if is_writable {
            if std::mem::take(&mut is_said) {
                info!("the database takes writes again");
            }
        } else if since.is_some_and(|since| since.elapsed() > SAID_AFTER) && !is_said {
            is_said = true;
            warn!("another process holds the database's write lock: every write is answered 503");
        }
    }
}

/// Whether the lock is to be had. Our own writers take turns, so while this has its turn the lock is somebody else's.
async fn can_write(pool: &Arc<Pool>) -> bool {
    let written = pool.written();
    let Ok(_turn) = write_queue::turn(pool, tokio::time::Instant::now() + INTERVAL).await else {
        // The queue is long, or stands still.
        return pool.written() != written;
    };
    let end = Instant::now() + PATIENCE;
    loop {
        let pool = Arc::clone(pool);
        let tried = tokio::task::spawn_blocking(move || pool.try_lock()).await;
        // Where there is no database, that is another fault, which is said elsewhere.
        if !matches!(tried, Ok(Ok(false))) {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        sleep(PAUSE).await;
    }
}
