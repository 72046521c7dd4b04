//! `orchestrator feed`: the live feed by itself, beside a host of the components such as Spin.

use anyhow::Result;
use axum::Router;
use http::{StatusCode, Uri};
use tokio::sync::watch;
use tracing::info;

use crate::config::Config;
use crate::location::Location;
use crate::metrics::{self, Process};
use crate::proxy::Proxy;
use crate::server::{self, detail, respond};
use crate::{feed, maintenance, migrate};

/// Serves `/ws/agent-status`, and `/metrics` of this process, until SIGINT or SIGTERM. With a `proxy`, every other path is
/// passed on to it.
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
    let (route, _waker, _) = feed::start(config, &storage, address, stopping.subscribe()).await;
    let process = Process::new(&config.database, None);
    let route = route.merge(metrics::alone(config, process));
    let router = match proxy {
        Some(upstream) => {
            info!("passing REST on to {upstream}");
            route.merge(Proxy::new(upstream, config.cors_origins.clone()).router())
        }
        None => {
            route.merge(Router::new().fallback(async || detail(StatusCode::NOT_FOUND, "Not Found")))
        }
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
