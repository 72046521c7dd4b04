//! An agent as the feed shows it, and which agents a client wants.

use std::sync::Arc;

use database::change_log::{self, ToldAgent};

/// An agent as the feed tells it.
pub type Agent = ToldAgent;

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

impl From<change_log::Change> for Change {
    /// The change, of which it is not known what it replaced. One of something else than an agent is one from nothing to
    /// nothing.
    fn from(change: change_log::Change) -> Self {
        let before = if change.is_of_agent {
            Before::Unknown
        } else {
            Before::Absent
        };
        Self {
            seq: change.seq,
            id: change.id.into(),
            before,
            after: change.agent.map(Arc::new),
        }
    }
}

impl Change {
    /// Whether it is of an agent.
    #[must_use]
    pub fn is_of_agent(&self) -> bool {
        self.after.is_some() || !matches!(self.before, Before::Absent)
    }
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
    pub fn new(session_id: Option<String>, mut status: Vec<&'static str>) -> Self {
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
