//! What a log entry is, and what a client sends to find some.

use domain::{Json, LogLevel, LogType, Timestamp};
use http_api::{Fields, Input, Page, parse};
use serde::Serialize;

/// The most characters in a search.
const LONGEST_SEARCH: usize = 500;

/// A log entry, as a client sees it.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) agent_id: String,
    /// A [`LogLevel`].
    pub(crate) log_level: String,
    /// A [`LogType`].
    pub(crate) log_type: String,
    pub(crate) message: String,
    pub(crate) details: Option<Json>,
    pub(crate) created_at: Timestamp,
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
            level: fields.optional("level", parse::choice),
            log_type: fields.optional("log_type", parse::choice),
            agent_id: fields.optional("agent_id", parse::text),
            session_id: fields.optional("session_id", parse::text),
            q: fields.optional("q", parse::text_of(1..=LONGEST_SEARCH)),
            since: fields.optional("since", parse::timestamp),
            until: fields.optional("until", parse::timestamp),
            page: Page::read(fields, 100),
        })
    }
}
