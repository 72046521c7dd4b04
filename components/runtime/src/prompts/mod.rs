//! `/api/runtime/prompts`: what agents were asked, and what they answered.

mod model;
mod queries;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use database::Database;
use http_api::{ApiError, Query};
use model::{Prompt, Search};

pub(crate) fn routes() -> Router<Database> {
    Router::new().route("/api/runtime/prompts", get(list))
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<Json<Vec<Prompt>>, ApiError> {
    let prompts = database.read(|db| queries::list(db, &search)).await?;
    Ok(Json(prompts))
}
