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
use hosting::{Client, Shares, is_endless};
use http::{HeaderValue, Method, StatusCode, header};
use http_api::{ApiError, Hosts, Origins, REQUEST_ID};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service as _;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::body::drain;
use crate::config::Config;
use crate::connection::{self, Parking};
use crate::metrics::METRICS;
use crate::serving_threads::ServingThreads;

/// The answer to a request, on its way. One that has a `Waiting` among its extensions is none yet: its connection is parked.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// How long requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(8);
/// How long a client may take for the head of a request, also for the next one of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a connection could not be taken, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
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

/// For how many there are file descriptors.
fn most_connections() -> usize {
    use rustix::process::{Resource, getrlimit};
    let most = getrlimit(Resource::Nofile).current;
    most.and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX)
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
    let address = listener.local_addr()?;
    info!("serving http://{address}");
    // On this machine alone all have one address, and nobody is to be kept from others.
    let are_told_apart = !address.ip().to_canonical().is_loopback();
    let connections = Shares::of(most_connections());
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
                Ok((stream, address)) => {
                    let client = are_told_apart.then(|| Client::from(address.ip()));
                    // One that has too many finds it closed.
                    let Some(share) = connections.take(client, 1) else { continue };
                    let (http, stopping) = (http.clone(), stopping.subscribe());
                    threads.spawn(stream, move |stream, door| async move {
                        let _share = share;
                        let answer = move |parking: &_, mut request: http::Request<Incoming>| {
                            if let Some(client) = client {
                                request.extensions_mut().insert(client);
                            }
                            door.answer(parking, request)
                        };
                        connection::serve(http, stream, answer, stopping).await;
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
        parking: &Arc<Parking>,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<S> {
        let mut request = request.map(|body| {
            if body.is_end_stream() {
                Body::empty()
            } else {
                Body::new(body)
            }
        });
        let mut access = Access::of(&mut request);
        if let Some(waiting) = parking.take() {
            access.start = waiting.begun.into_std();
            request.extensions_mut().insert(waiting);
        }
        let answering = match self.hosts.admit(&request) {
            Ok(()) => (self.service)(request),
            Err(error) => Box::pin(ready(self.refuse(error, request))),
        };
        let (door, parking) = (Arc::clone(self), Arc::clone(parking));
        async move {
            let mut response = answering.await;
            if let Some(waiting) = response.extensions_mut().remove() {
                return parking.park(waiting).await;
            }
            Ok(access.log(door.end_stream(response)))
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
        if !is_endless(&response) {
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

/// The answer to a client that holds as much as one may of what all share.
pub(crate) fn over_share() -> Response {
    let sentence = "Too much is in progress for your address, try again shortly";
    unavailable(sentence, "5")
}

/// The log's line for a request, which is also counted.
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
        let duration = self.start.elapsed();
        METRICS.request(&self.path, response.status(), duration);
        let status = response.status().as_u16();
        let milliseconds = duration.as_secs_f64() * 1000.0;
        info!(
            target: "access",
            request_id = self.id.to_str().unwrap_or_default(),
            method = %self.method,
            path = self.path,
            status,
            milliseconds,
            "request",
        );
        response.headers_mut().insert(REQUEST_ID, self.id);
        response
    }
}
