//! The SQL of `/api/agents`.

use database::{Connection, Constraint, Error, Keyset, Paged, Row, Select, Value};
use domain::{Json, Timestamp, new_id};
use http_api::ApiError;

use crate::definition::{Changes, Definition, NewDefinition, Search};

/// The columns in the order in which [`definition`] reads them.
macro_rules! columns {
    () => {
        "id, name, description, agent_type, capabilities, default_model, metadata, is_active, created_at, \
         updated_at, version"
    };
}

fn definition(mut row: Row) -> Definition {
    Definition {
        id: row.text(),
        name: row.text(),
        description: row.optional_text(),
        agent_type: row.text(),
        capabilities: row.optional_text(),
        default_model: row.optional_text(),
        metadata: row.optional_text().map(Json::stored),
        is_active: row.boolean(),
        created_at: Timestamp::stored(row.text()),
        updated_at: Timestamp::stored(row.text()),
        version: row.integer(),
    }
}

const BY_AGE: Keyset = Keyset {
    key: "replace(created_at, ' ', 'T')",
    tie: Some("rowid"),
};

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Paged<Definition>, Error> {
    Select::new(columns!(), "orchestrator_agents")
        .filter("agent_type = ?", search.agent_type.map(<&str>::from))
        .filter("is_active = ?", search.is_active)
        .filter(
            "instr(lower(name), lower(?)) OR instr(lower(description), lower(?))",
            search.q.as_deref(),
        )
        .page(db, BY_AGE, search.page.window(), definition)
}

pub(crate) fn find(db: &dyn Connection, id: &str) -> Result<Definition, ApiError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM orchestrator_agents WHERE id = ?1"
    );
    db.execute(SQL, &[id.into()])?
        .into_iter()
        .next()
        .map(definition)
        .ok_or_else(|| unknown(id))
}

/// The parameters of [`insert`]: a new row.
pub(crate) fn row(new: &NewDefinition) -> [Value; 9] {
    [
        new_id().into(),
        new.name.as_str().into(),
        new.description.as_deref().into(),
        <&str>::from(new.agent_type).into(),
        new.capabilities.as_deref().into(),
        new.default_model.as_deref().into(),
        new.metadata.as_ref().map(Json::as_text).into(),
        new.is_active.into(),
        Timestamp::now().into_text().into(),
    ]
}

pub(crate) fn insert(
    db: &dyn Connection,
    new: &NewDefinition,
    row: &[Value],
) -> Result<Definition, ApiError> {
    const SQL: &str = concat!(
        "INSERT INTO orchestrator_agents (id, name, description, agent_type, capabilities, default_model, metadata, \
         is_active, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9) RETURNING ",
        columns!()
    );
    db.execute(SQL, row)
        .map_err(|error| name_taken(error, &new.name))?
        .into_iter()
        .next()
        .map(definition)
        .ok_or_else(|| Error::Statement("an INSERT gave no row".to_owned()).into())
}

/// Changes what is given. The trigger `orchestrator_agents_touch` sees to `version` and `updated_at`.
pub(crate) fn update(db: &dyn Connection, id: &str, changes: &Changes) -> Result<(), ApiError> {
    const SQL: &str = "UPDATE orchestrator_agents SET \
         name = coalesce(?2, name), agent_type = coalesce(?3, agent_type), is_active = coalesce(?4, is_active), \
         description = iif(?5, ?6, description), capabilities = iif(?7, ?8, capabilities), \
         default_model = iif(?9, ?10, default_model), metadata = iif(?11, ?12, metadata) \
         WHERE id = ?1";
    let metadata = changes.metadata.clone();
    let mut parameters: Vec<Value> = vec![
        id.into(),
        changes.name.clone().into(),
        changes.agent_type.map(<&str>::from).into(),
        changes.is_active.into(),
    ];
    for change in [
        changes.description.clone(),
        changes.capabilities.clone(),
        changes.default_model.clone(),
        metadata.map(|json| json.map(Json::into_text)),
    ] {
        parameters.push(change.is_some().into());
        parameters.push(change.flatten().into());
    }
    db.execute(SQL, &parameters)
        .map_err(|error| name_taken(error, changes.name.as_deref().unwrap_or_default()))?;
    Ok(())
}

/// Deletes the definition; the foreign keys take its agents, their prompts and logs with it.
pub(crate) fn delete(db: &dyn Connection, id: &str) -> Result<(), Error> {
    db.execute(
        "DELETE FROM orchestrator_agents WHERE id = ?1",
        &[id.into()],
    )?;
    Ok(())
}

fn unknown(id: &str) -> ApiError {
    ApiError::unknown("Orchestrator agent", id)
}

fn name_taken(error: Error, name: &str) -> ApiError {
    match error {
        Error::Constraint(Constraint::Unique(column)) if column == "orchestrator_agents.name" => {
            ApiError::Conflict(format!(
                "An orchestrator agent named {name:?} exists already"
            ))
        }
        error => error.into(),
    }
}
