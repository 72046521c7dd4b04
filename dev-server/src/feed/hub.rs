//! Where the poller meets the clients.
//!
//! The poller puts a batch into the index and into the ring in one step, under one lock; a client that joins takes a
//! snapshot and a place in the ring under the same lock. So nothing lies between the two, and nothing is in both.
//!
//! Log entries have a ring of their own. Each batch says which number it comes after, so that a client sees where it
//! missed one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use database::change_log::Entity;
use database::log_tail::LogFilter;
use feed_protocol::{Before, Change, Entry, Filter, Frame, frames};
use tokio::sync::{broadcast, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::agent_index::AgentIndex;

/// How many batches a client may be behind before it gets a snapshot instead.
const RING: usize = 1024;
/// The same for log entries; then it reads them from the database.
const LOG_RING: usize = 512;

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
    /// When they were read.
    read: Instant,
    /// What they are of.
    entities: HashSet<Entity>,
    /// The sessions of the agents among them; `None` where one may be of any.
    sessions: Option<HashSet<String>>,
    frames: Mutex<HashMap<Filter, Vec<Utf8Bytes>>>,
}

/// Some log entries, and the frames that are made of them.
pub(super) struct LogBatch {
    /// The database that they are of.
    pub(super) database: Arc<str>,
    /// The number that they come after.
    pub(super) after: i64,
    /// The last of them, or the number itself where there are none.
    pub(super) last: i64,
    entries: Vec<Entry>,
    frames: Mutex<HashMap<LogFilter, Option<Utf8Bytes>>>,
}

/// The whole list as of the last change of an agent, under each filter that was asked for.
#[derive(Default)]
struct Lists {
    seq: i64,
    by_filter: HashMap<Filter, Arc<str>>,
}

/// The index and the ring.
pub(super) struct Hub {
    index: Mutex<AgentIndex>,
    ring: broadcast::Sender<Event>,
    /// Of its own, so that clients which want no log entries do not notice them.
    logs: broadcast::Sender<Arc<LogBatch>>,
    seq: watch::Sender<i64>,
    live: watch::Sender<bool>,
    lists: Mutex<Lists>,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            index: Mutex::default(),
            ring: broadcast::channel(RING).0,
            logs: broadcast::channel(LOG_RING).0,
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

    /// A place among the log entries that come. Who has one also makes the poller read them.
    pub(super) fn follow_logs(&self) -> broadcast::Receiver<Arc<LogBatch>> {
        self.logs.subscribe()
    }

    /// Whether anybody wants log entries.
    pub(super) fn wants_logs(&self) -> bool {
        self.logs.receiver_count() > 0
    }

    /// Hands log entries on, which follow on what was handed on before.
    pub(super) fn publish_logs(&self, batch: LogBatch) {
        // An error says that there is no client.
        let _ = self.logs.send(Arc::new(batch));
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
        let (agents, seq, agents_seq) = {
            let index = lock(&self.index);
            let (seq, agents_seq) = (index.seq, index.agents_seq);
            let lists = lock(&self.lists);
            let is_current = lists.seq == agents_seq;
            if let Some(list) = lists.by_filter.get(filter).filter(|_| is_current) {
                return (Arc::clone(list), seq);
            }
            (index.newest(filter), seq, agents_seq)
        };
        let list: Arc<str> = frames::array(&agents).into();
        let mut lists = lock(&self.lists);
        if lists.seq < agents_seq {
            *lists = Lists {
                seq: agents_seq,
                ..Lists::default()
            };
        }
        if lists.seq == agents_seq {
            lists.by_filter.insert(filter.clone(), Arc::clone(&list));
        }
        (list, seq)
    }
}

impl Batch {
    fn new(changes: Vec<Change>) -> Self {
        let entities = changes.iter().filter_map(|change| change.entity).collect();
        let mut sessions = Some(HashSet::new());
        let agents = changes
            .iter()
            .filter(|change| change.entity == Some(Entity::Agent));
        for change in agents {
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
            read: Instant::now(),
            entities,
            sessions,
            frames: Mutex::default(),
        }
    }

    /// Whether there may be something in it that `filter` lets through.
    fn concerns(&self, filter: &Filter) -> bool {
        let mut entities = self.entities.iter();
        entities.any(
            |entity| match (entity, &filter.session_id, &self.sessions) {
                (Entity::Agent, Some(session), Some(sessions)) => sessions.contains(session),
                (Entity::Agent, ..) => true,
                _ => filter.include.has(*entity),
            },
        )
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

    /// How long ago it was read.
    pub(super) fn age(&self) -> Duration {
        self.read.elapsed()
    }

    /// The last change of the batch.
    pub(super) fn last_seq(&self) -> i64 {
        self.changes.last().map_or(0, |change| change.seq)
    }
}

impl LogBatch {
    /// Entries that come after the number `after`, which may be none.
    pub(super) fn new(database: Arc<str>, after: i64, entries: Vec<Entry>) -> Self {
        Self {
            database,
            after,
            last: entries.last().map_or(after, |last| last.id),
            entries,
            frames: Mutex::default(),
        }
    }

    /// The frame of the entries after `id` that `filter` means; `None` where there are none.
    pub(super) fn frame_after(&self, id: i64, filter: &LogFilter) -> Option<Utf8Bytes> {
        let seen = self.entries.partition_point(|entry| entry.id <= id);
        let make = |entries| frames::log(entries, filter, self.last).map(|frame| frame.text.into());
        if seen > 0 {
            return make(&self.entries[seen..]);
        }
        let mut known = lock(&self.frames);
        if let Some(frame) = known.get(filter) {
            return frame.clone();
        }
        let frame: Option<Utf8Bytes> = make(&self.entries);
        known.insert(filter.clone(), frame.clone());
        frame
    }
}

/// Texts that all clients share which get them.
fn texts(frames: Vec<Frame>) -> Vec<Utf8Bytes> {
    frames.into_iter().map(|frame| frame.text.into()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
