//! Makes agents failed that have sent no heartbeat for their lease.

use std::time::Duration;

use database::{NEXT_LEASE_END, REAP};
use domain::Timestamp;
use rusqlite::Connection;
use tracing::info;

use crate::file::text;

/// The most seconds between two looks, as somebody may have set a shorter lease in the meantime. A look goes through
/// all agents that have a lease, which takes some 3 ms for 10,000.
const LONGEST: f64 = 1.0;
/// The least, so that leases which end one after the other end together.
const SHORTEST: f64 = 0.1;

/// Ends the leases that are over.
pub(super) fn step(connection: &Connection) -> rusqlite::Result<Duration> {
    let now = Timestamp::now();
    let left: Option<f64> = connection
        .prepare_cached(NEXT_LEASE_END)?
        .query_row([now.as_str()], |row| row.get(0))?;
    let left = left.unwrap_or(LONGEST);
    if left <= 0.0 {
        reap(connection, &now)?;
    }
    Ok(Duration::from_secs_f64(left.clamp(SHORTEST, LONGEST)))
}

fn reap(connection: &Connection, now: &Timestamp) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(REAP)?;
    let lost = statement
        .query_map([now.as_str()], |row| Ok((text(row, 0)?, text(row, 1)?)))?
        .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
    for (agent, session) in lost {
        info!(agent, session, "an agent's heartbeat is lost");
    }
    Ok(())
}
