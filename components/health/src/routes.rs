//! Whether the service and its database answer.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use database::{Database, Error};
use http::{StatusCode, header};
use http_api::{SERVICE, Settings};
use serde::Serialize;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The routes of the group.
pub fn routes(database: Database, settings: &Settings) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .with_state(App {
            database,
            database_path: settings.database_path.clone(),
            feed_url: settings.feed_url.clone(),
        })
}

#[derive(Clone)]
struct App {
    database: Database,
    database_path: String,
    feed_url: String,
}

#[derive(Serialize)]
struct Root {
    service: &'static str,
    version: &'static str,
    status: &'static str,
    links: Links,
}

/// What a person may open.
#[derive(Serialize)]
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

async fn health(State(app): State<App>) -> Response {
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
            Json(health).into_response()
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
            let retry = [(header::RETRY_AFTER, "5")];
            (StatusCode::SERVICE_UNAVAILABLE, retry, Json(health)).into_response()
        }
    }
}
