//! What the statistics are, and what a client sends to narrow them.

use domain::{Timestamp, Words};
use http_api::{Declared, Field, Input, Kind};
use serde::Serialize;

use crate::counts::{AgentCounts, LogCounts, PromptsByStatus, Usage};

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
    /// Most prompts first, at most 1000; of a name the first 255 characters.
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

impl ModelUse {
    /// What was asked of `model`, which is empty where the prompts do not say.
    pub(crate) fn new(model: String, prompts: i64, usage: Usage) -> Self {
        Self {
            model: (!model.is_empty()).then_some(model),
            prompts,
            tokens_input: usage.tokens_input(),
            tokens_output: usage.tokens_output(),
            cost_usd: usage.cost_usd(),
        }
    }
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

/// The lengths of an interval.
static INTERVAL: Words = Words {
    name: "Interval",
    all: &["minute", "hour", "day"],
    synonyms: &[],
    any_case: false,
};

/// The query of a GET.
pub(crate) struct StatsQuery;

impl Declared for StatsQuery {
    fn fields() -> Vec<Field> {
        vec![
            Field::optional("session_id", Kind::TEXT, "Only what is of this session."),
            Field::optional("since", Kind::Time, "Only what is of this time or later."),
            Field::optional(
                "interval",
                Kind::Word(&INTERVAL),
                "Adds a series of prompts by this interval.",
            ),
        ]
    }
}

/// What is counted.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) session_id: Option<String>,
    /// The first instant that counts.
    pub(crate) since: Option<Timestamp>,
    /// `minute`, `hour` or `day`.
    pub(crate) interval: Option<String>,
}

impl Scope {
    /// What was asked for.
    pub(crate) fn of(input: &Input) -> Self {
        let text = |name| input.text(name).map(str::to_owned);
        Self {
            session_id: text("session_id"),
            since: text("since").map(Timestamp::told),
            interval: text("interval"),
        }
    }
}
