//! A change as the feed shows it, and which changes a client wants.

use std::sync::Arc;

use database::change_log::{self, Before, Entity, Told};

use crate::Include;

/// The status of an agent that is lost.
const FAILED: &str = "failed";

/// An agent as the feed tells it.
pub type Agent = Told;

/// One change, with the row before and after it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its number.
    pub seq: i64,
    /// What it is of; `None` for what this version does not know.
    pub entity: Option<Entity>,
    /// The row's id.
    pub id: Arc<str>,
    /// The session that the row is of, where it is no agent; `None` where it is of none, or nobody knows.
    pub session_id: Option<String>,
    /// The agent before.
    pub before: Before,
    /// The row after; `None` where it was deleted.
    pub after: Option<Arc<Told>>,
}

impl From<change_log::Change> for Change {
    fn from(change: change_log::Change) -> Self {
        Self {
            seq: change.seq,
            entity: change.entity,
            id: change.id.into(),
            session_id: change.session_id,
            before: change.before,
            after: change.row.map(Arc::new),
        }
    }
}

/// What a client wants of the change log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// What is of one session.
    pub session_id: Option<String>,
    /// Agents with one of these statuses; none means all.
    pub status: Vec<&'static str>,
    /// What is told beside agents.
    pub include: Include,
}

/// What a client is shown of a change.
pub(crate) enum Shown<'a> {
    /// The row as it is now.
    Row(&'a Arc<Told>),
    /// That it is gone, or no more what the client wants.
    Removed,
}

impl Filter {
    /// Filters that let through the same are equal.
    #[must_use]
    pub fn new(
        session_id: Option<String>,
        mut status: Vec<&'static str>,
        include: Include,
    ) -> Self {
        status.sort_unstable();
        status.dedup();
        Self {
            session_id,
            status,
            include,
        }
    }

    /// Whether there are agents that the client does not want.
    #[must_use]
    pub fn narrows_agents(&self) -> bool {
        self.session_id.is_some() || !self.status.is_empty()
    }

    /// Whether the client wants `agent`.
    #[must_use]
    pub fn matches(&self, agent: &Agent) -> bool {
        self.has_session(&agent.session_id) && self.has_status(&agent.status)
    }

    fn has_session(&self, id: &str) -> bool {
        self.session_id.as_ref().is_none_or(|wanted| wanted == id)
    }

    fn has_status(&self, status: &str) -> bool {
        self.status.is_empty() || self.status.contains(&status)
    }

    /// What the client is shown of `change`; `None` where it need not hear of it.
    pub(crate) fn shown<'a>(&self, change: &'a Change) -> Option<(Entity, Shown<'a>)> {
        let entity = change.entity?;
        let is_wanted = if entity == Entity::Agent {
            change
                .after
                .as_ref()
                .is_some_and(|agent| self.matches(agent))
        } else if self.include.has(entity) {
            change.after.is_some() && self.has_session_of(change)
        } else {
            return None;
        };
        if let Some(row) = change.after.as_ref().filter(|_| is_wanted) {
            return Some((entity, Shown::Row(row)));
        }
        let had = match (&change.before, entity) {
            (
                Before::Was {
                    session_id,
                    status,
                    or_failed,
                },
                Entity::Agent,
            ) => {
                self.has_session(session_id)
                    && (self.has_status(status) || *or_failed && self.has_status(FAILED))
            }
            (Before::Absent, Entity::Agent) => false,
            // The client may have had it.
            (Before::Unknown, Entity::Agent) => true,
            _ => change.after.is_none() && self.has_session_of(change),
        };
        had.then_some((entity, Shown::Removed))
    }

    /// Whether a row that is no agent is of the client's session. Of what is gone that may not be known any more.
    fn has_session_of(&self, change: &Change) -> bool {
        match (&self.session_id, &change.session_id) {
            (None, _) => true,
            (Some(_), _) if change.entity == Some(Entity::Definition) => true,
            (Some(wanted), Some(of)) => wanted == of,
            (Some(_), None) => change.after.is_none(),
        }
    }
}
