//! The group `health`: whether the service and its database answer, and what they count.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::{Json, Router};
use database::{Database, Error};
use http_api::routing::{self, Table, get, path};
use http_api::{Cause, SERVICE, Settings, Unavailable};
use serde::Serialize;

use crate::metrics::metrics;

/// After how long it is said that nobody can write.
const SAID_AFTER: Duration = Duration::from_secs(5);
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

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
    let table = path(table, "/health", health);
    let metrics = get("Counts what is stored, for Prometheus", metrics);
    path(table, "/metrics", metrics)
}

/// What the routes need.
#[derive(Clone)]
pub struct App {
    pub(crate) database: Database,
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
    /// Whether the database takes writes; false where another process has held the write lock for 5 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    writable: Option<bool>,
    /// For how many seconds nobody could write.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_for_seconds: Option<u64>,
    /// What is deleted for its age, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<Retention>,
    /// Where a browser finds the live feed: an address, or a path of this origin.
    feed_url: String,
    /// What is wrong, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Which log entries are deleted for their age.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Retention {
    /// The days after which they are (`RETENTION_DAYS`).
    days: u32,
    /// How many were older when the server started, which are deleted from ten seconds later on; 0 once they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_entries: Option<i64>,
}

async fn health(State(app): State<App>) -> Result<Json<Health>, Unavailable<Health>> {
    let mut health = Health {
        status: "healthy",
        service: SERVICE,
        version: VERSION,
        database: "connected",
        database_path: app.database_path,
        schema_version: None,
        writable: None,
        blocked_for_seconds: None,
        retention: retention().await,
        feed_url: app.feed_url,
        detail: None,
    };
    match app.database.schema_version().await {
        Ok(version) => {
            health.schema_version = Some(version);
            let blocked = blocked_seconds(&app.database).await;
            health.writable = Some(blocked.is_none());
            health.blocked_for_seconds = blocked;
            Ok(Json(health))
        }
        Err(error) => {
            health.status = "unhealthy";
            let cause = if let Error::NewerSchema { found } = error {
                health.schema_version = Some(found);
                health.detail = Some(error.to_string());
                None
            } else {
                health.database = "disconnected";
                Some(Cause(error.to_string()))
            };
            Err(Unavailable {
                body: health,
                cause,
            })
        }
    }
}

/// For how many seconds nobody could write, from [`SAID_AFTER`] on. The dev-server knows. Another host does not: then the
/// instance that is asked notes since when it finds the lock taken.
async fn blocked_seconds(database: &Database) -> Option<u64> {
    static SINCE: Mutex<Option<Instant>> = Mutex::new(None);
    if let Some(seconds) = http_api::host_variable("write_blocked_seconds").await {
        return seconds.parse().ok().filter(|seconds| *seconds > 0);
    }
    let mut since = SINCE.lock().unwrap_or_else(PoisonError::into_inner);
    if database.is_writable().unwrap_or(true) {
        *since = None;
        return None;
    }
    let elapsed = since.get_or_insert_with(Instant::now).elapsed();
    (elapsed >= SAID_AFTER).then_some(elapsed.as_secs())
}

async fn retention() -> Option<Retention> {
    let days = http_api::host_variable("retention_days").await?;
    let days = days.parse().ok().filter(|days| *days > 0)?;
    let entries = http_api::host_variable("old_log_entries").await;
    Some(Retention {
        days,
        log_entries: entries.and_then(|entries| entries.parse().ok()),
    })
}
