//! The lease of the maintenance, where several processes share a server: who has it does the jobs.
//!
//! Its time is the database's, so that clocks of machines do not matter. Who wants it asks again and again; who has it takes
//! it anew before it ends. What is written under the lease is written in a transaction that looks at it first ([`Fenced`]), so
//! that a process which stood still meanwhile does nothing that another one does by now.

use std::cell::Cell;

use crate::{Connection, Error, Row, Value, transaction};

/// For how many seconds it is had.
pub const SECONDS: i64 = 5;

/// Takes the lease, or keeps it, where nobody else has it. Gives whether that is so.
///
/// # Errors
/// Those of the connection.
pub fn take(db: &dyn Connection, holder: &str) -> Result<bool, Error> {
    const IS_FREE: &str = "SELECT 1 FROM maintenance_lease \
        WHERE holder = ?1 OR ends_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
    const TAKE: &str = "UPDATE maintenance_lease \
        SET holder = ?1, ends_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+' || ?2 || ' seconds') \
        WHERE holder = ?1 OR ends_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now') RETURNING 1";
    // Asked first without the write lock.
    if db.execute(IS_FREE, &[holder.into()])?.is_empty() {
        return Ok(false);
    }
    let taken = db.execute(TAKE, &[holder.into(), SECONDS.into()])?;
    Ok(!taken.is_empty())
}

/// Gives the lease back, so that nobody waits for its end.
///
/// # Errors
/// Those of the connection.
pub fn give_back(db: &dyn Connection, holder: &str) -> Result<(), Error> {
    let sql = "UPDATE maintenance_lease SET holder = '', ends_at = '' WHERE holder = ?1";
    db.execute(sql, &[holder.into()])?;
    Ok(())
}

/// A connection that writes only while `holder` has the lease, and answers [`Error::Busy`] otherwise.
pub struct Fenced<'a> {
    connection: &'a dyn Connection,
    holder: &'a str,
    inside: Cell<bool>,
}

impl<'a> Fenced<'a> {
    /// `connection` in the hands of `holder`.
    #[must_use]
    pub fn new(connection: &'a dyn Connection, holder: &'a str) -> Self {
        Self {
            connection,
            holder,
            inside: Cell::new(false),
        }
    }

    fn begin(&self) -> Result<(), Error> {
        const HELD: &str = "SELECT 1 FROM maintenance_lease \
            WHERE holder = ?1 AND ends_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
        self.connection.execute("BEGIN IMMEDIATE", &[])?;
        let held = self.connection.execute(HELD, &[self.holder.into()]);
        if matches!(&held, Ok(rows) if !rows.is_empty()) {
            return Ok(());
        }
        let _ = self.connection.execute("ROLLBACK", &[]);
        held.and(Err(Error::Busy))
    }
}

impl Connection for Fenced<'_> {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        const READING: [&str; 3] = ["SELECT", "BEGIN", "PRAGMA"];
        match sql {
            "BEGIN IMMEDIATE" => {
                self.begin()?;
                self.inside.set(true);
                return Ok(Vec::new());
            }
            "COMMIT" | "ROLLBACK" => self.inside.set(false),
            _ if self.inside.get() || READING.iter().any(|word| sql.starts_with(word)) => {}
            // What commits by itself.
            _ => {
                let run = &mut |db: &dyn Connection| db.execute(sql, parameters);
                return transaction(self, "BEGIN IMMEDIATE", run);
            }
        }
        self.connection.execute(sql, parameters)
    }
}
