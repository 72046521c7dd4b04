//! The SQL of `/api/runtime/system-logs`.

use database::{Connection, Error, Keyset, Paged, Row, Value};
use domain::{Json, Timestamp};

use super::model::{Entry, NewEntry, Search};
use crate::time_range::{self, Table};

/// The columns in the order in which [`entry`] reads them.
macro_rules! columns {
    () => {
        "id, log_level, component, message, details, created_at"
    };
}

fn entry(mut row: Row) -> Entry {
    Entry {
        id: row.integer(),
        log_level: row.text(),
        component: row.text(),
        message: row.text(),
        details: row.optional_text().map(Json::stored),
        created_at: Timestamp::stored(row.text()),
    }
}

const TABLE: Table = Table {
    name: "system_logs",
    by_time: "system_logs INDEXED BY idx_system_logs_created",
};

const BY_ID: Keyset = Keyset {
    key: "id",
    tie: None,
};

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Paged<Entry>, Error> {
    let (since, until) = (search.since.as_ref(), search.until.as_ref());
    time_range::select(db, columns!(), &TABLE, since, until)?
        .filter("log_level = ?", search.level.map(<&str>::from))
        .filter("component = ?", search.component.as_deref())
        .filter("instr(lower(message), lower(?))", search.q.as_deref())
        .page(db, BY_ID, search.page.window(), entry)
}

pub(crate) fn insert(db: &dyn Connection, new: &NewEntry) -> Result<Entry, Error> {
    const SQL: &str = concat!(
        "INSERT INTO system_logs (log_level, component, message, details, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5) RETURNING ",
        columns!()
    );
    let parameters: [Value; 5] = [
        <&str>::from(new.log_level).into(),
        new.component.as_str().into(),
        new.message.as_str().into(),
        new.details.as_ref().map(Json::as_text).into(),
        Timestamp::now().into_text().into(),
    ];
    db.execute(SQL, &parameters)?
        .into_iter()
        .next()
        .map(entry)
        .ok_or_else(|| Error::Statement("an INSERT gave no row".to_owned()))
}
