//! Makes agents failed that have sent no heartbeat for their lease.
//!
//! Only time counts in which a heartbeat could have arrived. So this takes the write lock four times a second, and where it finds
//! that it could not for long, that the process stood still, or that a clock was set, it lets all leases run anew.

use std::time::{Duration, Instant, SystemTime};

use database::leases::{self, Lost};
use database::{Connection, Error, transaction};
use tracing::info;

use super::PAUSE;

/// The most seconds between two looks, and so the longest that an agent is told as lost after the machine has slept. A look
/// goes through all agents that have a lease, which takes some 3 ms for 10,000.
const LONGEST: f64 = 0.25;
/// The least, so that leases which end one after the other end together.
const SHORTEST: f64 = 0.1;
/// After how long without the lock no heartbeat could have arrived.
const AWAY: Duration = Duration::from_millis(1500);

/// When the write lock was last to be had: by the clock that only goes on, and by that of the leases, which also goes on
/// while the machine sleeps.
struct Reached {
    monotonic: Instant,
    wall: SystemTime,
}

impl Reached {
    fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Why no heartbeat could have arrived between `self` and `now`, if so.
    fn gap(&self, now: &Self) -> Option<&'static str> {
        let by_wall = now.wall.duration_since(self.wall);
        if now.monotonic - self.monotonic > AWAY {
            Some("a time in which nobody could write")
        } else if by_wall.is_ok_and(|elapsed| elapsed <= AWAY) {
            None
        } else {
            Some("the clock was set or the machine slept")
        }
    }
}

/// How many agents one step tells.
const TOLD_AT_ONCE: usize = 200;

/// The state of the job.
#[derive(Default)]
pub(super) struct Reaper {
    reached: Option<Reached>,
    /// Agents that were told as lost and are not.
    to_tell: Vec<i64>,
    /// Whether there may be heartbeats from the future.
    to_clamp: bool,
}

impl Reaper {
    /// Ends the leases that are over.
    pub(super) fn step(&mut self, db: &dyn Connection) -> Result<Duration, Error> {
        let mut back = Vec::new();
        let (now, gap, left, lost) = transaction(db, "BEGIN IMMEDIATE", &mut |db| {
            let now = Reached::now();
            let mut gap = match &self.reached {
                None => Some("the start"),
                Some(reached) => reached.gap(&now),
            };
            if gap.is_some() {
                match leases::restart(db)? {
                    Some(lost) => back = lost,
                    None => gap = None,
                }
            }
            let left = leases::next_end(db)?.unwrap_or(LONGEST);
            let lost = if left <= 0.0 {
                leases::reap(db)?
            } else {
                Vec::new()
            };
            Ok::<_, Error>((now, gap, left, lost))
        })?;
        if let Some(reason) = gap {
            info!("each lease runs anew, after {reason}");
            self.to_tell.append(&mut back);
            self.to_clamp = true;
        }
        self.reached = Some(now);
        for Lost {
            agent_id,
            session_id,
        } in lost
        {
            info!(
                agent = agent_id,
                session = session_id,
                "an agent's heartbeat is lost"
            );
        }
        self.follow_up(db)?;
        Ok(Duration::from_secs_f64(left.clamp(SHORTEST, LONGEST)))
    }

    /// What is to be told and mended after a gap, in short transactions.
    fn follow_up(&mut self, db: &dyn Connection) -> Result<(), Error> {
        while !self.to_tell.is_empty() {
            let some = self.to_tell.len().min(TOLD_AT_ONCE);
            leases::tell_back(db, &self.to_tell[..some])?;
            self.to_tell.drain(..some);
            std::thread::sleep(PAUSE);
        }
        while self.to_clamp {
            self.to_clamp = leases::clamp(db)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn gap(monotonic: Duration, wall: impl Fn(SystemTime) -> SystemTime) -> Option<&'static str> {
        let last = Reached::now();
        let now = Reached {
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
}
