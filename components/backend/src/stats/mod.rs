//! `/api/runtime/stats`: how many, how much, at what cost.

mod model;
mod queries;

use axum::Json;
use axum::extract::State;
use database::Database;
use http_api::routing::{Table, get, path};
use http_api::{ApiError, Query};
use model::{Scope, Stats, StatsQuery};
pub(crate) use queries::{agents, logs};

pub(crate) fn table() -> Table<Database> {
    let methods = get(
        "Counts agents, prompts and log entries, and adds up tokens and cost",
        read,
    );
    path(Table::new(), "/api/runtime/stats", methods)
}

async fn read(
    State(database): State<Database>,
    query: Query<StatsQuery>,
) -> Result<Json<Stats>, ApiError> {
    let scope = Scope::of(&query.input);
    let stats = database.read(|db| queries::stats(db, &scope)).await?;
    Ok(Json(stats))
}
