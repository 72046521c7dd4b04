//! One client: what it is sent, until the close frame.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{HEARTBEAT, LIST_INTERVAL, MissedLogs, Mode, Parameters, frames};
use futures_util::{SinkExt as _, StreamExt as _};
use hosting::{Place, Storage};
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, Interval, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};

use super::Feed;
use super::hub::{Event, LogBatch, Snapshot};
use super::source::Source;
use super::upgrade::{Socket, send_text};
use crate::metrics::{FeedClient, METRICS};
use crate::store::Error;

/// How often a client's side is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a client may say nothing at all.
const SILENCE: Duration = Duration::from_secs(75);
/// How long a client may not read.
const STALL: Duration = Duration::from_secs(30);
/// How long a close frame may take.
const CLOSE: Duration = Duration::from_secs(1);
/// How long a client that needs the database waits before it tries again.
const RETRY: Duration = Duration::from_millis(100);

/// How long a client that resumes waits for a replica which is behind the feed that the client had before.
const CATCHING_UP: Duration = Duration::from_secs(10);

/// Why a client's task ends: the close code and its reason. `None` where there is nobody left to tell.
type CloseReason = Option<(CloseCode, &'static str)>;

const STALLED: CloseReason = Some((CloseCode::Again, "you do not read"));
const STOPPING: CloseReason = Some((CloseCode::Away, "the server stops"));

enum ClientEvent {
    Message(Option<Result<Message, SocketError>>),
    Heartbeat,
    Ping,
    Stop,
}

pub(super) struct Client {
    feed: Feed,
    socket: Socket,
    parameters: Parameters,
    live: watch::Receiver<bool>,
    /// The database that the client's positions are of; empty until that is known.
    database: Arc<str>,
    /// The last change that the client has.
    seq: i64,
    /// The last log entry that the client has, where it is told of any and knows where it begins.
    log_id: Option<i64>,
    heartbeat: Instant,
    heard: Instant,
    pings: Interval,
    _place: (Place, FeedClient),
}

impl Client {
    pub(super) fn new(feed: Feed, socket: Socket, parameters: Parameters, place: Place) -> Self {
        let now = Instant::now();
        Self {
            live: feed.hub.live(),
            feed,
            socket,
            database: Arc::default(),
            log_id: parameters.logs.as_ref().and(parameters.log_since),
            parameters,
            seq: 0,
            heartbeat: now + HEARTBEAT,
            heard: now,
            pings: interval_at(now + PING_INTERVAL, PING_INTERVAL),
            _place: (place, FeedClient::enter()),
        }
    }

    pub(super) async fn run(mut self) {
        let served = match self.parameters.mode {
            Mode::Default => self.serve_lists().await,
            Mode::Delta => self.serve_changes().await,
        };
        if let Err(Some((code, reason))) = served {
            let reason = reason.into();
            let close = Message::Close(Some(CloseFrame { code, reason }));
            // A client that does not read does not get it; then the connection just ends.
            let _ = timeout(CLOSE, self.socket.send(close)).await;
            // What the client has sent in the meantime is read, or the connection ends with a reset, and the client may lose
            // the frame.
            let mut nowhere = tokio::io::sink();
            let drained = tokio::io::copy(self.socket.get_mut(), &mut nowhere);
            let _ = timeout(CLOSE, drained).await;
        }
    }

    /// The default mode: the whole list, whenever it has changed.
    async fn serve_lists(&mut self) -> Result<(), CloseReason> {
        let mut next = Instant::now();
        let mut sent = None;
        self.acknowledge("default").await?;
        let mut ring = None;
        loop {
            let Some(changes) = &mut ring else {
                tokio::select! {
                    () = sleep_until(next) => {}
                    event = self.next() => {
                        self.handle(event).await?;
                        continue;
                    }
                }
                let (joined, snapshot) = self.read().await?;
                ring = Some(joined);
                self.seq = snapshot.seq;
                if sent.as_ref() != Some(&snapshot.agents) {
                    let list = Arc::clone(&snapshot.agents);
                    self.send(frames::whole(&list, self.seq).text).await?;
                    sent = Some(list);
                    next = Instant::now() + LIST_INTERVAL;
                }
                continue;
            };
            tokio::select! {
                event = changes.recv() => match event {
                    Ok(Event::Changes(batch)) if batch.last_seq() <= self.seq => {}
                    Ok(Event::Changes(batch)) if !batch.concerns(&self.parameters.filter) => {
                        self.seq = batch.last_seq();
                    }
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => ring = None,
                    Err(broadcast::error::RecvError::Closed) => return Err(STOPPING),
                },
                event = self.next() => self.handle(event).await?,
            }
        }
    }

    /// The delta mode: each change, once and in order.
    async fn serve_changes(&mut self) -> Result<(), CloseReason> {
        self.acknowledge("delta").await?;
        // Before anything is read, so that nothing lies between what is read and what comes.
        let mut logs = self.follow_logs();
        let mut ring = match self.parameters.since {
            Some(since) => self.resume(since).await?,
            None => self.snapshot().await?,
        };
        if !self.send_missed_logs(0).await? {
            ring = self.resync("that log entry is not in the log").await?;
        }
        loop {
            tokio::select! {
                batch = next_logs(&mut logs) => match batch {
                    Ok(batch) => self.send_logs(&batch).await?,
                    // The next batch says after which number it comes.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(STOPPING),
                },
                event = ring.recv() => match event {
                    Ok(Event::Changes(batch)) => {
                        if batch.last_seq() > self.seq {
                            let frames = batch.frames_after(self.seq, &self.parameters.filter);
                            let has_frames = !frames.is_empty();
                            for frame in frames {
                                self.send(frame).await?;
                            }
                            if has_frames {
                                METRICS.feed_lag.observe(batch.age().as_secs_f64());
                            }
                            self.seq = batch.last_seq();
                        }
                    }
                    Ok(Event::Reset) => ring = self.resync("the database was opened anew").await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        ring = self.resync("you read too slowly").await?;
                    }
                    Err(broadcast::error::RecvError::Closed) => return Err(STOPPING),
                },
                event = self.next() => self.handle(event).await?,
            }
        }
    }

    /// What comes next of all that is the same in both modes. Can be dropped without a loss.
    async fn next(&mut self) -> ClientEvent {
        tokio::select! {
            message = self.socket.next() => ClientEvent::Message(message),
            () = sleep_until(self.heartbeat) => ClientEvent::Heartbeat,
            _ = self.live.changed() => ClientEvent::Heartbeat,
            _ = self.pings.tick() => ClientEvent::Ping,
            _ = self.feed.stopping.wait_for(|stopping| *stopping) => ClientEvent::Stop,
        }
    }

    async fn handle(&mut self, event: ClientEvent) -> Result<(), CloseReason> {
        match event {
            ClientEvent::Message(message) => self.answer(message).await,
            ClientEvent::Heartbeat => self.send_heartbeat().await,
            ClientEvent::Ping => self.ping().await,
            ClientEvent::Stop => Err(STOPPING),
        }
    }

    async fn acknowledge(&mut self, mode: &'static str) -> Result<(), CloseReason> {
        let seq = *self.feed.hub.seq().borrow();
        let database = self.feed.hub.database();
        self.send(frames::connection_ack(seq, mode, &database).text)
            .await?;
        if !*self.live.borrow_and_update() {
            self.send_heartbeat().await?;
        }
        Ok(())
    }

    /// Sends all that the client wants to see, and gives a place in the ring from there on. It ends with the agents, and only
    /// these say the position, so that a client which was cut off does not take a part for all.
    async fn snapshot(&mut self) -> Result<broadcast::Receiver<Event>, CloseReason> {
        let (ring, snapshot) = self.read().await?;
        self.enter(Arc::clone(&snapshot.database));
        if self.parameters.logs.is_some() && self.log_id.is_none() {
            self.log_id = Some(snapshot.log_id);
            self.send(frames::log_position(snapshot.log_id).text)
                .await?;
        }
        for frame in &snapshot.others {
            self.send(frame.clone()).await?;
        }
        self.seq = snapshot.seq;
        self.send(frames::snapshot(&snapshot.agents, self.seq).text)
            .await?;
        Ok(ring)
    }

    /// What there is under the client's filter, and a place in the ring from there on. Clients with the same filter share it
    /// until something changes.
    async fn read(&mut self) -> Result<(broadcast::Receiver<Event>, Arc<Snapshot>), CloseReason> {
        loop {
            let (ring, place, known) = self.feed.hub.join();
            let filter = self.parameters.filter.clone();
            let hub = Arc::clone(&self.feed.hub);
            let read = if let Some(snapshot) = hub.snapshot(&filter) {
                Ok(snapshot)
            } else {
                let job = move |source: &Source| {
                    // Somebody may have read it while this client waited for its turn.
                    if let Some(snapshot) = hub.snapshot(&filter) {
                        return Ok(snapshot);
                    }
                    let snapshot = Arc::new(source.snapshot(&filter)?);
                    hub.keep(filter, &snapshot);
                    Ok(snapshot)
                };
                with_source(self.feed.clone(), job).await?
            };
            match read {
                // Else the poller has not noticed yet that the file is another.
                Ok(snapshot) if snapshot.database == known && snapshot.seq >= place => {
                    return Ok((ring, snapshot));
                }
                Ok(_) => {}
                Err(error) => tracing::debug!("a client waits for the database: {error}"),
            }
            self.pause().await?;
        }
    }

    /// Takes the client's positions for those of this database. Where they are of another, it has none among the log entries.
    fn enter(&mut self, database: Arc<str>) {
        if !self.database.is_empty() && self.database != database {
            self.log_id = None;
        }
        self.database = database;
    }

    /// Waits before the database is tried again.
    async fn pause(&mut self) -> Result<(), CloseReason> {
        let end = Instant::now() + RETRY;
        loop {
            tokio::select! {
                () = sleep_until(end) => return Ok(()),
                event = self.next() => self.handle(event).await?,
            }
        }
    }

    /// A place among the log entries that come, where the client wants any.
    fn follow_logs(&self) -> Option<broadcast::Receiver<Arc<LogBatch>>> {
        let wanted = self.parameters.logs.as_ref();
        wanted.map(|_| self.feed.hub.follow_logs())
    }

    /// Sends what the client wants of a batch, and before that what it missed.
    async fn send_logs(&mut self, batch: &LogBatch) -> Result<(), CloseReason> {
        // Of another database: a snapshot follows.
        if batch.database != self.database {
            return Ok(());
        }
        if self.log_id.is_none_or(|id| id < batch.after)
            && !self.send_missed_logs(batch.after).await?
        {
            return Ok(());
        }
        let (Some(filter), Some(id)) = (&self.parameters.logs, self.log_id) else {
            return Ok(());
        };
        if batch.last > id {
            let frame = batch.frame_after(id, filter);
            self.log_id = Some(batch.last);
            if let Some(frame) = frame {
                self.send(frame).await?;
            }
        }
        Ok(())
    }

    /// Sends the log entries that the client missed, from the database, at least up to the number `until`, where that is
    /// not 0. Where they are too many, it says so. Gives false where the client's position is void; then it has none.
    async fn send_missed_logs(&mut self, until: i64) -> Result<bool, CloseReason> {
        let Some(filter) = self.parameters.logs.clone() else {
            return Ok(true);
        };
        loop {
            let (id, wanted) = (self.log_id, filter.clone());
            let read = with_source(self.feed.clone(), move |source| match id {
                Some(id) => source.missed_logs(id, &wanted),
                None => Ok(MissedLogs::at_the_end(source.last_log_id()?)),
            });
            let missed = match read.await? {
                Ok(missed) => missed,
                Err(error) => {
                    tracing::debug!("a client waits for the database: {error}");
                    self.pause().await?;
                    continue;
                }
            };
            self.log_id = (!missed.is_void).then_some(missed.log_id);
            if missed.is_void {
                return Ok(false);
            }
            if let Some(frame) = missed.frame {
                self.send(frame.text).await?;
            }
            if missed.is_all || until > 0 && missed.log_id >= until {
                return Ok(true);
            }
        }
    }

    async fn resync(&mut self, reason: &str) -> Result<broadcast::Receiver<Event>, CloseReason> {
        METRICS.feed_resyncs.inc();
        self.send(frames::resync(reason).text).await?;
        self.snapshot().await
    }

    /// Sends what the client missed since its last connection, from the log, and gives a place in the ring from
    /// there on.
    async fn resume(&mut self, since: i64) -> Result<broadcast::Receiver<Event>, CloseReason> {
        let on_server = matches!(self.feed.storage, Storage::Server(_));
        while on_server && self.feed.hub.database().is_empty() {
            self.pause().await?;
        }
        let database = self.parameters.database.as_deref();
        if database.is_some_and(|database| *database != *self.feed.hub.database()) {
            self.log_id = None;
            return self.resync("this is another database").await;
        }
        self.seq = since;
        let mut of: Option<Arc<str>> = None;
        let mut joined = None;
        let catching_up = Instant::now() + CATCHING_UP;
        loop {
            let seq = self.seq;
            let page = with_source(self.feed.clone(), move |source| {
                let database: Arc<str> = source.position()?.database.into();
                let changes = source.changes(seq)?;
                let is_behind = changes.is_none() && source.is_behind(seq)?;
                Ok((changes, database, is_behind))
            });
            let page = page.await?;
            let (changes, database) = match page {
                Ok((Some(changes), database, _)) => (changes, database),
                Ok((None, _, true)) if Instant::now() < catching_up => {
                    self.pause().await?;
                    continue;
                }
                Ok((None, ..)) => return self.resync("that position is not in the log").await,
                Err(Error::Database(database::Error::Unavailable(_))) if on_server => {
                    self.pause().await?;
                    continue;
                }
                Err(error) => {
                    tracing::warn!("a client cannot resume: {error}");
                    return self.resync("the log cannot be read").await;
                }
            };
            if *of.get_or_insert_with(|| Arc::clone(&database)) != database {
                return self.resync("the database was opened anew").await;
            }
            for frame in frames::delta(&changes, &self.parameters.filter) {
                self.send(frame.text).await?;
            }
            let whole = changes.is_empty();
            if let Some(last) = changes.last() {
                self.seq = last.seq;
            }
            // Once at the log's end, take a place in the ring, and read on up to that place.
            match joined.take() {
                Some((ring, place)) if self.seq >= place => {
                    self.enter(database);
                    return Ok(ring);
                }
                Some(place) => joined = Some(place),
                None if whole => {
                    let (ring, place, known) = self.feed.hub.join();
                    if known != database {
                        return self.resync("the database was opened anew").await;
                    }
                    if self.seq >= place {
                        self.enter(database);
                        return Ok(ring);
                    }
                    joined = Some((ring, place));
                }
                None => {}
            }
        }
    }

    /// Deals with what came from the client.
    async fn answer(
        &mut self,
        message: Option<Result<Message, SocketError>>,
    ) -> Result<(), CloseReason> {
        #[derive(Deserialize)]
        struct Incoming {
            r#type: String,
        }
        self.heard = Instant::now();
        let text = match message {
            Some(Err(SocketError::Capacity(_))) => {
                return Err(Some((CloseCode::Size, "a message has at most 4096 bytes")));
            }
            Some(Err(SocketError::Protocol(_))) => {
                return Err(Some((
                    CloseCode::Protocol,
                    "this breaks the WebSocket protocol",
                )));
            }
            Some(Err(SocketError::Utf8(_))) => {
                return Err(Some((CloseCode::Invalid, "a text is UTF-8")));
            }
            None | Some(Err(_)) => return Err(None),
            Some(Ok(Message::Close(_))) => {
                // The answer, with the client's code, is made already; to read on sends it.
                let _ = timeout(CLOSE, self.socket.next()).await;
                return Err(None);
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => {
                return self.send(frames::error("messages are text").text).await;
            }
            Some(Ok(Message::Text(text))) => text,
        };
        match serde_json::from_str::<Incoming>(&text) {
            Ok(message) if message.r#type == "ping" => self.send_heartbeat().await,
            Ok(_) => {
                self.send(frames::error("the only type of message is \"ping\"").text)
                    .await
            }
            Err(_) => {
                self.send(frames::error("messages look like {\"type\":\"ping\"}").text)
                    .await
            }
        }
    }

    async fn send_heartbeat(&mut self) -> Result<(), CloseReason> {
        let live = *self.live.borrow_and_update();
        self.send(frames::heartbeat(self.seq, self.log_id, live).text)
            .await
    }

    async fn ping(&mut self) -> Result<(), CloseReason> {
        if self.heard.elapsed() > SILENCE {
            return Err(STALLED);
        }
        let ping = self.socket.send(Message::Ping(bytes::Bytes::new()));
        in_time(ping).await
    }

    async fn send(&mut self, frame: impl Into<Utf8Bytes>) -> Result<(), CloseReason> {
        in_time(send_text(&mut self.socket, frame.into())).await?;
        self.heartbeat = Instant::now() + HEARTBEAT;
        Ok(())
    }
}

/// The next log entries; never, where the client wants none.
async fn next_logs(
    logs: &mut Option<broadcast::Receiver<Arc<LogBatch>>>,
) -> Result<Arc<LogBatch>, broadcast::error::RecvError> {
    match logs {
        Some(logs) => logs.recv().await,
        None => std::future::pending().await,
    }
}

/// Sends, unless the client does not read.
async fn in_time(
    sending: impl Future<Output = Result<(), SocketError>>,
) -> Result<(), CloseReason> {
    match timeout(STALL, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(STALLED),
    }
}

/// Runs a job on the database, in its turn. Neither the turn nor the connection is kept while a client reads, who may be
/// slow.
async fn with_source<T: Send + 'static>(
    feed: Feed,
    job: impl FnOnce(&Source) -> Result<T, Error> + Send + 'static,
) -> Result<Result<T, Error>, CloseReason> {
    // The semaphore is never closed.
    let _turn = feed.reads.acquire().await.map_err(|_| STOPPING)?;
    Ok(blocking(move || Source::with(&feed.storage, job)).await)
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
