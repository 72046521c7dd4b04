//! One port: what listens, what is logged, and how it all ends.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use futures_util::StreamExt as _;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::Config;

/// How long requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);
/// What ties a client's request to our log lines.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
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

/// Serves until SIGINT or SIGTERM, and then until the last response or the end of the grace time. `stopping` becomes
/// true at the signal; whoever holds a receiver of it is waited for too.
///
/// # Errors
/// Where signals cannot be had.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    stopping: watch::Sender<bool>,
) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    info!("serving http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            warn!("no TCP_NODELAY: {error}");
        }
    });
    let mut stop = stopping.subscribe();
    let router = router
        .layer(middleware::from_fn_with_state(
            stopping.subscribe(),
            end_streams,
        ))
        .layer(middleware::from_fn(trace));
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = stop.wait_for(|stopping| *stopping).await;
    });
    let server = tokio::spawn(server.into_future());
    either(&mut interrupt, &mut terminate).await;
    info!("stopping");
    stopping.send_replace(true);
    let finish = async {
        let result = server.await;
        stopping.closed().await;
        result
    };
    tokio::select! {
        result = timeout(GRACE, finish) => {
            if let Ok(result) = result {
                result??;
            } else {
                warn!("requests were still running after {GRACE:?}");
            }
        }
        () = either(&mut interrupt, &mut terminate) => warn!("stopped at once"),
    }
    Ok(())
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
