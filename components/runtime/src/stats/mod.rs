//! `/api/runtime/stats`: how many, how much, at what cost.

mod model;
mod queries;

use axum::Json;
use axum::extract::State;
use database::Database;
use http_api::routing::{Table, get, path};
use http_api::{ApiError, Query};
use model::{Scope, Stats};

use crate::leases;

pub(crate) fn routes() -> Table<Database> {
    let table = Table::new();
    let methods = get(
        "Counts agents, prompts and log entries, and adds up tokens and cost",
        read,
    );
    path(table, "/api/runtime/stats", methods)
}

async fn read(
    State(database): State<Database>,
    Query(scope): Query<Scope>,
) -> Result<Json<Stats>, ApiError> {
    leases::end(&database).await?;
    let stats = database.read(|db| queries::stats(db, &scope)).await?;
    Ok(Json(stats))
}
