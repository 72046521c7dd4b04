//! The route table of `/api/agents` and what each route does.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use database::Database;
use http::StatusCode;
use http_api::{ApiError, Body, Created, Id, Query, Settings};

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
) -> Result<Json<Vec<Definition>>, ApiError> {
    let definitions = database.read(|db| queries::list(db, &search)).await?;
    Ok(Json(definitions))
}

async fn create(
    State(database): State<Database>,
    Body(new): Body<NewDefinition>,
) -> Result<Created<Definition>, ApiError> {
    let definition = queries::insert(&database, new).await?;
    Ok(Created {
        location: format!("/api/agents/{}", definition.id),
        body: definition,
    })
}

async fn read(State(database): State<Database>, Id(id): Id) -> Result<Json<Definition>, ApiError> {
    let definition = database.read(|db| queries::find(db, &id)).await?;
    Ok(Json(definition))
}

async fn update(
    State(database): State<Database>,
    Id(id): Id,
    Body(changes): Body<Changes>,
) -> Result<Json<Definition>, ApiError> {
    let definition = database
        .write(|db| {
            queries::update(db, &id, &changes)?;
            queries::find(db, &id)
        })
        .await?;
    Ok(Json(definition))
}

async fn delete(State(database): State<Database>, Id(id): Id) -> Result<StatusCode, ApiError> {
    queries::delete(&database, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
