//! The rows of agents, and the definitions that they need.

use std::collections::BTreeSet;

use database::{Connection, Error};

use super::json;

/// After how many seconds without a span an agent is lost that has not ended.
const LEASE: i64 = 3600;
/// What is written of a definition that nobody has made, by which one is found that nobody needs.
const MADE_HERE: &str = r#"{"made_by":"otlp"}"#;

/// A row of `agents`.
pub(super) struct AgentRow<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) trace_id: &'a str,
    pub(super) session: Option<&'a str>,
    pub(super) parent: Option<&'a str>,
    pub(super) context: Option<&'a str>,
    pub(super) metadata: Option<&'a str>,
    pub(super) started_at: &'a str,
    pub(super) ended_at: Option<&'a str>,
    pub(super) error: Option<&'a str>,
}

/// The definitions that agents have now and may lose.
pub(super) fn definitions_of<'a>(
    db: &dyn Connection,
    agents: &[AgentRow<'a>],
    missing: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>, Error> {
    const SQL: &str = "SELECT DISTINCT orchestrator_agent_id FROM agents \
         WHERE id IN (SELECT value FROM json_each(?1))";
    let ids: BTreeSet<&str> = agents.iter().map(|agent| agent.id).chain(missing).collect();
    let rows = db.execute(SQL, &[json(&ids)])?.into_iter();
    rows.map(|mut row| row.text("orchestrator_agent_id"))
        .collect()
}

/// Makes the definitions that are not there.
pub(super) fn define(db: &dyn Connection, agents: &[AgentRow<'_>]) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO orchestrator_agents (id, name, agent_type, metadata, created_at, updated_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), 'utility', ?2, \
         strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM json_each(?1) \
         WHERE NOT EXISTS (SELECT 1 FROM orchestrator_agents WHERE name = json_extract(value, '$[1]')) \
         ON CONFLICT DO NOTHING";
    let names: BTreeSet<&str> = agents.iter().map(|agent| agent.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = names.iter().map(|name| (domain::new_id(), *name)).collect();
    db.execute(SQL, &[json(&rows), MADE_HERE.into()])?;
    Ok(())
}

/// Makes agents, or gives those that were there for spans to come their name and their end. One that has ended otherwise
/// stays as it is.
pub(super) fn upsert(db: &dyn Connection, agents: &[AgentRow<'_>]) -> Result<(), Error> {
    /// Whether an agent that is there has not ended, or only its lease has ended it.
    macro_rules! at_work {
        () => {
            "(status NOT IN ('completed', 'failed', 'cancelled') \
              OR status = 'failed' AND error_message = 'heartbeat lost' AND lost_status IS NOT NULL)"
        };
    }
    const SQL: &str = concat!(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, metadata, \
            started_at, completed_at, error_message, heartbeat_at, lease_seconds, updated_at) \
        SELECT json_extract(value, '$[0]'), \
            (SELECT id FROM orchestrator_agents WHERE name = json_extract(value, '$[1]') AND id IS NOT NULL), \
            coalesce(json_extract(value, '$[3]'), \
                (SELECT session_id FROM otlp_traces WHERE id = json_extract(value, '$[2]')), json_extract(value, '$[2]')), \
            json_extract(value, '$[4]'), json_extract(value, '$[5]'), json_extract(value, '$[6]'), \
            json_extract(value, '$[7]'), json_extract(value, '$[8]'), json_extract(value, '$[9]'), \
            json_extract(value, '$[10]'), \
            iif(json_extract(value, '$[9]') IS NULL, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), NULL), \
            iif(json_extract(value, '$[9]') IS NULL, ?2, NULL), strftime('%Y-%m-%dT%H:%M:%fZ', 'now') \
        FROM json_each(?1) WHERE true \
        ON CONFLICT (id) DO UPDATE SET \
            orchestrator_agent_id = excluded.orchestrator_agent_id, session_id = excluded.session_id, \
            parent_agent_id = excluded.parent_agent_id, \
            context = coalesce(excluded.context, context), metadata = coalesce(excluded.metadata, metadata), \
            started_at = iif(excluded.completed_at IS NULL, min(started_at, excluded.started_at), excluded.started_at), \
            status = iif(",
        at_work!(),
        ", excluded.status, status), completed_at = iif(",
        at_work!(),
        ", excluded.completed_at, completed_at), error_message = iif(",
        at_work!(),
        ", excluded.error_message, error_message), heartbeat_at = iif(",
        at_work!(),
        ", excluded.heartbeat_at, heartbeat_at), lease_seconds = iif(",
        at_work!(),
        ", excluded.lease_seconds, lease_seconds), lost_status = NULL"
    );
    if agents.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = agents
        .iter()
        .map(|agent| {
            let status = match (agent.ended_at, agent.error) {
                (None, _) => "executing",
                (Some(_), None) => "completed",
                (Some(_), Some(_)) => "failed",
            };
            (
                agent.id,
                agent.name,
                agent.trace_id,
                agent.session,
                agent.parent,
                status,
                agent.context,
                agent.metadata,
                agent.started_at,
                agent.ended_at,
                agent.error,
            )
        })
        .collect();
    db.execute(SQL, &[json(&rows), LEASE.into()])?;
    Ok(())
}

/// Takes agents away that stood for spans which turned out to be none, and definitions that were made for them alone.
pub(super) fn take_away(
    db: &dyn Connection,
    agents: &[&str],
    definitions: &[String],
) -> Result<(), Error> {
    const AGENTS: &str = "DELETE FROM agents WHERE id IN (SELECT value FROM json_each(?1)) \
         AND NOT EXISTS (SELECT 1 FROM prompts WHERE agent_id = agents.id) \
         AND NOT EXISTS (SELECT 1 FROM agent_logs WHERE agent_id = agents.id) \
         AND NOT EXISTS (SELECT 1 FROM agents AS children WHERE children.parent_agent_id = agents.id) \
         AND NOT EXISTS (SELECT 1 FROM orchestrator_chat WHERE agent_id = agents.id)";
    const DEFINITIONS: &str = "DELETE FROM orchestrator_agents WHERE id IN (SELECT value FROM json_each(?1)) \
         AND version = 1 AND metadata = ?2 \
         AND NOT EXISTS (SELECT 1 FROM agents WHERE orchestrator_agent_id = orchestrator_agents.id)";
    if !agents.is_empty() {
        db.execute(AGENTS, &[json(&agents)])?;
    }
    if !definitions.is_empty() {
        db.execute(DEFINITIONS, &[json(&definitions), MADE_HERE.into()])?;
    }
    Ok(())
}
