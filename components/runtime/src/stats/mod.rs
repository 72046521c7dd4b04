//! `/api/runtime/stats`: how many, how much, at what cost.

mod model;
mod queries;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use database::Database;
use http_api::{ApiError, Query};
use model::{Scope, Stats};

use crate::leases;

pub(crate) fn routes() -> Router<Database> {
    Router::new().route("/api/runtime/stats", get(read))
}

async fn read(
    State(database): State<Database>,
    Query(scope): Query<Scope>,
) -> Result<Json<Stats>, ApiError> {
    leases::end(&database).await?;
    let stats = database.read(|db| queries::stats(db, &scope)).await?;
    Ok(Json(stats))
}
