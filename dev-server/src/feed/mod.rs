//! The live feed: every change of an agent, at every client, whoever made it.
//!
//! One thread ([`poller`]) looks at the change log, which triggers write (`sql/`), and hands each batch of changes to a ring
//! that all clients read ([`hub`]); a client's task ([`client`]) turns batches into frames (`feed_protocol`). Nothing is kept
//! of agents: what there is, and what a client missed, is read from the database ([`source`]), and clients that want the same
//! share it. One that only waits costs no query.

mod admission;
mod client;
mod hub;
mod poller;
mod source;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::get;
use axum::{Router, middleware};
use hosting::{Places, Storage};
use http_api::{Admission, Origins};
use tokio::sync::{Semaphore, watch};

use crate::config::Config;
use hub::Hub;
pub(crate) use poller::Waker;

/// Where the feed is.
pub(crate) const PATH: &str = "/ws/agent-status";
/// How many clients read the database at once.
const READS: usize = 8;

/// The feed as the WebSocket route sees it. Cheap to clone.
#[derive(Clone)]
struct Feed {
    hub: Arc<Hub>,
    storage: Storage,
    origins: Origins,
    admission: Admission,
    clients: Arc<Places>,
    reads: Arc<Semaphore>,
    /// True once the process is to end.
    stopping: watch::Receiver<bool>,
}

/// A feed that runs.
pub(crate) struct Running {
    /// `/ws/agent-status`.
    pub(crate) route: Router,
    /// Makes it look at the log at once.
    pub(crate) waker: Waker,
    /// The number of the last change it knows.
    pub(crate) seq: watch::Receiver<i64>,
    /// Whether it can read the database.
    pub(crate) live: watch::Receiver<bool>,
}

/// Starts the feed: its thread and its route.
///
/// Clients read through `storage`, and are told to go away when `stopping` becomes true.
pub(crate) async fn start(
    config: &Config,
    storage: &Storage,
    address: SocketAddr,
    stopping: watch::Receiver<bool>,
) -> Running {
    let hub = Arc::new(Hub::new());
    let (seq, live) = (hub.seq(), hub.live());
    let waker = poller::start(&config.database, Arc::clone(&hub)).await;
    let feed = Feed {
        hub,
        storage: storage.clone(),
        origins: origins(config, address.port()),
        admission: config.admission.clone(),
        clients: Arc::new(Places::of(config.max_ws_clients)),
        reads: Arc::new(Semaphore::new(READS)),
        stopping,
    };
    let route = Router::new()
        .route(PATH, get(admission::connect))
        .route_layer(middleware::from_fn_with_state(
            feed.clone(),
            admission::admit,
        ))
        .with_state(feed);
    Running {
        route,
        waker,
        seq,
        live,
    }
}

/// The configured origins, and that of our own pages on this machine.
fn origins(config: &Config, port: u16) -> Origins {
    ["localhost", "127.0.0.1", "[::1]"]
        .into_iter()
        .fold(config.cors_origins.clone(), |origins, host| {
            origins.with(format!("http://{host}:{port}"))
        })
}
