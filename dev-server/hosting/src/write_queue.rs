//! Group commit: of all that write, one goes at a time, and those that wait for one another share a commit.
//!
//! A transaction of a component is a savepoint in a transaction of ours, unless it is the first in it. Whoever commits
//! leaves ours open for the next in the queue and waits; one turn after the last that waited when it was opened, it is
//! committed, with one flush to the disk, and all are answered. So each is as durable and isolated as it would be alone: it
//! sees what came before it, a rollback takes back its own, and nobody is told of success before it is on disk. Where ours
//! fails as a whole, everybody in it is told that the database is locked, and tries again.
//!
//! Who finds nobody waiting commits at once. In this process writers queue in the order in which they come; while another process
//! has the lock, whoever has the turn tries again. SQLite itself never waits, and no thread does.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use database::Error;
use database::native::File;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use crate::metrics::{self, Wait};
use crate::pool::Pool;
use crate::sqlite::{LOCKED, Outcome, PAUSE, Statement, execute, is_locked, order};

/// For how long the lock is left to other processes after a transaction that several have shared.
const GAP: Duration = Duration::from_millis(1);

/// Where writers wait.
#[derive(Default)]
pub(crate) struct WriteQueue {
    writer: Arc<tokio::sync::Mutex<Writer>>,
    waiting: AtomicUsize,
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
    members: Vec<oneshot::Sender<Result<(), String>>>,
}

impl WriteQueue {
    /// Waits for the turn.
    async fn enter(&self) -> Turn {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = (Waits(&self.waiting), Wait::begin());
        Arc::clone(&self.writer).lock_owned().await
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
    let mut turn = enter(pool, deadline).await?;
    if pool.writers().is_empty()
        && let Writer::Idle(kept) = &mut *turn
    {
        let file = connection(pool, kept.take())?;
        return write_alone(pool, turn, file, statement, deadline).await;
    }
    let transaction = Transaction::begin_in(pool, turn, deadline).await?;
    let (transaction, outcome) = transaction.run(statement).await;
    let rows = outcome?;
    if let Some(transaction) = transaction {
        transaction.commit().await?;
    }
    Ok(rows)
}

/// Runs a statement that commits by itself, on a thread that may wait for the disk.
async fn write_alone(
    pool: &Arc<Pool>,
    mut turn: Turn,
    mut file: File,
    statement: Statement,
    deadline: Instant,
) -> Outcome {
    loop {
        let (pool_there, statement) = (Arc::clone(pool), Arc::clone(&statement));
        let writing = tokio::task::spawn_blocking(move || {
            let outcome = after_gaps(&pool_there, &file, || execute(&file, &statement));
            (turn, file, outcome)
        });
        let outcome;
        (turn, file, outcome) = writing.await.map_err(|error| error.to_string())?;
        if is_locked(&outcome) && Instant::now() < deadline {
            let _wait = Wait::begin();
            sleep(PAUSE).await;
            continue;
        }
        *turn = idle(file);
        drop(turn);
        if outcome.is_ok() {
            pool.wrote(1);
        }
        return outcome;
    }
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

fn commit(pool: &Pool, mut turn: Turn) -> Turn {
    match std::mem::take(&mut *turn) {
        Writer::Open(Group { file, members }) => {
            let result = metrics::busy(|| order(&file, "COMMIT"));
            if result.is_err() {
                // Fails only where SQLite has rolled back by itself already.
                let _ = order(&file, "ROLLBACK");
            }
            *turn = idle(file);
            if result.is_ok() {
                pool.wrote(members.len() as u64);
            }
            answer(members, &result);
        }
        closed @ Writer::Idle(_) => *turn = closed,
    }
    turn
}

fn answer(members: Vec<oneshot::Sender<Result<(), String>>>, result: &Result<(), String>) {
    for member in members {
        // An error says that its client has gone.
        let _ = member.send(result.clone());
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
                Group {
                    file,
                    members: Vec::new(),
                }
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
        group.members.push(sender);
        *turn = Writer::Open(group);
        if self.pool.writers().is_empty() {
            drop(close(&self.pool, turn).await?);
        } else {
            drop(turn);
            if is_first {
                let pool = Arc::clone(&self.pool);
                // After all that wait now. It does not count as one who waits, since it brings nothing to share.
                tokio::spawn(async move {
                    let turn = Arc::clone(&pool.writers().writer).lock_owned().await;
                    let turn = close(&pool, turn).await;
                    // Other processes get the lock only between two of ours; also where the last one found nobody
                    // waiting, and has committed all of it.
                    sleep(GAP).await;
                    drop(turn);
                });
            }
        }
        committed
            .await
            .unwrap_or_else(|_| Err("the commit was given up".to_owned()))
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
            answer(group.members, &Err(LOCKED.to_owned()));
        } else {
            *turn = Writer::Open(group);
        }
    }
}

#[cfg(test)]
mod tests;
