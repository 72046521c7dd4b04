//! The one thread that looks for changes.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use database::change_log::Position;
use feed_protocol::Entry;
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::location::Location;
use crate::store::{Error, Version};

use super::hub::{Hub, LogBatch};
use super::source::Source;

/// How often the thread looks at a file: a look takes some 50 µs of a core.
const FILE: Pace = Pace {
    interval: Duration::from_millis(5),
    quiet: Duration::from_secs(1),
    quiet_interval: Duration::from_millis(20),
};
/// How often it looks at a server: a look is a request, and the server has other clients.
const SERVER: Pace = Pace {
    interval: Duration::from_millis(20),
    quiet: Duration::from_secs(5),
    quiet_interval: Duration::from_millis(100),
};
/// How long a look at a server may take before the feed says that it is not live.
const SERVER_PATIENCE: Duration = Duration::from_secs(3);
/// The least time between two looks, so that many commits make one batch.
const LEAST_INTERVAL: Duration = Duration::from_millis(2);
/// How long it waits before it tries again to open a database.
const RETRY: Duration = Duration::from_millis(250);
/// For how long a lock that keeps out readers may delay the start: a writer without a write-ahead log has one for moments.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often there is a look whether somebody else has committed.
struct Pace {
    /// While there are commits.
    interval: Duration,
    /// After so long without one it looks less often.
    quiet: Duration,
    quiet_interval: Duration,
}

/// Makes the thread look at once. Cheap to clone; the thread ends with the last one.
#[derive(Clone)]
pub(crate) struct Waker(SyncSender<()>);

impl Waker {
    /// Says that something was committed.
    pub(crate) fn wake(&self) {
        // Where the thread is to wake up already, that is enough.
        let _ = self.0.try_send(());
    }
}

/// Starts the thread. It has read the database when this returns, or found that it cannot, so that a client which resumes
/// right after a restart meets a feed that knows its place.
pub(super) async fn start(location: &Location, hub: Arc<Hub>) -> Waker {
    let (sender, wakes) = mpsc::sync_channel(1);
    let (tried, ready) = oneshot::channel();
    let (location, pace) = match location {
        Location::File(_) => (location.clone(), FILE),
        Location::Server(server) => {
            let server = server.with_patience(Some(SERVER_PATIENCE));
            (Location::Server(server), SERVER)
        }
    };
    let thread = Thread {
        location,
        pace,
        hub,
        wakes,
        tried: Some(tried),
        complaint: None,
    };
    std::thread::spawn(move || thread.run());
    // An error says that the thread has ended, which it does not before the waker is dropped.
    let _ = ready.await;
    Waker(sender)
}

struct Thread {
    location: Location,
    pace: Pace,
    hub: Arc<Hub>,
    wakes: Receiver<()>,
    /// Told when the database was read, or could not be, for the first time.
    tried: Option<oneshot::Sender<()>>,
    /// What was last logged, so that a lasting fault is one line.
    complaint: Option<String>,
}

/// How far the log entries are handed on.
#[derive(Default)]
struct Logs {
    /// The last one that was; `None` while nobody wants any.
    id: Option<i64>,
    /// Whether there may be more.
    are_due: bool,
}

impl Thread {
    fn run(mut self) {
        let start = Instant::now();
        loop {
            let error = match self.follow() {
                Ok(()) => return,
                Err(error) => error,
            };
            if self.tried.is_some() && error.is_busy() && start.elapsed() < PATIENCE {
                if self.wait(self.pace.interval) {
                    return;
                }
                continue;
            }
            self.hub.set_live(false);
            self.complain(&error);
            if self.wait(RETRY) {
                return;
            }
        }
    }

    /// Opens the database and follows its log until the feed ends (`Ok`) or the database is gone.
    fn follow(&mut self) -> Result<(), Error> {
        let source = Source::open(&self.location)?;
        let mut seq = self.begin(&source)?;
        let mut seen = None;
        let mut logs = Logs::default();
        let mut changed = Instant::now();
        loop {
            let start = Instant::now();
            source.check_file()?;
            let looked = self.look(&source, &mut seq, &mut seen).and_then(|news| {
                logs.are_due |= news;
                self.look_at_logs(&source, &mut logs)?;
                Ok(news)
            });
            match looked {
                Ok(news) => {
                    self.recovered();
                    if news {
                        changed = start;
                    }
                }
                // Somebody has locked out even readers, or the server is away; that passes.
                Err(error) if source.passes(&error) => {
                    self.hub.set_live(false);
                    self.complain(&error);
                }
                Err(error) => return Err(error),
            }
            let interval = if start - changed < self.pace.quiet {
                self.pace.interval
            } else {
                self.pace.quiet_interval
            };
            if self.wait(interval) {
                return Ok(());
            }
            std::thread::sleep(LEAST_INTERVAL.saturating_sub(start.elapsed()));
        }
    }

    /// Hands on what is new in the log, if anybody has committed since `seen`. Gives whether anybody has.
    fn look(
        &mut self,
        source: &Source,
        seq: &mut i64,
        seen: &mut Option<Version>,
    ) -> Result<bool, Error> {
        let version = source.version()?;
        if *seen == Some(version) {
            return Ok(false);
        }
        // A server has said where the log ends, and need not be asked again.
        while !matches!(version, Version::Server(newest) if newest.seq <= *seq) {
            match source.changes(*seq)? {
                Some(changes) => {
                    let Some(last) = changes.last() else { break };
                    *seq = last.seq;
                    self.hub.publish(changes);
                }
                None if source.is_behind(*seq)? => return Err(Error::Behind),
                None => *seq = self.begin(source)?,
            }
        }
        *seen = Some(version);
        Ok(true)
    }

    /// Hands on the log entries that are new, as long as anybody wants them, and at first where the log is.
    fn look_at_logs(&self, source: &Source, logs: &mut Logs) -> Result<(), Error> {
        if !self.hub.wants_logs() {
            logs.id = None;
            return Ok(());
        }
        let Some(id) = &mut logs.id else {
            let last = source.last_log_id()?;
            logs.id = Some(last);
            self.hand_on(last, Vec::new());
            return Ok(());
        };
        while logs.are_due {
            let entries = source.logs(*id)?;
            match entries.last().map(|entry| entry.id) {
                Some(newest) => {
                    self.hand_on(*id, entries);
                    *id = newest;
                }
                None => logs.are_due = false,
            }
        }
        Ok(())
    }

    fn hand_on(&self, after: i64, entries: Vec<Entry>) {
        let database = self.hub.database();
        self.hub
            .publish_logs(LogBatch::new(database, after, entries));
    }

    /// Begins where the log is, and gives that position.
    fn begin(&mut self, source: &Source) -> Result<i64, Error> {
        let Position { seq, database } = source.position()?;
        self.hub.reset(database.into(), seq);
        self.recovered();
        Ok(seq)
    }

    fn recovered(&mut self) {
        self.hub.set_live(true);
        self.tell();
        if self.complaint.take().is_some() {
            info!(path = %self.location, "the feed has its database again");
        }
    }

    fn tell(&mut self) {
        if let Some(tried) = self.tried.take() {
            let _ = tried.send(());
        }
    }

    fn complain(&mut self, error: &Error) {
        self.tell();
        let complaint = error.to_string();
        if self.complaint.as_ref() != Some(&complaint) {
            warn!(path = %self.location, "the feed waits for its database: {complaint}");
            self.complaint = Some(complaint);
        }
    }

    /// Waits until there is something to do. Gives true where the feed ends.
    fn wait(&self, most: Duration) -> bool {
        matches!(
            self.wakes.recv_timeout(most),
            Err(RecvTimeoutError::Disconnected)
        )
    }
}
