//! One client: what it is sent, until the close frame.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::{HEARTBEAT, LIST_INTERVAL, Mode, Parameters, frames};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::{Instant, Interval, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};

use super::Feed;
use super::hub::Event;
use super::source::Source;
use super::upgrade::{Socket, send_text};
use crate::database_file::Error;

/// How often a client's side is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a client may say nothing at all.
const SILENCE: Duration = Duration::from_secs(75);
/// How long a client may not read.
const STALL: Duration = Duration::from_secs(30);
/// How long a close frame may take.
const CLOSE: Duration = Duration::from_secs(1);

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
    /// The last change that the client has.
    seq: i64,
    heartbeat: Instant,
    heard: Instant,
    pings: Interval,
    _place: OwnedSemaphorePermit,
}

impl Client {
    pub(super) fn new(
        feed: Feed,
        socket: Socket,
        parameters: Parameters,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let now = Instant::now();
        Self {
            live: feed.hub.live(),
            feed,
            socket,
            parameters,
            seq: 0,
            heartbeat: now + HEARTBEAT,
            heard: now,
            pings: interval_at(now + PING_INTERVAL, PING_INTERVAL),
            _place: place,
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
        let mut seq = self.feed.hub.seq();
        let mut stale = true;
        let mut next = Instant::now();
        let mut sent = None;
        self.acknowledge("default").await?;
        loop {
            tokio::select! {
                () = sleep_until(next), if stale => {
                    stale = false;
                    let (list, seq) = self.feed.hub.list(&self.parameters.filter);
                    self.seq = seq;
                    if sent.as_ref() != Some(&list) {
                        self.send(frames::whole(&list, seq).text).await?;
                        sent = Some(list);
                        next = Instant::now() + LIST_INTERVAL;
                    }
                }
                alive = seq.changed() => {
                    alive.map_err(|_| STOPPING)?;
                    stale = true;
                }
                event = self.next() => self.handle(event).await?,
            }
        }
    }

    /// The delta mode: each change, once and in order.
    async fn serve_changes(&mut self) -> Result<(), CloseReason> {
        self.acknowledge("delta").await?;
        let mut ring = match self.parameters.since {
            Some(since) => self.resume(since).await?,
            None => self.snapshot().await?,
        };
        loop {
            tokio::select! {
                event = ring.recv() => match event {
                    Ok(Event::Changes(batch)) => {
                        if batch.last_seq() > self.seq {
                            for frame in batch.frames_after(self.seq, &self.parameters.filter) {
                                self.send(frame).await?;
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

    /// Sends all that the client wants to see, and gives a place in the ring from there on.
    async fn snapshot(&mut self) -> Result<broadcast::Receiver<Event>, CloseReason> {
        let (ring, _, _) = self.feed.hub.join();
        let (list, seq) = self.feed.hub.list(&self.parameters.filter);
        self.seq = seq;
        self.send(frames::snapshot(&list, seq).text).await?;
        Ok(ring)
    }

    async fn resync(&mut self, reason: &str) -> Result<broadcast::Receiver<Event>, CloseReason> {
        self.send(frames::resync(reason).text).await?;
        self.snapshot().await
    }

    /// Sends what the client missed since its last connection, from the log, and gives a place in the ring from
    /// there on.
    async fn resume(&mut self, since: i64) -> Result<broadcast::Receiver<Event>, CloseReason> {
        let database = self.parameters.database.as_deref();
        if database.is_some_and(|database| *database != *self.feed.hub.database()) {
            return self.resync("this is another database").await;
        }
        self.seq = since;
        let resumes = self.feed.resumes.clone();
        let path = self.feed.database_path.clone();
        let mut of: Option<Arc<str>> = None;
        let mut joined = None;
        loop {
            let seq = self.seq;
            let path = Arc::clone(&path);
            // Neither the turn nor the connection is kept while the client reads, who may be slow: an open connection
            // would keep a file from being replaced. The semaphore is never closed.
            let turn = resumes.acquire().await.map_err(|_| STOPPING)?;
            let page = blocking(move || {
                let source = Source::open(&path)?;
                Ok((source.changes(seq)?, Arc::<str>::from(source.database())))
            });
            let page = page.await;
            drop(turn);
            let (changes, database) = match page {
                Ok((Some(changes), database)) => (changes, database),
                Ok((None, _)) => return self.resync("that position is not in the log").await,
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
                Some((ring, place)) if self.seq >= place => return Ok(ring),
                Some(place) => joined = Some(place),
                None if whole => {
                    let (ring, place, known) = self.feed.hub.join();
                    if known != database {
                        return self.resync("the database was opened anew").await;
                    }
                    if self.seq >= place {
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
        self.send(frames::heartbeat(self.seq, live).text).await
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

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
