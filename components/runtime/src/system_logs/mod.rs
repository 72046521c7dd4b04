//! `/api/runtime/system-logs`: what the system around the agents reported.

mod model;
mod queries;

use axum::extract::State;
use database::{Connection, Database};
use http_api::routing::{Table, get, path, post};
use http_api::{Answer, ApiError, List, Once, Query};
use model::{Entry, NewEntry, Search};

pub(crate) fn routes() -> Table<Database> {
    let table = Table::new();
    let methods = get("Lists entries of the system log, newest first", list)
        .merge(post("Stores an entry of the system log", create));
    path(table, "/api/runtime/system-logs", methods)
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<List<Entry>, ApiError> {
    let entries = database.read(|db| queries::list(db, &search)).await?;
    Ok(search.page.answer(entries))
}

async fn create(
    State(database): State<Database>,
    once: Once<NewEntry>,
) -> Result<Answer<Entry>, ApiError> {
    let work =
        |db: &dyn Connection, new: &NewEntry| Ok(Answer::created(&queries::insert(db, new)?));
    once.run(&database, work).await
}
