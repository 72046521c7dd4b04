//! `/api/runtime/logs`: what agents reported.

mod model;
mod queries;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use database::Database;
use http_api::{ApiError, Id, Query};
use model::{Entry, Search};

pub(crate) fn routes() -> Router<Database> {
    Router::new()
        .route("/api/runtime/logs", get(list))
        .route("/api/runtime/logs/agent/{id}", get(of_agent))
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<Json<Vec<Entry>>, ApiError> {
    let entries = database.read(|db| queries::list(db, &search)).await?;
    Ok(Json(entries))
}

async fn of_agent(
    State(database): State<Database>,
    Id(id): Id,
    Query(mut search): Query<Search>,
) -> Result<Json<Vec<Entry>>, ApiError> {
    search.agent_id = Some(id.clone());
    let entries = database
        .read(|db| {
            let entries = queries::list(db, &search)?;
            if entries.is_empty() && !crate::agents::exists(db, &id)? {
                return Err(ApiError::unknown("Agent", &id));
            }
            Ok(entries)
        })
        .await?;
    Ok(Json(entries))
}
