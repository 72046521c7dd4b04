//! `/api/runtime/logs/histogram`: how many entries there were when.
//!
//! A block of the log (`database::log_blocks`) that lies within one bucket counts by what is kept of it, so that entries are
//! read only where a bucket begins and ends, and of the tail. Where the entries are narrowed they are counted one by one, the
//! newest of them and not more than [`MOST_LOOKED_AT`].

use axum::Json;
use axum::extract::State;
use database::log_blocks::{IN_TAIL, Log};
use database::{Connection, Database, Error, Value};
use domain::Timestamp;
use domain::words::LOG_LEVEL;
use http_api::routing::{Table, get, path};
use http_api::{ApiError, Declared, Field, Input, Kind, Query};
use serde::Serialize;

use crate::counts::LogCounts;
use crate::logs::{OF_AGENT, OF_SESSION, OF_TYPE, WITH_TEXT};

/// How many entries are looked at where they are narrowed, and how many parts of 64 of them.
const MOST_LOOKED_AT: i64 = 100_000;
const MOST_PARTS: i64 = MOST_LOOKED_AT / 64;
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
    /// From when on all entries are counted, where there are too many to look at; then earlier buckets may have fewer than
    /// there are.
    counted_since: Option<Timestamp>,
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
            OF_AGENT.field,
            OF_SESSION.field,
            OF_TYPE.field,
            WITH_TEXT.field,
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
    let length = length(until.unix_second() - since.unix_second(), wanted);
    let histogram = database
        .read(|db| histogram(db, input, &since, &until, length))
        .await
        .map_err(ApiError::from)?;
    Ok(Json(histogram))
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

fn histogram(
    db: &dyn Connection,
    input: &Input,
    since: &Timestamp,
    until: &Timestamp,
    length: i64,
) -> Result<Histogram, Error> {
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
    let looked_at = looked_at(db, input, [since.as_str(), until.as_str()])?;
    let (looked_at, counts, counted_since) = if let Some((ids, narrowed)) = looked_at {
        parameters.extend(narrowed);
        let counts = format!(
            "{ENTRY} FROM looked_at CROSS JOIN agent_logs ON agent_logs.id = looked_at.id WHERE {IN_TIME} \
             AND (?6 IS NULL OR log_type = ?6) AND (?7 IS NULL OR instr(lower(message), lower(?7)))"
        );
        let is_cut = format!("count(*) >= {MOST_LOOKED_AT} OR ?9");
        let first = format!(
            "(SELECT created_time FROM agent_logs \
             WHERE id = (SELECT iif({is_cut}, min(id), NULL) FROM looked_at))"
        );
        (ids, counts, first)
    } else {
        let counts = format!(
            "SELECT number, debug, info, warning, error, critical FROM of_time WHERE is_whole UNION ALL \
             {ENTRY} FROM of_time CROSS JOIN agent_logs ON id >= block << 10 AND id < (block + 1) << 10 \
             WHERE NOT is_whole AND {IN_TIME} UNION ALL {ENTRY} FROM agent_logs WHERE {IN_TAIL} AND {IN_TIME}"
        );
        ("SELECT NULL AS id".to_owned(), counts, "NULL".to_owned())
    };
    let sql = format!(
        "WITH RECURSIVE bucket (number) AS (SELECT {first} UNION ALL SELECT number + 1 FROM bucket WHERE {next} < ?2), \
         of_time AS MATERIALIZED ({BLOCKS}), looked_at (id) AS MATERIALIZED ({looked_at}), \
         counted AS (SELECT number, sum(debug) AS debug, sum(info) AS info, sum(warning) AS warning, sum(error) AS error, \
         sum(critical) AS critical FROM ({counts}) GROUP BY number) \
         SELECT {at} AS at, {counted_since} AS counted_since, debug, info, warning, error, critical FROM bucket LEFT JOIN counted USING (number) ORDER BY number",
        first = number!("?1"),
        next = start!("number + 1"),
        at = start!("number"),
    );
    let mut histogram = Histogram {
        bucket_seconds: length,
        counted_since: None,
        buckets: Vec::new(),
    };
    for mut row in db.execute(&sql, &parameters)? {
        let mut logs = LogCounts::default();
        for (level, column) in LEVELS {
            // Null where there is none.
            if let Value::Integer(count) = row.take(column)? {
                logs.add(level, count);
            }
        }
        // The same in each row.
        histogram.counted_since = row.optional_text("counted_since")?.map(Timestamp::told);
        histogram.buckets.push(Bucket {
            at: Timestamp::told(row.text("at")?),
            logs,
        });
    }
    Ok(histogram)
}

/// The ids of the newest entries of the time that are looked at, where the entries are narrowed, as SQL, and its parameters
/// from `?4` on: agent, session, type, text, parts that the text may be in, and whether there are more of these.
fn looked_at(
    db: &dyn Connection,
    input: &Input,
    time: [&str; 2],
) -> Result<Option<(String, Vec<Value>)>, Error> {
    /// What comes after all blocks, and what is of blocks of the time.
    const RANGES: [&str; 2] = [
        IN_TAIL,
        "agent_logs.id >= (SELECT min(block) << 10 FROM of_time) AND agent_logs.id < (SELECT (max(block) + 1) << 10 FROM of_time)",
    ];
    const BY_AGENT: &str = "agent_logs INDEXED BY idx_agent_logs_agent";
    let [agent, session, log_type, text] =
        ["agent_id", "session_id", "log_type", "q"].map(|name| input.text(name));
    if [agent, session, log_type, text].iter().all(Option::is_none) {
        return Ok(None);
    }
    let parts = match text {
        Some(text) if agent.or(session).is_none() => {
            Log::Agent.parts_between(db, text, time, MOST_PARTS)?
        }
        _ => None,
    };
    let newest = |entries: &str| {
        RANGES.map(|range| {
            let entries = entries.replace("{range}", range);
            format!("SELECT * FROM ({entries} ORDER BY 1 DESC LIMIT {MOST_LOOKED_AT})")
        })
    };
    let of_type = if log_type.is_some() {
        "AND log_type = ?6"
    } else {
        ""
    };
    let searches = if session.is_some() {
        newest(&format!(
            "SELECT agent_logs.id FROM (SELECT id AS agent FROM agents WHERE session_id = ?5 AND (?4 IS NULL OR id = ?4)) \
             CROSS JOIN {BY_AGENT} ON agent_id = agent WHERE {{range}} {of_type}"
        ))
    } else if agent.is_some() {
        newest(&format!(
            "SELECT id FROM {BY_AGENT} WHERE agent_id = ?4 AND {{range}} {of_type}"
        ))
    } else if parts.is_some() {
        let [tail, _] = newest("SELECT id FROM agent_logs WHERE {range}");
        let parts = "SELECT agent_logs.id FROM json_each(?8) AS part \
            CROSS JOIN agent_logs ON agent_logs.id >= part.value << 6 AND agent_logs.id < (part.value + 1) << 6";
        [tail, parts.to_owned()]
    } else if log_type.is_some() {
        // One index by level and type serves them.
        let levels = LOG_LEVEL.all.iter().map(|level| {
            format!(
                "SELECT id FROM agent_logs WHERE log_level = '{level}' AND log_type = ?6 AND {{range}}"
            )
        });
        newest(&levels.collect::<Vec<_>>().join(" UNION ALL "))
    } else {
        newest("SELECT id FROM agent_logs WHERE {range}")
    };
    let ids = format!("{} LIMIT {MOST_LOOKED_AT}", searches.join(" UNION ALL "));
    let (parts, is_cut) = parts.unwrap_or_default();
    let parameters = vec![
        agent.into(),
        session.into(),
        log_type.into(),
        text.into(),
        parts.into(),
        i64::from(is_cut).into(),
    ];
    Ok(Some((ids, parameters)))
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
