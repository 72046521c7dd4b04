//! One port: what listens, what is logged, and how it all ends.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_api::{Hosts, Origins};
use hyper::server::conn::http1::{self, UpgradeableConnection};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;
use tracing::{info, warn};

use crate::body::drain;
use crate::config::Config;
use crate::serving_threads::ServingThreads;

/// How long requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(8);
/// How long a client may take for the head of a request, also for the next one of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take nothing of what it is sent.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);
/// The pause after a connection could not be taken, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What ties a client's request to our log lines.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that we take from a client.
const LONGEST_REQUEST_ID: usize = 128;

/// Takes the configured address.
///
/// # Errors
/// Where it is taken, or not ours.
pub(crate) async fn bind(config: &Config) -> Result<TcpListener> {
    // A client costs a file descriptor, and the usual limit is 1024.
    if let Err(error) = raise_file_limit() {
        warn!("the limit of open files stays as it is: {error}");
    }
    TcpListener::bind(config.address)
        .await
        .with_context(|| format!("HOST, WEBSOCKET_PORT: cannot serve {}", config.address))
}

fn raise_file_limit() -> rustix::io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
}

/// Serves until SIGINT or SIGTERM, and then until the last response or the end of the grace time. Each core has a thread
/// that serves its share of the connections with a `router` of its own. `stopping` becomes true at the signal; whoever
/// holds a receiver of it is waited for too.
///
/// # Errors
/// Where signals or threads cannot be had.
pub(crate) async fn run(
    listener: TcpListener,
    router: impl Fn() -> Router,
    config: &Config,
    stopping: watch::Sender<bool>,
) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    info!("serving http://{}", listener.local_addr()?);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let names = Arc::new((config.admission.hosts.clone(), config.cors_origins.clone()));
    let threads = ServingThreads::start(|| {
        let service = router()
            .layer(middleware::from_fn_with_state(
                stopping.subscribe(),
                end_streams,
            ))
            .layer(middleware::from_fn_with_state(
                Arc::clone(&names),
                refuse_other_hosts,
            ))
            .layer(middleware::from_fn(trace));
        TowerToHyperService::new(service)
    })?;
    // It may hold receivers of `stopping`.
    drop(router);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (http, stopping) = (http.clone(), stopping.subscribe());
                    threads.spawn(stream, |stream, service| async move {
                        let connection = http
                            .serve_connection(TokioIo::new(timed(stream)), service)
                            .with_upgrades();
                        connect(connection, stopping).await;
                    });
                }
                Err(error) => {
                    warn!("no connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            () = either(&mut interrupt, &mut terminate) => break,
        }
    }
    drop(listener);
    info!("stopping");
    stopping.send_replace(true);
    let threads = threads.close();
    tokio::select! {
        result = timeout(GRACE, stopping.closed()) => {
            if result.is_err() {
                warn!("requests were still running after {GRACE:?}");
            }
        }
        () = either(&mut interrupt, &mut terminate) => warn!("stopped at once"),
    }
    drop(threads);
    Ok(())
}

/// Serves a connection until it ends, and when the server stops, until the response that is on its way.
async fn connect(
    connection: UpgradeableConnection<TokioIo<Timed>, TowerToHyperService<Router>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // An error is the client's: it went away, or sent what is no HTTP.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

type Timed = Pin<Box<TimeoutWriter<TcpStream>>>;

/// A connection that ends when the client takes nothing of what is sent to it.
fn timed(stream: TcpStream) -> Timed {
    if let Err(error) = stream.set_nodelay(true) {
        warn!("no TCP_NODELAY: {error}");
    }
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(WRITE_TIMEOUT));
    Box::pin(stream)
}

/// Answers a request that was sent to a name which is not ours (see [`Hosts`]), whatever it asks for.
async fn refuse_other_hosts(
    State(allowed): State<Arc<(Hosts, Origins)>>,
    request: Request,
    next: Next,
) -> Response {
    let (hosts, origins) = &*allowed;
    let Err(error) = hosts.admit(&request) else {
        return next.run(request).await;
    };
    let origin = request.headers().get(header::ORIGIN).cloned();
    drain(request.into_body());
    let mut response = error.into_response();
    origins.answer(origin.as_ref(), response.headers_mut());
    response
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// An error of ours, in the form that the components' errors have.
pub(crate) fn detail(status: StatusCode, sentence: &str) -> Response {
    (status, Json(serde_json::json!({ "detail": sentence }))).into_response()
}

/// 503, with the seconds after which to try again.
pub(crate) fn unavailable(sentence: &str, retry_after: &'static str) -> Response {
    let mut response = detail(StatusCode::SERVICE_UNAVAILABLE, sentence);
    let seconds = HeaderValue::from_static(retry_after);
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// Ends a response that would go on for ever when the server stops, with the end that a complete one has.
async fn end_streams(
    State(mut stopping): State<watch::Receiver<bool>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    response.map(|body| {
        let stopped = async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        Body::from_stream(body.into_data_stream().take_until(Box::pin(stopped)))
    })
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
        target: "access",
        request_id = id.to_str().unwrap_or_default(),
        %method,
        path,
        status,
        milliseconds,
    );
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
