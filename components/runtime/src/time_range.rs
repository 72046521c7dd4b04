//! Lists of log entries between two times.
//!
//! They are listed by `id`, which goes about as their times do, but not quite: several clocks write them. To look for
//! entries of a certain time in the order of the list may so mean to pass by all others. Where a time has few entries,
//! they are found by the index of the times instead, and then sorted.

use database::{Connection, Error, Select, Value};
use domain::Timestamp;

/// The most entries that are sorted.
const FEW: i64 = 10_000;

const SINCE: &str = "replace(created_at, ' ', 'T') >= ?";
const UNTIL: &str = "replace(created_at, ' ', 'T') < ?";

/// A table of log entries.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The same for a `FROM`, to be read by the index of the times.
    pub(crate) by_time: &'static str,
}

/// Starts a list of the entries between two times, if these are given.
pub(crate) fn select(
    db: &dyn Connection,
    columns: &'static str,
    table: &Table,
    since: Option<&Timestamp>,
    until: Option<&Timestamp>,
) -> Result<Select, Error> {
    let bounds: Vec<(&'static str, &str)> = [(SINCE, since), (UNTIL, until)]
        .into_iter()
        .filter_map(|(condition, time)| Some((condition, time?.lower_bound())))
        .collect();
    let from = if !bounds.is_empty() && are_few(db, table, &bounds)? {
        table.by_time
    } else {
        table.name
    };
    let select = Select::new(columns, from);
    Ok(bounds
        .into_iter()
        .fold(select, |select, (condition, time)| {
            select.filter(condition, Some(time))
        }))
}

/// Whether few entries are within the bounds. The index of the times alone answers this.
fn are_few(
    db: &dyn Connection,
    table: &Table,
    bounds: &[(&'static str, &str)],
) -> Result<bool, Error> {
    let conditions: Vec<&str> = bounds.iter().map(|(condition, _)| *condition).collect();
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} LIMIT {FEW} + 1)",
        table.name,
        conditions.join(" AND ")
    );
    let parameters: Vec<Value> = bounds.iter().map(|(_, time)| (*time).into()).collect();
    let rows = db.execute(&sql, &parameters)?;
    let count = rows.into_iter().next().map(|mut row| row.integer());
    Ok(count.is_some_and(|count| count <= FEW))
}
