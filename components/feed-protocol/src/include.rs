//! What is told beside agents.

use database::change_log::Entity;
use domain::Words;

/// What a client may include.
pub(crate) static INCLUDE: Words = Words {
    name: "Include",
    all: &["workflows", "messages", "logs", "definitions"],
    synonyms: &[],
    any_case: false,
};

/// What a client is told beside agents: a set of [`INCLUDE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Include(u8);

impl Include {
    /// The words, separated by commas, that were sent.
    #[must_use]
    pub fn read(words: &str) -> Self {
        let places = words
            .split(',')
            .filter_map(|word| INCLUDE.all.iter().position(|known| *known == word));
        Self(places.fold(0, |set, place| set | 1 << place))
    }

    fn contains(self, word: &str) -> bool {
        let place = INCLUDE.all.iter().position(|known| *known == word);
        place.is_some_and(|place| self.0 & 1 << place != 0)
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether rows of this kind are told, of those that are no agents.
    #[must_use]
    pub fn has(self, entity: Entity) -> bool {
        match entity {
            Entity::Agent => false,
            Entity::Workflow => self.contains("workflows"),
            Entity::Message => self.contains("messages"),
            Entity::Definition => self.contains("definitions"),
        }
    }

    /// Whether log entries are told.
    #[must_use]
    pub fn has_logs(self) -> bool {
        self.contains("logs")
    }

    /// The kinds of rows that the change log has of it, in the order in which a snapshot tells them.
    #[must_use]
    pub fn entities(self) -> Vec<Entity> {
        let mut entities = vec![Entity::Definition, Entity::Workflow, Entity::Message];
        entities.retain(|entity| self.has(*entity));
        entities
    }
}
