//! What a session is, and what a client sends to find some.

use domain::Timestamp;
use http_api::{Fields, Input, Order, Page};
use serde::Serialize;

use crate::counts::AgentCounts;

/// A session, as a client sees it: there is one as long as it has agents.
#[expect(clippy::struct_field_names, reason = "clients see these names")]
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct Session {
    pub(crate) session_id: String,
    /// When its first agent was started.
    pub(crate) started_at: Timestamp,
    /// When an agent of it last changed.
    pub(crate) updated_at: Timestamp,
    pub(crate) agents: AgentCounts,
    pub(crate) tokens_input: i64,
    pub(crate) tokens_output: i64,
    /// In US dollars, of all its agents.
    pub(crate) cost_usd: f64,
}

/// The query of a GET.
pub(crate) struct Search {
    pub(crate) page: Page,
}

impl Input for Search {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            page: Page::read(fields, 1000, Order::Desc),
        })
    }
}
