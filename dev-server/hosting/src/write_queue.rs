//! Group commit: of all that write, one goes at a time, and those that wait for one another share a commit.
//!
//! A transaction of a component is a savepoint in a transaction of ours, unless it is the first in it. Whoever commits
//! leaves ours open for the next in the queue and waits; one turn after the last that waited when it was opened, it is
//! committed, with one flush to the disk, and all are answered. So each is as durable and isolated as it would be alone: it
//! sees what came before it, a rollback takes back its own, and nobody is told of success before it is on disk. Where ours
//! fails as a whole, everybody in it is told that the database is locked, and tries again.
//!
//! What is one statement needs no savepoint, as SQLite takes back a statement that fails. Such statements wait in a list of
//! their own, which a thread goes through in one turn: the threads that serve requests neither run them nor hand the turn on.
//!
//! Who finds nobody waiting commits at once. In this process writers queue in the order in which they come; while another process
//! has the lock, whoever has the turn tries again. SQLite itself never waits, and no thread that serves requests does.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use database::Error;
use database::native::{File, Rows};
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use crate::guest::bindings::spin::sqlite::sqlite as wit;
use crate::metrics::{self, Wait};
use crate::pool::Pool;
use crate::sqlite::{LOCKED, Outcome, PAUSE, Statement, execute, is_locked, nothing, order};

/// For how long the lock is left to other processes after a transaction where others wait or have shared it: half the time
/// that it took, in these bounds. SQLite's own waiting looks again after 100 ms at the latest.
const SHORTEST_GAP: Duration = Duration::from_micros(300);
const LONGEST_GAP: Duration = Duration::from_millis(100);

/// Where writers wait.
#[derive(Default)]
pub(crate) struct WriteQueue {
    writer: Arc<tokio::sync::Mutex<Writer>>,
    /// How many wait for the turn, and how many statements are in the list.
    waiting: AtomicUsize,
    list: Mutex<List>,
    /// Statements that took longer than what is short. They run on a thread that may block.
    slow: Mutex<HashSet<String>>,
}

/// The right to write in this process.
pub(crate) type Turn = OwnedMutexGuard<Writer>;

/// What goes from one writer to the next.
pub(crate) enum Writer {
    /// No transaction is open. The connection is kept for the pages that it has in memory.
    Idle(Option<File>),
    /// One is, and somebody waits for its commit.
    Open(Group),
}

impl Default for Writer {
    fn default() -> Self {
        Self::Idle(None)
    }
}

/// An open transaction, and who waits for its commit.
pub(crate) struct Group {
    file: File,
    begun: Instant,
    members: Vec<Member>,
}

impl Group {
    /// A transaction that has begun on `file`.
    fn of(file: File) -> Self {
        Self {
            file,
            begun: Instant::now(),
            members: Vec::new(),
        }
    }
}

/// One who waits for a commit, and what the statement has given if it was one.
struct Member {
    sender: oneshot::Sender<Outcome>,
    rows: Rows<wit::Value>,
}

/// Statements that each are a transaction.
#[derive(Default)]
struct List {
    statements: VecDeque<Single>,
    /// Whether a thread goes through it.
    is_served: bool,
}

struct Single {
    statement: Statement,
    sender: oneshot::Sender<Outcome>,
    deadline: Instant,
    _wait: Wait,
}

impl WriteQueue {
    /// Waits for the turn.
    async fn enter(&self) -> Turn {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = (Waits(&self.waiting), Wait::begin());
        Arc::clone(&self.writer).lock_owned().await
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next statement of the list whose client is still there.
    fn next(&self) -> Option<Single> {
        let mut list = self.list();
        while let Some(single) = list.statements.pop_front() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if !single.sender.is_closed() {
                return Some(single);
            }
        }
        None
    }

    /// Puts a statement back that could not begin.
    fn put_back(&self, single: Single) {
        let mut list = self.list();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        list.statements.push_front(single);
    }

    /// Takes a statement off the list; false where it is not there any more.
    fn withdraw(&self, statement: &Statement) -> bool {
        let mut list = self.list();
        let place = list
            .statements
            .iter()
            .position(|single| Arc::ptr_eq(&single.statement, statement));
        if let Some(place) = place {
            list.statements.remove(place);
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        place.is_some()
    }

    fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Closes the connection if its file was moved, deleted or replaced, and gives whether it did. Whoever has the turn does so
    /// at its end.
    pub(crate) fn close_stale(&self) -> bool {
        let Ok(mut writer) = self.writer.try_lock() else {
            return false;
        };
        let is_stale = matches!(&*writer, Writer::Idle(Some(file)) if !file.is_current());
        if is_stale {
            *writer = Writer::Idle(None);
        }
        is_stale
    }

    fn is_slow(&self, sql: &str) -> bool {
        let slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        slow.contains(sql)
    }

    fn note_slow(&self, sql: &str) {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        slow.insert(sql.to_owned());
    }
}

/// Somebody who waits, until dropped.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for the turn to write on another connection than the queue's own, which has no transaction open then.
///
/// # Errors
/// [`LOCKED`] at the deadline.
pub(crate) async fn turn(pool: &Arc<Pool>, deadline: Instant) -> Result<Turn, String> {
    let turn = enter(pool, deadline).await?;
    close(pool, turn).await
}

async fn enter(pool: &Pool, deadline: Instant) -> Result<Turn, String> {
    timeout_at(deadline, pool.writers().enter())
        .await
        .map_err(|_| LOCKED.to_owned())
}

/// Runs one statement that writes, and commits it.
///
/// # Errors
/// SQLite's message; then nothing was written.
pub(crate) async fn write(pool: &Arc<Pool>, statement: Statement, deadline: Instant) -> Outcome {
    let (sender, mut written) = oneshot::channel();
    let queue = pool.writers();
    {
        let mut list = queue.list();
        queue.waiting.fetch_add(1, Ordering::Relaxed);
        list.statements.push_back(Single {
            statement: Arc::clone(&statement),
            sender,
            deadline,
            _wait: Wait::begin(),
        });
        if !std::mem::replace(&mut list.is_served, true) {
            let pool = Arc::clone(pool);
            tokio::task::spawn_blocking(move || serve(&pool));
        }
    }
    let outcome = match timeout_at(deadline, &mut written).await {
        Ok(outcome) => outcome,
        Err(_) if queue.withdraw(&statement) => return Err(LOCKED.to_owned()),
        // It runs at this moment.
        Err(_) => written.await,
    };
    outcome.unwrap_or_else(|_| Err("the statement was given up".to_owned()))
}

/// Goes through the list until it is empty. Blocks.
fn serve(pool: &Arc<Pool>) {
    loop {
        run_list(pool, wait(pool));
        let mut list = pool.writers().list();
        if list.statements.is_empty() {
            list.is_served = false;
            return;
        }
    }
}

/// Waits for the turn, not as one who has something to write. Blocks.
fn wait(pool: &Pool) -> Turn {
    Arc::clone(&pool.writers().writer).blocking_lock_owned()
}

/// Runs what is in the list in one transaction, together with what comes meanwhile. Blocks.
fn run_list(pool: &Pool, mut turn: Turn) {
    let queue = pool.writers();
    let opened = match std::mem::take(&mut *turn) {
        Writer::Open(group) => Some(group),
        Writer::Idle(kept) => open_list(pool, &mut turn, kept),
    };
    let Some(mut group) = opened else { return };
    let is_first = group.members.is_empty();
    while let Some(single) = queue.next() {
        let outcome = execute(&group.file, &single.statement);
        if group.file.is_autocommit() {
            // SQLite has rolled back all of it.
            let _ = single.sender.send(outcome);
            *turn = idle(group.file);
            answer(group.members, Err(LOCKED));
            return;
        }
        match outcome {
            Ok(rows) => group.members.push(Member {
                sender: single.sender,
                rows,
            }),
            Err(error) => {
                let _ = single.sender.send(Err(error));
            }
        }
    }
    *turn = Writer::Open(group);
    if queue.is_empty() {
        commit(pool, turn);
    } else if is_first {
        drop(turn);
        // After all that wait now.
        commit(pool, wait(pool));
    }
}

/// Opens a transaction for what is in the list. Gives none where there is nothing in it any more: one statement that nobody
/// else waits with is run at once, and commits by itself.
fn open_list(pool: &Pool, turn: &mut Turn, kept: Option<File>) -> Option<Group> {
    let queue = pool.writers();
    let refuse = |error: &str| {
        while let Some(single) = queue.next() {
            let _ = single.sender.send(Err(error.to_owned()));
        }
    };
    let file = match connection(pool, kept) {
        Ok(file) => file,
        Err(error) => {
            refuse(&error);
            return None;
        }
    };
    while let Some(single) = queue.next() {
        if Instant::now() >= single.deadline {
            let _ = single.sender.send(Err(LOCKED.to_owned()));
            continue;
        }
        let outcome = if queue.is_empty() {
            let begun = Instant::now();
            let outcome = after_gaps(pool, &file, || execute(&file, &single.statement));
            if !is_locked(&outcome) {
                if outcome.is_ok() {
                    pool.wrote(1);
                }
                let _ = single.sender.send(outcome);
                if !queue.is_empty() {
                    leave(begun);
                }
                break;
            }
            queue.put_back(single);
            outcome.map(|_| ())
        } else {
            queue.put_back(single);
            after_gaps(pool, &file, || order(&file, "BEGIN IMMEDIATE"))
        };
        match outcome {
            Ok(()) => return Some(Group::of(file)),
            // Another process has the lock.
            Err(_) if is_locked(&outcome) => std::thread::sleep(PAUSE),
            Err(error) => {
                refuse(&error);
                break;
            }
        }
    }
    **turn = idle(file);
    None
}

/// Takes the write lock by `take`, after the leases run anew where that is due: what is written may depend on them.
fn after_gaps<T>(
    pool: &Pool,
    file: &File,
    take: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let caught_up = pool.lease_clock().catch_up(&**file);
    if caught_up == Err(Error::Busy) {
        return Err(LOCKED.to_owned());
    }
    let taken = take()?;
    if let Ok(begun) = caught_up {
        pool.lease_clock().reached(begun);
    }
    Ok(taken)
}

/// The connection that was `kept`, if it may still be used, or another.
fn connection(pool: &Pool, kept: Option<File>) -> Result<File, String> {
    match kept.filter(File::is_current) {
        Some(file) => Ok(file),
        None => pool.take().map_err(|error| error.to_string()),
    }
}

fn idle(file: File) -> Writer {
    Writer::Idle(file.is_current().then_some(file))
}

/// Commits what is open, if anything is, on a thread that may wait for the disk, which goes on where nobody waits for it any
/// more.
async fn close(pool: &Arc<Pool>, turn: Turn) -> Result<Turn, String> {
    if matches!(&*turn, Writer::Idle(_)) {
        return Ok(turn);
    }
    let pool = Arc::clone(pool);
    tokio::task::spawn_blocking(move || commit(&pool, turn))
        .await
        .map_err(|error| error.to_string())
}

/// Leaves the lock, which was held since `begun`, to other processes. Blocks.
fn leave(begun: Instant) {
    let gap = begun.elapsed() / 2;
    std::thread::sleep(gap.clamp(SHORTEST_GAP, LONGEST_GAP));
}

/// Commits what is open, if anything is, answers all that wait for it, and leaves the lock to other processes for a moment if
/// these are several. Blocks.
fn commit(pool: &Pool, mut turn: Turn) -> Turn {
    match std::mem::take(&mut *turn) {
        Writer::Open(Group {
            file,
            begun,
            members,
        }) => {
            let result = metrics::busy(|| order(&file, "COMMIT"));
            if result.is_err() {
                // Fails only where SQLite has rolled back by itself already.
                let _ = order(&file, "ROLLBACK");
            }
            *turn = idle(file);
            if result.is_ok() {
                pool.wrote(members.len() as u64);
            }
            let is_shared = members.len() > 1;
            answer(members, result.as_ref().copied().map_err(String::as_str));
            if is_shared {
                leave(begun);
            }
        }
        closed @ Writer::Idle(_) => *turn = closed,
    }
    turn
}

fn answer(members: Vec<Member>, result: Result<(), &str>) {
    for Member { sender, rows } in members {
        // An error says that its client has gone.
        let _ = sender.send(result.map(|()| rows).map_err(str::to_owned));
    }
}

/// A transaction of a component. Dropped before its end, it is taken back.
pub(crate) struct Transaction {
    pool: Arc<Pool>,
    /// `None` once it has ended.
    open: Option<(Turn, Group)>,
}

impl Transaction {
    /// Waits for the turn and begins.
    ///
    /// # Errors
    /// SQLite's message, [`LOCKED`] at the deadline.
    pub(crate) async fn begin(pool: &Arc<Pool>, deadline: Instant) -> Result<Self, String> {
        let turn = enter(pool, deadline).await?;
        Self::begin_in(pool, turn, deadline).await
    }

    async fn begin_in(pool: &Arc<Pool>, mut turn: Turn, deadline: Instant) -> Result<Self, String> {
        let group = match std::mem::take(&mut *turn) {
            Writer::Open(group) => group,
            Writer::Idle(kept) => {
                let file = connection(pool, kept)?;
                loop {
                    let begun = after_gaps(pool, &file, || order(&file, "BEGIN IMMEDIATE"));
                    match begun {
                        Ok(()) => break,
                        // Another process has the lock.
                        Err(_) if is_locked(&begun) && Instant::now() < deadline => {
                            let _wait = Wait::begin();
                            sleep(PAUSE).await;
                        }
                        Err(error) => {
                            *turn = idle(file);
                            return Err(error);
                        }
                    }
                }
                Group::of(file)
            }
        };
        let transaction = Self {
            pool: Arc::clone(pool),
            open: Some((turn, group)),
        };
        if transaction.is_nested() {
            order(transaction.file()?, "SAVEPOINT component")?;
        }
        Ok(transaction)
    }

    fn file(&self) -> Result<&File, String> {
        match &self.open {
            Some((_, group)) => Ok(&group.file),
            None => Err("no transaction is open".to_owned()),
        }
    }

    /// Whether it is a savepoint after what others have written.
    fn is_nested(&self) -> bool {
        matches!(&self.open, Some((_, group)) if !group.members.is_empty())
    }

    /// Runs a statement in it. Gives no transaction where it has ended: SQLite may roll back all of it.
    pub(crate) async fn run(mut self, statement: Statement) -> (Option<Self>, Outcome) {
        let outcome = if self.pool.writers().is_slow(&statement.0) {
            let running = tokio::task::spawn_blocking(move || {
                let outcome = self.file().and_then(|file| execute(file, &statement));
                (self, outcome)
            });
            let outcome;
            (self, outcome) = match running.await {
                Ok(done) => done,
                Err(error) => return (None, Err(error.to_string())),
            };
            outcome
        } else {
            let start = Instant::now();
            let outcome = self.file().and_then(|file| execute(file, &statement));
            if start.elapsed() > self.pool.short().time {
                self.pool.writers().note_slow(&statement.0);
            }
            outcome
        };
        let has_ended = self.file().is_ok_and(|file| file.is_autocommit());
        ((!has_ended).then_some(self), outcome)
    }

    /// Commits it, with those who wait to write if there are any.
    ///
    /// # Errors
    /// SQLite's message; then nothing was written.
    pub(crate) async fn commit(mut self) -> Result<(), String> {
        if self.is_nested() {
            order(self.file()?, "RELEASE component")?;
        }
        let Some((mut turn, mut group)) = self.open.take() else {
            return self.file().map(|_| ());
        };
        let is_first = group.members.is_empty();
        let (sender, committed) = oneshot::channel();
        group.members.push(Member {
            sender,
            rows: nothing(),
        });
        *turn = Writer::Open(group);
        // On a thread that may wait for the disk, which goes on where nobody waits for it any more.
        let pool = Arc::clone(&self.pool);
        if pool.writers().is_empty() {
            tokio::task::spawn_blocking(move || commit(&pool, turn));
        } else {
            drop(turn);
            if is_first {
                // After all that wait now.
                tokio::task::spawn_blocking(move || commit(&pool, wait(&pool)));
            }
        }
        let committed = committed.await.map(|outcome| outcome.map(|_| ()));
        committed.unwrap_or_else(|_| Err("the commit was given up".to_owned()))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some((mut turn, group)) = self.open.take() else {
            return;
        };
        // These fail only where SQLite has rolled back by itself already.
        if group.members.is_empty() {
            let _ = order(&group.file, "ROLLBACK");
        } else {
            let _ = order(&group.file, "ROLLBACK TO component");
            let _ = order(&group.file, "RELEASE component");
        }
        if group.file.is_autocommit() {
            *turn = idle(group.file);
            answer(group.members, Err(LOCKED));
        } else {
            *turn = Writer::Open(group);
        }
    }
}

#[cfg(test)]
mod tests;
