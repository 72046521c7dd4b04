//! The body of a request, taken in before the request takes a place that others wait for.
//!
//! A client that sends its body slowly, or not at all, so costs nothing but its connection and what it has sent. Bodies are
//! bounded each ([`http_api::Settings`]' `max_body_bytes`), all together, and in time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_api::{ApiError, DRAINED};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::server::{detail, unavailable};

/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a body may take.
const LONGEST: Duration = Duration::from_mins(2);
/// The most kilobytes of all bodies at once, or room for two of the largest.
const ALL: usize = 256 << 10;

/// Takes bodies in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bodies {
    limit: usize,
    room: Arc<Semaphore>,
}

/// A body that came whole, and the room that it takes.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// For bodies of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            room: Arc::new(Semaphore::new(ALL.max(limit >> 9))),
        }
    }

    /// Waits for a body to come.
    ///
    /// # Errors
    /// The answer to a client whose body is too large, does not come, or for which there is no room.
    pub(crate) async fn take(
        &self,
        headers: &HeaderMap,
        mut body: Body,
    ) -> Result<Whole, Response> {
        if body.is_end_stream() {
            return Ok(Whole {
                bytes: Bytes::new(),
                _room: None,
            });
        }
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let too_large = || ApiError::TooLarge { limit: self.limit }.into_response();
        if declared.is_some_and(|length| length > self.limit) {
            drain(body);
            return Err(too_large());
        }
        let end = Instant::now() + LONGEST;
        let mut bytes = BytesMut::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        loop {
            let deadline = end.min(Instant::now() + SILENCE);
            let frame = match timeout_at(deadline, body.frame()).await {
                Err(_) => return Err(too_late()),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(ApiError::Incomplete.into_response()),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > self.limit {
                drain(body);
                return Err(too_large());
            }
            let kilobytes = ((bytes.len() + data.len()) >> 10) - (bytes.len() >> 10);
            let more = u32::try_from(kilobytes).unwrap_or(u32::MAX);
            let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(more) else {
                drain(body);
                let sentence = "There are too many bodies at once, try again shortly";
                return Err(unavailable(sentence, "5"));
            };
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Whole {
            bytes: bytes.freeze(),
            _room: room,
        })
    }
}

/// Reads what still comes of a body that nobody wants, while the client gets its answer.
pub(crate) fn drain(mut body: Body) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(timeout(SILENCE, async move {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > DRAINED {
                break;
            }
        }
    }));
}

fn too_late() -> Response {
    let mut response = detail(StatusCode::REQUEST_TIMEOUT, "The body did not come in time");
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}
