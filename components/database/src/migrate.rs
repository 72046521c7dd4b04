//! The schema: `sql/`, compiled in and applied in order.
//!
//! Progress is `PRAGMA user_version`, the number of migrations applied, and within a migration of several steps the table
//! `schema_progress`. Both are written in the transaction of the step, so two that start at once take turns, and one that
//! is killed goes on where it was.

use std::time::{Duration, Instant};

use crate::{Connection, Error};

/// The migrations, first to last; the n-th brings a database to version n.
pub const MIGRATIONS: &[&str] = &[
    include_str!("../../../sql/0001_tables.sql"),
    include_str!("../../../sql/0002_columns.sql"),
    include_str!("../../../sql/0003_change_log.sql"),
    include_str!("../../../sql/0004_write_side.sql"),
    include_str!("../../../sql/0005_questions.sql"),
    include_str!("../../../sql/0006_one_telling.sql"),
    include_str!("../../../sql/0007_leases.sql"),
    include_str!("../../../sql/0008_workflows_and_messages.sql"),
    include_str!("../../../sql/0009_definitions_in_the_feed.sql"),
    include_str!("../../../sql/0010_replaced_rows.sql"),
    include_str!("../../../sql/0011_maintenance_lease.sql"),
    include_str!("../../../sql/0012_what_was_before.sql"),
    include_str!("../../../sql/0013_text_search.sql"),
    include_str!("../../../sql/0014_otlp.sql"),
    include_str!("../../../sql/0015_counted_in_place.sql"),
];

/// The version of a database that has them all.
#[expect(
    clippy::cast_possible_wrap,
    reason = "there are not that many migrations"
)]
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// After how long a transaction ends, where there are more steps. A new database gets its schema in one or two.
const LONGEST_TRANSACTION: Duration = Duration::from_millis(20);
/// The pause after a transaction, and the longest one: who waits for the lock looks every 100 ms at the latest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(150);

/// What one transaction does at least.
#[derive(Debug)]
pub struct Step<'a> {
    statements: Vec<&'a str>,
    /// Whether it is repeated until no row is left.
    is_fill: bool,
}

impl<'a> Step<'a> {
    /// Its statements.
    #[must_use]
    pub fn statements(&self) -> &[&'a str] {
        &self.statements
    }
}

/// The steps of one migration: a line `-- Step` or `-- Fill` begins one. A blank line ends a statement, since a trigger
/// has semicolons inside.
#[must_use]
pub fn steps(migration: &str) -> Vec<Step<'_>> {
    let mut steps = vec![Step {
        statements: Vec::new(),
        is_fill: false,
    }];
    for block in migration.split("\n\n").map(str::trim) {
        let is_fill = block.lines().any(|line| line == "-- Fill");
        if is_fill || block.lines().any(|line| line == "-- Step") {
            steps.push(Step {
                statements: Vec::new(),
                is_fill,
            });
        }
        let has_sql = |line: &str| !line.starts_with("--") && !line.is_empty();
        if let (true, Some(step)) = (block.lines().any(has_sql), steps.last_mut()) {
            step.statements.push(block);
        }
    }
    steps.retain(|step| !step.statements.is_empty());
    steps
}

/// The number of migrations that the database has seen.
pub(crate) fn version(connection: &dyn Connection) -> Result<i64, Error> {
    let rows = connection.execute("PRAGMA user_version", &[])?;
    rows.into_iter()
        .next()
        .map_or(Ok(0), |mut row| row.integer("user_version"))
}

/// Turns the write-ahead log on, which stays in the file. Outside of a transaction.
///
/// A libSQL server has its own journal and refuses; that is no fault.
pub(crate) fn use_wal(connection: &dyn Connection) -> Result<(), Error> {
    match connection.execute("PRAGMA journal_mode = WAL", &[]) {
        Err(Error::Busy) => Err(Error::Busy),
        _ => Ok(()),
    }
}

/// Moves what a step has written into the database file. Otherwise the next one who commits does it, and may be a writer
/// that waits for nothing else. Waits for nobody, and is no fault where it cannot be done.
pub(crate) fn checkpoint(connection: &dyn Connection) {
    let _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)", &[]);
}

/// Applies what is missing, for some milliseconds or one step. Inside a transaction, since another process may do the
/// same. Gives the pause before more is applied; `None` where nothing is missing.
pub(crate) fn apply_some(connection: &dyn Connection) -> Result<Option<Duration>, Error> {
    let start = Instant::now();
    loop {
        if !apply_step(connection)? {
            return Ok(None);
        }
        let held = start.elapsed();
        if held > LONGEST_TRANSACTION {
            return Ok(Some(held.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)));
        }
    }
}

/// Applies one step, or one batch of a fill. Gives false where nothing is missing.
fn apply_step(connection: &dyn Connection) -> Result<bool, Error> {
    let found = version(connection)?;
    if found > SCHEMA_VERSION {
        return Err(Error::NewerSchema { found });
    }
    let Some(migration) = usize::try_from(found).ok().and_then(|n| MIGRATIONS.get(n)) else {
        return Ok(false);
    };
    let steps = steps(migration);
    let (at, is_started) = progress(connection)?;
    if let Some(step) = steps.get(at) {
        if step.is_fill && !is_started {
            let start = "UPDATE schema_progress SET position = -9223372036854775808";
            connection.execute(start, &[])?;
        }
        for statement in &step.statements {
            match connection.execute(statement, &[]) {
                // A column that someone added by hand is the column that we need.
                Err(Error::Statement(message)) if message.contains("duplicate column name") => {}
                other => drop(other?),
            }
        }
        if step.is_fill && progress(connection)?.1 {
            return Ok(true);
        }
    }
    if at + 1 < steps.len() {
        let next = i64::try_from(at + 1).unwrap_or(i64::MAX);
        connection.execute("DELETE FROM schema_progress", &[])?;
        connection.execute(
            "INSERT INTO schema_progress (step) VALUES (?1)",
            &[next.into()],
        )?;
    } else {
        if at > 0 {
            connection.execute("DELETE FROM schema_progress", &[])?;
        }
        connection.execute(&format!("PRAGMA user_version = {}", found + 1), &[])?;
    }
    Ok(true)
}

/// The step that is next, and whether a fill has begun in it.
fn progress(connection: &dyn Connection) -> Result<(usize, bool), Error> {
    const EXISTS: &str = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_progress'";
    if connection.execute(EXISTS, &[])?.is_empty() {
        return Ok((0, false));
    }
    let rows = connection.execute(
        "SELECT step, position IS NOT NULL AS is_started FROM schema_progress",
        &[],
    )?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok((0, false));
    };
    let step = usize::try_from(row.integer("step")?).unwrap_or(0);
    Ok((step, row.boolean("is_started")?))
}
