//! The query of a request for the feed.

use http_api::{Fields, Input, parse};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::Filter;

/// What a client is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// The whole list, whenever it has changed.
    #[default]
    Default,
    /// Each change, once and in order.
    Delta,
}

/// What a client asks for.
#[derive(Debug)]
pub struct Parameters {
    /// Lists or changes.
    pub mode: Mode,
    /// The last change that the client has.
    pub since: Option<i64>,
    /// The database that `since` is of.
    pub database: Option<String>,
    /// Which agents.
    pub filter: Filter,
}

impl Input for Parameters {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mode = fields.optional("mode", parse::choice());
        let since = fields.optional("since", parse::integer(0..=i64::MAX));
        let database = fields.optional("database", parse::text());
        let session_id = fields.optional("session_id", parse::text());
        let status = fields.optional("status", parse::agent_statuses());
        Some(Self {
            mode: mode.unwrap_or_default(),
            since,
            database,
            filter: Filter::new(session_id, status.unwrap_or_default()),
        })
    }
}
