//! The SQL of `/api/runtime/events`.
//!
//! Each is one statement, and so sees one state of the database, without a transaction. The first row says where the
//! log is, and of which database.

use std::sync::Arc;

use database::{Connection, Error, Row, Value};
use feed_protocol::{Agent, Before, Change, Filter, LONGEST_LIST, PAGE};

/// The first row: the number of the last change that there ever was, and what tells the database from another. Two
/// empty columns make it as wide as a change.
macro_rules! position {
    () => {
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change_log'), 0), \
         (SELECT id FROM database_identity), NULL, NULL"
    };
}

/// Where the log is.
pub(crate) struct Position {
    pub(crate) seq: i64,
    pub(crate) database: String,
}

fn take_position(rows: &mut impl Iterator<Item = Row>) -> Position {
    rows.next().map_or_else(
        || Position {
            seq: 0,
            database: String::new(),
        },
        |mut row| Position {
            seq: row.integer(),
            database: row.text(),
        },
    )
}

pub(crate) fn position(db: &dyn Connection) -> Result<Position, Error> {
    let mut rows = db.execute(position!(), &[])?.into_iter();
    Ok(take_position(&mut rows))
}

/// The changes after `seq`, in order, at most [`PAGE`] of them; `None` where `seq` is no position in the log, or what
/// follows it was pruned.
pub(crate) fn changes(
    db: &dyn Connection,
    seq: i64,
) -> Result<(Position, Option<Vec<Change>>), Error> {
    const SQL: &str = concat!(
        position!(),
        " UNION ALL SELECT * FROM (SELECT seq, entity_id, op, payload FROM change_log \
         WHERE seq > ?1 ORDER BY seq LIMIT ?2 + 0)"
    );
    let rows = as_many_as_fit(PAGE, |limit| db.execute(SQL, &[seq.into(), limit.into()]))?;
    let mut rows = rows.into_iter();
    let position = take_position(&mut rows);
    let changes: Vec<Change> = rows.map(change).collect();
    // Numbers are given without gaps, so a gap is what was pruned.
    let whole = match changes.first() {
        Some(first) => seq.checked_add(1) == Some(first.seq),
        None => position.seq == seq,
    };
    Ok((position, whole.then_some(changes)))
}

fn change(mut row: Row) -> Change {
    let seq = row.integer();
    let id = row.text().into();
    let deleted = row.text() == "delete";
    let after = if deleted { None } else { agent(row.text()) };
    Change {
        seq,
        id,
        before: Before::Unknown,
        after: after.map(Arc::new),
    }
}

fn agent(payload: String) -> Option<Agent> {
    let agent = Agent::read(payload);
    if agent.is_none() {
        eprintln!("an agent's row makes no valid JSON and is not shown");
    }
    agent
}

/// The newest agents that `filter` lets through, newest first.
pub(crate) fn list(
    db: &dyn Connection,
    filter: &Filter,
) -> Result<(Position, Vec<Arc<Agent>>), Error> {
    macro_rules! list {
        ($session:literal) => {
            concat!(
                position!(),
                " UNION ALL SELECT * FROM (SELECT NULL, NULL, NULL, feed_agents.payload FROM agents \
                 JOIN feed_agents ON feed_agents.id = agents.id WHERE ",
                $session,
                " AND (?2 IS NULL OR agents.status IN (SELECT value FROM json_each(?2))) \
                 ORDER BY replace(agents.started_at, ' ', 'T') DESC, agents.id DESC LIMIT ?3 + 0)"
            )
        };
    }
    let sql = match filter.session_id {
        Some(_) => list!("agents.session_id = ?1"),
        None => list!("?1 IS NULL"),
    };
    let status = match filter.status.as_slice() {
        [] => Value::Null,
        some => serde_json::json!(some).to_string().into(),
    };
    let most = i64::try_from(LONGEST_LIST).unwrap_or(i64::MAX);
    let rows = as_many_as_fit(most, |limit| {
        let session = filter.session_id.as_deref();
        db.execute(sql, &[session.into(), status.clone(), limit.into()])
    })?;
    let mut rows = rows.into_iter();
    let position = take_position(&mut rows);
    let agents = rows
        .filter_map(|mut row| {
            let _ = (row.value(), row.value(), row.value());
            agent(row.text()).map(Arc::new)
        })
        .collect();
    Ok((position, agents))
}

/// Runs a query for at most `limit` rows, or for fewer where these are more than the host hands over at once.
fn as_many_as_fit(
    mut limit: i64,
    query: impl Fn(i64) -> Result<Vec<Row>, Error>,
) -> Result<Vec<Row>, Error> {
    loop {
        match query(limit) {
            Err(Error::TooLarge) if limit > 1 => limit /= 2,
            result => return result,
        }
    }
}
