//! The body of a request, taken in before the request takes a place that others wait for.
//!
//! A client that sends its body slowly, or not at all, so costs nothing but its connection and what it has sent. Bodies are
//! bounded each ([`http_api::Settings`]' `max_body_bytes`), all together, and in time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use hosting::{Client, Share, Shares};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_api::{ApiError, DRAINED};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::server::{detail, over_share, unavailable};

/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a body may take, and how long while more than half of the room for all is taken: else some that trickle could
/// keep it from the others.
const LONGEST: Duration = Duration::from_mins(2);
const LONGEST_IN_A_CROWD: Duration = Duration::from_secs(10);
/// The most kilobytes of all bodies at once, or room for two of the largest.
const ALL: usize = 256 << 10;

/// Takes bodies in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bodies {
    limit: usize,
    room: Arc<Semaphore>,
    shares: Arc<Shares>,
    /// How much of it is half.
    half: usize,
    longest: Duration,
    longest_in_a_crowd: Duration,
}

/// A body that came whole, and the room that it takes.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    _room: Option<(OwnedSemaphorePermit, Share)>,
}

impl Bodies {
    /// For bodies of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let all = ALL.max(limit >> 9);
        Self {
            limit,
            room: Arc::new(Semaphore::new(all)),
            shares: Shares::of(all),
            half: all / 2,
            longest: LONGEST,
            longest_in_a_crowd: LONGEST_IN_A_CROWD,
        }
    }

    /// How long a body may take as things are.
    fn longest(&self) -> Duration {
        if self.room.available_permits() < self.half {
            self.longest_in_a_crowd
        } else {
            self.longest
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
        client: Option<Client>,
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
        let start = Instant::now();
        let mut bytes = BytesMut::new();
        let mut room: Option<(OwnedSemaphorePermit, Share)> = None;
        loop {
            let deadline = (start + self.longest()).min(Instant::now() + SILENCE);
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
            let is_within = if let Some((room, share)) = &mut room {
                room.merge(more);
                share.grow(kilobytes)
            } else {
                let share = self.shares.take(client, kilobytes);
                room = share.map(|share| (more, share));
                room.is_some()
            };
            if !is_within {
                drain(body);
                return Err(over_share());
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    /// A body of so many kilobytes that then has another byte every 20 ms, `times` times.
    fn trickling(kilobytes: usize, times: usize) -> Body {
        let pieces = stream::unfold(0, move |sent| async move {
            let piece = match sent {
                0 => Bytes::from(vec![b' '; kilobytes << 10]),
                _ if sent > times => return None,
                _ => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Bytes::from_static(b" ")
                }
            };
            Some((Ok::<_, Infallible>(piece), sent + 1))
        });
        Body::from_stream(pieces)
    }

    /// Room for 100 kB, in which a body may take 20 s, and in a crowd 200 ms.
    fn small() -> Bodies {
        Bodies {
            room: Arc::new(Semaphore::new(100)),
            half: 50,
            longest: Duration::from_secs(20),
            longest_in_a_crowd: Duration::from_millis(200),
            ..Bodies::new(1 << 20)
        }
    }

    #[tokio::test]
    async fn bodies_that_trickle_do_not_keep_the_room_from_others() {
        let bodies = small();
        let headers = HeaderMap::new();
        let slow = [45, 45].map(|kilobytes| {
            let (bodies, headers) = (bodies.clone(), headers.clone());
            tokio::spawn(async move {
                let body = trickling(kilobytes, 10_000);
                bodies
                    .take(&headers, body, None)
                    .await
                    .map_err(|it| it.status())
            })
        });
        // Both have come.
        while bodies.room.available_permits() > 10 {
            tokio::task::yield_now().await;
        }
        let start = Instant::now();
        while bodies.take(&headers, trickling(20, 0), None).await.is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "there is no room"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut ended = 0;
        for task in slow {
            if let Ok(taken) = timeout(Duration::from_secs(1), task).await {
                assert_eq!(taken.unwrap().err(), Some(StatusCode::REQUEST_TIMEOUT));
                ended += 1;
            }
        }
        assert!(ended > 0);
    }

    #[tokio::test]
    async fn a_body_may_take_its_time_while_there_is_room() {
        let taken = small()
            .take(&HeaderMap::new(), trickling(10, 20), None)
            .await;
        assert_eq!(
            taken.map(|whole| whole.bytes.len()).ok(),
            Some(10 * 1024 + 20)
        );
    }
}
