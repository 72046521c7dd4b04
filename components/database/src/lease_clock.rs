//! When the database could last be written, as a process knows that keeps the leases.
//!
//! A lease counts only time in which a heartbeat could have arrived. So before anybody of that process looks at leases, be it
//! the reaper or a request, it asks here whether there was such a time ([`LeaseClock::catch_up`]); where nobody could write for
//! long, the process stood still, or a clock was set, all leases run anew first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::{Connection, Error, leases, transaction};

/// After how long without the lock no heartbeat could have arrived.
const AWAY: Duration = Duration::from_millis(1500);

/// A moment, by the clock that only goes on, and by that of the leases, which also goes on while the machine sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Why no heartbeat could have arrived between `self` and `now`, if so.
    #[must_use]
    pub fn gap(&self, now: &Self) -> Option<&'static str> {
        let elapsed = now.monotonic.saturating_duration_since(self.monotonic);
        // By little it may be set at any time.
        let by_wall = match now.wall.duration_since(self.wall) {
            Ok(forward) => forward,
            Err(back) => back.duration(),
        };
        if elapsed > AWAY {
            Some("a time in which nobody could write")
        } else if by_wall <= AWAY {
            None
        } else {
            Some("the clock was set or the machine slept")
        }
    }
}

/// What is known of it. By itself this knows nothing, and nothing is caught up on.
#[derive(Default)]
pub struct LeaseClock {
    state: Mutex<State>,
    /// Held while the leases are let run anew: whoever comes meanwhile waits for the milliseconds that this takes.
    restarting: Mutex<()>,
}

#[derive(Default)]
struct State {
    is_kept: bool,
    reached: Option<Moment>,
    restart: Option<Restart>,
}

/// That all leases run anew.
#[derive(Debug)]
pub struct Restart {
    /// After what.
    pub reason: &'static str,
    /// The rows of the agents that were told as lost meanwhile, for [`leases::tell_back`].
    pub lost: Vec<i64>,
}

impl LeaseClock {
    /// Says that this process keeps the leases from now on.
    pub fn keep(&self) {
        lock(&self.state).is_kept = true;
    }

    /// Why no heartbeat could have arrived until `now`, if so.
    pub fn gap(&self, now: &Moment) -> Option<&'static str> {
        let state = lock(&self.state);
        match &state.reached {
            _ if !state.is_kept => None,
            None => Some("the start"),
            Some(reached) => reached.gap(now),
        }
    }

    /// Lets all leases run anew where no heartbeat could have arrived; mostly a look at two clocks. Gives when it looked. Not
    /// inside a transaction; `db` must not wait for a lock, as others wait for this.
    ///
    /// # Errors
    /// [`Error::Busy`] where somebody still holds the lock, and other errors of the connection.
    pub fn catch_up(&self, db: &dyn Connection) -> Result<Moment, Error> {
        let now = Moment::now();
        if self.gap(&now).is_none() {
            return Ok(now);
        }
        let _one_at_a_time = lock(&self.restarting);
        let mut now = Moment::now();
        let Some(reason) = self.gap(&now) else {
            return Ok(now);
        };
        let lost = transaction(db, "BEGIN IMMEDIATE", &mut |db| {
            now = Moment::now();
            leases::restart(db)
        })?;
        let mut state = lock(&self.state);
        state.reached = Some(now);
        if let Some(mut lost) = lost {
            let restart = state.restart.get_or_insert(Restart {
                reason,
                lost: Vec::new(),
            });
            restart.lost.append(&mut lost);
        }
        Ok(now)
    }

    /// Notes that the lock was had after `moment`, in which there was no gap.
    pub fn reached(&self, moment: Moment) {
        let mut state = lock(&self.state);
        let is_later = |reached: Moment| moment.monotonic > reached.monotonic;
        if state.reached.is_some_and(is_later) {
            state.reached = Some(moment);
        }
    }

    /// What was done since this was last asked, once.
    pub fn take_restart(&self) -> Option<Restart> {
        lock(&self.state).restart.take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn gap(monotonic: Duration, wall: impl Fn(SystemTime) -> SystemTime) -> Option<&'static str> {
        let last = Moment::now();
        let now = Moment {
            monotonic: last.monotonic + monotonic,
            wall: wall(last.wall),
        };
        last.gap(&now)
    }

    #[test]
    fn a_second_is_no_gap() {
        assert_eq!(gap(SECOND, |wall| wall + SECOND), None);
        assert_eq!(gap(SECOND, |wall| wall), None);
    }

    #[test]
    fn a_lock_or_a_suspended_process_is_one() {
        let minute = 60 * SECOND;
        assert_eq!(
            gap(minute, |wall| wall + minute),
            Some("a time in which nobody could write")
        );
    }

    #[test]
    fn a_clock_that_jumps_is_one() {
        let set = Some("the clock was set or the machine slept");
        assert_eq!(gap(SECOND, |wall| wall + 120 * SECOND), set);
        assert_eq!(gap(SECOND, |wall| wall - 120 * SECOND), set);
    }

    #[test]
    fn who_keeps_no_leases_has_no_gap() {
        let clock = LeaseClock::default();
        assert_eq!(clock.gap(&Moment::now()), None);
        clock.keep();
        assert_eq!(clock.gap(&Moment::now()), Some("the start"));
        // Nothing is reached before that is caught up on.
        clock.reached(Moment::now());
        assert_eq!(clock.gap(&Moment::now()), Some("the start"));
    }
}
