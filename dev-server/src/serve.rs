//! `orchestrator serve`: the components of spin.toml and the live feed, on one port.

use std::future::ready;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use hosting::{Failure, Host, Manifest, NoPlace};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use http_api::{Admission, Origins, REQUEST_ID, internal_error};
use http_body_util::Full;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::body::{Bodies, drain};
use crate::config::Config;
use crate::database_file::DatabaseFile;
use crate::location::Location;
use crate::message_waits::{self, MessageWaits, Wait};
use crate::metrics::{self, Process};
use crate::server::{self, Answering, detail, over_share, respond, unavailable};
use crate::store::Lender;
use crate::{feed, maintenance, migrate};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// Where a component does not load or the address cannot be had.
pub async fn serve(config: &Config, manifest: &Path, with_feed: bool) -> Result<()> {
    config.make_folder()?;
    let manifest = Manifest::load(manifest, |name| config.spin_variable(name))?;
    let storage = config.database.storage();
    let host = Host::load(manifest, &storage)?;
    migrate::at_start(config).await;
    storage.watch_file();
    storage.watch_lock();
    let listener = server::bind(config).await?;
    let maintenance = with_feed.then(|| maintenance::start(config, &storage));
    if let Some(maintenance) = &maintenance {
        tokio::task::block_in_place(|| maintenance.begun());
    }
    let address = listener.local_addr()?;
    let stopping = watch::Sender::new(false);
    let waits = MessageWaits::new(config.max_ws_clients, stopping.subscribe());
    let app = App {
        host,
        waits: Arc::clone(&waits),
        admission: Arc::new(config.admission.clone()),
        bodies: Bodies::new(config.max_body_bytes),
        cors_origins: config.cors_origins.clone(),
        process: Process::new(&config.database, Some(storage.clone())),
        address,
    };
    let mut seq = None;
    let mut live = None;
    if with_feed {
        let feed = feed::start(config, &storage, address, stopping.subscribe()).await;
        storage.on_commit(move || feed.waker.wake());
        live = Some(feed.route);
        seq = Some(feed.seq);
    }
    let log = Lender::of(&storage);
    tokio::spawn(message_waits::follow(Arc::downgrade(&waits), log, seq));
    drop(waits);
    let service = move || {
        let (app, live) = (Arc::new(app.for_another_thread()), live.clone());
        move |request: Request| -> Answering {
            match (&live, request.uri().path()) {
                (Some(live), feed::PATH) => respond(live, request),
                (_, path) if metrics::PATHS.contains(&path) => pass_metrics(&app, request),
                _ => pass(&app, request),
            }
        }
    };
    server::run(listener, service, config, stopping).await?;

    // Whoever would still write does so before what was written is moved into the file.
    let database = config.database.clone();
    tokio::task::spawn_blocking(move || {
        if let Some(maintenance) = maintenance {
            maintenance.stop();
        }
        match &database {
            Location::File(path) => DatabaseFile::open(path)?.checkpoint(),
            Location::Server(_) => Ok(()),
        }
    })
    .await?
    .unwrap_or_else(|error| warn!("no checkpoint: {error}"));
    info!("stopped");
    Ok(())
}

/// What a request is answered with.
struct App {
    host: Host,
    waits: Arc<MessageWaits>,
    admission: Arc<Admission>,
    bodies: Bodies,
    cors_origins: Origins,
    process: Process,
    address: SocketAddr,
}

impl App {
    fn for_another_thread(&self) -> Self {
        Self {
            host: self.host.for_another_thread(),
            waits: Arc::clone(&self.waits),
            admission: Arc::clone(&self.admission),
            bodies: self.bodies.clone(),
            cors_origins: self.cors_origins.clone(),
            process: self.process.clone(),
            address: self.address,
        }
    }
}

/// Passes a request to the component that serves its path, and gives an answer of ours the headers that it owes to a page.
fn pass(app: &Arc<App>, mut request: Request) -> Answering {
    if let Some(uri) = absolute(&request, app.address) {
        *request.uri_mut() = uri;
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let refused = move |app: &App, mut response: Response| {
        let headers = response.headers_mut();
        app.cors_origins.answer(origin.as_ref(), headers);
        response
    };
    // The component asks this too. Here nobody waits for the body of a client that is not let in; the name that it was sent to has
    // been looked at already.
    if let Err(error) = app.admission.admit_token(&request) {
        drain(request.into_body());
        return Box::pin(ready(refused(app, error.into_response())));
    }
    let (mut parts, body) = request.into_parts();
    let app = Arc::clone(app);
    Box::pin(async move {
        let answered = match message_waits::take_wait(&mut parts) {
            Some(wait) => app.answer_in_time(wait, parts, body).await,
            None => app.answer(parts, body).await,
        };
        answered.unwrap_or_else(|response| refused(&app, response))
    })
}

/// The same for what the component counts, to which this process adds what it counts itself.
fn pass_metrics(app: &Arc<App>, request: Request) -> Answering {
    let is_get = request.method() == Method::GET;
    let process = app.process.clone();
    let answering = pass(app, request);
    Box::pin(async move {
        let response = answering.await;
        if is_get {
            process.append(response).await
        } else {
            response
        }
    })
}

impl App {
    /// The component's answer.
    ///
    /// # Errors
    /// An answer of ours where it does not come to that.
    async fn answer(&self, parts: Parts, body: Body) -> Result<Response, Response> {
        let client = parts.extensions.get().copied();
        let body = self.bodies.take(&parts.headers, body, client).await?;
        let request_id = parts.headers.get(&REQUEST_ID).cloned();
        let request = Request::from_parts(parts, Full::new(body.bytes.clone()));
        let answered = self.host.handle(request).await;
        answered
            .map(|response| response.map(Body::new))
            .map_err(|failure| no_answer(failure, request_id.as_ref()))
    }

    /// The component's answer to a request that waits for messages, or that it goes on waiting.
    ///
    /// # Errors
    /// An answer of ours where it does not come to that.
    async fn answer_in_time(
        &self,
        wait: Wait,
        mut parts: Parts,
        body: Body,
    ) -> Result<Response, Response> {
        let client = parts.extensions.get().copied();
        drop(self.bodies.take(&parts.headers, body, client).await?);
        let waiting = match parts.extensions.remove() {
            Some(waiting) => waiting,
            None => self.waits.begin(wait, client).map_err(|no| match no {
                NoPlace::OverShare => over_share(),
                NoPlace::TooMany => {
                    let sentence = "There are too many requests that wait, try again later";
                    unavailable(sentence, "10")
                }
            })?,
        };
        let request_id = parts.headers.get(&REQUEST_ID).cloned();
        let request = Request::from_parts(parts, Full::default());
        match self.waits.answer(waiting, self.host.handle(request)).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(failure) => Err(no_answer(failure, request_id.as_ref())),
        }
    }
}

/// What a client is told whose request no component has answered.
fn no_answer(failure: Failure, request_id: Option<&HeaderValue>) -> Response {
    match failure {
        Failure::NoRoute => detail(StatusCode::NOT_FOUND, "Not Found"),
        Failure::TimedOut => unavailable("The request took too long, try again shortly", "5"),
        Failure::OverShare => over_share(),
        Failure::OutOfMemory => {
            let sentence =
                "The request takes more memory than there is for one: ask for less at once";
            unavailable(sentence, "60")
        }
        Failure::TooManyStreams => unavailable("There are too many streams, try again later", "10"),
        Failure::Failed(error) => {
            let id = request_id.and_then(|id| id.to_str().ok());
            let id = id.unwrap_or_default();
            error!(request_id = id, "{error:?}");
            internal_error(id)
        }
    }
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
