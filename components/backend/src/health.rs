//! The group `health`: whether the service and its database answer.

use axum::extract::State;
use axum::{Json, Router};
use database::{Database, Error};
use http_api::routing::{self, Table, get, path};
use http_api::{SERVICE, Settings, Unavailable};
use serde::Serialize;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The routes of the group.
pub fn routes(database: &Database, settings: &Settings) -> Router {
    let app = App {
        database: database.clone(),
        database_path: settings.database_path.clone(),
        feed_url: settings.feed_url.clone(),
    };
    routing::router(table(), app)
}

/// The same before they have a database, with what they take and give.
pub fn table() -> Table<App> {
    let table = path(Table::new(), "/", get("Says that the service is up", root));
    let health = get("Says whether the database answers", health);
    path(table, "/health", health)
}

/// What the routes need.
#[derive(Clone)]
pub struct App {
    database: Database,
    database_path: String,
    feed_url: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Root {
    service: &'static str,
    version: &'static str,
    status: &'static str,
    links: Links,
}

/// What a person may open.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Links {
    docs: &'static str,
    redoc: &'static str,
    openapi: &'static str,
    dashboard: &'static str,
}

async fn root() -> Json<Root> {
    Json(Root {
        service: SERVICE,
        version: VERSION,
        status: "operational",
        links: Links {
            docs: "/docs",
            redoc: "/redoc",
            openapi: "/openapi.json",
            dashboard: "/dashboard",
        },
    })
}

#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Health {
    status: &'static str,
    service: &'static str,
    version: &'static str,
    database: &'static str,
    database_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_version: Option<i64>,
    /// Where a browser finds the live feed: an address, or a path of this origin.
    feed_url: String,
    /// What is wrong, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

async fn health(State(app): State<App>) -> Result<Json<Health>, Unavailable<Health>> {
    let mut health = Health {
        status: "healthy",
        service: SERVICE,
        version: VERSION,
        database: "connected",
        database_path: app.database_path,
        schema_version: None,
        feed_url: app.feed_url,
        detail: None,
    };
    match app.database.schema_version().await {
        Ok(version) => {
            health.schema_version = Some(version);
            Ok(Json(health))
        }
        Err(error) => {
            health.status = "unhealthy";
            match error {
                Error::NewerSchema { found } => {
                    health.schema_version = Some(found);
                    health.detail = Some(error.to_string());
                }
                error => {
                    eprintln!("{error}");
                    health.database = "disconnected";
                }
            }
            Err(Unavailable(health))
        }
    }
}
