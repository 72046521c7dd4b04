//! What a running agent is, and what a client sends to make or find one.

use domain::{AgentStatus, Json, Timestamp};
use http_api::{Fields, Input, Order, Page, parse};
use serde::Serialize;

/// The most characters in the name of a session.
const LONGEST_SESSION: usize = 255;
/// The most seconds of a lease.
const LONGEST_LEASE: i64 = 3600;

/// A running agent, as a client sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename = "RuntimeAgent"))]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) orchestrator_agent_id: String,
    pub(crate) session_id: String,
    pub(crate) parent_agent_id: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "AgentStatus"))]
    pub(crate) status: String,
    pub(crate) context: Option<Json>,
    pub(crate) config: Option<Json>,
    pub(crate) metadata: Option<Json>,
    pub(crate) started_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    /// In US dollars: what the agent says, or what its prompts cost, whichever is more.
    pub(crate) cost_usd: f64,
    /// Of all its prompts.
    pub(crate) tokens_input: i64,
    /// Of all its prompts.
    pub(crate) tokens_output: i64,
    pub(crate) error_message: Option<String>,
    pub(crate) heartbeat_at: Option<Timestamp>,
    pub(crate) lease_seconds: Option<i64>,
    pub(crate) cancel_requested: bool,
    /// Goes up by one with every change, whoever makes it.
    pub(crate) version: i64,
}

impl Agent {
    /// Whether the agent has to send heartbeats.
    pub(crate) fn is_leased(&self) -> bool {
        let status: Option<AgentStatus> = self.status.parse().ok();
        self.heartbeat_at.is_some() && !status.is_some_and(AgentStatus::is_terminal)
    }
}

/// The body of a POST.
pub(crate) struct NewAgent {
    pub(crate) orchestrator_agent_id: String,
    pub(crate) session_id: String,
    pub(crate) parent_agent_id: Option<String>,
    pub(crate) status: AgentStatus,
    pub(crate) context: Option<Json>,
    pub(crate) config: Option<Json>,
    pub(crate) metadata: Option<Json>,
}

impl Input for NewAgent {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let orchestrator_agent_id = fields.required("orchestrator_agent_id", parse::text());
        let session_id = fields.required("session_id", parse::text_of(1..=LONGEST_SESSION));
        let parent_agent_id = fields.optional("parent_agent_id", parse::text());
        let status = fields.optional("status", parse::agent_status());
        let context = fields.optional("context", parse::json());
        let config = fields.optional("config", parse::json());
        let metadata = fields.optional("metadata", parse::object());
        Some(Self {
            orchestrator_agent_id: orchestrator_agent_id?,
            session_id: session_id?,
            parent_agent_id,
            status: status.unwrap_or(AgentStatus::Initializing),
            context,
            config,
            metadata,
        })
    }
}

/// The body of a PATCH: only what is given changes.
#[expect(
    clippy::option_option,
    reason = "the outer says whether it changes, the inner may be null"
)]
pub(crate) struct Changes {
    pub(crate) status: Option<AgentStatus>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) cancel_requested: Option<bool>,
    pub(crate) error_message: Option<Option<String>>,
    pub(crate) context: Option<Option<Json>>,
    pub(crate) config: Option<Option<Json>>,
    pub(crate) metadata: Option<Option<Json>>,
}

impl Input for Changes {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            status: fields.change("status", parse::agent_status()),
            cost_usd: fields.change("cost_usd", parse::amount()),
            cancel_requested: fields.change("cancel_requested", parse::boolean()),
            error_message: fields.nullable_change("error_message", parse::text()),
            context: fields.nullable_change("context", parse::json()),
            config: fields.nullable_change("config", parse::json()),
            metadata: fields.nullable_change("metadata", parse::object()),
        })
    }
}

/// The body of a heartbeat, which may be left out.
pub(crate) struct Beat {
    /// After how many seconds without another one the agent is lost.
    pub(crate) lease_seconds: Option<i64>,
}

impl Input for Beat {
    const OPTIONAL_BODY: bool = true;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            lease_seconds: fields.optional("lease_seconds", parse::integer(1..=LONGEST_LEASE)),
        })
    }
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename = "HeartbeatAnswer"))]
pub(crate) struct Heard {
    /// Whether somebody wants the agent to stop.
    pub(crate) cancel_requested: bool,
}

/// A status that an agent had.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename = "StatusChange"))]
pub(crate) struct Step {
    /// The number of the change in the change log; 0 for what was there before the log.
    pub(crate) seq: i64,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "AgentStatus"))]
    pub(crate) status: String,
    /// When it came to it.
    pub(crate) at: Timestamp,
}

/// The query of an agent's history.
pub(crate) struct Steps {
    pub(crate) page: Page,
}

impl Input for Steps {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            page: Page::read(fields, 1000, Order::Asc),
        })
    }
}

/// The query of a GET.
pub(crate) struct Search {
    pub(crate) session_id: Option<String>,
    pub(crate) status: Vec<AgentStatus>,
    pub(crate) orchestrator_agent_id: Option<String>,
    pub(crate) parent_agent_id: Option<String>,
    pub(crate) page: Page,
}

impl Input for Search {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            session_id: fields.optional("session_id", parse::text()),
            status: fields
                .optional("status", parse::agent_statuses())
                .unwrap_or_default(),
            orchestrator_agent_id: fields.optional("orchestrator_agent_id", parse::text()),
            parent_agent_id: fields.optional("parent_agent_id", parse::text()),
            page: Page::read(fields, 1000, Order::Desc),
        })
    }
}
