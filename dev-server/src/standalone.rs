//! `orchestrator feed`: the live feed by itself, beside a host of the components such as Spin.

use anyhow::Result;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any, get};
use axum::{Json, Router};
use http::{StatusCode, Uri};
use http_api::{Api, SERVICE, Settings, Unavailable};
use serde_json::json;
use tokio::sync::watch;
use tracing::info;

use crate::config::Config;
use crate::location::Location;
use crate::metrics::{self, Process};
use crate::proxy::Proxy;
use crate::server::{self, detail, respond};
use crate::{feed, maintenance, migrate};

/// Serves `/ws/agent-status`, and `/metrics` and `/health` of this process, until SIGINT or SIGTERM. With a `proxy`, every other
/// path is passed on to it, and so is `/health`.
///
/// A database that is there already is brought up to date; one that is not is waited for.
///
/// # Errors
/// Where the address cannot be had.
pub async fn feed(config: &Config, proxy: Option<Uri>) -> Result<()> {
    if !matches!(&config.database, Location::File(path) if !path.exists()) {
        migrate::at_start(config).await;
    }
    let listener = server::bind(config).await?;
    let storage = config.database.storage();
    storage.watch_file();
    let maintenance = maintenance::start(config, &storage);
    tokio::task::block_in_place(|| maintenance.begun());
    let stopping = watch::Sender::new(false);
    let address = listener.local_addr()?;
    let feed = feed::start(config, &storage, address, stopping.subscribe()).await;
    let process = Process::new(&config.database, None);
    let (route, _waker) = (feed.route, feed.waker);
    let route = route.merge(own(config, "/metrics", metrics::alone(process)));
    let router = match proxy {
        Some(upstream) => {
            info!("passing REST on to {upstream}");
            route.merge(Proxy::new(upstream, config.cors_origins.clone()).router())
        }
        None => route
            .merge(own(config, "/health", health(config, feed.live)))
            .merge(Router::new().fallback(async || detail(StatusCode::NOT_FOUND, "Not Found"))),
    };
    server::run(
        listener,
        move || {
            let router = router.clone();
            move |request| respond(&router, request)
        },
        config,
        stopping,
    )
    .await?;
    tokio::task::spawn_blocking(move || maintenance.stop()).await?;
    info!("stopped");
    Ok(())
}

/// A path that this process answers itself, with the conventions that components have around theirs.
fn own(config: &Config, path: &str, methods: MethodRouter) -> Router {
    let settings = Settings {
        database_path: String::new(),
        cors_origins: config.cors_origins.clone(),
        max_body_bytes: config.max_body_bytes,
        feed_url: String::new(),
        admission: config.admission.clone(),
    };
    let api = Api::new(Router::new().route(path, methods), settings);
    let answer = any(move |request: Request| {
        let api = api.clone();
        async move { api.call(request).await }
    });
    Router::new()
        .route(path, answer.clone())
        .route(&format!("{path}/"), answer)
}

/// Whether the feed can read its database, in the words of the component `health`.
fn health(config: &Config, live: watch::Receiver<bool>) -> MethodRouter {
    let path = config.database.to_string();
    get(async move || -> Response {
        let is_live = *live.borrow();
        let (status, database) = if is_live {
            ("healthy", "connected")
        } else {
            ("unhealthy", "disconnected")
        };
        let body = json!({
            "status": status,
            "service": SERVICE,
            "version": env!("CARGO_PKG_VERSION"),
            "database": database,
            "database_path": path,
        });
        if is_live {
            Json(body).into_response()
        } else {
            Unavailable { body, cause: None }.into_response()
        }
    })
}
