//! The schema: `sql/`, compiled in and applied in order.
//!
//! Progress is `PRAGMA user_version`, the number of migrations applied. All that are missing go into one
//! transaction together with the new number, so two that start at once take turns and the second finds nothing to
//! do, and one that is killed leaves nothing half done.

use crate::{Connection, Error};

/// The migrations, first to last; the n-th brings a database to version n.
pub const MIGRATIONS: &[&str] = &[
    include_str!("../../../sql/0001_tables.sql"),
    include_str!("../../../sql/0002_columns.sql"),
    include_str!("../../../sql/0003_change_log.sql"),
    include_str!("../../../sql/0004_write_side.sql"),
    include_str!("../../../sql/0005_questions.sql"),
];

/// The version of a database that has them all.
#[expect(
    clippy::cast_possible_wrap,
    reason = "there are not that many migrations"
)]
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// The statements of one migration. A blank line ends a statement, since a trigger has semicolons inside.
pub fn statements(migration: &str) -> impl Iterator<Item = &str> {
    migration.split("\n\n").map(str::trim).filter(|statement| {
        statement
            .lines()
            .any(|line| !line.starts_with("--") && !line.is_empty())
    })
}

/// The number of migrations that the database has seen.
pub(crate) fn version(connection: &dyn Connection) -> Result<i64, Error> {
    let rows = connection.execute("PRAGMA user_version", &[])?;
    Ok(rows.into_iter().next().map_or(0, |mut row| row.integer()))
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

/// Applies what is missing. Inside a transaction, since another process may do the same.
pub(crate) fn apply(connection: &dyn Connection) -> Result<(), Error> {
    let found = version(connection)?;
    let done = usize::try_from(found).unwrap_or(0);
    if found > SCHEMA_VERSION {
        return Err(Error::NewerSchema { found });
    }
    for migration in &MIGRATIONS[done..] {
        for statement in statements(migration) {
            match connection.execute(statement, &[]) {
                // A column that someone added by hand is the column that we need.
                Err(Error::Statement(message)) if message.contains("duplicate column name") => {}
                other => drop(other?),
            }
        }
    }
    connection.execute(&format!("PRAGMA user_version = {SCHEMA_VERSION}"), &[])?;
    Ok(())
}
