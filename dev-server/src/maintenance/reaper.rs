//! Makes agents failed that have sent no heartbeat for their lease.

use std::time::Duration;

use database::leases::{self, Lost};
use database::{Connection, Error};
use tracing::info;

/// The most seconds between two looks, as somebody may have set a shorter lease in the meantime. A look goes through
/// all agents that have a lease, which takes some 3 ms for 10,000.
const LONGEST: f64 = 1.0;
/// The least, so that leases which end one after the other end together.
const SHORTEST: f64 = 0.1;

/// Ends the leases that are over.
pub(super) fn step(db: &dyn Connection) -> Result<Duration, Error> {
    let left = leases::next_end(db)?.unwrap_or(LONGEST);
    if left <= 0.0 {
        for Lost {
            agent_id,
            session_id,
        } in leases::reap(db)?
        {
            info!(
                agent = agent_id,
                session = session_id,
                "an agent's heartbeat is lost"
            );
        }
    }
    Ok(Duration::from_secs_f64(left.clamp(SHORTEST, LONGEST)))
}
