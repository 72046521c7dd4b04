//! The SQL of `/api/runtime/agents`.

use database::{Connection, Constraint, Error, Keyset, Paged, Row, Select, Value};
use domain::{AgentStatus, Json, Timestamp, new_id};
use http_api::ApiError;

use super::model::{Agent, Beat, Changes, Heard, NewAgent, Search, Step, Steps};

/// The columns in the order in which [`agent`] reads them. Writers that do not know `updated_at` leave it empty
/// until the first change.
macro_rules! columns {
    () => {
        "id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, metadata, started_at, \
         completed_at, coalesce(updated_at, completed_at, started_at), cost_usd, prompts_cost_usd, tokens_input, \
         tokens_output, error_message, heartbeat_at, lease_seconds, cancel_requested, version"
    };
}

fn agent(mut row: Row) -> Agent {
    Agent {
        id: row.text(),
        orchestrator_agent_id: row.text(),
        session_id: row.text(),
        parent_agent_id: row.optional_text(),
        status: row.text(),
        context: row.optional_text().map(Json::stored),
        config: row.optional_text().map(Json::stored),
        metadata: row.optional_text().map(Json::stored),
        started_at: Timestamp::stored(row.text()),
        completed_at: row.optional_text().map(Timestamp::stored),
        updated_at: Timestamp::stored(row.text()),
        cost_usd: row.real().max(row.real()),
        tokens_input: row.integer(),
        tokens_output: row.integer(),
        error_message: row.optional_text(),
        heartbeat_at: row.optional_text().map(Timestamp::stored),
        lease_seconds: row.optional_integer(),
        cancel_requested: row.boolean(),
        version: row.integer(),
    }
}

const BY_AGE: Keyset = Keyset {
    key: "replace(started_at, ' ', 'T')",
    tie: Some("rowid"),
};

const BY_SEQ: Keyset = Keyset {
    key: "seq",
    tie: None,
};

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Paged<Agent>, Error> {
    Select::new(columns!(), "agents")
        .filter("session_id = ?", search.session_id.as_deref())
        .filter_any("status = ?", search.status.iter().map(<&str>::from))
        .filter(
            "orchestrator_agent_id = ?",
            search.orchestrator_agent_id.as_deref(),
        )
        .filter("parent_agent_id = ?", search.parent_agent_id.as_deref())
        .page(db, BY_AGE, search.page.window(), agent)
}

pub(crate) fn find(db: &dyn Connection, id: &str) -> Result<Agent, ApiError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM agents WHERE id = ?1");
    db.execute(SQL, &[id.into()])?
        .into_iter()
        .next()
        .map(agent)
        .ok_or_else(|| unknown(id))
}

/// Whether there is an agent with that id.
pub(crate) fn exists(db: &dyn Connection, id: &str) -> Result<bool, Error> {
    let rows = db.execute("SELECT 1 FROM agents WHERE id = ?1", &[id.into()])?;
    Ok(!rows.is_empty())
}

/// The parameters of [`insert`]: a new row.
pub(crate) fn row(new: &NewAgent) -> [Value; 10] {
    let now = Timestamp::now().into_text();
    let completed_at = new.status.is_terminal().then(|| now.clone());
    [
        new_id().into(),
        new.orchestrator_agent_id.as_str().into(),
        new.session_id.as_str().into(),
        new.parent_agent_id.as_deref().into(),
        <&str>::from(new.status).into(),
        new.context.as_ref().map(Json::as_text).into(),
        new.config.as_ref().map(Json::as_text).into(),
        new.metadata.as_ref().map(Json::as_text).into(),
        now.into(),
        completed_at.into(),
    ]
}

pub(crate) fn insert(
    db: &dyn Connection,
    new: &NewAgent,
    row: &[Value],
) -> Result<Agent, ApiError> {
    const SQL: &str = concat!(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, \
         metadata, started_at, updated_at, completed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10) \
         RETURNING ",
        columns!()
    );
    match db.execute(SQL, row) {
        Ok(rows) => rows
            .into_iter()
            .next()
            .map(agent)
            .ok_or_else(|| Error::Statement("an INSERT gave no row".to_owned()).into()),
        Err(Error::Constraint(Constraint::ForeignKey)) => Err(missing(db, new)?),
        Err(error) => Err(error.into()),
    }
}

/// Says which of the rows that a new agent refers to is not there. SQLite does not tell.
fn missing(db: &dyn Connection, new: &NewAgent) -> Result<ApiError, Error> {
    const SQL: &str = "SELECT 1 FROM orchestrator_agents WHERE id = ?1";
    let definition = new.orchestrator_agent_id.as_str();
    let known = db.execute(SQL, &[definition.into()])?;
    Ok(match &new.parent_agent_id {
        _ if known.is_empty() => ApiError::unknown("Orchestrator agent", definition),
        Some(parent) => ApiError::unknown("Parent agent", parent),
        None => Error::Constraint(Constraint::ForeignKey).into(),
    })
}

/// Changes what is given. The trigger `agents_touch` sees to `version` and `updated_at`.
pub(crate) fn update(
    db: &dyn Connection,
    before: &Agent,
    changes: &Changes,
) -> Result<(), ApiError> {
    const SQL: &str = "UPDATE agents SET \
         status = coalesce(?2, status), completed_at = iif(?3, coalesce(completed_at, ?4), completed_at), \
         cost_usd = coalesce(?5, cost_usd), cancel_requested = coalesce(?6, cancel_requested), \
         error_message = iif(?7, ?8, error_message), context = iif(?9, ?10, context), \
         config = iif(?11, ?12, config), metadata = iif(?13, ?14, metadata) \
         WHERE id = ?1";
    let status = changes.status.map(<&str>::from);
    if let Some(status) = status
        && is_finished(before)
        && status != before.status
    {
        return Err(finished(before));
    }
    let mut parameters: Vec<Value> = vec![
        before.id.as_str().into(),
        status.into(),
        changes.status.is_some_and(AgentStatus::is_terminal).into(),
        Timestamp::now().into_text().into(),
        changes.cost_usd.into(),
        changes.cancel_requested.into(),
    ];
    let json = |change: &Option<Option<Json>>| -> Option<Option<String>> {
        let value = change.clone()?;
        Some(value.map(Json::into_text))
    };
    for change in [
        changes.error_message.clone(),
        json(&changes.context),
        json(&changes.config),
        json(&changes.metadata),
    ] {
        parameters.push(change.is_some().into());
        parameters.push(change.flatten().into());
    }
    db.execute(SQL, &parameters)?;
    Ok(())
}

pub(crate) fn delete(db: &dyn Connection, id: &str) -> Result<(), Error> {
    db.execute("DELETE FROM agents WHERE id = ?1", &[id.into()])?;
    Ok(())
}

/// Notes that the agent is alive. A heartbeat is no change of the agent: it shows in no feed and no version.
pub(crate) fn heartbeat(db: &dyn Connection, id: &str, beat: &Beat) -> Result<Heard, ApiError> {
    const SQL: &str = "UPDATE agents SET heartbeat_at = ?2, lease_seconds = coalesce(?3, lease_seconds, 60) \
         WHERE id = ?1 AND status IN ('initializing', 'planning', 'executing', 'reviewing') \
         RETURNING cancel_requested";
    let now = Timestamp::now().into_text();
    let rows = db.execute(SQL, &[id.into(), now.into(), beat.lease_seconds.into()])?;
    match rows.into_iter().next() {
        Some(mut row) => Ok(Heard {
            cancel_requested: row.boolean(),
        }),
        None => Err(finished(&find(db, id)?)),
    }
}

pub(crate) fn history(
    db: &dyn Connection,
    id: &str,
    steps: &Steps,
) -> Result<Paged<Step>, ApiError> {
    let page = Select::new("seq, status, at", "agent_history")
        .filter("agent_id = ?", Some(id))
        .page(db, BY_SEQ, steps.page.window(), |mut row| Step {
            seq: row.integer(),
            status: row.text(),
            at: Timestamp::stored(row.text()),
        })?;
    if page.rows.is_empty() && !exists(db, id)? {
        return Err(unknown(id));
    }
    Ok(page)
}

fn is_finished(agent: &Agent) -> bool {
    let status: Option<AgentStatus> = agent.status.parse().ok();
    status.is_some_and(AgentStatus::is_terminal)
}

fn finished(agent: &Agent) -> ApiError {
    let Agent { id, status, .. } = agent;
    ApiError::Conflict(format!("Agent {id} is {status} already"))
}

fn unknown(id: &str) -> ApiError {
    ApiError::unknown("Agent", id)
}
