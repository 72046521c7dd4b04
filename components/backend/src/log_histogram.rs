//! `/api/runtime/logs/histogram`: how many entries there were when.
//!
//! A block of the log (`database::log_blocks`) that lies within one bucket counts by what is kept of it, so that entries are
//! read only where a bucket begins and ends, and of the tail.

use axum::Json;
use axum::extract::State;
use database::log_blocks::IN_TAIL;
use database::{Connection, Database, Error, Value};
use domain::Timestamp;
use http_api::routing::{Table, get, path};
use http_api::{ApiError, Declared, Field, Input, Kind, Query};
use serde::Serialize;

use crate::counts::LogCounts;

/// The most buckets, and how many there are where the client does not say.
const MOST_BUCKETS: i64 = 500;
const BUCKETS: i64 = 60;
/// The lengths that a bucket has, in seconds: up to half a minute, half an hour, half a day, and then days.
const LENGTHS: [i64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    604_800, 2_592_000,
];

/// The answer.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Histogram {
    /// How many seconds a bucket has. Each begins at a multiple of that.
    bucket_seconds: i64,
    /// From `since` to `until`, oldest first, those without an entry too.
    buckets: Vec<Bucket>,
}

/// The entries of one bucket.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Bucket {
    /// When it begins.
    at: Timestamp,
    /// The entries in it that are of the time that was asked for.
    logs: LogCounts,
}

/// The query of a GET.
struct HistogramQuery;

impl Declared for HistogramQuery {
    fn fields() -> Vec<Field> {
        vec![
            Field::required("since", Kind::Time, "Only what is of this time or later."),
            Field::optional(
                "until",
                Kind::Time,
                "Only what is of an earlier time; by default the present.",
            ),
            Field::optional(
                "buckets",
                Kind::integer(1, MOST_BUCKETS),
                "About the most buckets, whose length is a usual one: one more at most. By default 60.",
            ),
            Field::optional("agent_id", Kind::TEXT, "Only what is of this agent."),
            Field::optional("session_id", Kind::TEXT, "Only what is of this session."),
        ]
    }
}

pub(crate) fn table() -> Table<Database> {
    let methods = get("Counts log entries by level over time", read);
    path(Table::new(), "/api/runtime/logs/histogram", methods)
}

async fn read(
    State(database): State<Database>,
    query: Query<HistogramQuery>,
) -> Result<Json<Histogram>, ApiError> {
    let input = &query.input;
    let time = |name| input.text(name).map(str::to_owned).map(Timestamp::told);
    let until = time("until").unwrap_or_else(Timestamp::now);
    let since = time("since").unwrap_or_else(|| until.clone());
    let wanted = input.integer("buckets").unwrap_or(BUCKETS);
    let length = length(until.seconds_since(&since), wanted);
    let buckets = database
        .one(|db| buckets(db, input, &since, &until, length))
        .await
        .map_err(ApiError::from)?;
    Ok(Json(Histogram {
        bucket_seconds: length,
        buckets,
    }))
}

/// The shortest usual length of which `wanted` make so many seconds.
fn length(seconds: i64, wanted: i64) -> i64 {
    let mut lengths = LENGTHS.iter().copied();
    let fits = |length: &i64| length.saturating_mul(wanted) >= seconds;
    lengths.find(fits).unwrap_or(seconds / wanted + 1)
}

/// The number of the bucket that a time lies in; `?3` is the length.
macro_rules! number {
    ($time:literal) => {
        concat!("CAST(strftime('%s', ", $time, ") AS INTEGER) / ?3")
    };
}

/// When the bucket of that number begins.
macro_rules! start {
    ($number:literal) => {
        concat!(
            "strftime('%Y-%m-%dT%H:%M:%fZ', (",
            $number,
            ") * ?3, 'unixepoch')"
        )
    };
}

fn buckets(
    db: &dyn Connection,
    input: &Input,
    since: &Timestamp,
    until: &Timestamp,
    length: i64,
) -> Result<Vec<Bucket>, Error> {
    const LEVELS: [(&str, &str); 5] = [
        ("DEBUG", "debug"),
        ("INFO", "info"),
        ("WARNING", "warning"),
        ("ERROR", "error"),
        ("CRITICAL", "critical"),
    ];
    const ENTRY: &str = concat!(
        "SELECT ",
        number!("created_time"),
        " AS number, log_level = 'DEBUG' AS debug, log_level = 'INFO' AS info, log_level = 'WARNING' AS warning, \
         log_level = 'ERROR' AS error, log_level = 'CRITICAL' AS critical"
    );
    const IN_TIME: &str = "created_time >= ?1 AND created_time < ?2";
    const BLOCKS: &str = concat!(
        "SELECT *, ",
        number!("first_time"),
        " AS number, NOT stale AND first_time >= ?1 AND last_time < ?2 AND ",
        number!("first_time"),
        " = ",
        number!("last_time"),
        " AS is_whole FROM log_blocks WHERE log = 'agent' AND (stale OR last_time >= ?1 AND first_time < ?2)"
    );
    let mut parameters: Vec<Value> =
        vec![since.as_str().into(), until.as_str().into(), length.into()];
    let counts = match (input.text("agent_id"), input.text("session_id")) {
        (None, None) => format!(
            "SELECT number, debug, info, warning, error, critical FROM of_time WHERE is_whole UNION ALL \
             {ENTRY} FROM of_time CROSS JOIN agent_logs ON id >= block << 10 AND id < (block + 1) << 10 \
             WHERE NOT is_whole AND {IN_TIME} UNION ALL {ENTRY} FROM agent_logs WHERE {IN_TAIL} AND {IN_TIME}"
        ),
        (Some(agent), None) => {
            parameters.push(agent.into());
            format!("{ENTRY} FROM agent_logs WHERE agent_id = ?4 AND {IN_TIME}")
        }
        (agent, Some(session)) => {
            parameters.extend([session.into(), agent.into()]);
            format!(
                "{ENTRY} FROM (SELECT id AS agent FROM agents WHERE session_id = ?4 AND (?5 IS NULL OR id = ?5)) \
                 CROSS JOIN agent_logs ON agent_id = agent WHERE {IN_TIME}"
            )
        }
    };
    let sql = format!(
        "WITH RECURSIVE bucket (number) AS (SELECT {first} UNION ALL SELECT number + 1 FROM bucket WHERE {next} < ?2), \
         of_time AS MATERIALIZED ({BLOCKS}), \
         counted AS (SELECT number, sum(debug) AS debug, sum(info) AS info, sum(warning) AS warning, sum(error) AS error, \
         sum(critical) AS critical FROM ({counts}) GROUP BY number) \
         SELECT {at} AS at, debug, info, warning, error, critical FROM bucket LEFT JOIN counted USING (number) ORDER BY number",
        first = number!("?1"),
        next = start!("number + 1"),
        at = start!("number"),
    );
    let rows = db.execute(&sql, &parameters)?;
    rows.into_iter()
        .map(|mut row| {
            let mut logs = LogCounts::default();
            for (level, column) in LEVELS {
                // Null where there is none.
                if let Value::Integer(count) = row.take(column)? {
                    logs.add(level, count);
                }
            }
            Ok(Bucket {
                at: Timestamp::told(row.text("at")?),
                logs,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_usual_length() {
        for (seconds, wanted, expected) in [
            (0, 60, 1),
            (3600, 60, 60),
            (3601, 60, 120),
            (86_400, 60, 1800),
            (86_400 * 7, 60, 10_800),
            (86_400 * 365, 60, 604_800),
            (86_400 * 365 * 100, 1, 86_400 * 365 * 100 + 1),
        ] {
            assert_eq!(length(seconds, wanted), expected, "{seconds} {wanted}");
        }
    }
}
