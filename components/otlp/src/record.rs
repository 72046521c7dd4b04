//! What a log record says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use domain::Timestamp;
use prost::Message as _;
use serde::Serialize;

use crate::conventions::Said;
use crate::ids;
use crate::mapping::{ScopeMetadata, id, name_of, service, session, stored};
use crate::value::{Members, Value};
use crate::wire::{Item, LogRecord};

/// A log record, as far as an entry is made of it.
pub struct Record {
    /// Tells it from every other one.
    pub id: String,
    /// Its trace, in hexadecimal.
    pub trace_id: Option<String>,
    /// The id of the span that it was written in.
    pub span: Option<String>,
    /// What sent it.
    pub service: String,
    /// The session that it names.
    pub session: Option<String>,
    /// How serious it is, as one of our words.
    pub level: &'static str,
    /// What it says.
    pub message: String,
    /// All of it, in JSON.
    pub details: String,
    /// When it was.
    pub at: String,
}

/// How many records of a request have said the same before.
#[derive(Default)]
pub struct Seen(HashMap<Vec<u8>, usize>);

#[derive(Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    event: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    severity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a crate::value::AnyValue>,
    attributes: Members<'a>,
    resource: Members<'a>,
    scope: ScopeMetadata<'a>,
}

/// What a log record says. It has no id, so its content is one, with how many of the same request said the same before.
///
/// # Errors
/// A sentence about an id that is none.
pub fn record(item: &Item<LogRecord>, seen: &mut Seen) -> Result<Record, String> {
    let Item {
        resource,
        scope,
        item: record,
    } = item;
    let trace_id = match record.trace_id.as_slice() {
        [] => None,
        bytes if bytes.iter().all(|byte| *byte == 0) => None,
        bytes => Some(id(bytes, 16).ok_or("A trace id has 16 bytes")?),
    };
    let span_id = match record.span_id.as_slice() {
        [] => None,
        bytes if bytes.iter().all(|byte| *byte == 0) => None,
        bytes => Some(id(bytes, 8).ok_or("A span id has 8 bytes")?),
    };
    let span = span_id
        .as_ref()
        .and(trace_id.as_ref())
        .map(|_| ids::span(&record.trace_id, &record.span_id));
    let content = [
        Arc::as_ref(resource).encode_length_delimited_to_vec(),
        Arc::as_ref(scope).encode_length_delimited_to_vec(),
        record.encode_to_vec(),
    ]
    .concat();
    let number = seen.0.entry(content.clone()).or_default();
    let id = ids::content(&content, *number);
    *number += 1;
    let body = record.body.as_ref().and_then(|body| body.value.as_ref());
    let said = match body {
        Some(Value::Text(text)) if !text.is_empty() => text.clone(),
        Some(other) if record.event_name.is_empty() => other.written(),
        _ => record.event_name.clone(),
    };
    let time = if record.time_unix_nano == 0 {
        record.observed_time_unix_nano
    } else {
        record.time_unix_nano
    };
    let details = Details {
        trace_id: trace_id.as_deref(),
        span_id,
        event: &record.event_name,
        severity: &record.severity_text,
        body: match body {
            None | Some(Value::Text(_)) => None,
            Some(_) => record.body.as_ref(),
        },
        attributes: Members(&record.attributes),
        resource: Members(&resource.attributes),
        scope: scope.as_ref().into(),
    };
    Ok(Record {
        id,
        span,
        service: name_of(service(resource, scope)),
        session: session(&Said::new(&record.attributes, &[])),
        level: level(record),
        message: if said.is_empty() {
            "(nothing)".to_owned()
        } else {
            stored(said)
        },
        // A structure of text, numbers and JSON always serialises.
        details: serde_json::to_string(&details).unwrap_or_default(),
        at: if time == 0 {
            Timestamp::of_system(SystemTime::now()).into_text()
        } else {
            Timestamp::of_nanoseconds(time).into_text()
        },
        trace_id,
    })
}

fn level(record: &LogRecord) -> &'static str {
    match record.severity_number {
        1..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARNING",
        17..=20 => "ERROR",
        21..=24 => "CRITICAL",
        _ => {
            let text = record.severity_text.trim().to_ascii_uppercase();
            match text.as_str() {
                "TRACE" | "DEBUG" => "DEBUG",
                "WARN" | "WARNING" => "WARNING",
                "ERROR" | "ERR" => "ERROR",
                "FATAL" | "CRITICAL" | "EMERGENCY" | "ALERT" => "CRITICAL",
                _ => "INFO",
            }
        }
    }
}
