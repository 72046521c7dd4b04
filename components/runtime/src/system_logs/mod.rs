//! `/api/runtime/system-logs`: what the system around the agents reported.

mod model;
mod queries;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use database::{Connection, Database};
use http_api::{Answer, ApiError, List, Once, Query};
use model::{Entry, NewEntry, Search};

pub(crate) fn routes() -> Router<Database> {
    Router::new().route("/api/runtime/system-logs", get(list).post(create))
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
) -> Result<Answer, ApiError> {
    let work =
        |db: &dyn Connection, new: &NewEntry| Ok(Answer::created(&queries::insert(db, new)?));
    once.run(&database, work).await
}
