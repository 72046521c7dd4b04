//! `orchestrator serve`: the components of spin.toml and the live feed, on one port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use hosting::{Failure, Host, Manifest, Pool};
use http::uri::{Authority, Scheme};
use http::{StatusCode, Uri, header};
use http_api::Origins;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::server::{self, detail, unavailable};
use crate::{feed, maintenance, migrate};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// Where a component does not load or the address cannot be had.
pub async fn serve(config: &Config, manifest: &Path, with_feed: bool) -> Result<()> {
    config.make_folder()?;
    let manifest = Manifest::load(manifest, |name| config.spin_variable(name))?;
    let pool = Pool::new(&config.database_path);
    let host = Host::load(manifest, &pool)?;
    migrate::at_start(config).await;

    let listener = server::bind(config).await?;
    let address = listener.local_addr()?;
    let stopping = watch::Sender::new(false);
    let mut router = rest(App {
        host: Arc::new(host),
        cors_origins: config.cors_origins.clone(),
        address,
    });
    if with_feed {
        let (route, waker) = feed::start(config, address, stopping.subscribe()).await;
        pool.on_commit(move || waker.wake());
        router = router.merge(route);
        maintenance::start(config);
    }
    server::run(listener, router, stopping).await?;

    tokio::task::spawn_blocking(move || pool.checkpoint())
        .await?
        .unwrap_or_else(|error| warn!("no checkpoint: {error}"));
    info!("stopped");
    Ok(())
}

#[derive(Clone)]
struct App {
    host: Arc<Host>,
    cors_origins: Origins,
    address: SocketAddr,
}

fn rest(app: App) -> Router {
    Router::new().fallback(pass).with_state(app)
}

/// Passes a request to the component that serves its path.
async fn pass(State(app): State<App>, mut request: Request) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    if let Some(uri) = absolute(&request, app.address) {
        *request.uri_mut() = uri;
    }
    let failure = match app.host.handle(request).await {
        Ok(response) => return response.map(axum::body::Body::new),
        Err(failure) => failure,
    };
    let mut response = match failure {
        Failure::NoRoute => detail(StatusCode::NOT_FOUND, "Not Found"),
        Failure::TimedOut => unavailable("The request took too long, try again shortly", "5"),
        Failure::TooManyStreams => unavailable("There are too many streams, try again later", "10"),
        Failure::Failed(error) => {
            error!("{error:?}");
            detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    };
    app.cors_origins
        .answer(origin.as_ref(), response.headers_mut());
    response
}

/// The request's URI with the scheme and host that a component expects to see.
fn absolute(request: &Request, address: SocketAddr) -> Option<Uri> {
    let authority = request
        .headers()
        .get(header::HOST)
        .and_then(|host| Authority::try_from(host.as_bytes()).ok())
        .or_else(|| address.to_string().parse().ok())?;
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query = parts.path_and_query.or_else(|| "/".parse().ok());
    Uri::from_parts(parts).ok()
}
