//! `/api/runtime/agents`: running agents.

mod model;
mod queries;

pub(crate) use queries::exists;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use database::{Connection, Database};
use http::StatusCode;
use http_api::{Answer, ApiError, Body, Id, IfMatch, List, Once, Query, Versioned};
use model::{Agent, Beat, Changes, NewAgent, Search, Step, Steps};

use crate::leases;

pub(crate) fn routes() -> Router<Database> {
    Router::new()
        .route("/api/runtime/agents", get(list).post(create))
        .route(
            "/api/runtime/agents/{id}",
            get(read).patch(update).delete(delete),
        )
        .route("/api/runtime/agents/{id}/heartbeat", post(heartbeat))
        .route("/api/runtime/agents/{id}/history", get(history))
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
) -> Result<Answer, ApiError> {
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

async fn delete(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<StatusCode, ApiError> {
    let work = |db: &dyn Connection| -> Result<(), ApiError> {
        if_match.check(queries::find(db, &id)?.version)?;
        Ok(queries::delete(db, &id)?)
    };
    database.write(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn heartbeat(
    State(database): State<Database>,
    Id(id): Id,
    once: Once<Beat>,
) -> Result<Answer, ApiError> {
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
