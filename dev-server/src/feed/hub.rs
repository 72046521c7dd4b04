//! Where the poller meets the clients.
//!
//! The poller puts a batch into the index and into the ring in one step, under one lock; a client that joins takes a
//! snapshot and a place in the ring under the same lock. So nothing lies between the two, and nothing is in both.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use feed_protocol::{Before, Change, Filter, Frame, frames};
use tokio::sync::{broadcast, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::agent_index::AgentIndex;

/// How many batches a client may be behind before it gets a snapshot instead.
const RING: usize = 1024;

/// What clients are sent: changes, or the word that they have to start anew.
#[derive(Clone)]
pub(super) enum Event {
    /// Changes that follow one another.
    Changes(Arc<Batch>),
    /// The index was made anew, and what lies between is not known.
    Reset,
}

/// Some changes, and the frames that are made of them, which clients with the same filter share.
pub(super) struct Batch {
    changes: Vec<Change>,
    /// The sessions that they are of; `None` where one may be of any.
    sessions: Option<HashSet<String>>,
    frames: Mutex<HashMap<Filter, Vec<Utf8Bytes>>>,
}

/// The whole list as of one position in the log, under each filter that was asked for.
#[derive(Default)]
struct Lists {
    seq: i64,
    by_filter: HashMap<Filter, Arc<str>>,
}

/// The index and the ring.
pub(super) struct Hub {
    index: Mutex<AgentIndex>,
    ring: broadcast::Sender<Event>,
    seq: watch::Sender<i64>,
    live: watch::Sender<bool>,
    lists: Mutex<Lists>,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            index: Mutex::default(),
            ring: broadcast::channel(RING).0,
            seq: watch::channel(0).0,
            live: watch::channel(false).0,
            lists: Mutex::default(),
        }
    }

    /// Replaces the index. Clients start anew.
    pub(super) fn reset(&self, index: AgentIndex) {
        let mut current = lock(&self.index);
        let seq = index.seq;
        *current = index;
        *lock(&self.lists) = Lists::default();
        // An error says that there is no client.
        let _ = self.ring.send(Event::Reset);
        self.seq.send_replace(seq);
    }

    /// Hands changes on, which follow on what was handed on before.
    pub(super) fn publish(&self, mut changes: Vec<Change>) {
        let mut index = lock(&self.index);
        for change in &mut changes {
            index.apply(change);
        }
        let batch = Batch::new(changes);
        let _ = self.ring.send(Event::Changes(Arc::new(batch)));
        self.seq.send_replace(index.seq);
    }

    /// Says whether the database can be read.
    pub(super) fn set_live(&self, live: bool) {
        self.live
            .send_if_modified(|current| std::mem::replace(current, live) != live);
    }

    /// Whether the database can be read, and each change of that.
    pub(super) fn live(&self) -> watch::Receiver<bool> {
        self.live.subscribe()
    }

    /// The last change that was handed on, and each new one.
    pub(super) fn seq(&self) -> watch::Receiver<i64> {
        self.seq.subscribe()
    }

    /// The database that the index is of.
    pub(super) fn database(&self) -> Arc<str> {
        Arc::clone(&lock(&self.index).database)
    }

    /// A place in the ring, the last change before it, and the database that it is of.
    pub(super) fn join(&self) -> (broadcast::Receiver<Event>, i64, Arc<str>) {
        let index = lock(&self.index);
        let database = Arc::clone(&index.database);
        (self.ring.subscribe(), index.seq, database)
    }

    /// The whole list under `filter` as JSON, with the last change that it has. Clients with the same filter share it.
    pub(super) fn list(&self, filter: &Filter) -> (Arc<str>, i64) {
        let (agents, seq) = {
            let index = lock(&self.index);
            let seq = index.seq;
            let lists = lock(&self.lists);
            if let Some(list) = lists.by_filter.get(filter).filter(|_| lists.seq == seq) {
                return (Arc::clone(list), seq);
            }
            (index.newest(filter), seq)
        };
        let list: Arc<str> = frames::array(&agents).into();
        let mut lists = lock(&self.lists);
        if lists.seq < seq {
            *lists = Lists {
                seq,
                ..Lists::default()
            };
        }
        if lists.seq == seq {
            lists.by_filter.insert(filter.clone(), Arc::clone(&list));
        }
        (list, seq)
    }
}

impl Batch {
    fn new(changes: Vec<Change>) -> Self {
        let mut sessions = Some(HashSet::new());
        for change in &changes {
            let before = match &change.before {
                Before::Was(agent) => Some(agent),
                Before::Absent => None,
                Before::Unknown => {
                    sessions = None;
                    break;
                }
            };
            if let Some(sessions) = &mut sessions {
                let agents = before.into_iter().chain(&change.after);
                sessions.extend(agents.map(|agent| agent.session_id.clone()));
            }
        }
        Self {
            changes,
            sessions,
            frames: Mutex::default(),
        }
    }

    /// Whether there may be something of a session in it.
    fn concerns(&self, filter: &Filter) -> bool {
        match (&filter.session_id, &self.sessions) {
            (Some(session), Some(sessions)) => sessions.contains(session),
            _ => true,
        }
    }

    /// The frames of the batch under `filter`, which may be none.
    fn frames(&self, filter: &Filter) -> Vec<Utf8Bytes> {
        let mut known = lock(&self.frames);
        if let Some(frames) = known.get(filter) {
            return frames.clone();
        }
        let frames = texts(frames::delta(&self.changes, filter));
        known.insert(filter.clone(), frames.clone());
        frames
    }

    /// The frames of those changes of the batch that come after `seq`.
    pub(super) fn frames_after(&self, seq: i64, filter: &Filter) -> Vec<Utf8Bytes> {
        // With a filter each, most clients have to do with few batches.
        if !self.concerns(filter) {
            return Vec::new();
        }
        let seen = self.changes.partition_point(|change| change.seq <= seq);
        match seen {
            0 => self.frames(filter),
            seen => texts(frames::delta(&self.changes[seen..], filter)),
        }
    }

    /// The last change of the batch.
    pub(super) fn last_seq(&self) -> i64 {
        self.changes.last().map_or(0, |change| change.seq)
    }
}

/// Texts that all clients share which get them.
fn texts(frames: Vec<Frame>) -> Vec<Utf8Bytes> {
    frames.into_iter().map(|frame| frame.text.into()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
