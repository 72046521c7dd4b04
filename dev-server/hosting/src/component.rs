//! A component's instances: made on demand, reused, and ended in time.
//!
//! A response that streams goes on after its request is done. Its instance takes other requests beside it, and lives as
//! long as something streams: as long as pieces of it reach a client.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use wasmtime::component::{GuestTaskId, InstancePre};
use wasmtime::{Engine, Result, Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::guest::Guest;
use crate::manifest::Component;
use crate::memory::Shortage;
use crate::storage::Databases;

/// How many requests an instance serves in its life. In Spin they are 128; but a start takes 0.4 ms, of which each then has 3 µs.
const REQUESTS_IN_A_LIFE: usize = 1024;
/// How long an instance stays without a request.
const IDLE: Duration = Duration::from_secs(10);
/// How long a request may take until its response begins, and then from one piece of it to the next.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How many ticks of the epoch a guest computes before others get a turn.
const TICKS_IN_A_TURN: u64 = 1;

/// Makes the instances of one component.
#[derive(Clone)]
pub(crate) struct Instances {
    id: Arc<str>,
    engine: Engine,
    service: ServicePre<Guest>,
    component: Arc<Component>,
    databases: Databases,
    closing: Arc<AtomicBool>,
}

impl Instances {
    /// `closing` becomes true when instances are about to be dropped in the middle of whatever they do.
    pub(crate) fn new(
        id: &str,
        engine: &Engine,
        instance: InstancePre<Guest>,
        component: Arc<Component>,
        databases: Databases,
        closing: Arc<AtomicBool>,
    ) -> Result<Self> {
        Ok(Self {
            id: id.into(),
            engine: engine.clone(),
            service: ServicePre::new(instance)?,
            component,
            databases,
            closing,
        })
    }
}

impl HandlerState for Instances {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> Result<Instance<Guest, Expiration, Worker>> {
        let guest = Guest::new(
            &self.id,
            Arc::clone(&self.component),
            self.databases.clone(),
        );
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_epoch_deadline(TICKS_IN_A_TURN);
        store.epoch_deadline_async_yield_and_update(TICKS_IN_A_TURN);
        let service = self.service.instantiate_async(&mut store).await?;
        let activity = StreamActivity::default();
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: Guest::http,
            expiration: Expiration {
                activity: activity.clone(),
                sleep: Box::pin(tokio::time::sleep(IDLE)),
            },
            state: Worker {
                component: Arc::clone(&self.id),
                requests_at_once: self.databases.requests_at_once(),
                activity,
                closing: Arc::clone(&self.closing),
            },
        })
    }
}

/// When a piece of a streaming response last left an instance, and whether and why it has ended before its responses.
#[derive(Clone, Default)]
pub(crate) struct StreamActivity(Arc<Streams>);

#[derive(Default)]
struct Streams {
    last: Mutex<Option<Instant>>,
    are_cut: AtomicBool,
    /// Whether that was since a request took too long.
    has_expired: AtomicBool,
}

impl StreamActivity {
    /// Notes a piece.
    pub(crate) fn beat(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn last(&self) -> Option<Instant> {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the instance ends in the middle: what it was streaming ends too, but is not whole.
    fn cut(&self) {
        self.0.are_cut.store(true, Ordering::Release);
    }

    /// Notes that it ends since none of its requests began to be answered in time.
    fn expire(&self) {
        self.0.has_expired.store(true, Ordering::Release);
    }

    pub(crate) fn has_expired(&self) -> bool {
        self.0.has_expired.load(Ordering::Acquire)
    }

    /// Whether what streamed, and has an end, may not be whole.
    pub(crate) fn is_cut(&self) -> bool {
        self.0.are_cut.load(Ordering::Acquire)
    }
}

/// Goes with a request, and learns of the instance that takes it.
#[derive(Clone, Default)]
pub(crate) struct RequestHandle {
    activity: Arc<OnceLock<StreamActivity>>,
    /// Whether its memory was not enough.
    pub(crate) shortage: Shortage,
}

impl RequestHandle {
    /// The activity of the instance.
    pub(crate) fn activity(&self) -> StreamActivity {
        self.activity.get().cloned().unwrap_or_default()
    }
}

/// One instance at work.
pub(crate) struct Worker {
    component: Arc<str>,
    requests_at_once: usize,
    activity: StreamActivity,
    closing: Arc<AtomicBool>,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = RequestHandle;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS_IN_A_LIFE {
            ShouldAccept::Never
        } else if concurrent >= self.requests_at_once {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, Guest>,
        handle: RequestHandle,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        // A request is taken by one instance, once.
        let _ = handle.activity.set(self.activity.clone());
        store.data_mut().memory.serve(handle.shortage);
        Box::pin(tokio::time::sleep(REQUEST_LIMIT))
    }

    fn drop(&self, store: Store<Guest>, result: Result<()>) {
        if let Err(error) = result {
            self.activity.cut();
            if !self.closing.load(Ordering::Relaxed) {
                tracing::error!(component = &*self.component, "instance failed: {error:?}");
            }
        }
        drop(store);
    }
}

/// Ends an instance that has had nothing to do for long, or that a request keeps too long.
pub(crate) struct Expiration {
    activity: StreamActivity,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        // When a sleep is over, this is called again, and sees what has left the instance meanwhile.
        let deadline = deadline(status, start, self.activity.last()).into();
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        let ended = self.sleep.as_mut().poll(cx);
        if ended.is_ready() && status != WorkerStatus::Idle {
            self.activity.cut();
            if status == WorkerStatus::PostReturn {
                tracing::info!(
                    "an instance ends with its answers: nobody took anything of them for {REQUEST_LIMIT:?}"
                );
            } else {
                self.activity.expire();
            }
        }
        ended
    }
}

/// When an instance ends that has been in `status` since `start` and last gave a piece of a response at `activity`.
fn deadline(status: WorkerStatus, start: Instant, activity: Option<Instant>) -> Instant {
    match status {
        WorkerStatus::Idle => start + IDLE,
        // A request that does not begin to answer is not helped by a stream beside it.
        WorkerStatus::Requests => start + REQUEST_LIMIT,
        WorkerStatus::PostReturn => {
            activity.map_or(start, |activity| activity.max(start)) + REQUEST_LIMIT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_lives_as_long_as_its_pieces_leave() {
        let start = Instant::now();
        let hour = start + Duration::from_hours(1);
        let of = |status, activity| deadline(status, start, activity);
        assert_eq!(of(WorkerStatus::PostReturn, None), start + REQUEST_LIMIT);
        assert_eq!(
            of(WorkerStatus::PostReturn, Some(hour)),
            hour + REQUEST_LIMIT
        );
    }

    #[test]
    fn a_piece_of_an_earlier_response_shortens_nothing() {
        let piece = Instant::now();
        let start = piece + Duration::from_secs(20);
        let ends = deadline(WorkerStatus::PostReturn, start, Some(piece));
        assert_eq!(ends, start + REQUEST_LIMIT);
    }

    #[test]
    fn a_stream_is_no_excuse_for_a_request_that_hangs_or_for_idling() {
        let start = Instant::now();
        let now = Some(start + Duration::from_secs(29));
        assert_eq!(
            deadline(WorkerStatus::Requests, start, now),
            start + REQUEST_LIMIT
        );
        assert_eq!(deadline(WorkerStatus::Idle, start, now), start + IDLE);
    }
}
