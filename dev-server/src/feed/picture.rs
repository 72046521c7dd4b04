//! All agents as of one position in the change log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::agent::{Agent, Before, Change, Filter};

/// The most agents that a whole list has.
const MOST: usize = 1000;

/// All agents, newest last.
#[derive(Default)]
pub(super) struct Picture {
    /// The database that it is of.
    pub(super) database: Arc<str>,
    /// The last change that it has.
    pub(super) seq: i64,
    by_age: BTreeMap<(String, Arc<str>), Arc<Agent>>,
    by_id: HashMap<Arc<str>, Arc<Agent>>,
}

impl Picture {
    pub(super) fn new(database: Arc<str>, seq: i64, agents: Vec<Agent>) -> Self {
        let mut picture = Self {
            database,
            seq,
            ..Self::default()
        };
        for agent in agents {
            picture.put(Arc::new(agent));
        }
        picture
    }

    /// Takes a change in, and notes in it what was before.
    pub(super) fn apply(&mut self, change: &mut Change) {
        self.seq = change.seq;
        change.before = self.take(&change.id).map_or(Before::Absent, Before::Was);
        if let Some(agent) = &change.after {
            self.put(Arc::clone(agent));
        }
    }

    fn put(&mut self, agent: Arc<Agent>) {
        let id: Arc<str> = agent.id.as_str().into();
        let age = (agent.started_at.clone(), Arc::clone(&id));
        self.by_age.insert(age, Arc::clone(&agent));
        self.by_id.insert(id, agent);
    }

    fn take(&mut self, id: &Arc<str>) -> Option<Arc<Agent>> {
        let agent = self.by_id.remove(id)?;
        self.by_age
            .remove(&(agent.started_at.clone(), Arc::clone(id)));
        Some(agent)
    }

    /// The newest agents that `filter` lets through, newest first.
    pub(super) fn newest(&self, filter: &Filter) -> Vec<Arc<Agent>> {
        let matching = self.by_age.values().rev();
        matching
            .filter(|agent| filter.matches(agent))
            .take(MOST)
            .map(Arc::clone)
            .collect()
    }
}
