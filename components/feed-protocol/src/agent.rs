//! An agent as the feed shows it, and which agents a client wants.

use std::sync::Arc;

use domain::AgentStatus;
use serde::Deserialize;

/// What the feed shows of an agent, as the database's view `feed_agents` gives it.
#[derive(Debug)]
pub struct Agent {
    /// Its id.
    pub id: String,
    /// Its session; empty where it has none.
    pub session_id: String,
    /// An [`AgentStatus`], or what another writer stored.
    pub status: String,
    /// When it was started, as the frame has it.
    pub started_at: String,
    /// The whole, as it goes into a frame.
    pub json: Arc<str>,
}

impl Agent {
    /// Reads a payload; `None` where it has not the form of one.
    #[must_use]
    pub fn read(payload: String) -> Option<Self> {
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
pub struct Change {
    /// Its number.
    pub seq: i64,
    /// The agent's id.
    pub id: Arc<str>,
    /// The agent before.
    pub before: Before,
    /// The agent after; `None` where it was deleted.
    pub after: Option<Arc<Agent>>,
}

/// What a change replaced.
#[derive(Clone, Debug)]
pub enum Before {
    /// The log does not say.
    Unknown,
    /// Nothing: the agent is new.
    Absent,
    /// The agent as it was.
    Was(Arc<Agent>),
}

/// Which agents a client wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Those of one session.
    pub session_id: Option<String>,
    /// Those with one of these statuses; none means all.
    pub status: Vec<&'static str>,
}

impl Filter {
    /// Filters that let through the same are equal.
    #[must_use]
    pub fn new(session_id: Option<String>, status: Vec<AgentStatus>) -> Self {
        let mut status: Vec<&'static str> = status.into_iter().map(Into::into).collect();
        status.sort_unstable();
        status.dedup();
        Self { session_id, status }
    }

    /// Whether the client wants `agent`.
    #[must_use]
    pub fn matches(&self, agent: &Agent) -> bool {
        let session = self.session_id.as_ref();
        session.is_none_or(|session| *session == agent.session_id)
            && (self.status.is_empty() || self.status.contains(&agent.status.as_str()))
    }
}
