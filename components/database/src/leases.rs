//! Agents that were lost: an agent that has sent a heartbeat and then sends none for its lease is `failed`.
//!
//! Every read tells it so from then on (the view `told_agents`); what is here writes it down. Both statements go through
//! the index `idx_agents_leased`, which has the live agents with a heartbeat and nothing else.

use crate::{Connection, Error};

/// How many seconds are left of the lease that ends first: 0 or less where one is over, `None` where there is none.
///
/// # Errors
/// Those of the connection.
pub fn next_end(db: &dyn Connection) -> Result<Option<f64>, Error> {
    const SQL: &str = "SELECT (julianday(min(ends_at)) - julianday('now')) * 86400.0 AS seconds FROM leased_agents";
    let rows = db.execute(SQL, &[])?;
    rows.into_iter()
        .next()
        .map_or(Ok(None), |mut row| row.optional_real("seconds"))
}

/// An agent whose heartbeat stopped.
#[derive(Debug)]
pub struct Lost {
    /// Its id.
    pub agent_id: String,
    /// Its session.
    pub session_id: String,
}

/// Makes agents `failed` whose lease is over, some at a time, so that nobody waits long for the write lock. However many do so at once, it happens to an agent only once, and the
/// feed shows it as any change. Takes the write lock, so ask for [`next_end`] first.
///
/// # Errors
/// Those of the connection.
pub fn reap(db: &dyn Connection) -> Result<Vec<Lost>, Error> {
    const SQL: &str = "\
        UPDATE agents SET status = 'failed', error_message = 'heartbeat lost', \
        completed_at = (SELECT ends_at FROM lost_agents WHERE row = agents.rowid) \
        WHERE rowid IN (SELECT row FROM lost_agents LIMIT 200) \
        RETURNING id, session_id";
    let rows = db.execute(SQL, &[])?.into_iter();
    rows.map(|mut row| {
        Ok(Lost {
            agent_id: row.text("id")?,
            session_id: row.text("session_id")?,
        })
    })
    .collect()
}
