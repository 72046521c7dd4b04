//! What an entry of the system log is, and what a client sends to make or find some.

use domain::{Json, LogLevel, Timestamp};
use http_api::{Fields, Input, Order, Page, parse};
use serde::Serialize;

/// The most characters in the name of a component.
const LONGEST_COMPONENT: usize = 255;
/// The most characters in a search.
const LONGEST_SEARCH: usize = 500;

/// An entry, as a client sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename = "SystemLogEntry"))]
pub(crate) struct Entry {
    pub(crate) id: i64,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "LogLevel"))]
    pub(crate) log_level: String,
    pub(crate) component: String,
    pub(crate) message: String,
    pub(crate) details: Option<Json>,
    pub(crate) created_at: Timestamp,
}

/// The body of a POST.
pub(crate) struct NewEntry {
    pub(crate) log_level: LogLevel,
    pub(crate) component: String,
    pub(crate) message: String,
    pub(crate) details: Option<Json>,
}

impl Input for NewEntry {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let log_level = fields.optional("log_level", parse::choice());
        let component = fields.required("component", parse::text_of(1..=LONGEST_COMPONENT));
        let message = fields.required("message", parse::text());
        let details = fields.optional("details", parse::json());
        Some(Self {
            log_level: log_level.unwrap_or(LogLevel::Info),
            component: component?,
            message: message?,
            details,
        })
    }
}

/// The query of a GET.
pub(crate) struct Search {
    pub(crate) level: Option<LogLevel>,
    pub(crate) component: Option<String>,
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
            component: fields.optional("component", parse::text()),
            q: fields.optional("q", parse::text_of(1..=LONGEST_SEARCH)),
            since: fields.optional("since", parse::timestamp()),
            until: fields.optional("until", parse::timestamp()),
            page: Page::read(fields, 100, Order::Desc),
        })
    }
}
