//! What the statistics are, and what a client sends to narrow them.

use domain::Timestamp;
use http_api::{Fields, Input, parse};
use serde::Serialize;

use crate::counts::{AgentCounts, LogCounts, PromptsByStatus};

/// The statistics, as a client sees them.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct Stats {
    /// Agents started in that time.
    pub(crate) agents: AgentCounts,
    /// Prompts made in that time.
    pub(crate) prompts: Prompts,
    /// Of those prompts.
    pub(crate) tokens_input: i64,
    /// Of those prompts.
    pub(crate) tokens_output: i64,
    /// In US dollars, of those agents: what they say, or what all their prompts cost, whichever is more.
    pub(crate) cost_usd: f64,
    /// Log entries of that time.
    pub(crate) logs: LogCounts,
    /// The prompts over time, where an interval is asked for: oldest first, at most the newest 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) series: Option<Vec<Point>>,
}

/// Statistics of prompts.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename = "PromptStats"))]
pub(crate) struct Prompts {
    pub(crate) total: i64,
    pub(crate) by_status: PromptsByStatus,
    /// Most prompts first.
    pub(crate) by_model: Vec<ModelUse>,
}

/// What was asked of one model.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct ModelUse {
    /// `null` where the prompts do not say.
    pub(crate) model: Option<String>,
    pub(crate) prompts: i64,
    pub(crate) tokens_input: i64,
    pub(crate) tokens_output: i64,
    /// In US dollars.
    pub(crate) cost_usd: f64,
}

/// The prompts of one interval.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct Point {
    /// When the interval begins.
    pub(crate) at: Timestamp,
    pub(crate) prompts: i64,
    pub(crate) tokens_input: i64,
    pub(crate) tokens_output: i64,
    /// In US dollars.
    pub(crate) cost_usd: f64,
}

/// The length of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Interval {
    Minute,
    Hour,
    Day,
}

/// The query of a GET.
pub(crate) struct Scope {
    pub(crate) session_id: Option<String>,
    /// The first instant that counts.
    pub(crate) since: Option<Timestamp>,
    pub(crate) interval: Option<Interval>,
}

impl Input for Scope {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            session_id: fields.optional("session_id", parse::text()),
            since: fields.optional("since", parse::timestamp()),
            interval: fields.optional("interval", parse::choice()),
        })
    }
}
