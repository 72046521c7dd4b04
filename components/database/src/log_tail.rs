//! The port for new log entries: what agents have reported since a number.
//!
//! Entries are in no change log, as a write would cost twice. Their own numbers do: commits follow one another, and
//! `AUTOINCREMENT` gives each entry one that is higher than any before, so what is new has a higher number than what was
//! seen. An entry that somebody gives a lower number, or puts in the place of another, is no new one.

use crate::change_log::as_many_as_fit;
use crate::{Connection, Error, Row, Value};

/// How many entries are read at once.
pub const PAGE: i64 = 128;
/// Up to how many numbers are looked through to count entries.
const MOST_COUNTED: i64 = 1_000_000;

/// Which entries are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogFilter {
    /// Those of one session's agents.
    pub session_id: Option<String>,
    /// Those of one agent.
    pub agent_id: Option<String>,
    /// Those of one level.
    pub level: Option<&'static str>,
}

/// What is read of an entry to tell it.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// The columns.
    pub whole: &'a str,
    /// The same with long texts shortened, for an entry that the host does not hand over whole.
    pub shortened: &'a str,
}

/// The highest number that there ever was, 0 where there was none.
///
/// # Errors
/// Those of the connection.
pub fn last_id(db: &dyn Connection) -> Result<i64, Error> {
    const SQL: &str = "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'agent_logs'), 0), \
        coalesce((SELECT max(id) FROM agent_logs), 0)) AS id";
    let row = db.execute(SQL, &[])?.into_iter().next();
    row.map_or(Ok(0), |mut row| row.integer("id"))
}

/// The entries after `id`, in order, at most [`PAGE`] of them, each with `columns`, and what it is found by: `of_id`,
/// `of_agent`, `of_level`, and `of_session`, its agent's session.
///
/// # Errors
/// Those of the connection.
pub fn since(db: &dyn Connection, id: i64, columns: Columns<'_>) -> Result<Vec<Row>, Error> {
    let run = |columns: &str, limit: i64| {
        let sql = format!(
            "SELECT {columns}, agent_logs.id AS of_id, agent_logs.agent_id AS of_agent, agent_logs.log_level AS of_level, \
             (SELECT session_id FROM agents WHERE agents.id = agent_logs.agent_id) AS of_session \
             FROM agent_logs WHERE agent_logs.id > +?1 ORDER BY agent_logs.id LIMIT +?2"
        );
        db.execute(&sql, &[id.into(), limit.into()])
    };
    match as_many_as_fit(PAGE, |limit| run(columns.whole, limit)) {
        Err(Error::TooLarge) => run(columns.shortened, 1),
        result => result,
    }
}

/// How many entries that `filter` means come after `after`, up to `last`. Where over a million numbers lie between, it is
/// how many numbers these are.
///
/// # Errors
/// Those of the connection.
pub fn count(db: &dyn Connection, after: i64, last: i64, filter: &LogFilter) -> Result<i64, Error> {
    let numbers = last.saturating_sub(after);
    if numbers > MOST_COUNTED {
        return Ok(numbers);
    }
    let mut sql =
        "SELECT count(*) AS entries FROM agent_logs WHERE id > +?1 AND id <= +?2".to_owned();
    let mut parameters: Vec<Value> = vec![after.into(), last.into()];
    let conditions = [
        ("agent_id =", filter.agent_id.as_deref()),
        ("log_level =", filter.level),
        (
            "(SELECT session_id FROM agents WHERE agents.id = agent_logs.agent_id) =",
            filter.session_id.as_deref(),
        ),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            parameters.push(value.into());
            sql.push_str(&format!(" AND {condition} ?{}", parameters.len()));
        }
    }
    let row = db.execute(&sql, &parameters)?.into_iter().next();
    row.map_or(Ok(0), |mut row| row.integer("entries"))
}

/// What a client that has the entries up to a number is to be sent next.
#[derive(Debug)]
pub enum Missed {
    /// These entries; none where it has them all. And the number up to which it then has what there is.
    Entries(Vec<Row>, i64),
    /// That it missed so many, up to this number.
    TooMany(i64, i64),
    /// That its number is not one of this log: the last one is this.
    NoPosition(i64),
}

/// What a client that has the entries up to `id` is to be sent next: entries where no more than `most` numbers lie between.
/// Inside a transaction.
///
/// # Errors
/// Those of the connection.
pub fn missed(
    db: &dyn Connection,
    id: i64,
    most: i64,
    columns: Columns<'_>,
    filter: &LogFilter,
) -> Result<Missed, Error> {
    let last = last_id(db)?;
    if id > last {
        return Ok(Missed::NoPosition(last));
    }
    if last - id > most {
        let missed = count(db, id, last, filter)?;
        return Ok(Missed::TooMany(missed, last));
    }
    let rows = since(db, id, columns)?;
    Ok(Missed::Entries(rows, last))
}
