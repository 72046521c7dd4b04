//! The SQL of `/api/runtime/logs`.
//!
//! Newest means the highest `id`: the order in which entries arrived, which several writers' clocks do not disturb.
//! Every index of the table ends in `id`, so each filter alone finds its newest entries without reading others.

use database::{Connection, Error, Row, Select};
use domain::{Json, Timestamp};
use http_api::Order;

use super::model::{Entry, Search};

/// The columns in the order in which [`entry`] reads them.
const SELECT: &str =
    "SELECT id, agent_id, log_level, log_type, message, details, created_at FROM agent_logs";

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

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Vec<Entry>, Error> {
    let order = match search.page.order.unwrap_or(Order::Desc) {
        Order::Asc => "ORDER BY id",
        Order::Desc => "ORDER BY id DESC",
    };
    let rows = Select::new(SELECT)
        .filter("log_level = ?", search.level.map(<&str>::from))
        .filter("log_type = ?", search.log_type.map(<&str>::from))
        .filter("agent_id = ?", search.agent_id.as_deref())
        .filter(
            "agent_id IN (SELECT id FROM agents WHERE session_id = ?)",
            search.session_id.as_deref(),
        )
        .filter("instr(lower(message), lower(?))", search.q.as_deref())
        .filter(
            "replace(created_at, ' ', 'T') >= ?",
            search.since.as_ref().map(Timestamp::lower_bound),
        )
        .filter(
            "replace(created_at, ' ', 'T') < ?",
            search.until.as_ref().map(Timestamp::lower_bound),
        )
        .run(db, order, search.page.limit)?;
    Ok(rows.into_iter().map(entry).collect())
}
