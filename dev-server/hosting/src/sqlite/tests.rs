//! Statements that are interrupted, by the clock or as their request is gone, leave no transaction open; and those that take
//! long make room.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::Handle as Runtime;
use tokio::time::timeout;

use super::*;

/// How many requests each client sends.
const REQUESTS: u64 = 300;

/// A database with a table, and a connection to it that stays open throughout: the first one and the last keep all others out
/// for a moment.
fn database() -> (TempDir, PathBuf, rusqlite::Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.db");
    let made = native::open(&path).expect("a database");
    made.execute_batch(
        "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)",
    )
    .expect("a table");
    (folder, path, made)
}

/// A pool for which every statement of so many operations takes long, so that all that can be interrupted is.
fn impatient(path: &Path, operations: i32) -> Arc<Pool> {
    let time = Duration::ZERO;
    Pool::with_short(path, Short { time, operations })
}

async fn run(handle: &mut Handle, sql: &str) -> Result<(), String> {
    let result = handle.execute(sql.to_owned(), Vec::new()).await;
    result
        .map(|_| ())
        .map_err(|error| format!("{sql}: {error:?}"))
}

/// Sees that nothing is open and somebody can write.
async fn is_at_rest(pool: &Arc<Pool>) {
    let turn = write_queue::turn(pool, Instant::now() + WRITE_LOCK_TIMEOUT).await;
    drop(turn.expect("the turn to write comes"));
    assert!(pool.idle().iter().all(|file| file.is_autocommit()));
    assert_eq!(pool.try_lock(), Ok(true));
    let mut handle = Handle::new(Arc::clone(pool));
    run(&mut handle, "UPDATE t SET n = n + 1")
        .await
        .expect("writes");
}

/// SQLite asks whether to go on after some operations of a statement, over all its runs; for a BEGIN that may be when it has
/// begun. Found by a soak test: it was run again, failed, and left its transaction open.
#[tokio::test]
async fn a_statement_that_begins_or_ends_a_transaction_is_not_interrupted() {
    let (_folder, path, _kept) = database();
    for operations in 1..10 {
        let pool = impatient(&path, operations);
        let mut handle = Handle::new(Arc::clone(&pool));
        for begin in ["BEGIN", "BEGIN IMMEDIATE"] {
            for n in 0..20 {
                let end = if n % 2 == 0 { "COMMIT" } else { "ROLLBACK" };
                for sql in [begin, "SELECT n FROM t", end] {
                    run(&mut handle, sql).await.expect("runs");
                }
                assert!(handle.checkout.is_none(), "{end} has left {begin} open");
            }
        }
        is_at_rest(&pool).await;
    }
}

/// What a request does, by its number.
async fn request(handle: &mut Handle, number: u64) -> Result<(), String> {
    let statements: &[&str] = match number % 4 {
        0 => &["BEGIN", "SELECT n FROM t", "SELECT n FROM t", "COMMIT"],
        1 => &["BEGIN IMMEDIATE", "UPDATE t SET n = n + 1", "COMMIT"],
        2 => &["UPDATE t SET n = n + 1"],
        _ => &[
            FOREIGN_KEYS_OFF,
            "BEGIN IMMEDIATE",
            "INSERT INTO t SELECT n FROM t LIMIT 1",
            "ROLLBACK",
            FOREIGN_KEYS_ON,
        ],
    };
    for sql in statements {
        run(handle, sql).await?;
    }
    Ok(())
}

/// Clients that go away at any moment, while others write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_dropped_leave_no_transaction_open() {
    let (_folder, path, _kept) = database();
    let pool = impatient(&path, 3);
    let mut clients = Vec::new();
    for client in 0..8 {
        let pool = Arc::clone(&pool);
        clients.push(tokio::spawn(async move {
            // A generator of pseudo-random numbers, so that a failure comes again.
            let mut random: u64 = client;
            let mut finished = 0;
            for _ in 0..REQUESTS {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let (number, patience) = (random >> 60, (random >> 33) % 4000);
                let mut handle = Handle::new(Arc::clone(&pool));
                let asked = request(&mut handle, number);
                let answer = timeout(Duration::from_micros(patience), asked).await;
                if let Ok(answer) = answer {
                    answer.expect("a request that nobody gives up succeeds");
                    assert!(handle.checkout.is_none());
                    finished += 1;
                }
            }
            finished
        }));
    }
    let mut finished = 0;
    for client in clients {
        finished += client.await.expect("no panic");
    }
    assert!(finished > 0 && finished < 8 * REQUESTS, "{finished} of all");
    is_at_rest(&pool).await;
}

/// A read that takes long begins after a moment without any; who writes waits for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_reads_make_room_and_nobody_else_does() {
    let (_folder, path, _kept) = database();
    let pool = impatient(&path, 1);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let (alone, runtime) = (Arc::clone(&pool), Runtime::current());
    let job = tokio::task::spawn_blocking(move || {
        alone.without_long_reads(&runtime, || {
            begun.send(()).expect("somebody waits");
            ends.recv().expect("somebody ends it");
        })
    });
    has_begun.await.expect("it begins");
    let reader = Arc::clone(&pool);
    let read = tokio::spawn(async move { run(&mut Handle::new(reader), "SELECT n FROM t").await });
    let mut writer = Handle::new(Arc::clone(&pool));
    run(&mut writer, "UPDATE t SET n = n + 1")
        .await
        .expect("writes");
    assert!(!read.is_finished());
    end.send(()).expect("it waits");
    assert_eq!(job.await.expect("no panic"), Some(()));
    read.await.expect("no panic").expect("reads");
}
