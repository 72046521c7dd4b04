//! An agent as the feed shows it, and which agents a client wants.

use std::sync::Arc;

use domain::AgentStatus;
use serde::Deserialize;

/// What the feed shows of an agent, as the database's view `feed_agents` gives it.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) session_id: String,
    pub(super) status: String,
    pub(super) started_at: String,
    /// The whole, as it goes into a frame.
    pub(super) json: Arc<str>,
}

impl Agent {
    /// Reads a payload; `None` where it has not the form of one.
    pub(super) fn read(payload: String) -> Option<Self> {
        #[derive(Deserialize)]
        struct Payload {
            id: String,
            session_id: Option<String>,
            status: Option<String>,
            started_at: Option<String>,
        }
        let read: Payload = serde_json::from_str(&payload).ok()?;
        Some(Self {
            id: read.id,
            session_id: read.session_id.unwrap_or_default(),
            status: read.status.unwrap_or_default(),
            started_at: read.started_at.unwrap_or_default(),
            json: payload.into(),
        })
    }
}

/// One change, with the agent before and after it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) seq: i64,
    pub(super) id: Arc<str>,
    pub(super) before: Before,
    /// The agent after; `None` where it was deleted.
    pub(super) after: Option<Arc<Agent>>,
}

/// What a change replaced.
#[derive(Clone, Debug)]
pub(super) enum Before {
    /// The log does not say.
    Unknown,
    /// Nothing: the agent is new.
    Absent,
    /// The agent as it was.
    Was(Arc<Agent>),
}

/// Which agents a client wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Filter {
    pub(super) session_id: Option<String>,
    /// None means all.
    pub(super) status: Vec<&'static str>,
}

impl Filter {
    pub(super) fn new(session_id: Option<String>, status: Vec<AgentStatus>) -> Self {
        let mut status: Vec<&'static str> = status.into_iter().map(Into::into).collect();
        status.sort_unstable();
        status.dedup();
        Self { session_id, status }
    }

    pub(super) fn matches(&self, agent: &Agent) -> bool {
        let session = self.session_id.as_ref();
        session.is_none_or(|session| *session == agent.session_id)
            && (self.status.is_empty() || self.status.contains(&agent.status.as_str()))
    }
}
