//! `/api/runtime/prompts`: what agents were asked, and what they answered.

mod model;
mod queries;

use axum::Json;
use axum::extract::State;
use database::{Connection, Database};
use http_api::routing::{Table, get, patch, path, post};
use http_api::{Answer, ApiError, Body, Id, List, Once, Query};
use model::{Changes, NewPrompt, Prompt, Search};

pub(crate) fn routes() -> Table<Database> {
    let table = Table::new();
    let methods = get("Lists prompts, oldest first", list).merge(post("Stores a prompt", create));
    let table = path(table, "/api/runtime/prompts", methods);
    let methods = get("Reads a prompt", read).merge(patch(
        "Adds the answer to a prompt, with its tokens and cost",
        update,
    ));
    path(table, "/api/runtime/prompts/{id}", methods)
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<List<Prompt>, ApiError> {
    let prompts = database.read(|db| queries::list(db, &search)).await?;
    Ok(search.page.answer(prompts))
}

async fn create(
    State(database): State<Database>,
    once: Once<NewPrompt>,
) -> Result<Answer<Prompt>, ApiError> {
    let row = queries::row(&once.body);
    let work = |db: &dyn Connection, new: &NewPrompt| {
        let prompt = queries::insert(db, new, &row)?;
        Ok(Answer::created(&prompt).at(format!("/api/runtime/prompts/{}", prompt.id)))
    };
    once.run(&database, work).await
}

async fn read(State(database): State<Database>, Id(id): Id) -> Result<Json<Prompt>, ApiError> {
    let prompt = database.read(|db| queries::find(db, &id)).await?;
    Ok(Json(prompt))
}

async fn update(
    State(database): State<Database>,
    Id(id): Id,
    Body(changes): Body<Changes>,
) -> Result<Json<Prompt>, ApiError> {
    let work = |db: &dyn Connection| {
        queries::update(db, &queries::find(db, &id)?, &changes)?;
        queries::find(db, &id)
    };
    let prompt = database.write(work).await?;
    Ok(Json(prompt))
}
