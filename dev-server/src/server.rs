//! One port: what listens, what is logged, and how it all ends.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use futures_util::{FutureExt as _, StreamExt as _};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_api::{ApiError, Hosts, Origins};
use hyper::body::Incoming;
use hyper::server::conn::http1::{self, UpgradeableConnection};
use hyper::service::{Service, service_fn};
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

/// The answer to a request, on its way.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

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
/// that serves its share of the connections with a service of its own, which `service` makes. `stopping` becomes true at the
/// signal; whoever holds a receiver of it is waited for too.
///
/// # Errors
/// Where signals or threads cannot be had.
pub(crate) async fn run<S>(
    listener: TcpListener,
    service: impl Fn() -> S,
    config: &Config,
    stopping: watch::Sender<bool>,
) -> Result<()>
where
    S: Fn(Request) -> Answering + Send + Sync + 'static,
{
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    info!("serving http://{}", listener.local_addr()?);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let threads = ServingThreads::start(|| {
        Arc::new(Door {
            hosts: config.admission.hosts.clone(),
            origins: config.cors_origins.clone(),
            stopping: stopping.subscribe(),
            service: service(),
        })
    })?;
    // It may hold receivers of `stopping`.
    drop(service);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (http, stopping) = (http.clone(), stopping.subscribe());
                    threads.spawn(stream, |stream, door| async move {
                        let service = service_fn(move |request| Door::answer(&door, request));
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
async fn connect<S>(
    connection: UpgradeableConnection<TokioIo<Timed>, S>,
    mut stopping: watch::Receiver<bool>,
) where
    S: Service<http::Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send,
{
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

/// What is done for every request, whatever it asks for: the id, the line in the log, the names under which we may be asked
/// (see [`Hosts`]), and the end of streams.
struct Door<S> {
    hosts: Hosts,
    origins: Origins,
    /// True once the process is to end.
    stopping: watch::Receiver<bool>,
    service: S,
}

impl<S: Fn(Request) -> Answering> Door<S> {
    fn answer(
        self: &Arc<Self>,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<S> {
        let mut request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(body),
        });
        let access = Access::of(&mut request);
        let answering = match self.hosts.admit(&request) {
            Ok(()) => (self.service)(request),
            Err(error) => Box::pin(ready(self.refuse(error, request))),
        };
        let door = Arc::clone(self);
        async move {
            let response = door.end_stream(answering.await);
            Ok(access.log(response))
        }
    }

    fn refuse(&self, error: ApiError, request: Request) -> Response {
        let origin = request.headers().get(header::ORIGIN).cloned();
        drain(request.into_body());
        let mut response = error.into_response();
        self.origins.answer(origin.as_ref(), response.headers_mut());
        response
    }

    /// Ends a response that would go on for ever when the server stops, with the end that a complete one has.
    fn end_stream(&self, response: Response) -> Response {
        let kind = response.headers().get(header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            return response;
        }
        let mut stopping = self.stopping.clone();
        response.map(|body| {
            let stopped = async move {
                let _ = stopping.wait_for(|stopping| *stopping).await;
            };
            Body::from_stream(body.into_data_stream().take_until(Box::pin(stopped)))
        })
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// The answer of a router.
pub(crate) fn respond(router: &Router, request: Request) -> Answering {
    let answered = TowerToHyperService::new(router.clone()).call(request);
    Box::pin(answered.map(|Ok(response)| response))
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

/// The log's line for a request.
struct Access {
    start: Instant,
    id: HeaderValue,
    method: Method,
    path: String,
}

impl Access {
    /// Gives the request an id, if it has none.
    fn of(request: &mut Request) -> Self {
        let start = Instant::now();
        let sent = request
            .headers()
            .get(&REQUEST_ID)
            .filter(|id| (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.to_str().is_ok());
        let id = sent.cloned().unwrap_or_else(|| {
            HeaderValue::try_from(domain::new_id()).unwrap_or(HeaderValue::from_static(""))
        });
        request.headers_mut().insert(REQUEST_ID, id.clone());
        Self {
            start,
            id,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
        }
    }

    /// Logs the line, and gives the response the id.
    fn log(self, mut response: Response) -> Response {
        let status = response.status().as_u16();
        let milliseconds = self.start.elapsed().as_secs_f64() * 1000.0;
        info!(
            target: "access",
            request_id = self.id.to_str().unwrap_or_default(),
            method = %self.method,
            path = self.path,
            status,
            milliseconds,
        );
        response.headers_mut().insert(REQUEST_ID, self.id);
        response
    }
}
