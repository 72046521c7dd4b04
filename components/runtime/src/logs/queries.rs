//! The SQL of `/api/runtime/logs`.
//!
//! Newest means the highest `id`: the order in which entries arrived, which several writers' clocks do not disturb.
//! Every index of the table ends in `id`, so each filter alone finds its newest entries without reading others.

use database::{Connection, Constraint, DELETE_OLD_LOGS, Error, Keyset, Paged, Row, Value};
use domain::{Json, Timestamp};
use http_api::ApiError;

use super::model::{Entry, NewEntry, Search};
use crate::time_range::{self, Table};

/// How many entries one transaction deletes.
const STEP: usize = 1000;

/// The columns in the order in which [`entry`] reads them.
macro_rules! columns {
    () => {
        "id, agent_id, log_level, log_type, message, details, created_at"
    };
}

fn entry(mut row: Row) -> Entry {
    Entry {
        id: row.integer(),
        agent_id: row.text(),
        log_level: row.text(),
        log_type: row.text(),
        message: row.text(),
        details: row.optional_text().map(Json::stored),
        created_at: Timestamp::stored(row.text()),
    }
}

const TABLE: Table = Table {
    name: "agent_logs",
    by_time: "agent_logs INDEXED BY idx_agent_logs_created",
};

const BY_ID: Keyset = Keyset {
    key: "id",
    tie: None,
};

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Paged<Entry>, Error> {
    let (since, until) = (search.since.as_ref(), search.until.as_ref());
    time_range::select(db, columns!(), &TABLE, since, until)?
        .filter("log_level = ?", search.level.map(<&str>::from))
        .filter("log_type = ?", search.log_type.map(<&str>::from))
        .filter("agent_id = ?", search.agent_id.as_deref())
        .filter(
            "agent_id IN (SELECT id FROM agents WHERE session_id = ?)",
            search.session_id.as_deref(),
        )
        .filter("instr(lower(message), lower(?))", search.q.as_deref())
        .page(db, BY_ID, search.page.window(), entry)
}

/// The values of a new row.
fn row(new: &NewEntry, now: &str) -> [Value; 6] {
    let created_at = new.created_at.as_ref().map_or(now, Timestamp::as_str);
    [
        new.agent_id.as_str().into(),
        <&str>::from(new.log_level).into(),
        <&str>::from(new.log_type).into(),
        new.message.as_str().into(),
        new.details.as_ref().map(Json::as_text).into(),
        created_at.into(),
    ]
}

pub(crate) fn insert(db: &dyn Connection, new: &NewEntry) -> Result<Entry, ApiError> {
    const SQL: &str = concat!(
        "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING ",
        columns!()
    );
    match db.execute(SQL, &row(new, Timestamp::now().as_str())) {
        Ok(rows) => rows
            .into_iter()
            .next()
            .map(entry)
            .ok_or_else(|| Error::Statement("an INSERT gave no row".to_owned()).into()),
        Err(Error::Constraint(Constraint::ForeignKey)) => {
            Err(ApiError::unknown("Agent", &new.agent_id))
        }
        Err(error) => Err(error.into()),
    }
}

/// Stores all of `new` by one statement and gives their ids.
pub(crate) fn insert_several(db: &dyn Connection, new: &[NewEntry]) -> Result<Vec<i64>, ApiError> {
    const SQL: &str = "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]') \
         FROM json_each(?1) RETURNING id";
    let now = Timestamp::now();
    let rows: Vec<[Option<&str>; 6]> = new
        .iter()
        .map(|entry| {
            let created_at = entry.created_at.as_ref().unwrap_or(&now);
            [
                Some(entry.agent_id.as_str()),
                Some(entry.log_level.into()),
                Some(entry.log_type.into()),
                Some(entry.message.as_str()),
                entry.details.as_ref().map(Json::as_text),
                Some(created_at.as_str()),
            ]
        })
        .collect();
    // Lists of text always serialise.
    let json = serde_json::to_string(&rows).unwrap_or_default();
    match db.execute(SQL, &[json.into()]) {
        Ok(rows) => Ok(rows.into_iter().map(|mut row| row.integer()).collect()),
        Err(Error::Constraint(Constraint::ForeignKey)) => Err(missing(db, new)?),
        Err(error) => Err(error.into()),
    }
}

/// Says which of the agents that new entries are of is not there.
fn missing(db: &dyn Connection, new: &[NewEntry]) -> Result<ApiError, Error> {
    for entry in new {
        if !crate::agents::exists(db, &entry.agent_id)? {
            return Ok(ApiError::unknown("Agent", &entry.agent_id));
        }
    }
    Ok(Error::Constraint(Constraint::ForeignKey).into())
}

/// Deletes some entries that are older than so many days. Gives how many, and whether there may be more.
pub(crate) fn delete_some(db: &dyn Connection, days: i32) -> Result<(usize, bool), Error> {
    let [sql, _] = DELETE_OLD_LOGS;
    let limit = i64::try_from(STEP).unwrap_or(i64::MAX);
    let rows = db.execute(
        &format!("{sql} RETURNING id"),
        &[i64::from(days).into(), limit.into()],
    )?;
    Ok((rows.len(), rows.len() == STEP))
}
