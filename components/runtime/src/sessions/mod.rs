//! `/api/runtime/sessions`: the agents that work together, as one row.

mod model;
mod queries;

use axum::Json;
use axum::extract::State;
use database::Database;
use http_api::routing::{Table, get, path};
use http_api::{ApiError, Id, List, Query};
use model::{Search, Session};

use crate::leases;

pub(crate) fn routes() -> Table<Database> {
    let table = Table::new();
    let methods = get("Lists sessions, newest first", list);
    let table = path(table, "/api/runtime/sessions", methods);
    let methods = get("Reads a session", read);
    path(table, "/api/runtime/sessions/{id}", methods)
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
