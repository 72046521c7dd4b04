//! What a log entry is, and what a client sends to make, find or delete some.

use domain::{Json, LogLevel, LogType, Timestamp};
use http_api::{ApiError, Fault, Fields, FromBody, Input, Location, Order, Page, parse};
use serde::Serialize;
use serde_json::value::RawValue;

/// The most characters in a search.
const LONGEST_SEARCH: usize = 500;
/// The most entries in one request.
const MOST_ENTRIES: usize = 1000;
/// The most days that a deletion looks back: a hundred years.
const MOST_DAYS: i64 = 36_500;

/// A log entry, as a client sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename = "LogEntry"))]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) agent_id: String,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "LogLevel"))]
    pub(crate) log_level: String,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "LogType"))]
    pub(crate) log_type: String,
    pub(crate) message: String,
    pub(crate) details: Option<Json>,
    pub(crate) created_at: Timestamp,
}

/// A new entry.
pub(crate) struct NewEntry {
    pub(crate) agent_id: String,
    pub(crate) log_level: LogLevel,
    pub(crate) log_type: LogType,
    pub(crate) message: String,
    pub(crate) details: Option<Json>,
    /// For an agent that kept entries back; else now.
    pub(crate) created_at: Option<Timestamp>,
}

impl Input for NewEntry {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let agent_id = fields.required("agent_id", parse::text_without_nul());
        let log_level = fields.optional("log_level", parse::choice());
        let log_type = fields.required("log_type", parse::choice());
        let message = fields.required("message", parse::text_without_nul());
        let details = fields.optional("details", parse::json());
        let created_at = fields.optional("created_at", parse::timestamp());
        Some(Self {
            agent_id: agent_id?,
            log_level: log_level.unwrap_or(LogLevel::Info),
            log_type: log_type?,
            message: message?,
            details,
            created_at,
        })
    }
}

/// The body of a POST: one entry, or several that are stored together or not at all.
pub(crate) enum NewEntries {
    /// An object.
    One(NewEntry),
    /// An array.
    Several(Vec<NewEntry>),
}

impl FromBody for NewEntries {
    const OPTIONAL: bool = false;

    fn from_body(body: &RawValue) -> Result<Self, ApiError> {
        let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(body.get()) else {
            return NewEntry::from_body(body).map(Self::One);
        };
        let place = vec![Location::Field("body")];
        let fault = |kind, msg: String| Fault {
            kind,
            loc: place.clone(),
            msg,
            input: entries.len().into(),
        };
        if entries.is_empty() {
            let msg = "Array should have at least 1 item".to_owned();
            return Err(ApiError::Invalid(vec![fault("too_short", msg)]));
        }
        if entries.len() > MOST_ENTRIES {
            let msg = format!("Array should have at most {MOST_ENTRIES} items");
            return Err(ApiError::Invalid(vec![fault("too_long", msg)]));
        }
        let mut read = Vec::with_capacity(entries.len());
        let mut faults = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let place = vec![Location::Field("body"), Location::Index(index)];
            let entry = Fields::of_object(place, entry)
                .map_err(|fault| ApiError::Invalid(vec![fault]))
                .and_then(Fields::read);
            match entry {
                Ok(entry) => read.push(entry),
                Err(ApiError::Invalid(more)) => faults.extend(more),
                Err(error) => return Err(error),
            }
        }
        if faults.is_empty() {
            Ok(Self::Several(read))
        } else {
            Err(ApiError::Invalid(faults))
        }
    }

    fn schema() -> serde_json::Value {
        let entry = NewEntry::schema();
        let several = serde_json::json!({
            "type": "array", "items": entry, "minItems": 1, "maxItems": MOST_ENTRIES,
        });
        serde_json::json!({"oneOf": [entry, several]})
    }
}

/// The answer to a POST.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum Logged {
    One(Entry),
    Several(Inserted),
}

/// The answer to several new entries, whose ids follow one another.
#[expect(clippy::struct_field_names, reason = "clients see these names")]
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct Inserted {
    pub(crate) inserted: usize,
    pub(crate) first_id: i64,
    pub(crate) last_id: i64,
}

/// The query of a DELETE.
pub(crate) struct Old {
    pub(crate) older_than_days: i32,
}

impl Input for Old {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let days = fields.required("older_than_days", parse::integer(0..=MOST_DAYS))?;
        Some(Self {
            older_than_days: days.try_into().ok()?,
        })
    }
}

/// The answer to a DELETE.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct Deleted {
    pub(crate) deleted: usize,
}

/// The query of a GET.
pub(crate) struct Search {
    pub(crate) level: Option<LogLevel>,
    pub(crate) log_type: Option<LogType>,
    pub(crate) agent_id: Option<String>,
    pub(crate) session_id: Option<String>,
    /// Text in the message.
    pub(crate) q: Option<String>,
    /// The first instant that counts.
    pub(crate) since: Option<Timestamp>,
    /// The first instant that counts no more.
    pub(crate) until: Option<Timestamp>,
    pub(crate) page: Page,
}

impl Input for Search {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            level: fields.optional("level", parse::choice()),
            log_type: fields.optional("log_type", parse::choice()),
            agent_id: fields.optional("agent_id", parse::text()),
            session_id: fields.optional("session_id", parse::text()),
            q: fields.optional("q", parse::text_of(1..=LONGEST_SEARCH)),
            since: fields.optional("since", parse::timestamp()),
            until: fields.optional("until", parse::timestamp()),
            page: Page::read(fields, 100, Order::Desc),
        })
    }
}
