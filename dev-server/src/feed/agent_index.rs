//! All agents as of one position in the change log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use database::change_log::Entity;
use feed_protocol::{Agent, Before, Change, Filter, LONGEST_LIST};

/// All agents, newest last.
#[derive(Default)]
pub(super) struct AgentIndex {
    /// The database that it is of.
    pub(super) database: Arc<str>,
    /// The last change that it has.
    pub(super) seq: i64,
    /// The last one of them that was of an agent, or where the index began.
    pub(super) agents_seq: i64,
    by_age: ByAge,
    by_id: HashMap<Arc<str>, Arc<Agent>>,
    /// Those of each session.
    by_session: HashMap<String, ByAge>,
}

/// Agents by when they were started.
type ByAge = BTreeMap<(String, Arc<str>), Arc<Agent>>;

impl AgentIndex {
    pub(super) fn new(database: Arc<str>, seq: i64, agents: Vec<Agent>) -> Self {
        let mut index = Self {
            database,
            seq,
            agents_seq: seq,
            ..Self::default()
        };
        for agent in agents {
            index.put(Arc::new(agent));
        }
        index
    }

    /// Takes a change in, and notes in it what was before. Of what is no agent nothing is kept.
    pub(super) fn apply(&mut self, change: &mut Change) {
        self.seq = change.seq;
        if change.entity != Some(Entity::Agent) {
            return;
        }
        self.agents_seq = change.seq;
        change.before = self.take(&change.id).map_or(Before::Absent, Before::Was);
        if let Some(agent) = &change.after {
            self.put(Arc::clone(agent));
        }
    }

    fn put(&mut self, agent: Arc<Agent>) {
        let id: Arc<str> = agent.id.as_str().into();
        let age = (agent.started_at.clone(), Arc::clone(&id));
        let session = self.by_session.entry(agent.session_id.clone()).or_default();
        session.insert(age.clone(), Arc::clone(&agent));
        self.by_age.insert(age, Arc::clone(&agent));
        self.by_id.insert(id, agent);
    }

    fn take(&mut self, id: &Arc<str>) -> Option<Arc<Agent>> {
        let agent = self.by_id.remove(id)?;
        let age = (agent.started_at.clone(), Arc::clone(id));
        self.by_age.remove(&age);
        if let Some(session) = self.by_session.get_mut(&agent.session_id) {
            session.remove(&age);
            if session.is_empty() {
                self.by_session.remove(&agent.session_id);
            }
        }
        Some(agent)
    }

    /// The newest agents that `filter` lets through, newest first.
    pub(super) fn newest(&self, filter: &Filter) -> Vec<Arc<Agent>> {
        let agents = match &filter.session_id {
            Some(session) => self.by_session.get(session),
            None => Some(&self.by_age),
        };
        let newest = agents.into_iter().flat_map(|agents| agents.values().rev());
        newest
            .filter(|agent| filter.matches(agent))
            .take(LONGEST_LIST)
            .map(Arc::clone)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use feed_protocol::Include;

    use super::*;

    fn agent(id: &str, started_at: &str, status: &str) -> Agent {
        Agent {
            id: id.to_owned(),
            session_id: "s".to_owned(),
            status: status.to_owned(),
            started_at: started_at.to_owned(),
            json: format!(r#"{{"id":"{id}"}}"#),
        }
    }

    fn change(seq: i64, id: &str, after: Option<Agent>) -> Change {
        Change {
            seq,
            entity: Some(Entity::Agent),
            id: id.into(),
            session_id: None,
            before: Before::Unknown,
            after: after.map(Arc::new),
        }
    }

    fn ids(index: &AgentIndex, filter: &Filter) -> Vec<String> {
        let agents = index.newest(filter);
        agents.iter().map(|agent| agent.id.clone()).collect()
    }

    fn index() -> AgentIndex {
        let agents = vec![
            agent("b", "2026-02", "planning"),
            agent("c", "2026-03", "failed"),
            agent("a", "2026-02", "planning"),
        ];
        AgentIndex::new("database".into(), 7, agents)
    }

    #[test]
    fn the_newest_come_first() {
        let all = Filter::default();
        assert_eq!(ids(&index(), &all), ["c", "b", "a"]);
        let planning = Filter::new(None, vec!["planning"], Include::default());
        assert_eq!(ids(&index(), &planning), ["b", "a"]);
        let elsewhere = Filter::new(Some("t".to_owned()), vec![], Include::default());
        assert_eq!(ids(&index(), &elsewhere), [""; 0]);
    }

    #[test]
    fn no_more_than_the_most_are_listed() {
        let agents =
            (0..=LONGEST_LIST).map(|i| agent(&i.to_string(), &format!("{i:05}"), "planning"));
        let index = AgentIndex::new("database".into(), 0, agents.collect());
        let ids = ids(&index, &Filter::default());
        assert_eq!(ids.len(), LONGEST_LIST);
        assert_eq!(ids.last().map(String::as_str), Some("1"));
    }

    #[test]
    fn a_change_learns_what_was_before() {
        let mut index = index();
        let mut new = change(8, "d", Some(agent("d", "2026-01", "planning")));
        index.apply(&mut new);
        assert!(matches!(new.before, Before::Absent));
        let mut update = change(9, "d", Some(agent("d", "2026-04", "failed")));
        index.apply(&mut update);
        assert!(matches!(update.before, Before::Was(agent) if agent.status == "planning"));
        // It is in its new place only.
        assert_eq!(ids(&index, &Filter::default()), ["d", "c", "b", "a"]);
        let mut deletion = change(10, "d", None);
        index.apply(&mut deletion);
        assert!(matches!(deletion.before, Before::Was(agent) if agent.status == "failed"));
        assert_eq!(ids(&index, &Filter::default()), ["c", "b", "a"]);
        assert_eq!(index.seq, 10);
    }
}
