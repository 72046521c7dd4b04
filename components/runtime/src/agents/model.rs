//! What a running agent is, and what a client sends to make or find one.

use domain::{AgentStatus, Json, Timestamp};
use http_api::{Fields, Input, Page, parse};
use serde::Serialize;

/// The most characters in the name of a session.
const LONGEST_SESSION: usize = 255;

/// A running agent, as a client sees it.
#[derive(Debug, Serialize)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) orchestrator_agent_id: String,
    pub(crate) session_id: String,
    pub(crate) parent_agent_id: Option<String>,
    /// An [`AgentStatus`].
    pub(crate) status: String,
    pub(crate) context: Option<Json>,
    pub(crate) config: Option<Json>,
    pub(crate) metadata: Option<Json>,
    pub(crate) started_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    /// In US dollars.
    pub(crate) cost_usd: f64,
    pub(crate) error_message: Option<String>,
    pub(crate) heartbeat_at: Option<Timestamp>,
    pub(crate) lease_seconds: Option<i64>,
    pub(crate) cancel_requested: bool,
    /// Goes up by one with every change, whoever makes it.
    pub(crate) version: i64,
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
        let orchestrator_agent_id = fields.required("orchestrator_agent_id", parse::text);
        let session_id = fields.required("session_id", parse::text_of(1..=LONGEST_SESSION));
        let parent_agent_id = fields.optional("parent_agent_id", parse::text);
        let status = fields.optional("status", parse::agent_status);
        let context = fields.optional("context", parse::json);
        let config = fields.optional("config", parse::json);
        let metadata = fields.optional("metadata", parse::object);
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
            session_id: fields.optional("session_id", parse::text),
            status: fields
                .optional("status", parse::agent_statuses)
                .unwrap_or_default(),
            orchestrator_agent_id: fields.optional("orchestrator_agent_id", parse::text),
            parent_agent_id: fields.optional("parent_agent_id", parse::text),
            page: Page::read(fields, 1000),
        })
    }
}
