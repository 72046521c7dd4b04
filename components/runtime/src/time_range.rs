//! How log entries between two times are found.
//!
//! They are listed by `id`, which goes about as their times do, but not quite: several clocks write them. To look for
//! entries of a certain time in the order of the list may so mean to pass by all others. Where a time has few entries,
//! they are found by the index of the times instead, and then sorted.

use database::{Connection, Error, Value};
use domain::Timestamp;

/// The most entries that are sorted.
const FEW: i64 = 10_000;

/// Whether `table` has few entries between two times. Without either time it is not asked, and the answer is no.
pub(crate) fn is_short(
    db: &dyn Connection,
    table: &'static str,
    since: Option<&Timestamp>,
    until: Option<&Timestamp>,
) -> Result<bool, Error> {
    if since.is_none() && until.is_none() {
        return Ok(false);
    }
    // The index alone answers this.
    let mut sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE true");
    let mut parameters: Vec<Value> = Vec::new();
    for (sign, time) in [(">=", since), ("<", until)] {
        if let Some(time) = time {
            parameters.push(time.lower_bound().into());
            let place = parameters.len();
            sql.push_str(&format!(
                " AND replace(created_at, ' ', 'T') {sign} ?{place}"
            ));
        }
    }
    sql.push_str(&format!(" LIMIT {FEW} + 1)"));
    let rows = db.execute(&sql, &parameters)?;
    let count = rows.into_iter().next().map(|mut row| row.integer());
    Ok(count.is_some_and(|count| count <= FEW))
}
