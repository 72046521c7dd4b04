//! `/api/runtime/agents`: running agents.

mod model;
mod queries;

pub(crate) use queries::exists;

use axum::extract::State;
use axum::response::NoContent;
use database::{Connection, Database};
use http_api::routing::{Table, delete, get, patch, path, post};
use http_api::{Answer, ApiError, Body, Id, IfMatch, List, Once, Query, Versioned};
use model::{Agent, Beat, Changes, Heard, NewAgent, Search, Step, Steps};

use crate::leases;

pub(crate) fn routes() -> Table<Database> {
    let table = Table::new();
    let methods =
        get("Lists running agents, newest first", list).merge(post("Starts an agent", create));
    let table = path(table, "/api/runtime/agents", methods);
    let methods = get("Reads a running agent", read)
        .merge(patch(
            "Reports what an agent does, or asks it to stop",
            update,
        ))
        .merge(delete(
            "Deletes a running agent with its prompts and logs",
            remove,
        ));
    let table = path(table, "/api/runtime/agents/{id}", methods);
    let methods = post("Says that an agent is alive", heartbeat);
    let table = path(table, "/api/runtime/agents/{id}/heartbeat", methods);
    let methods = get(
        "Lists the statuses that an agent had, oldest first",
        history,
    );
    path(table, "/api/runtime/agents/{id}/history", methods)
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<List<Agent>, ApiError> {
    leases::end(&database).await?;
    let agents = database.read(|db| queries::list(db, &search)).await?;
    Ok(search.page.answer(agents))
}

async fn create(
    State(database): State<Database>,
    once: Once<NewAgent>,
) -> Result<Answer<Agent>, ApiError> {
    let row = queries::row(&once.body);
    let work = |db: &dyn Connection, new: &NewAgent| {
        let agent = queries::insert(db, new, &row)?;
        Ok(Answer::created(&agent)
            .at(format!("/api/runtime/agents/{}", agent.id))
            .versioned(agent.version))
    };
    once.run(&database, work).await
}

async fn read(State(database): State<Database>, Id(id): Id) -> Result<Versioned<Agent>, ApiError> {
    let find = |db: &dyn Connection| queries::find(db, &id);
    let mut agent = database.read(find).await?;
    if agent.is_leased() && leases::end(&database).await? {
        agent = database.read(find).await?;
    }
    Ok(versioned(agent))
}

async fn update(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
    Body(changes): Body<Changes>,
) -> Result<Versioned<Agent>, ApiError> {
    leases::end(&database).await?;
    let work = |db: &dyn Connection| {
        let before = queries::find(db, &id)?;
        if_match.check(before.version)?;
        queries::update(db, &before, &changes)?;
        queries::find(db, &id)
    };
    let agent = database.write(work).await?;
    Ok(versioned(agent))
}

async fn remove(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<NoContent, ApiError> {
    let work = |db: &dyn Connection| -> Result<(), ApiError> {
        if_match.check(queries::find(db, &id)?.version)?;
        Ok(queries::delete(db, &id)?)
    };
    database.write(work).await?;
    Ok(NoContent)
}

async fn heartbeat(
    State(database): State<Database>,
    Id(id): Id,
    once: Once<Beat>,
) -> Result<Answer<Heard>, ApiError> {
    leases::end(&database).await?;
    let work = |db: &dyn Connection, beat: &Beat| {
        let heard = queries::heartbeat(db, &id, beat)?;
        Ok(Answer::ok(&heard))
    };
    once.run(&database, work).await
}

async fn history(
    State(database): State<Database>,
    Id(id): Id,
    Query(steps): Query<Steps>,
) -> Result<List<Step>, ApiError> {
    leases::end(&database).await?;
    let history = database
        .read(|db| queries::history(db, &id, &steps))
        .await?;
    Ok(steps.page.answer(history))
}

fn versioned(agent: Agent) -> Versioned<Agent> {
    Versioned {
        version: agent.version,
        row: agent,
    }
}
