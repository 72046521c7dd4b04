//! `orchestrator serve`: the components of spin.toml and the live feed, on one port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use hosting::{Failure, Host, Manifest, Pool};
use http::uri::{Authority, Scheme};
use http::{StatusCode, Uri, header};
use http_api::{Admission, Origins, internal_error};
use http_body_util::Full;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::body::{Bodies, drain};
use crate::config::Config;
use crate::database_file::DatabaseFile;
use crate::message_waits::{self, MessageWaits, NoAnswer};
use crate::server::{self, REQUEST_ID, detail, unavailable};
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
    pool.watch();
    let listener = server::bind(config).await?;
    let maintenance = with_feed.then(|| maintenance::start(config, Some(Arc::clone(&pool))));
    if let Some(maintenance) = &maintenance {
        tokio::task::block_in_place(|| maintenance.begun());
    }
    let address = listener.local_addr()?;
    let stopping = watch::Sender::new(false);
    let waits = MessageWaits::new(config.max_ws_clients, stopping.subscribe());
    let app = App {
        host: Arc::new(host),
        waits: Arc::clone(&waits),
        admission: Arc::new(config.admission.clone()),
        bodies: Bodies::new(config.max_body_bytes),
        cors_origins: config.cors_origins.clone(),
        address,
    };
    let mut seq = None;
    let mut live = Router::new();
    if with_feed {
        let (route, waker, last) = feed::start(config, address, stopping.subscribe()).await;
        pool.on_commit(move || waker.wake());
        live = route;
        seq = Some(last);
    }
    let path = config.database_path.clone();
    tokio::spawn(message_waits::follow(Arc::downgrade(&waits), path, seq));
    drop(waits);
    let router = move || {
        let host = Arc::new(app.host.for_another_thread());
        rest(App { host, ..app.clone() }).merge(live.clone())
    };
    server::run(listener, router, config, stopping).await?;

    // Whoever would still write does so before what was written is moved into the file.
    let path = config.database_path.clone();
    tokio::task::spawn_blocking(move || {
        if let Some(maintenance) = maintenance {
            maintenance.stop();
        }
        DatabaseFile::open(&path)?.checkpoint()
    })
    .await?
    .unwrap_or_else(|error| warn!("no checkpoint: {error}"));
    info!("stopped");
    Ok(())
}

#[derive(Clone)]
struct App {
    host: Arc<Host>,
    waits: Arc<MessageWaits>,
    admission: Arc<Admission>,
    bodies: Bodies,
    cors_origins: Origins,
    address: SocketAddr,
}

fn rest(app: App) -> Router {
    Router::new().fallback(pass).with_state(app)
}

/// Passes a request to the component that serves its path, and gives its answer the headers that it owes to a page.
async fn pass(State(app): State<App>, request: Request) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match answer(&app, request).await {
        Ok(response) => return response,
        Err(response) => response,
    };
    app.cors_origins
        .answer(origin.as_ref(), response.headers_mut());
    response
}

/// The component's answer.
///
/// # Errors
/// An answer of ours where it does not come to that.
async fn answer(app: &App, mut request: Request) -> Result<Response, Response> {
    if let Some(uri) = absolute(&request, app.address) {
        *request.uri_mut() = uri;
    }
    // The component asks this too. Here nobody waits for the body of a client that is not let in.
    if let Err(error) = app.admission.admit(&request) {
        drain(request.into_body());
        return Err(error.into_response());
    }
    let (mut parts, body) = request.into_parts();
    let body = app.bodies.take(&parts.headers, body).await?;
    let request_id = parts.headers.get(&REQUEST_ID).cloned();
    let failure = if let Some(wait) = message_waits::take_wait(&mut parts) {
        drop(body);
        let ask = || {
            let request = Request::from_parts(parts.clone(), Full::default());
            app.host.handle(request)
        };
        match app.waits.answer(wait, ask).await {
            Ok(response) => return Ok(response.map(Body::new)),
            Err(NoAnswer::Failed(failure)) => failure,
            Err(NoAnswer::TooMany) => {
                let sentence = "There are too many requests that wait, try again later";
                return Err(unavailable(sentence, "10"));
            }
        }
    } else {
        let request = Request::from_parts(parts, Full::new(body.bytes.clone()));
        match app.host.handle(request).await {
            Ok(response) => return Ok(response.map(Body::new)),
            Err(failure) => failure,
        }
    };
    Err(match failure {
        Failure::NoRoute => detail(StatusCode::NOT_FOUND, "Not Found"),
        Failure::TimedOut => unavailable("The request took too long, try again shortly", "5"),
        Failure::TooManyStreams => unavailable("There are too many streams, try again later", "10"),
        Failure::Failed(error) => {
            let id = request_id.as_ref().and_then(|id| id.to_str().ok());
            let id = id.unwrap_or_default();
            error!(request_id = id, "{error:?}");
            internal_error(id)
        }
    })
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
