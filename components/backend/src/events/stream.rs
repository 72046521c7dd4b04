//! One client's stream.
//!
//! It looks at the change log again and again, each time with one short query. Between two looks it holds nothing: no
//! lock, no connection, no turn of the instance. It ends where its client does: the host drops the body, and at the
//! latest the next keep-alive finds nobody to take it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use database::change_log::{self, Before, Entity, LostAgent, Position};
use database::{Database, Error, log_tail};
use feed_protocol::{
    Agent, Change, Filter, Frame, HEARTBEAT, LIST_INTERVAL, LONGEST_LIST, MOST_MISSED, MissedLogs,
    Mode, Parameters, frames, log_columns,
};
use futures_util::{Stream, stream};

/// How often the log is looked at while nothing happens.
const INTERVAL: Duration = Duration::from_millis(100);
/// The pause while there is more to read, which leaves the instance to others in between.
const BREATH: Duration = Duration::from_millis(1);
/// How long it waits before it tries a database again that cannot be read.
const RETRY: Duration = Duration::from_secs(1);
/// How often there is a look for leases that are over.
const LEASES: Duration = Duration::from_secs(1);
/// How many lost agents are told at once.
const AT_ONCE: usize = 500;
/// After how much silence there is a comment, so that a client that is gone is noticed soon.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// After how many milliseconds a browser connects again.
const RECONNECT_MS: u64 = 1000;

/// What a client is sent, and how far it is.
pub(super) struct Events {
    database: Database,
    parameters: Parameters,
    /// The id of the client's request.
    request_id: Option<String>,
    /// The database that the client's position is of.
    identity: String,
    /// The last change that the client has; `None` until it has a whole list.
    seq: Option<i64>,
    /// The last log entry that it has; `None` until it was told where the log is, and where it wants none.
    log_id: Option<i64>,
    /// The agents that it has, where a filter makes that matter; `None` after a resumption, as then nobody knows.
    shown: Option<HashSet<Arc<str>>>,
    /// The list that it was sent last, in the default mode.
    list: String,
    /// Whether the database could be read.
    live: bool,
    /// What was not sent yet.
    text: String,
    pause: Duration,
    last_leases: Option<Instant>,
    /// The agents that are lost and told so.
    lost: HashSet<Arc<str>>,
    last_frame: Instant,
    last_text: Instant,
}

impl Events {
    /// Finds out where the log is, and what the client has to be told first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub(super) async fn start(
        database: Database,
        parameters: Parameters,
        request_id: Option<String>,
    ) -> Result<Self, Error> {
        let position = database.one(change_log::position).await?;
        let now = Instant::now();
        let mut events = Self {
            database,
            parameters,
            request_id,
            identity: position.database,
            seq: None,
            log_id: None,
            shown: None,
            list: String::new(),
            live: true,
            text: format!("retry: {RECONNECT_MS}\n\n"),
            pause: Duration::ZERO,
            last_leases: None,
            lost: HashSet::new(),
            last_frame: now,
            last_text: now,
        };
        events.log_id = (events.parameters.logs.as_ref()).and(events.parameters.log_since);
        let mode = events.parameters.mode;
        let acknowledged = frames::connection_ack(position.seq, mode.name(), &events.identity);
        events.send(&acknowledged);
        if let (Mode::Delta, Some(since)) = (mode, events.parameters.since) {
            let of = events.parameters.database.as_deref();
            if of.is_some_and(|of| of != events.identity) {
                events.log_id = None;
                events.resync("this is another database");
            } else {
                events.seq = Some(since);
            }
        }
        Ok(events)
    }

    /// The text of the stream, piece by piece. It has no end of its own.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<String, Infallible>> + Send {
        stream::unfold(self, async |mut events| {
            let text = events.next().await;
            Some((Ok(text), events))
        })
    }

    async fn next(&mut self) -> String {
        while self.text.is_empty() {
            if !self.pause.is_zero() {
                self.database.sleep(self.pause).await;
            }
            let looked = self.look().await;
            self.pause = match looked {
                Ok(pause) => {
                    self.set_live(true);
                    pause
                }
                Err(error) => {
                    if self.live {
                        let id = self.request_id.as_deref();
                        domain::warn(id, &format!("the events wait for the database: {error}"));
                    }
                    self.set_live(false);
                    RETRY
                }
            };
            self.keep_alive();
        }
        self.last_text = Instant::now();
        std::mem::take(&mut self.text)
    }

    /// Sends what there is to send. Gives the time until the next look.
    async fn look(&mut self) -> Result<Duration, Error> {
        let pause = match self.parameters.mode {
            Mode::Default => self.look_at_list().await?,
            Mode::Delta => {
                let pause = self.look_at_changes().await?;
                pause.min(self.look_at_logs().await?)
            }
        };
        self.look_at_leases().await?;
        Ok(pause)
    }

    /// Tells of the agents that were lost since the last look, which the log does not say before somebody writes it down.
    /// A stream only reads, and on this host there may be nobody who does.
    async fn look_at_leases(&mut self) -> Result<(), Error> {
        if self.last_leases.is_some_and(|last| last.elapsed() < LEASES) {
            return Ok(());
        }
        self.last_leases = Some(Instant::now());
        let (seq, told) = (self.seq, &self.lost);
        let (lost, untold, agents) = self
            .database
            .read(|db| {
                let lost = change_log::lost(db)?;
                let untold = lost.iter().filter(|agent| !told.contains(&*agent.id));
                let mut untold: Vec<i64> = untold.map(|agent| agent.row).take(AT_ONCE).collect();
                // A list that is yet to come tells them so.
                let (count, agents) = match seq {
                    Some(_) if !untold.is_empty() => change_log::told_at(db, &untold)?,
                    _ => (0, Vec::new()),
                };
                untold.truncate(count);
                Ok::<_, Error>((lost, untold, agents))
            })
            .await?;
        let is_told = |agent: &LostAgent| {
            seq.is_none() || told.contains(&*agent.id) || untold.binary_search(&agent.row).is_ok()
        };
        let told: HashSet<Arc<str>> = lost
            .iter()
            .filter(|agent| is_told(agent))
            .map(|agent| agent.id.as_str().into())
            .collect();
        if told.len() < lost.len() {
            // The rest follows at once.
            self.last_leases = None;
        }
        self.lost = told;
        for agent in agents {
            let Some(seq) = seq else { break };
            match self.parameters.mode {
                // Makes the next look read the list anew.
                Mode::Default => self.seq = None,
                Mode::Delta => {
                    let mut change = Change {
                        seq,
                        entity: Some(Entity::Agent),
                        id: agent.id.as_str().into(),
                        session_id: None,
                        before: Before::Unknown,
                        after: Some(Arc::new(agent)),
                    };
                    self.note(&mut change);
                    for frame in frames::delta(&[change], &self.parameters.filter) {
                        self.send(&frame);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends the whole list where it has changed. Gives the time until the next look.
    async fn look_at_list(&mut self) -> Result<Duration, Error> {
        let position = self.database.one(change_log::position).await?;
        if self.seq == Some(position.seq) && self.identity == position.database {
            return Ok(INTERVAL);
        }
        let list = frames::array(&self.read_list().await?);
        if list == self.list {
            return Ok(INTERVAL);
        }
        let seq = self.seq.unwrap_or_default();
        self.send(&frames::whole(&list, seq));
        self.list = list;
        Ok(LIST_INTERVAL)
    }

    /// Sends what has changed, or at first a snapshot. Gives the time until the next look.
    async fn look_at_changes(&mut self) -> Result<Duration, Error> {
        let Some(seq) = self.seq else {
            return self.send_snapshot().await;
        };
        let (position, changes) = self
            .database
            .read(|db| Ok::<_, Error>((change_log::position(db)?, change_log::since(db, seq)?)))
            .await?;
        if position.database != self.identity {
            self.log_id = None;
            self.resync("the database was opened anew");
            return Ok(BREATH);
        }
        let Some(changes) = changes else {
            self.resync("that position is not in the log");
            return Ok(BREATH);
        };
        let mut changes: Vec<Change> = changes.into_iter().map(Change::from).collect();
        for change in &mut changes {
            self.note(change);
        }
        for frame in frames::delta(&changes, &self.parameters.filter) {
            self.send(&frame);
        }
        let seq = changes.last().map_or(seq, |last| last.seq);
        self.seq = Some(seq);
        Ok(if seq < position.seq { BREATH } else { INTERVAL })
    }

    /// Sends all that there is. It ends with the agents, and only these have an id, so that a client which was cut off does
    /// not take a part for all. Gives the time until the next look.
    async fn send_snapshot(&mut self) -> Result<Duration, Error> {
        let filter = self.parameters.filter.clone();
        let snapshot = self
            .database
            .read(|db| {
                change_log::snapshot(
                    db,
                    filter.session_id.as_deref(),
                    &filter.status,
                    &filter.include.entities(),
                )
            })
            .await?;
        if self.parameters.logs.is_some() && self.log_id.is_none() {
            self.send(&frames::log_position(snapshot.log_id));
            self.log_id = Some(snapshot.log_id);
        }
        for (entity, rows) in snapshot.others {
            self.send(&frames::snapshot_beside(entity, &rows));
        }
        let agents: Vec<_> = snapshot.agents.into_iter().map(Arc::new).collect();
        let Position { seq, database } = snapshot.position;
        self.seq = Some(seq);
        self.identity = database;
        self.send(&frames::snapshot(&frames::array(&agents), seq));
        let ids = agents.iter().map(|agent| agent.id.as_str().into());
        self.shown = filter.narrows_agents().then(|| ids.collect());
        Ok(INTERVAL)
    }

    /// Sends the log entries that are new. Gives the time until the next look.
    async fn look_at_logs(&mut self) -> Result<Duration, Error> {
        let (Some(filter), Some(_)) = (self.parameters.logs.clone(), self.seq) else {
            return Ok(INTERVAL);
        };
        let missed = match self.log_id {
            Some(id) => {
                let missed = self
                    .database
                    .read(|db| log_tail::missed(db, id, MOST_MISSED, log_columns(), &filter))
                    .await?;
                MissedLogs::new(missed, id, &filter)?
            }
            None => MissedLogs::at_the_end(self.database.one(log_tail::last_id).await?),
        };
        if missed.is_void {
            self.log_id = None;
            self.resync("that log entry is not in the log");
            return Ok(BREATH);
        }
        self.log_id = Some(missed.log_id);
        if let Some(frame) = missed.frame {
            self.send_at(&frame, self.seq);
        }
        Ok(if missed.is_all { INTERVAL } else { BREATH })
    }

    /// Keeps account of what the client has, and tells a change of which it need not hear.
    fn note(&mut self, change: &mut Change) {
        let Some(shown) = &mut self.shown else { return };
        if change.entity != Some(Entity::Agent) {
            return;
        }
        let filter = &self.parameters.filter;
        let wanted = change
            .after
            .as_ref()
            .is_some_and(|agent| filter.matches(agent));
        let had = if wanted {
            !shown.insert(Arc::clone(&change.id))
        } else {
            shown.remove(&change.id)
        };
        if !had {
            change.before = Before::Absent;
        }
    }

    /// The whole list, which becomes the client's position.
    async fn read_list(&mut self) -> Result<Vec<Arc<Agent>>, Error> {
        let Filter {
            session_id, status, ..
        } = &self.parameters.filter;
        let (Position { seq, database }, agents) = self
            .database
            .read(|db| {
                let position = change_log::position(db)?;
                let most = i64::try_from(LONGEST_LIST).unwrap_or(i64::MAX);
                let agents = change_log::agents(db, session_id.as_deref(), status, most)?;
                Ok::<_, Error>((position, agents))
            })
            .await?;
        self.seq = Some(seq);
        self.identity = database;
        Ok(agents.into_iter().map(Arc::new).collect())
    }

    /// Says that what the client has is void. A snapshot is what it gets next.
    fn resync(&mut self, reason: &str) {
        self.seq = None;
        self.shown = None;
        self.send(&frames::resync(reason));
    }

    fn set_live(&mut self, live: bool) {
        if self.live != live {
            self.live = live;
            self.heartbeat();
        }
    }

    fn heartbeat(&mut self) {
        let seq = self.seq.unwrap_or_default();
        self.send(&frames::heartbeat(seq, self.log_id, self.live));
    }

    /// A sign of life where there was none for long.
    fn keep_alive(&mut self) {
        if self.last_frame.elapsed() >= HEARTBEAT {
            self.heartbeat();
        } else if self.last_text.elapsed() >= KEEP_ALIVE && self.text.is_empty() {
            self.text.push_str(": keep-alive\n\n");
        }
    }

    /// Adds an event without a name, as a browser's `onmessage` gets no other. Its id is the position that the client
    /// then has; a client that was not sent a list yet has none.
    fn send(&mut self, frame: &Frame) {
        self.send_at(frame, self.seq.and(frame.seq));
    }

    /// The same for a frame with which the client has the changes up to `seq`.
    fn send_at(&mut self, frame: &Frame, seq: Option<i64>) {
        if let Some(seq) = seq {
            self.text.push_str(&format!("id: {seq}"));
            if let Some(log_id) = self.log_id {
                self.text.push_str(&format!("-{log_id}"));
            }
            self.text.push('\n');
        }
        // Between two tokens of JSON there may be a line break, but within an event's line there must be none.
        let line = frame.text.replace(['\r', '\n'], " ");
        self.text.push_str(&format!("data: {line}\n\n"));
        self.last_frame = Instant::now();
    }
}
