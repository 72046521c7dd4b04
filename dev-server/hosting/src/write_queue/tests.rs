use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::guest::bindings::spin::sqlite::sqlite::Value;
use crate::sqlite::Handle;

const INSERT: &str = "INSERT INTO numbers (number) VALUES (?1)";
const WRITERS: i64 = 40;

/// A file with a table whose numbers are unique, and how often something was committed to it.
struct Numbers {
    folder: TempDir,
    pool: Arc<Pool>,
    commits: Arc<AtomicU64>,
    /// Open throughout, so that no other one is the first or the last, which keeps all others out for a moment.
    _kept: rusqlite::Connection,
}

impl Numbers {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let connection = rusqlite::Connection::open(folder.path().join("numbers.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE numbers (number INTEGER PRIMARY KEY)",
            )
            .unwrap();
        let pool = Pool::new(&folder.path().join("numbers.db"));
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        pool.on_commit(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        Self {
            folder,
            pool,
            commits,
            _kept: connection,
        }
    }

    /// Another process's connection.
    fn other(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.folder.path().join("numbers.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }

    fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.pool))
    }

    fn stored(&self) -> Vec<i64> {
        let connection = self.other();
        let mut statement = connection
            .prepare("SELECT number FROM numbers ORDER BY number")
            .unwrap();
        let numbers = statement.query_map([], |row| row.get(0)).unwrap();
        numbers.map(Result::unwrap).collect()
    }

    /// Keeps all that write waiting.
    async fn hold(&self) -> Turn {
        turn(&self.pool, soon()).await.unwrap()
    }

    /// Lets the `writers` go on as soon as all of them wait.
    async fn together<T: Send + 'static>(&self, first: Turn, mut writers: JoinSet<T>) -> Vec<T> {
        let mut results = Vec::new();
        while self.pool.writers().waiting.load(Ordering::Relaxed) < writers.len() {
            assert!(writers.try_join_next().is_none(), "one did not wait");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(first);
        while let Some(result) = writers.join_next().await {
            results.push(result.unwrap());
        }
        results
    }

    /// That nothing is left open: another process can write, and so can we.
    async fn is_free(&self) {
        self.other()
            .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
            .unwrap();
        say(&mut self.handle(), INSERT, 1_000_000).await.unwrap();
        assert_eq!(self.stored().last(), Some(&1_000_000));
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

async fn say(handle: &mut Handle, sql: &str, number: i64) -> Result<(), String> {
    let parameters = if sql.contains("?1") {
        vec![Value::Integer(number)]
    } else {
        Vec::new()
    };
    let result = handle.execute(sql.to_owned(), parameters).await;
    result.map(|_| ()).map_err(|error| format!("{error:?}"))
}

/// Runs the statements one after the other up to the first that fails.
async fn say_all(handle: &mut Handle, statements: &[&str], number: i64) -> Result<(), String> {
    for sql in statements {
        say(handle, sql, number).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_wait_share_a_commit() {
    let numbers = Numbers::new();
    let first = numbers.hold().await;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let mut handle = numbers.handle();
        let other = numbers.other();
        writers.spawn(async move {
            let statements: &[&str] = if number % 2 == 0 {
                &[INSERT]
            } else {
                &["BEGIN IMMEDIATE", INSERT, "COMMIT"]
            };
            say_all(&mut handle, statements, number).await.unwrap();
            // Whoever is told so finds it in the file.
            let sql = "SELECT count(*) FROM numbers WHERE number = ?1";
            let found: i64 = other.query_row(sql, [number], |row| row.get(0)).unwrap();
            assert_eq!(found, 1);
        });
    }
    numbers.together(first, writers).await;
    assert_eq!(numbers.stored(), (0..WRITERS).collect::<Vec<_>>());
    assert!(numbers.commits.load(Ordering::Relaxed) < 5);
    numbers.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_takes_back_its_own_and_nothing_else() {
    let numbers = Numbers::new();
    let first = numbers.hold().await;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let mut handle = numbers.handle();
        writers.spawn(async move {
            let again = "INSERT INTO numbers (number) SELECT ?1 + 1000 UNION ALL SELECT ?1";
            match number % 5 {
                // Those that are there already: a constraint ends the statement, half done.
                0 => say_all(&mut handle, &["BEGIN IMMEDIATE", INSERT, again], number)
                    .await
                    .unwrap_err(),
                1 => say(
                    &mut handle,
                    "INSERT INTO numbers (number) SELECT ?1 UNION ALL SELECT ?1",
                    number,
                )
                .await
                .unwrap_err(),
                2 => {
                    let statements = ["BEGIN IMMEDIATE", INSERT, "ROLLBACK"];
                    say_all(&mut handle, &statements, number).await.unwrap();
                    String::new()
                }
                // Dropped in the middle, as when its client goes away.
                3 => {
                    let statements = ["BEGIN IMMEDIATE", INSERT];
                    say_all(&mut handle, &statements, number).await.unwrap();
                    String::new()
                }
                // One that goes on after an error of a statement.
                _ => {
                    let statements = ["BEGIN IMMEDIATE", INSERT];
                    say_all(&mut handle, &statements, number).await.unwrap();
                    let error = say(&mut handle, again, number).await.unwrap_err();
                    say(&mut handle, "COMMIT", number).await.unwrap();
                    error
                }
            }
        });
    }
    numbers.together(first, writers).await;
    let committed: Vec<i64> = (0..WRITERS).filter(|number| number % 5 == 4).collect();
    assert_eq!(numbers.stored(), committed);
    numbers.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_of_it_is_rolled_back_nobody_was_told_otherwise() {
    let numbers = Numbers::new();
    numbers
        .other()
        .execute_batch("INSERT INTO numbers VALUES (-1)")
        .unwrap();
    let first = numbers.hold().await;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let mut handle = numbers.handle();
        writers.spawn(async move {
            // Rolls back the transaction that it is in, which is not only its own.
            let sql = if number == WRITERS / 2 {
                "INSERT OR ROLLBACK INTO numbers (number) SELECT -1 WHERE ?1"
            } else {
                INSERT
            };
            let statements: &[&str] = if number % 3 == 0 {
                &[sql]
            } else {
                &["BEGIN IMMEDIATE", sql, "COMMIT"]
            };
            (number, say_all(&mut handle, statements, number).await)
        });
    }
    let results = numbers.together(first, writers).await;
    let mut committed = vec![-1];
    for (number, result) in results {
        match result {
            Ok(()) => committed.push(number),
            // They try again; the one who did it does not.
            Err(error) if number != WRITERS / 2 => assert!(error.contains(LOCKED), "{error}"),
            Err(error) => assert!(error.contains("UNIQUE"), "{error}"),
        }
    }
    committed.sort_unstable();
    assert!(committed.len() < usize::try_from(WRITERS).unwrap());
    assert_eq!(numbers.stored(), committed);
    numbers.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_leave_nothing_open() {
    let numbers = Numbers::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    for round in 0..50 {
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let (mut handle, told) = (numbers.handle(), Arc::clone(&told));
            let number = round * 8 + writer;
            writers.spawn(async move {
                let statements: &[&str] = if writer % 2 == 0 {
                    &[INSERT]
                } else {
                    &["BEGIN IMMEDIATE", INSERT, "COMMIT"]
                };
                if say_all(&mut handle, statements, number).await.is_ok() {
                    told.lock().unwrap().push(number);
                }
            });
        }
        // All are dropped, wherever they are.
        tokio::time::sleep(Duration::from_micros(u64::try_from(round).unwrap() * 40)).await;
        writers.shutdown().await;
    }
    numbers.is_free().await;
    let stored = numbers.stored();
    let told = told.lock().unwrap();
    assert!(told.iter().all(|number| stored.contains(number)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_another_process_is_waited_for() {
    let numbers = Numbers::new();
    let other = numbers.other();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let mut handle = numbers.handle();
        writers.spawn(async move {
            let statements: &[&str] = if number % 2 == 0 {
                &[INSERT]
            } else {
                &["BEGIN IMMEDIATE", INSERT, "COMMIT"]
            };
            say_all(&mut handle, statements, number).await
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    other.execute_batch("COMMIT").unwrap();
    while let Some(result) = writers.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!(numbers.stored(), (0..WRITERS).collect::<Vec<_>>());
    numbers.is_free().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_waited_too_long_is_not_written() {
    for writers in [1, WRITERS] {
        let numbers = Numbers::new();
        let other = numbers.other();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut waiting = JoinSet::new();
        for number in 0..writers {
            let pool = Arc::clone(&numbers.pool);
            let statement = Arc::new((INSERT.to_owned(), vec![Value::Integer(number)]));
            let deadline = Instant::now() + Duration::from_millis(50);
            waiting.spawn(async move { write(&pool, statement, deadline).await.map(|_| ()) });
        }
        let locked = Err(LOCKED.to_owned());
        assert!(waiting.join_all().await.iter().all(|told| *told == locked));
        other.execute_batch("COMMIT").unwrap();
        numbers.is_free().await;
        assert_eq!(numbers.stored(), [1_000_000]);
    }
}
