//! Where the poller meets the clients.
//!
//! The poller puts a batch into the ring and moves the position in one step, under one lock; a client that joins takes a
//! place in the ring and learns the position under the same lock. Then it reads what there is ([`Snapshots`]), at that position
//! or a later one, and passes over what of the ring it has already. So nothing lies between the two.
//!
//! Log entries have a ring of their own. Each batch says which number it comes after, so that a client sees where it
//! missed one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use database::change_log::{Before, Entity};
use database::log_tail::LogFilter;
use feed_protocol::{Change, Entry, Filter, Frame, frames};
use tokio::sync::{broadcast, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How many batches a client may be behind before it gets a snapshot instead.
const RING: usize = 1024;
/// The same for log entries; then it reads them from the database.
const LOG_RING: usize = 512;

/// How many bytes of agents are kept for clients to share.
const MOST_KEPT: usize = 16 << 20;

/// What clients are sent: changes, or the word that they have to start anew.
#[derive(Clone)]
pub(super) enum Event {
    /// Changes that follow one another.
    Changes(Arc<Batch>),
    /// The log was opened anew, and what lies between is not known.
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

/// What there is under a filter, as it is sent.
pub(super) struct Snapshot {
    /// The database that it is of.
    pub(super) database: Arc<str>,
    /// The last change that it has.
    pub(super) seq: i64,
    /// The last log entry at that time.
    pub(super) log_id: i64,
    /// The frames of what is no agent.
    pub(super) others: Vec<Utf8Bytes>,
    /// The agents as JSON.
    pub(super) agents: Arc<str>,
}

/// The snapshots that were read since the last change, which clients with the same filter share.
#[derive(Default)]
struct Snapshots {
    by_filter: HashMap<Filter, Arc<Snapshot>>,
    bytes: usize,
}

/// Where the log is.
#[derive(Default)]
struct Place {
    database: Arc<str>,
    /// The last change that was handed on, or where the log was opened.
    seq: i64,
}

/// The position and the ring.
pub(super) struct Hub {
    place: Mutex<Place>,
    ring: broadcast::Sender<Event>,
    /// Of its own, so that clients which want no log entries do not notice them.
    logs: broadcast::Sender<Arc<LogBatch>>,
    seq: watch::Sender<i64>,
    live: watch::Sender<bool>,
    snapshots: Mutex<Snapshots>,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            place: Mutex::default(),
            ring: broadcast::channel(RING).0,
            logs: broadcast::channel(LOG_RING).0,
            seq: watch::channel(0).0,
            live: watch::channel(false).0,
            snapshots: Mutex::default(),
        }
    }

    /// Begins at this position of a database. Clients start anew.
    pub(super) fn reset(&self, database: Arc<str>, seq: i64) {
        let mut place = lock(&self.place);
        *place = Place { database, seq };
        *lock(&self.snapshots) = Snapshots::default();
        // An error says that there is no client.
        let _ = self.ring.send(Event::Reset);
        self.seq.send_replace(seq);
    }

    /// Hands changes on, which follow on what was handed on before.
    pub(super) fn publish(&self, changes: Vec<Change>) {
        let batch = Batch::new(changes);
        let mut place = lock(&self.place);
        place.seq = batch.last_seq();
        *lock(&self.snapshots) = Snapshots::default();
        let _ = self.ring.send(Event::Changes(Arc::new(batch)));
        self.seq.send_replace(place.seq);
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

    /// The database that is followed; empty until there is one.
    pub(super) fn database(&self) -> Arc<str> {
        Arc::clone(&lock(&self.place).database)
    }

    /// A place in the ring, the last change before it, and the database that it is of.
    pub(super) fn join(&self) -> (broadcast::Receiver<Event>, i64, Arc<str>) {
        let place = lock(&self.place);
        let database = Arc::clone(&place.database);
        (self.ring.subscribe(), place.seq, database)
    }

    /// What somebody has read under `filter` since the last change.
    pub(super) fn snapshot(&self, filter: &Filter) -> Option<Arc<Snapshot>> {
        lock(&self.snapshots).by_filter.get(filter).cloned()
    }

    /// Keeps for others what was read, unless something has changed since.
    pub(super) fn keep(&self, filter: Filter, snapshot: &Arc<Snapshot>) {
        let place = lock(&self.place);
        if snapshot.seq < place.seq || *snapshot.database != *place.database {
            return;
        }
        let mut snapshots = lock(&self.snapshots);
        snapshots.bytes += snapshot.agents.len();
        if snapshots.bytes > MOST_KEPT {
            *snapshots = Snapshots::default();
        }
        snapshots.by_filter.insert(filter, Arc::clone(snapshot));
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
                Before::Was { session_id, .. } => Some(session_id),
                Before::Absent => None,
                Before::Unknown => {
                    sessions = None;
                    break;
                }
            };
            if let Some(sessions) = &mut sessions {
                let after = change.after.as_ref().map(|agent| &agent.session_id);
                sessions.extend(before.into_iter().chain(after).cloned());
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
    pub(super) fn concerns(&self, filter: &Filter) -> bool {
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
