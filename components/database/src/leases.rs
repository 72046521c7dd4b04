//! Agents that were lost: an agent that has sent a heartbeat and then sends none for its lease is `failed`.
//!
//! Every read tells it so from then on (the view `told_agents`); what is here writes it down. A lease counts only time in
//! which a heartbeat could have arrived: who finds that there was none lets all leases run anew ([`restart`]). An agent
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

/// Lets each lease run anew from now. Gives the rows of the agents that were told as lost meanwhile, for [`tell_back`];
/// `None` where there are no leases, and so nothing was written. Inside a transaction.
///
/// # Errors
/// Those of the connection.
pub fn restart(db: &dyn Connection) -> Result<Option<Vec<i64>>, Error> {
    const SINCE: &str = "UPDATE lease_epoch SET since = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
    if db
        .execute("SELECT 1 FROM leased_agents LIMIT 1", &[])?
        .is_empty()
    {
        return Ok(None);
    }
    let lost = db.execute("SELECT row FROM lost_agents", &[])?;
    db.execute(SINCE, &[])?;
    let rows = lost.into_iter().map(|mut row| row.integer("row"));
    rows.collect::<Result<_, Error>>().map(Some)
}

/// Tells agents as a change that were told as lost and are not, so that everybody hears of it. Some at a time, as this holds
/// the write lock.
///
/// # Errors
/// Those of the connection.
pub fn tell_back(db: &dyn Connection, rows: &[i64]) -> Result<(), Error> {
    const SQL: &str =
        "UPDATE agents SET version = version + 1 WHERE rowid IN (SELECT value FROM json_each(?1))";
    let rows: Vec<String> = rows.iter().map(i64::to_string).collect();
    db.execute(SQL, &[format!("[{}]", rows.join(",")).into()])?;
    Ok(())
}

/// Makes heartbeats from the future, which there are where the clock was set back, ones of now: else their agents would
/// live for as long as it was set back. Some at a time; gives whether there may be more.
///
/// # Errors
/// Those of the connection.
pub fn clamp(db: &dyn Connection) -> Result<bool, Error> {
    const SQL: &str = "UPDATE agents SET heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid IN (\
        SELECT row FROM leased_agents WHERE heartbeat_time > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') \
        AND ends_at IS NOT NULL LIMIT 200) RETURNING 1";
    Ok(!db.execute(SQL, &[])?.is_empty())
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
