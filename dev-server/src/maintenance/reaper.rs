//! Makes agents failed that have sent no heartbeat for their lease.
//!
//! Only time counts in which a heartbeat could have arrived. So this takes the write lock four times a second, and tells
//! [`LeaseClock`], which lets all leases run anew where that was not possible for long.

use std::sync::Arc;
use std::time::Duration;

use database::lease_clock::{LeaseClock, Moment, Restart};
use database::leases::{self, Lost};
use database::{Connection, Error, transaction};
use tracing::info;

use super::PAUSE;

/// The most seconds between two looks, and so the longest that an agent is told as lost after the machine has slept. A look
/// goes through all agents that have a lease, which takes some 3 ms for 10,000.
const LONGEST: f64 = 0.25;
/// The least, so that leases which end one after the other end together.
const SHORTEST: f64 = 0.1;
/// How many agents one step tells.
const TOLD_AT_ONCE: usize = 200;

/// The state of the job.
pub(super) struct Reaper {
    clock: Arc<LeaseClock>,
    /// Agents that were told as lost and are not.
    to_tell: Vec<i64>,
    /// Whether there may be heartbeats from the future.
    to_clamp: bool,
}

impl Reaper {
    /// That of the leases of `clock`, which requests ask too.
    pub(super) fn of(clock: Arc<LeaseClock>) -> Self {
        clock.keep();
        Self {
            clock,
            to_tell: Vec::new(),
            to_clamp: false,
        }
    }

    /// Ends the leases that are over.
    pub(super) fn step(&mut self, db: &dyn Connection) -> Result<Duration, Error> {
        // Requests wait for the leases to run anew, so that must not wait for a lock.
        db.execute("PRAGMA busy_timeout = 0", &[])?;
        self.clock.catch_up(db)?;
        if let Some(Restart { reason, mut lost }) = self.clock.take_restart() {
            info!("each lease runs anew, after {reason}");
            self.to_tell.append(&mut lost);
            self.to_clamp = true;
        }
        let (now, left, lost) = transaction(db, "BEGIN IMMEDIATE", &mut |db| {
            let now = Moment::now();
            if self.clock.gap(&now).is_some() {
                return Err(Error::Busy);
            }
            let left = leases::next_end(db)?.unwrap_or(LONGEST);
            let lost = if left <= 0.0 {
                leases::reap(db)?
            } else {
                Vec::new()
            };
            // If the process stood still in between, nobody is lost.
            if now.gap(&Moment::now()).is_some() {
                return Err(Error::Busy);
            }
            Ok((now, left, lost))
        })?;
        self.clock.reached(now);
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
