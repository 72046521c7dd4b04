//! The route table of `/api/agents` and what each route does.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use database::{Connection, Database};
use http::StatusCode;
use http_api::{Answer, ApiError, Body, Id, IfMatch, List, Once, Query, Settings, Versioned};

use crate::definition::{Changes, Definition, NewDefinition, Search};
use crate::queries;

/// The routes of the group.
pub fn routes(database: Database, _: &Settings) -> Router {
    Router::new()
        .route("/api/agents", get(list).post(create))
        .route(
            "/api/agents/{id}",
            get(read).put(update).patch(update).delete(delete),
        )
        .with_state(database)
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
) -> Result<Answer, ApiError> {
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

async fn delete(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<StatusCode, ApiError> {
    let work = |db: &dyn Connection| -> Result<(), ApiError> {
        if_match.check(queries::find(db, &id)?.version)?;
        Ok(queries::delete(db, &id)?)
    };
    database.write(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn versioned(definition: Definition) -> Versioned<Definition> {
    Versioned {
        version: definition.version,
        row: definition,
    }
}
