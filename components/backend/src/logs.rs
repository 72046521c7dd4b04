//! `/api/runtime/logs`: what agents reported.
//!
//! Newest means the highest `id`: the order in which entries arrived, which several writers' clocks do not disturb.
//! Every index of the table ends in `id`, so each filter finds its newest entries without reading others.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use database::log_blocks::Log;
use database::{Access, Condition, Connection, Database, Error, List, Window};
use domain::Timestamp;
use domain::words::{LOG_LEVEL, LOG_TYPE};
use feed_protocol::LOG_ENTRY;
use http_api::routing::{Table, delete, get, path, post};
use http_api::{
    ApiError, Declared, Field, FieldError, FromBody, Id, IdempotentBody, Input, Kind, ListOrFile,
    ListQuery, Location, Order, Query, Reader, Reading, StoredResponse, fields, items,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::resource::handlers::{self, list};
use crate::resource::{
    Column, Create, Declaration, Filter, ListRows, New, Reference, Resource, Row, queries,
};

/// The most entries in one request.
const MOST_ENTRIES: usize = 1000;
/// The most days that a deletion looks back: a hundred years.
const MOST_DAYS: i64 = 36_500;
/// How many entries one step of a deletion deletes.
const DELETED_AT_ONCE: usize = 1000;
/// The pause between two steps of a deletion, in which others may write.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a deletion goes on. A host ends a request that takes too long, and the client would not know what became of
/// it; so what is left after this is for another request.
const LONGEST: Duration = Duration::from_secs(15);

/// An entry.
pub(crate) struct LogEntry;

/// What log entries and prompts are of, and the filters by it.
pub(crate) const AGENT: Reference = Reference {
    column: "agent_id",
    table: "agents",
    noun: "Agent",
};
pub(crate) const OF_AGENT: Filter = Filter::new(
    "agent_id",
    Kind::TEXT,
    "Only what is of this agent.",
    "agent_id = ?",
);
pub(crate) const OF_SESSION: Filter = Filter::new(
    "session_id",
    Kind::TEXT,
    "Only what is of this session.",
    "agent_id IN (SELECT id FROM agents WHERE session_id = ?)",
);
/// The filters of both logs.
pub(crate) const LEVEL: Filter = Filter::new(
    "level",
    Kind::Word(&LOG_LEVEL),
    "Only entries of this level.",
    "log_level = ?",
)
.or(&["log_level"]);
pub(crate) const OF_TYPE: Filter = Filter::new(
    "log_type",
    Kind::Word(&LOG_TYPE),
    "Only entries of this type.",
    "log_type = ?",
)
.or(&["type"]);
pub(crate) const WITH_TEXT: Filter = Filter::new(
    "q",
    Kind::text(1, 500),
    "Only rows with this text.",
    "instr(lower(message), lower(?))",
);
pub(crate) const SINCE: Filter =
    Filter::custom("since", Kind::Time, "Only what is of this time or later.");
pub(crate) const UNTIL: Filter =
    Filter::custom("until", Kind::Time, "Only what is of an earlier time.");

/// Whether only entries of a time are wanted.
pub(crate) fn is_of_time(sent: &Input) -> bool {
    sent.get("since").is_some() || sent.get("until").is_some()
}

impl Resource for LogEntry {
    const DECLARATION: &'static Declaration = &Declaration {
        name: "LogEntry",
        noun: "Log entry",
        path: "/api/runtime/logs",
        list: List {
            table: "agent_logs",
            key: None,
        },
        kept: None,
        columns: &[
            Column::of(LOG_ENTRY[0], "The number.", "1017"),
            Column::of(
                LOG_ENTRY[1],
                "The agent.",
                r#""01a2069d-fa31-74b2-8d23-31f3ab3c2cfc""#,
            )
            .given(Create::Required),
            Column::of(LOG_ENTRY[2], "How serious it is.", r#""INFO""#)
                .or(&["level"])
                .given(Create::Word("INFO")),
            Column::of(LOG_ENTRY[3], "What it is about.", r#""milestone""#)
                .or(&["type"])
                .given(Create::Required),
            Column::of(LOG_ENTRY[4], "What is reported.", r#""half way""#).given(Create::Required),
            Column::of(
                LOG_ENTRY[5],
                "What else is known of it.",
                r#"{"percent": 50}"#,
            )
            .given(Create::Optional),
            Column::of(
                LOG_ENTRY[6],
                "When it happened: now, but for an agent that kept it back.",
                r#""2026-02-05T10:02:41.377Z""#,
            )
            .given(Create::Optional),
        ],
        filters: &[
            LEVEL, OF_TYPE, OF_AGENT, OF_SESSION, WITH_TEXT, SINCE, UNTIL,
        ],
        limit: 100,
        order: Order::Descending,
        is_numbered: true,
        created: &["created_at"],
        references: &[AGENT],
    };

    /// Not those of an agent, a session or a time, which are found by that.
    fn searched(sent: &Input) -> Option<Log> {
        let is_free = Self::access(sent) == Access::Free && !is_of_time(sent);
        is_free.then_some(Log::Agent)
    }

    /// Those of an agent or a session go through the index of the agents, which has level and type in it.
    fn access(sent: &Input) -> Access {
        const BY_AGENT: &str = "idx_agent_logs_agent";
        if sent.get("agent_id").is_some() {
            Access::Ordered(BY_AGENT)
        } else if sent.get("session_id").is_some() {
            Access::Sorted(BY_AGENT)
        } else {
            Access::Free
        }
    }

    /// Those of a type are of one level or another: one index by level and type serves them.
    fn alternatives(sent: &Input, conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
        let is_sent = |name| sent.get(name).is_some();
        let by_type =
            is_sent("log_type") && !is_sent("level") && Self::access(sent) == Access::Free;
        let alternatives: Vec<Vec<Condition>> = if by_type {
            let levels = LOG_LEVEL.all.iter();
            levels
                .map(|level| {
                    [
                        conditions.clone(),
                        vec![Condition::new("log_level = ?", *level)],
                    ]
                    .concat()
                })
                .collect()
        } else {
            vec![conditions]
        };
        let (since, until) = (sent.get("since"), sent.get("until"));
        alternatives
            .into_iter()
            .flat_map(|one| Log::Agent.between(one, since.cloned(), until.cloned()))
            .collect()
    }
}

pub(crate) fn table() -> Table<Database> {
    let methods = get("Lists log entries, newest first", list::<LogEntry>)
        .merge(post("Stores a log entry, or up to 1000 at once", create))
        .merge(delete("Deletes old log entries", delete_old));
    let table = path(Table::new(), "/api/runtime/logs", methods);
    let methods = get("Lists the log entries of an agent, newest first", of_agent);
    path(table, "/api/runtime/logs/agent/{id}", methods)
}

async fn of_agent(
    State(database): State<Database>,
    Id(id): Id,
    mut query: ListQuery<ListRows<LogEntry>>,
) -> Result<ListOrFile<Row<LogEntry>>, ApiError> {
    query.filters.set("agent_id", id);
    query.read(database, page_of_agent).await
}

fn page_of_agent<'a>(
    database: &'a Database,
    sent: &'a Input,
    window: Window<'a>,
) -> Reading<'a, Row<LogEntry>> {
    Box::pin(async move {
        let list = |db: &dyn Connection| queries::list::<LogEntry>(db, sent, window);
        let page = database.one(list).await?;
        if !page.is_empty() {
            return Ok(page);
        }
        // Asked again with it, as the agent may have been made in between.
        let id = sent.text("agent_id").unwrap_or_default();
        let list = |db: &dyn Connection| {
            if queries::exists(db, "agents", id)? {
                Ok(list(db)?)
            } else {
                Err(ApiError::unknown("Agent", id))
            }
        };
        database.read(list).await
    })
}

/// The body of a POST: one entry, or several that are stored together or not at all.
struct NewEntries;

enum Entries {
    /// An object.
    One(Input),
    /// An array.
    Several(Vec<Input>),
}

impl FromBody for NewEntries {
    const OPTIONAL: bool = false;

    type Read = Entries;

    fn from_body(body: &RawValue) -> Result<Entries, ApiError> {
        let Some((entries, count)) = items(body, MOST_ENTRIES) else {
            return New::<LogEntry>::from_body(body).map(Entries::One);
        };
        let place = vec![Location::Field("body")];
        let error = |kind, msg: String| FieldError {
            kind,
            loc: place.clone(),
            msg,
            input: count.into(),
        };
        if count == 0 {
            let msg = "Array should have at least 1 item".to_owned();
            return Err(ApiError::Invalid(vec![error("too_short", msg)]));
        }
        if count > MOST_ENTRIES {
            let msg = format!("Array should have at most {MOST_ENTRIES} items");
            return Err(ApiError::Invalid(vec![error("too_long", msg)]));
        }
        let fields = New::<LogEntry>::fields();
        let mut read = Vec::with_capacity(entries.len());
        let mut errors = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let place = vec![Location::Field("body"), Location::Index(index)];
            let entry = Reader::of_object(place, entry, &fields)
                .map_err(|error| ApiError::Invalid(vec![error]))
                .and_then(|reader| reader.read(&fields));
            match entry {
                Ok(entry) => read.push(entry),
                Err(ApiError::Invalid(more)) => errors.extend(more),
                Err(error) => return Err(error),
            }
        }
        if errors.is_empty() {
            Ok(Entries::Several(read))
        } else {
            Err(ApiError::Invalid(errors))
        }
    }

    fn schema() -> serde_json::Value {
        let entry = fields::schema(&New::<LogEntry>::fields());
        let several = serde_json::json!({
            "type": "array", "items": entry, "minItems": 1, "maxItems": MOST_ENTRIES,
        });
        serde_json::json!({"oneOf": [entry, several]})
    }
}

/// The answer to a POST.
#[derive(Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the schema; SQLite writes the JSON of one")]
enum Logged {
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "Row<LogEntry>"))]
    One(()),
    Several(Inserted),
}

/// The answer to several new entries, whose ids follow one another.
#[expect(clippy::struct_field_names, reason = "clients see these names")]
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Inserted {
    /// How many they are.
    inserted: usize,
    /// The number of the first one.
    first_id: i64,
    /// The number of the last one.
    last_id: i64,
}

async fn create(
    State(database): State<Database>,
    new: IdempotentBody<NewEntries>,
) -> Result<StoredResponse<Logged>, ApiError> {
    let stored = new
        .run(&database, |db, entries| match entries {
            Entries::One(entry) => {
                let row = queries::new_row::<LogEntry>(entry);
                Ok(StoredResponse::created(queries::insert::<LogEntry>(
                    db, &row,
                )?))
            }
            Entries::Several(entries) => {
                let inserted = insert_several(db, entries)?;
                // A structure of numbers always serialises.
                let body = serde_json::to_string(&inserted).unwrap_or_default();
                Ok(StoredResponse::created(body))
            }
        })
        .await;
    match (&new.body, stored) {
        (Entries::One(entry), stored) => {
            handlers::name_missing::<LogEntry, _>(&database, stored, entry).await
        }
        (Entries::Several(entries), Err(ApiError::Database(Error::Constraint(_)))) => {
            Err(database.read(|db| missing(db, entries)).await?)
        }
        (Entries::Several(_), stored) => stored,
    }
}

/// Stores all entries by one statement.
fn insert_several(db: &dyn Connection, entries: &[Input]) -> Result<Inserted, ApiError> {
    const SQL: &str = "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]') \
         FROM json_each(?1) RETURNING id";
    let now = Timestamp::now();
    let rows: Vec<[Option<&str>; 6]> = entries
        .iter()
        .map(|entry| {
            [
                entry.text("agent_id"),
                entry.text("log_level").or(Some("INFO")),
                entry.text("log_type"),
                entry.text("message"),
                entry.text("details"),
                entry.text("created_at").or(Some(now.as_str())),
            ]
        })
        .collect();
    // At once as large as it gets, unless there is much to escape: while it grows, there is room for it twice.
    let bytes: usize = entries.iter().map(|entry| entry.bytes() + 128).sum();
    let mut json = Vec::with_capacity(bytes + bytes / 8);
    // Lists of text always serialise, to text.
    let _ = serde_json::to_writer(&mut json, &rows);
    let json = String::from_utf8(json).unwrap_or_default();
    let ids = db
        .execute(SQL, &[json.into()])?
        .into_iter()
        .map(|mut row| row.integer("id"))
        .collect::<Result<Vec<i64>, Error>>()?;
    Ok(Inserted {
        inserted: ids.len(),
        first_id: ids.first().copied().unwrap_or_default(),
        last_id: ids.last().copied().unwrap_or_default(),
    })
}

/// Says which of the agents that new entries are of is not there.
fn missing(db: &dyn Connection, entries: &[Input]) -> Result<ApiError, Error> {
    for entry in entries {
        let agent = entry.text("agent_id").unwrap_or_default();
        if !queries::exists(db, "agents", agent)? {
            return Ok(ApiError::unknown("Agent", agent));
        }
    }
    Ok(Error::Constraint(database::Constraint::ForeignKey).into())
}

/// The query of a DELETE.
struct OldEntries;

impl Declared for OldEntries {
    fn fields() -> Vec<Field> {
        vec![Field::required(
            "older_than_days",
            Kind::integer(0, MOST_DAYS),
            "After how many days an entry is old.",
        )]
    }
}

/// The answer to a DELETE.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Deleted {
    /// How many entries were deleted.
    deleted: usize,
}

async fn delete_old(
    State(database): State<Database>,
    query: Query<OldEntries>,
) -> Result<Json<Deleted>, ApiError> {
    let days = query.input.integer("older_than_days").unwrap_or(MOST_DAYS);
    let start = Instant::now();
    let mut deleted = 0;
    loop {
        let some = database
            .one(|db| Log::Agent.delete_old(db, days, DELETED_AT_ONCE))
            .await
            .map_err(ApiError::from)?;
        deleted += some;
        if some < DELETED_AT_ONCE || start.elapsed() > LONGEST {
            return Ok(Json(Deleted { deleted }));
        }
        database.sleep(PAUSE).await;
    }
}
