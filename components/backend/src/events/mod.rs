//! `/api/runtime/events`: the live feed as Server-Sent Events, for hosts without the native feed.
//!
//! The frames and the parameters are those of the WebSocket (`docs/feed.md`).

mod stream;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use database::Database;
use feed_protocol::{FeedQuery, Parameters};
use http::{HeaderMap, HeaderName, header};
use http_api::routing::{Table, get, path};
use http_api::{ApiError, Query, REQUEST_ID};
use stream::Events;

/// What a browser's `EventSource` sends when it connects again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// No cache may keep it, no proxy may hold it back.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "text/event-stream"),
    (header::CACHE_CONTROL, "no-cache, no-transform"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

pub(crate) fn table() -> Table<Database> {
    let methods = get(
        "Streams every change of an agent, and what else is asked for, as Server-Sent Events",
        events,
    );
    path(Table::new(), "/api/runtime/events", methods)
}

async fn events(
    State(database): State<Database>,
    query: Query<FeedQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut parameters = Parameters::of(&query.input);
    if let Some((seq, log_id)) = last_event_id(&headers) {
        parameters.since = Some(seq);
        parameters.log_since = log_id;
    }
    let request_id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let request_id = request_id.map(str::to_owned);
    let events = Events::start(database, parameters, request_id).await?;
    Ok((HEADERS, Body::from_stream(events.into_stream())).into_response())
}

/// The position in `Last-Event-ID`: the last change and, behind a hyphen, the last log entry. One that we never gave is one
/// that is not in the log, as a browser could do nothing about a 422.
fn last_event_id(headers: &HeaderMap) -> Option<(i64, Option<i64>)> {
    let value = headers.get(LAST_EVENT_ID)?.to_str().unwrap_or("?").trim();
    if value.is_empty() {
        return None;
    }
    let number = |text: &str| text.parse().ok().filter(|number| *number >= 0);
    let (seq, log_id) = match value.split_once('-') {
        Some((seq, log_id)) => (number(seq), number(log_id)),
        None => (number(value), None),
    };
    Some((seq.unwrap_or(i64::MAX), log_id))
}
