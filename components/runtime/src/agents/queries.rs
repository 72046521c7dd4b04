//! The SQL of `/api/runtime/agents`.

use database::{Connection, Constraint, Database, Error, Row, Select, Value};
use domain::{Json, Timestamp, new_id};
use http_api::{ApiError, Order};

use super::model::{Agent, NewAgent, Search};

/// The columns in the order in which [`agent`] reads them. Writers that do not know `updated_at` leave it empty
/// until the first change.
macro_rules! columns {
    () => {
        "id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, metadata, started_at, \
         completed_at, coalesce(updated_at, completed_at, started_at), cost_usd, error_message, heartbeat_at, \
         lease_seconds, cancel_requested, version"
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
        cost_usd: row.real(),
        error_message: row.optional_text(),
        heartbeat_at: row.optional_text().map(Timestamp::stored),
        lease_seconds: row.optional_integer(),
        cancel_requested: row.boolean(),
        version: row.integer(),
    }
}

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Vec<Agent>, Error> {
    let order = match search.page.order.unwrap_or(Order::Desc) {
        Order::Asc => "ORDER BY replace(started_at, ' ', 'T'), rowid",
        Order::Desc => "ORDER BY replace(started_at, ' ', 'T') DESC, rowid DESC",
    };
    let rows = Select::new(concat!("SELECT ", columns!(), " FROM agents"))
        .filter("session_id = ?", search.session_id.as_deref())
        .filter_any("status = ?", search.status.iter().map(<&str>::from))
        .filter(
            "orchestrator_agent_id = ?",
            search.orchestrator_agent_id.as_deref(),
        )
        .filter("parent_agent_id = ?", search.parent_agent_id.as_deref())
        .run(db, order, search.page.limit)?;
    Ok(rows.into_iter().map(agent).collect())
}

pub(crate) fn find(db: &dyn Connection, id: &str) -> Result<Agent, ApiError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM agents WHERE id = ?1");
    db.execute(SQL, &[id.into()])?
        .into_iter()
        .next()
        .map(agent)
        .ok_or_else(|| ApiError::unknown("Agent", id))
}

/// Whether there is an agent with that id.
pub(crate) fn exists(db: &dyn Connection, id: &str) -> Result<bool, Error> {
    let rows = db.execute("SELECT 1 FROM agents WHERE id = ?1", &[id.into()])?;
    Ok(!rows.is_empty())
}

pub(crate) async fn insert(database: &Database, new: NewAgent) -> Result<Agent, ApiError> {
    const SQL: &str = concat!(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, \
         metadata, started_at, updated_at, completed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10) \
         RETURNING ",
        columns!()
    );
    let now = Timestamp::now().into_text();
    let completed_at = new.status.is_terminal().then(|| now.clone());
    let definition = new.orchestrator_agent_id.clone();
    let parent = new.parent_agent_id.clone();
    let parameters: [Value; 10] = [
        new_id().into(),
        new.orchestrator_agent_id.into(),
        new.session_id.into(),
        new.parent_agent_id.into(),
        <&str>::from(new.status).into(),
        new.context.map(Json::into_text).into(),
        new.config.map(Json::into_text).into(),
        new.metadata.map(Json::into_text).into(),
        now.into(),
        completed_at.into(),
    ];
    match database.write_one(SQL, &parameters).await {
        Ok(rows) => rows
            .into_iter()
            .next()
            .map(agent)
            .ok_or_else(|| Error::Statement("an INSERT gave no row".to_owned()).into()),
        Err(Error::Constraint(Constraint::ForeignKey)) => {
            Err(missing(database, &definition, parent.as_deref()).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says which of the rows that a new agent refers to is not there. SQLite does not tell.
async fn missing(
    database: &Database,
    definition: &str,
    parent: Option<&str>,
) -> Result<ApiError, ApiError> {
    const SQL: &str = "SELECT 1 FROM orchestrator_agents WHERE id = ?1";
    let known = database
        .read(|db| db.execute(SQL, &[definition.into()]))
        .await?;
    Ok(match parent {
        _ if known.is_empty() => ApiError::unknown("Orchestrator agent", definition),
        Some(parent) => ApiError::unknown("Parent agent", parent),
        None => Error::Constraint(Constraint::ForeignKey).into(),
    })
}
