//! `orchestrator serve`: one port, with the components of spin.toml behind it.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use hosting::{Failure, Host, Manifest, Pool};
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use http_api::Origins;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::config::Config;
use crate::migrate;

/// How long requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);
/// What ties a client's request to our log lines.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that we take from a client.
const LONGEST_REQUEST_ID: usize = 128;
/// The target of the line for each response, so that `RUST_LOG=info,access=warn` leaves just those out.
const ACCESS: &str = "access";

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// Where a component does not load or the address cannot be had.
pub async fn serve(config: &Config, manifest: &Path) -> Result<()> {
    config.make_folder()?;
    let manifest = Manifest::load(manifest, |name| config.spin_variable(name))?;
    let pool = Pool::new(&config.database_path);
    let host = Host::load(manifest, &pool)?;
    // The components do this too; what fails now may work at the first request.
    match migrate::apply(config).await {
        Ok(version) => info!(version, path = %config.database_path.display(), "database is ready"),
        Err(error) => warn!(path = %config.database_path.display(), "{error}"),
    }

    let listener = TcpListener::bind(config.address)
        .await
        .with_context(|| format!("HOST, WEBSOCKET_PORT: cannot serve {}", config.address))?;
    let address = listener.local_addr()?;
    let app = App {
        host: Arc::new(host),
        cors_origins: config.cors_origins.clone(),
        address,
    };
    info!("serving http://{address}");
    run(listener, router(app)).await?;

    tokio::task::spawn_blocking(move || pool.checkpoint())
        .await?
        .unwrap_or_else(|error| warn!("no checkpoint: {error}"));
    info!("stopped");
    Ok(())
}

/// Serves until the signal to stop, and then until the last response or the end of the grace time.
async fn run(listener: TcpListener, router: Router) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            warn!("no TCP_NODELAY: {error}");
        }
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        info!("stopping");
        let _ = stopping.send(());
    });
    let grace_ends = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = server.into_future() => result?,
        () = grace_ends => warn!("requests were still running after {GRACE:?}"),
    }
    Ok(())
}

#[derive(Clone)]
struct App {
    host: Arc<Host>,
    cors_origins: Origins,
    address: SocketAddr,
}

fn router(app: App) -> Router {
    Router::new()
        .fallback(pass)
        .layer(middleware::from_fn(trace))
        .with_state(app)
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
        Failure::TimedOut => {
            let mut response = detail(
                StatusCode::SERVICE_UNAVAILABLE,
                "The request took too long, try again shortly",
            );
            let retry_after = HeaderValue::from_static("5");
            response.headers_mut().insert(header::RETRY_AFTER, retry_after);
            response
        }
        Failure::Failed(error) => {
            error!("{error:?}");
            detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    };
    app.cors_origins
        .answer(origin.as_ref(), response.headers_mut());
    response
}

fn detail(status: StatusCode, sentence: &str) -> Response {
    (status, Json(serde_json::json!({ "detail": sentence }))).into_response()
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

/// Gives each request an id, and the log a line for each response.
async fn trace(mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .filter(|id| (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.to_str().is_ok())
        .cloned()
        .or_else(|| HeaderValue::from_str(&domain::new_id()).ok());
    if let Some(id) = &id {
        request.headers_mut().insert(REQUEST_ID, id.clone());
    }
    let method = request.method().clone();
    let path = request.uri().path().to_owned();

    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    let id = id.unwrap_or(HeaderValue::from_static(""));
    info!(
        target: ACCESS,
        request_id = id.to_str().unwrap_or_default(),
        %method,
        path,
        status,
        milliseconds,
    );
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
