//! Agents that were lost: an agent that has sent a heartbeat and then sends none for its lease is `failed`.
//!
//! Every read tells it so from then on (the view `told_agents`); what is here writes it down. A lease counts only time in
//! which a heartbeat could have arrived: who finds that there was none ([`restart`]) lets all leases run anew. An agent
//! that only its lease has failed comes back when it is heard again ([`revive`]).
//!
//! The statements go through the index `idx_agents_leased`, which has the live agents with a heartbeat and nothing else.

use crate::{Connection, Error, Value};

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

/// Lets each lease run anew from now. An agent that was told as lost meanwhile is told as a change, so that everybody hears
/// that it is not; a heartbeat from the future, where the clock was set back, is of now. Gives whether there are leases. Inside a transaction.
///
/// # Errors
/// Those of the connection.
pub fn restart(db: &dyn Connection) -> Result<bool, Error> {
    const LOST: &str = "SELECT json_group_array(row) AS rows FROM lost_agents";
    const FUTURE: &str = "UPDATE agents SET heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid IN (\
        SELECT row FROM leased_agents WHERE heartbeat_time > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') \
        AND ends_at IS NOT NULL)";
    const SINCE: &str = "UPDATE lease_epoch SET since = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
    const TELL: &str = "UPDATE agents SET version = version + 1 \
        WHERE rowid IN (SELECT value FROM json_each(?1))";
    // Without leases there is nothing to write.
    if db
        .execute("SELECT 1 FROM leased_agents LIMIT 1", &[])?
        .is_empty()
    {
        return Ok(false);
    }
    let lost = db.execute(LOST, &[])?.into_iter().next();
    db.execute(FUTURE, &[])?;
    db.execute(SINCE, &[])?;
    if let Some(mut lost) = lost {
        db.execute(TELL, &[lost.take("rows")?])?;
    }
    Ok(true)
}

/// An agent whose heartbeat stopped.
#[derive(Debug)]
pub struct Lost {
    /// Its id.
    pub agent_id: String,
    /// Its session.
    pub session_id: String,
}

/// Makes agents `failed` whose lease is over, some at a time, so that nobody waits long for the write lock. However many do
/// so at once, it happens to an agent only once, and the feed shows it as any change. Takes the write lock, so ask for
/// [`next_end`] first.
///
/// # Errors
/// Those of the connection.
pub fn reap(db: &dyn Connection) -> Result<Vec<Lost>, Error> {
    reap_where(db, "rowid IN (SELECT row FROM lost_agents LIMIT 200)", &[])
}

/// The same for one agent, if its lease is over.
///
/// # Errors
/// Those of the connection.
pub fn reap_one(db: &dyn Connection, id: &str) -> Result<Vec<Lost>, Error> {
    let condition = "id = ?1 AND EXISTS (SELECT 1 FROM lost_agents WHERE row = agents.rowid)";
    reap_where(db, condition, &[id.into()])
}

fn reap_where(
    db: &dyn Connection,
    condition: &'static str,
    parameters: &[Value],
) -> Result<Vec<Lost>, Error> {
    let sql = format!(
        "UPDATE agents SET status = 'failed', error_message = 'heartbeat lost', lost_status = status, \
         completed_at = (SELECT ends_at FROM lost_agents WHERE row = agents.rowid) \
         WHERE {condition} RETURNING id, session_id"
    );
    let rows = db.execute(&sql, parameters)?.into_iter();
    rows.map(|mut row| {
        Ok(Lost {
            agent_id: row.text("id")?,
            session_id: row.text("session_id")?,
        })
    })
    .collect()
}

/// Brings an agent back that nothing but its lease has failed, with the status that it had and a lease that begins anew.
/// Its history has both. Gives whether it was such an agent. Inside a transaction.
///
/// # Errors
/// Those of the connection.
pub fn revive(db: &dyn Connection, id: &str) -> Result<bool, Error> {
    const SQL: &str = "\
        UPDATE agents SET status = lost_status, error_message = NULL, completed_at = NULL, lost_status = NULL, \
        heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') \
        WHERE id = ?1 AND status = 'failed' AND error_message = 'heartbeat lost' AND lost_status IS NOT NULL \
        RETURNING 1";
    reap_one(db, id)?;
    Ok(!db.execute(SQL, &[id.into()])?.is_empty())
}
