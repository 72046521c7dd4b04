//! What is new in a request, and what is known of it before anything is written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use database::{Connection, Error};
use otlp::{Is, Span};

use super::items::{self, Before, Missing};
use super::those;
use super::tree::{Above, Place, places};

/// New spans, and who is above them.
pub(super) struct Arrival<'a> {
    pub(super) new: Vec<&'a Span>,
    places: HashMap<&'a str, Place>,
    /// What others wait for, and has an agent already that stands for it.
    pub(super) missing: HashMap<String, Missing>,
    /// What others wait for.
    waited_for: HashSet<String>,
    /// The agents above that somebody has deleted.
    pub(super) lost: HashSet<String>,
}

/// An agent that is none of its own: a span that has not come, or a topmost one.
pub(super) struct Needed {
    pub(super) naming: String,
    pub(super) started_at: String,
    pub(super) trace_id: String,
}

impl<'a> Arrival<'a> {
    /// Those of `spans` that have not come before.
    pub(super) fn of(db: &dyn Connection, spans: &'a [Span]) -> Result<Self, Error> {
        let Before { known, missing } = items::look_up(db, spans)?;
        let mut ids = HashSet::new();
        let new: Vec<&Span> = spans
            .iter()
            .filter(|span| !known.contains_key(&span.id) && ids.insert(&*span.id))
            .collect();
        let places = places(&new, &known);
        Ok(Self {
            waited_for: items::waited_for(db, &new)?,
            lost: lost_owners(db, &new, &places)?,
            new,
            places,
            missing,
        })
    }

    /// Who is above a new span.
    pub(super) fn place(&self, span: &Span) -> &Place {
        &self.places[&*span.id]
    }

    /// Those that something waits for.
    pub(super) fn waited_for(&self) -> impl Iterator<Item = &'a Span> {
        let is_waited_for = |span: &&Span| self.waited_for.contains(&span.id);
        self.new.iter().copied().filter(is_waited_for)
    }

    /// Those of which a row can be made, as their agent is there.
    pub(super) fn taken(&self) -> impl Iterator<Item = &'a Span> {
        let taken = |span: &&Span| !self.lost.contains(&self.place(span).owner);
        self.new.iter().copied().filter(taken)
    }

    /// What has to stand for an agent, by its id.
    pub(super) fn needed(&self) -> BTreeMap<&str, Needed> {
        let mut needed: BTreeMap<&str, Needed> = BTreeMap::new();
        for span in &self.new {
            let place = self.place(span);
            if place.above == Above::Agent || matches!(span.is, Is::Agent(_)) {
                continue;
            }
            let own = (!matches!(span.is, Is::Other)).then_some((&span.naming, &span.started_at));
            let before = self.missing.get(&span.id);
            let before = before.map(|before| (&before.naming, &before.started_at));
            for (naming, started_at) in own.into_iter().chain(before) {
                let needed = needed.entry(&place.owner).or_insert_with(|| Needed {
                    naming: naming.clone(),
                    started_at: started_at.clone(),
                    trace_id: span.trace_id.clone(),
                });
                if *naming < needed.naming {
                    needed.naming.clone_from(naming);
                }
                if *started_at < needed.started_at {
                    needed.started_at.clone_from(started_at);
                }
            }
        }
        needed
    }
}

/// The agents above new spans that somebody has deleted.
fn lost_owners(
    db: &dyn Connection,
    new: &[&Span],
    places: &HashMap<&str, Place>,
) -> Result<HashSet<String>, Error> {
    const SQL: &str = "SELECT value FROM json_each(?1) \
         WHERE NOT EXISTS (SELECT 1 FROM agents WHERE id = value)";
    let agents: HashSet<&str> = new
        .iter()
        .filter(|span| matches!(span.is, Is::Agent(_)))
        .map(|span| &*span.id)
        .collect();
    let owners: BTreeSet<&str> = places
        .values()
        .filter(|place| place.above == Above::Agent && !agents.contains(&*place.owner))
        .map(|place| &*place.owner)
        .collect();
    if owners.is_empty() {
        return Ok(HashSet::new());
    }
    those(db, SQL, &owners)
}
