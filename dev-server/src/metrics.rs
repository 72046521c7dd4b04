//! `/metrics`: what this process knows of itself, in the text format of Prometheus.
//!
//! `orchestrator serve` adds it to what the component `health` answers, and answers with it alone where that cannot;
//! `orchestrator feed` has nothing else. Metrics are atomics in the registry of the process; no label has a value that a
//! client chooses.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use hosting::Storage;
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use prometheus::{
    Encoder as _, Histogram, HistogramVec, IntCounter, IntGauge, TextEncoder, register_histogram,
    register_histogram_vec, register_int_counter, register_int_gauge,
};

use crate::location::Location;
use crate::maintenance::log_size;

/// Where it is told.
pub(crate) const PATHS: [&str; 2] = ["/metrics", "/metrics/"];
/// The media type of the format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// The upper bounds of a request's duration that are counted, in seconds.
const DURATIONS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// The same for the time in which a change reaches a client of the feed.
const LAGS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// The classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// What paths belong together: those that begin so, the first that does.
const GROUPS: [(&str, &str); 18] = [
    ("/api/agents", "agents"),
    ("/api/runtime/agents", "runtime/agents"),
    ("/api/runtime/prompts", "runtime/prompts"),
    ("/api/runtime/logs", "runtime/logs"),
    ("/api/runtime/system-logs", "runtime/system-logs"),
    ("/api/runtime/workflows", "runtime/workflows"),
    ("/api/runtime/messages", "runtime/messages"),
    ("/api/runtime/sessions", "runtime/sessions"),
    ("/api/runtime/stats", "runtime/stats"),
    ("/api/runtime/events", "runtime/events"),
    ("/v1", "ingest"),
    ("/ws/agent-status", "feed"),
    ("/dashboard", "pages"),
    ("/docs", "pages"),
    ("/redoc", "pages"),
    ("/openapi.json", "pages"),
    ("/health", "health"),
    ("/metrics", "health"),
];
/// Requests that wait for messages take as long as they like, and so are a group of their own.
const WAITS: &str = "runtime/agents/messages";
/// Whatever has no route.
const OTHER: &str = "other";

/// What is counted in this crate.
pub(crate) struct Metrics {
    requests: HistogramVec,
    /// Clients of the feed.
    pub(crate) feed_clients: IntGauge,
    /// How long changes take to them.
    pub(crate) feed_lag: Histogram,
    /// How often one had to begin anew.
    pub(crate) feed_resyncs: IntCounter,
    log_bytes: IntGauge,
    log_pinned: IntGauge,
    pinned: Mutex<Option<Instant>>,
}

/// Those of this process.
pub(crate) static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    Metrics::register().unwrap_or_else(|error| unreachable!("each name is taken once: {error}"))
});

/// Only where somebody looks whether it is so.
static WRITE_BLOCKED: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!(
        "orchestrator_write_blocked_seconds",
        "For how long nobody could write to the database, from 5 seconds on; else 0."
    )
    .unwrap_or_else(|error| unreachable!("each name is taken once: {error}"))
});

impl Metrics {
    fn register() -> prometheus::Result<Self> {
        Ok(Self {
            requests: register_histogram_vec!(
                "orchestrator_http_request_duration_seconds",
                "Requests by the group of their route and the class of their status, and how long the answer took to begin.",
                &["group", "status"],
                DURATIONS.to_vec()
            )?,
            feed_clients: register_int_gauge!(
                "orchestrator_feed_clients",
                "Clients of the WebSocket feed."
            )?,
            feed_lag: register_histogram!(
                "orchestrator_feed_lag_seconds",
                "How long it took from when changes were read from the log until they were written to a client.",
                LAGS.to_vec()
            )?,
            feed_resyncs: register_int_counter!(
                "orchestrator_feed_resyncs_total",
                "How often a client of the feed had to begin anew, as it read too slowly or its position was not known."
            )?,
            log_bytes: register_int_gauge!(
                "orchestrator_write_ahead_log_bytes",
                "The size of the database's write-ahead log."
            )?,
            log_pinned: register_int_gauge!(
                "orchestrator_write_ahead_log_pinned_seconds",
                "For how long one reader has kept the write-ahead log from beginning anew, where it is long; else 0."
            )?,
            pinned: Mutex::default(),
        })
    }

    /// Counts a request that took so long until its answer began.
    pub(crate) fn request(&self, path: &str, status: StatusCode, duration: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        let labels = [group(path), CLASSES.get(class).copied().unwrap_or(OTHER)];
        let requests = self.requests.with_label_values(&labels);
        requests.observe(duration.as_secs_f64());
    }

    /// Says since when one reader keeps the write-ahead log from beginning anew, if one does.
    pub(crate) fn pin_log(&self, since: Option<Instant>) {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// A client of the feed, until dropped.
pub(crate) struct FeedClient(());

impl FeedClient {
    pub(crate) fn enter() -> Self {
        METRICS.feed_clients.inc();
        Self(())
    }
}

impl Drop for FeedClient {
    fn drop(&mut self) {
        METRICS.feed_clients.dec();
    }
}

/// The group that a path belongs to.
fn group(path: &str) -> &'static str {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return "health";
    }
    let is_below = |start: &str| {
        let rest = path.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let found = GROUPS.iter().find(|(start, _)| is_below(start));
    match found {
        Some((_, "runtime/agents")) if path.ends_with("/messages") => WAITS,
        Some((_, group)) => group,
        None => OTHER,
    }
}

/// What is looked up when somebody asks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Process {
    location: Location,
    /// What the components have, where this process has any.
    storage: Option<Storage>,
}

impl Process {
    pub(crate) fn new(location: &Location, storage: Option<Storage>) -> Self {
        // From here on all are told, also those that nothing was counted of.
        LazyLock::force(&METRICS);
        Self {
            location: location.clone(),
            storage,
        }
    }

    /// The text.
    fn tell(&self) -> Vec<u8> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let log_bytes = match &self.location {
            Location::File(path) => log_size(path),
            // That of a server is its own.
            Location::Server(_) => 0,
        };
        METRICS.log_bytes.set(number(log_bytes));
        let pinned = *METRICS
            .pinned
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let pinned = pinned.map_or(0, |since| since.elapsed().as_secs());
        METRICS.log_pinned.set(number(pinned));
        if let Some(storage) = &self.storage {
            WRITE_BLOCKED.set(number(storage.write_blocked_seconds()));
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&prometheus::gather(), &mut text) {
            tracing::error!("no metrics: {error}");
        }
        text
    }

    /// Adds it to the answer of the component to a GET, and puts it in the place of an answer that is an error of ours.
    pub(crate) async fn append(&self, response: Response) -> Response {
        let status = response.status();
        if !(status == StatusCode::OK || status.is_server_error()) {
            return response;
        }
        let (mut head, body) = response.into_parts();
        let mut text = Vec::new();
        if status == StatusCode::OK
            && let Ok(body) = body.collect().await
        {
            text.extend_from_slice(&body.to_bytes());
        }
        text.extend_from_slice(&self.tell());
        head.status = StatusCode::OK;
        head.headers.insert(header::CONTENT_TYPE, TEXT);
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(header::RETRY_AFTER);
        Response::from_parts(head, Body::from(text))
    }
}

/// `/metrics` where no component answers it.
pub(crate) fn alone(process: Process) -> MethodRouter {
    get(async move || ([(header::CONTENT_TYPE, TEXT)], process.tell()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_group() {
        let document = include_str!("../../components/backend/openapi.json");
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 20);
        for path in paths.keys() {
            assert_ne!(group(path), OTHER, "{path}");
        }
        for path in ["/ws/agent-status", "/dashboard/main.js", "/docs/", "/redoc"] {
            assert_ne!(group(path), OTHER, "{path}");
        }
        assert_eq!(group("/api/runtime/agents/17/messages"), WAITS);
        assert_eq!(
            group("/api/runtime/agents/17/messages/ack"),
            "runtime/agents"
        );
        assert_eq!(group("/api/runtime/agents/"), "runtime/agents");
    }

    #[test]
    fn what_has_no_route_makes_no_group() {
        for path in ["/x", "/api", "/api/agentsandmore", "/api/runtime/x", "*"] {
            assert_eq!(group(path), OTHER, "{path}");
        }
    }
}
