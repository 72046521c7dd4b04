//! Streams that nobody uses now.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many are kept. The server has room for 128 connections of all its clients.
const KEPT: usize = 16;
/// For how long one is kept. The server ends it after ten seconds.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// A connection that the server keeps.
pub(super) struct Stream {
    /// What leads to it, once.
    pub(super) baton: String,
    /// Where it is to be asked for, if elsewhere.
    pub(super) url: Option<String>,
    /// Whether its foreign keys are off, so that nobody else may have it.
    pub(super) is_altered: bool,
}

/// Those that are left for whoever comes next.
#[derive(Default)]
pub(super) struct Streams(Mutex<Vec<(Stream, Instant)>>);

impl Streams {
    /// The one that was used last, as the others are about to end.
    pub(super) fn take(&self) -> Option<Stream> {
        let mut idle = self.idle();
        let (stream, since) = idle.pop()?;
        if since.elapsed() < KEPT_FOR {
            return Some(stream);
        }
        idle.clear();
        None
    }

    /// Leaves one that has no transaction open.
    pub(super) fn give_back(&self, stream: Stream) {
        self.idle().push((stream, Instant::now()));
    }

    /// Whether no more are kept.
    pub(super) fn are_enough(&self) -> bool {
        self.idle().len() >= KEPT
    }

    /// Drops them all.
    pub(super) fn forget(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Stream, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
