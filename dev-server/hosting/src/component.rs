//! A component's instances: made on demand, reused, and ended in time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::sqlite::Pool;

/// How many requests an instance serves in its life, as in Spin.
const REQUESTS_IN_A_LIFE: usize = 128;
/// How many requests an instance serves at once. Spin allows 16. A statement that waits for the write lock holds up
/// its whole instance, so here it has none beside it; more instances cost nothing in throughput.
const REQUESTS_AT_ONCE: usize = 1;
/// How long an instance stays without a request.
const IDLE: Duration = Duration::from_secs(10);
/// How long a request may take until its response begins.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How many ticks of the epoch a guest computes before others get a turn.
const TICKS_IN_A_TURN: u64 = 1;

/// Makes the instances of one component.
pub(crate) struct Instances {
    id: Arc<str>,
    engine: Engine,
    service: ServicePre<Guest>,
    component: Arc<Component>,
    pool: Arc<Pool>,
    closing: Arc<AtomicBool>,
}

impl Instances {
    /// `closing` becomes true when instances are about to be dropped in the middle of whatever they do.
    pub(crate) fn new(
        id: &str,
        engine: &Engine,
        instance: InstancePre<Guest>,
        component: Arc<Component>,
        pool: Arc<Pool>,
        closing: Arc<AtomicBool>,
    ) -> Result<Self> {
        Ok(Self {
            id: id.into(),
            engine: engine.clone(),
            service: ServicePre::new(instance)?,
            component,
            pool,
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
            Arc::clone(&self.pool),
        );
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(TICKS_IN_A_TURN);
        store.epoch_deadline_async_yield_and_update(TICKS_IN_A_TURN);
        let service = self.service.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: Guest::http,
            expiration: Expiration(Box::pin(tokio::time::sleep(IDLE))),
            state: Worker {
                component: Arc::clone(&self.id),
                closing: Arc::clone(&self.closing),
            },
        })
    }
}

/// One instance at work.
pub(crate) struct Worker {
    component: Arc<str>,
    closing: Arc<AtomicBool>,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS_IN_A_LIFE {
            ShouldAccept::Never
        } else if concurrent >= REQUESTS_AT_ONCE {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        Box::pin(tokio::time::sleep(REQUEST_LIMIT))
    }

    fn drop(&self, store: Store<Guest>, result: Result<()>) {
        if let Err(error) = result
            && !self.closing.load(Ordering::Relaxed)
        {
            tracing::error!(component = &*self.component, "instance failed: {error:?}");
        }
        drop(store);
    }
}

/// Ends an instance that has had nothing to do for long, or that a request keeps too long.
pub(crate) struct Expiration(Pin<Box<Sleep>>);

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let limit = match status {
            WorkerStatus::Idle => IDLE,
            WorkerStatus::Requests | WorkerStatus::PostReturn => REQUEST_LIMIT,
        };
        let deadline = (start + limit).into();
        if self.0.deadline() != deadline {
            self.0.as_mut().reset(deadline);
        }
        self.0.as_mut().poll(cx)
    }
}
