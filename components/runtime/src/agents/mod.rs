//! `/api/runtime/agents`: running agents.

mod model;
mod queries;

pub(crate) use queries::exists;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use database::Database;
use http_api::{ApiError, Body, Created, Id, Query};
use model::{Agent, NewAgent, Search};

pub(crate) fn routes() -> Router<Database> {
    Router::new()
        .route("/api/runtime/agents", get(list).post(create))
        .route("/api/runtime/agents/{id}", get(read))
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<Json<Vec<Agent>>, ApiError> {
    let agents = database.read(|db| queries::list(db, &search)).await?;
    Ok(Json(agents))
}

async fn create(
    State(database): State<Database>,
    Body(new): Body<NewAgent>,
) -> Result<Created<Agent>, ApiError> {
    let agent = queries::insert(&database, new).await?;
    Ok(Created {
        location: format!("/api/runtime/agents/{}", agent.id),
        body: agent,
    })
}

async fn read(State(database): State<Database>, Id(id): Id) -> Result<Json<Agent>, ApiError> {
    let agent = database.read(|db| queries::find(db, &id)).await?;
    Ok(Json(agent))
}
