//! `/api/runtime/sessions`: the agents that work together, as one row.

mod model;
mod queries;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use database::Database;
use http_api::{ApiError, Id, List, Query};
use model::{Search, Session};

use crate::leases;

pub(crate) fn routes() -> Router<Database> {
    Router::new()
        .route("/api/runtime/sessions", get(list))
        .route("/api/runtime/sessions/{id}", get(read))
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<List<Session>, ApiError> {
    leases::end(&database).await?;
    let sessions = database.read(|db| queries::list(db, &search)).await?;
    Ok(search.page.answer(sessions))
}

async fn read(State(database): State<Database>, Id(id): Id) -> Result<Json<Session>, ApiError> {
    leases::end(&database).await?;
    let session = database.read(|db| queries::find(db, &id)).await?;
    Ok(Json(session))
}
