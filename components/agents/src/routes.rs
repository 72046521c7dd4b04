//! The route table of `/api/agents` and what each route does.

use axum::Router;
use axum::extract::State;
use axum::response::NoContent;
use database::{Connection, Database};
use http_api::routing::{self, Table, delete, get, patch, path, post, put};
use http_api::{Answer, ApiError, Body, Id, IfMatch, List, Once, Query, Settings, Versioned};

use crate::definition::{Changes, Definition, NewDefinition, Search};
use crate::queries;

/// The routes of the group.
pub fn routes(database: Database, _: &Settings) -> Router {
    routing::router(table(), database)
}

/// The same before they have a database, with what they take and give.
pub fn table() -> Table<Database> {
    let all =
        get("Lists definitions, newest first", list).merge(post("Makes a definition", create));
    let one = get("Reads a definition", read)
        .merge(put("Changes what is given of a definition", update))
        .merge(patch("Changes what is given of a definition", update))
        .merge(delete("Deletes a definition with its agents", remove));
    let table = path(Table::new(), "/api/agents", all);
    path(table, "/api/agents/{id}", one)
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<List<Definition>, ApiError> {
    let definitions = database.read(|db| queries::list(db, &search)).await?;
    Ok(search.page.answer(definitions))
}

async fn create(
    State(database): State<Database>,
    once: Once<NewDefinition>,
) -> Result<Answer<Definition>, ApiError> {
    let row = queries::row(&once.body);
    let work = |db: &dyn Connection, new: &NewDefinition| {
        let definition = queries::insert(db, new, &row)?;
        Ok(Answer::created(&definition)
            .at(format!("/api/agents/{}", definition.id))
            .versioned(definition.version))
    };
    once.run(&database, work).await
}

async fn read(
    State(database): State<Database>,
    Id(id): Id,
) -> Result<Versioned<Definition>, ApiError> {
    let definition = database.read(|db| queries::find(db, &id)).await?;
    Ok(versioned(definition))
}

async fn update(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
    Body(changes): Body<Changes>,
) -> Result<Versioned<Definition>, ApiError> {
    let work = |db: &dyn Connection| {
        if_match.check(queries::find(db, &id)?.version)?;
        queries::update(db, &id, &changes)?;
        queries::find(db, &id)
    };
    let definition = database.write(work).await?;
    Ok(versioned(definition))
}

async fn remove(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<NoContent, ApiError> {
    let work = |db: &dyn Connection| -> Result<(), ApiError> {
        if_match.check(queries::find(db, &id)?.version)?;
        Ok(queries::delete(db, &id)?)
    };
    database.write(work).await?;
    Ok(NoContent)
}

fn versioned(definition: Definition) -> Versioned<Definition> {
    Versioned {
        version: definition.version,
        row: definition,
    }
}
