//! All components of an application, behind one door.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use database::WRITE_LOCK_TIMEOUT;
use http::{Method, Request, Response, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Linker;
use wasmtime::error::Context as _;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError, ProxyHandler};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::compiled;
use crate::component::{Instances, RequestHandle, StreamActivity};
use crate::guest::Guest;
use crate::manifest::{Component, Manifest};
use crate::shares::{Client, NoPlace, Place, Places, Queues, Share, Shares};
use crate::storage::{Databases, Storage};

/// How many requests that may write, and as many that may not, are in progress at once; more wait their turn. Two
/// numbers, so that writes that wait for a lock leave room for reads.
const IN_PROGRESS: usize = 128;
/// How many responses stream at once. A stream may last for hours, and keeps its instance as long.
const STREAMS: usize = 256;
/// The most kilobytes of all answers that clients have not read yet, and from how many on one counts.
const ANSWERS: usize = 512 << 10;
const SMALL: u32 = 64;
/// How often a guest that computes lets others have a turn, and may be ended.
const EPOCH: Duration = Duration::from_millis(20);
/// The most instances alive at once, of all components: those at work and those that idle.
const INSTANCES: u32 = 1000;

/// The body of a component's response: whole, unless it is a stream.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, HttpError>>;

/// The components of an application, with the instances that work for one thread.
pub struct Host {
    shared: Arc<Shared>,
    components: BTreeMap<String, ProxyHandler<Instances>>,
}

/// What the hosts of all threads have in common.
struct Shared {
    manifest: Manifest,
    reads: Semaphore,
    writes: Semaphore,
    /// Where each client waits for one of these.
    read_queues: Queues,
    write_queues: Queues,
    streams: Places,
    answers: Arc<Semaphore>,
    answer_shares: Arc<Shares>,
    closing: Arc<AtomicBool>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
    }
}

/// Why a component gave no response.
#[derive(Debug)]
pub enum Failure {
    /// No route of the manifest serves the path.
    NoRoute,
    /// The request took too long, or waited too long for its turn.
    TimedOut,
    /// The client holds as much as one may.
    OverShare,
    /// The component needed more memory than it may have.
    OutOfMemory,
    /// The response is a stream, and there are as many as there may be.
    TooManyStreams,
    /// The component failed.
    Failed(anyhow::Error),
}

impl Host {
    /// Loads every component of `manifest`; each database label stands for `storage`.
    ///
    /// # Errors
    /// Where a file is missing, is no component, or wants what no host offers.
    pub fn load(manifest: Manifest, storage: &Storage) -> Result<Self> {
        Self::with(manifest, &Databases::Ours(storage.clone()))
    }

    /// The same as Spin itself does it, where that is another way: for tests. Each database label stands for the file at
    /// `path`.
    ///
    /// # Errors
    /// Those of [`Host::load`].
    pub fn load_as_in_spin(manifest: Manifest, path: &Path) -> Result<Self> {
        Self::with(manifest, &Databases::AsInSpin(path.into()))
    }

    fn with(manifest: Manifest, databases: &Databases) -> Result<Self> {
        let engine = engine()?;
        let mut linker = Linker::new(&engine);
        Guest::add_to_linker(&mut linker)?;
        let closing = Arc::new(AtomicBool::new(false));
        let load = |id: &str, component: &Component| {
            let source = component.source.display();
            let wasm = compiled::load(&engine, &component.source)
                .with_context(|| format!("cannot load {source}: run `make build`"))?;
            let instance = linker
                .instantiate_pre(&wasm)
                .with_context(|| format!("cannot link {source}"))?;
            let component = Arc::new(component.clone());
            let instances = Instances::new(
                id,
                &engine,
                instance,
                component,
                databases.clone(),
                Arc::clone(&closing),
            );
            instances.with_context(|| format!("{source} serves no HTTP"))
        };
        let load = &load;
        let components = std::thread::scope(|scope| {
            let loading = manifest.components.iter();
            let loading: Vec<_> = loading
                .map(|(id, component)| (id, scope.spawn(move || load(id, component))))
                .collect();
            let loaded = loading.into_iter().map(|(id, thread)| {
                let instances = thread.join();
                let instances = instances.map_err(|_| anyhow::anyhow!("cannot load {id}"))??;
                anyhow::Ok((id.clone(), ProxyHandler::new(instances)))
            });
            loaded.collect::<Result<_>>()
        })?;
        Ok(Self {
            shared: Arc::new(Shared {
                manifest,
                reads: Semaphore::new(IN_PROGRESS),
                writes: Semaphore::new(IN_PROGRESS),
                read_queues: Queues::of(IN_PROGRESS / 2),
                write_queues: Queues::of(IN_PROGRESS / 2),
                streams: Places::of(STREAMS),
                answers: Arc::new(Semaphore::new(ANSWERS)),
                answer_shares: Shares::of(ANSWERS),
                closing,
            }),
            components,
        })
    }

    /// The same components and limits with instances of their own, for another thread. Instances run on the runtime whose
    /// requests they serve, so a request never waits for another thread to wake up.
    #[must_use]
    pub fn for_another_thread(&self) -> Self {
        let components = self.components.iter();
        Self {
            shared: Arc::clone(&self.shared),
            components: components
                .map(|(id, handler)| (id.clone(), ProxyHandler::new(handler.state().clone())))
                .collect(),
        }
    }

    /// Passes a request, whose URI is absolute, to the component that serves its path.
    ///
    /// # Errors
    /// [`Failure`] where there is no response.
    pub async fn handle<B>(&self, request: Request<B>) -> Result<Response<Body>, Failure>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let route = self
            .shared
            .manifest
            .route(request.uri().path())
            .ok_or(Failure::NoRoute)?;
        let component = self
            .components
            .get(&route.component)
            .ok_or(Failure::NoRoute)?;
        let shared = &*self.shared;
        let (queues, turns) = match *request.method() {
            Method::GET | Method::HEAD | Method::OPTIONS => (&shared.read_queues, &shared.reads),
            _ => (&shared.write_queues, &shared.writes),
        };
        let client = request.extensions().get().copied();
        let turn = async { (queues.front(client).await, turns.acquire().await) };
        let Ok(turn) = tokio::time::timeout(WRITE_LOCK_TIMEOUT, turn).await else {
            return Err(Failure::TimedOut);
        };
        let is_head = request.method() == Method::HEAD;
        let request = request.map(|body| {
            body.map_err(|error| HttpError::InternalError(Some(error.into().to_string())))
                .boxed_unsync()
        });
        let handle = RequestHandle::default();
        let response = component
            .handle(handle.clone(), request)
            .await
            .map_err(|error| Failure::new(&route.component, &handle, error))?;
        if is_head {
            // Its length is that of a body that is not there.
            return Ok(response.map(|_| Either::Left(Full::default())));
        }
        if is_endless(&response) || is_file(&response) {
            return self.stream(response, client, &handle);
        }
        let (head, body) = response.into_parts();
        // From here on, what is left is between us and the client: one that reads slowly keeps no instance.
        let bytes = body
            .collect()
            .await
            .map_err(|error| Failure::new(&route.component, &handle, error.into()))?
            .to_bytes();
        drop(turn);
        let room = self.room(client, bytes.len()).await?;
        let bytes = match room {
            Some(room) => Bytes::from_owner(Unread { bytes, _room: room }),
            None => bytes,
        };
        Ok(Response::from_parts(head, Either::Left(Full::new(bytes))))
    }

    /// Waits for room for an answer, unless it is small: a connection has buffers of that size anyway.
    async fn room(&self, client: Option<Client>, bytes: usize) -> Result<Option<Room>, Failure> {
        let kilobytes = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        if kilobytes < SMALL {
            return Ok(None);
        }
        let share = self.shared.answer_shares.take(client, bytes >> 10);
        let share = share.ok_or(Failure::OverShare)?;
        let room = Arc::clone(&self.shared.answers).acquire_many_owned(kilobytes);
        match tokio::time::timeout(WRITE_LOCK_TIMEOUT, room).await {
            Ok(Ok(room)) => Ok(Some((room, share))),
            _ => Err(Failure::TimedOut),
        }
    }

    /// Gives a stream its place, and its instance a sign of life with each piece.
    fn stream(
        &self,
        response: Response<WasiBody>,
        client: Option<Client>,
        handle: &RequestHandle,
    ) -> Result<Response<Body>, Failure> {
        let place = self.shared.streams.take(client).map_err(|no| match no {
            NoPlace::OverShare => Failure::OverShare,
            NoPlace::TooMany => Failure::TooManyStreams,
        })?;
        let activity = handle.activity();
        Ok(response.map(|body| {
            let streamed = Streamed {
                body,
                activity,
                _place: place,
            };
            Either::Right(streamed.boxed_unsync())
        }))
    }
}

/// A body that streams, which has an end only where the component has ended it.
struct Streamed {
    body: WasiBody,
    activity: StreamActivity,
    _place: Place,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(match frame {
            None if self.activity.is_cut() => {
                let reason = "the instance has ended".to_owned();
                Some(Err(HttpError::InternalError(Some(reason))))
            }
            frame => {
                self.activity.beat();
                frame
            }
        })
    }
}

/// The room that an answer takes.
type Room = (OwnedSemaphorePermit, Share);

/// An answer that takes room until its last byte is written.
struct Unread {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whether a response is a stream that has no end that its component foresees.
pub fn is_endless<B>(response: &Response<B>) -> bool {
    is_of_kind(response, "text/event-stream")
}

/// Whether a response is a list as a file, which may be of any length.
fn is_file<B>(response: &Response<B>) -> bool {
    is_of_kind(response, "text/csv") || is_of_kind(response, "application/x-ndjson")
}

fn is_of_kind<B>(response: &Response<B>, expected: &str) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(expected.as_bytes()))
}

impl Failure {
    fn new(component: &str, handle: &RequestHandle, error: wasmtime::Error) -> Self {
        if handle.shortage.is_there() {
            return Self::OutOfMemory;
        }
        // The latter where it waited for a statement all the while: then the whole instance ends, and says nothing itself.
        if error.is::<ExpirationError>() || handle.activity().has_expired() {
            return Self::TimedOut;
        }
        let error = match error.downcast_ref::<InstantiationError<RequestHandle>>() {
            Some(failed) => anyhow::anyhow!("cannot make an instance: {:?}", failed.error),
            None => anyhow::Error::from(error),
        };
        Self::Failed(error.context(format!("component {component}")))
    }
}

fn engine() -> Result<Engine> {
    let mut pooling = PoolingAllocationConfig::default();
    pooling
        .total_component_instances(INSTANCES)
        .total_memories(INSTANCES)
        .total_tables(2 * INSTANCES)
        .total_stacks(INSTANCES)
        .total_core_instances(8 * INSTANCES)
        // Memory of instances that have ended, kept for the next ones: more makes nothing quicker (docs/performance.md).
        .max_unused_warm_slots(8)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(1 << 16);
    let pooled = with_allocation(InstanceAllocationStrategy::Pooling(pooling));
    // The pool reserves terabytes of addresses, which not every system gives.
    let engine = pooled.or_else(|error| {
        tracing::warn!("no pool of instances: {error}");
        with_allocation(InstanceAllocationStrategy::OnDemand)
    })?;
    tick(&engine);
    Ok(engine)
}

fn with_allocation(strategy: InstanceAllocationStrategy) -> Result<Engine> {
    let mut config = Config::new();
    config
        .allocation_strategy(strategy)
        .epoch_interruption(true)
        .wasm_component_model_async(true);
    Ok(Engine::new(&config)?)
}

/// Moves the engine's epoch on as long as the engine lives.
fn tick(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH);
        }
    });
}
