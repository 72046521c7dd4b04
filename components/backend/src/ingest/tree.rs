//! Who is above a span, as far as it is known.
//!
//! The agent of a span is the nearest one above it. Where there is none, the topmost span of its trace stands for one; and
//! as long as a span in between has not come, that span does, under the id that it will have. So an agent whose children
//! come first is there from the first of them on, and gets its name and its end when it comes itself; and a span in between
//! that turns out to be no agent hands on what waits for it. What comes of a trace does not depend on the order in which it
//! comes.

use std::collections::HashMap;

use otlp::{Is, Span};

/// Who is above a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The agent, or the span that stands for one.
    pub(super) owner: String,
    pub(super) above: Above,
}

/// What an owner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Above {
    /// An agent.
    Agent,
    /// The topmost span, which is none.
    Root,
    /// A span that has not come.
    Missing,
}

impl Above {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Root => "root",
            Self::Missing => "missing",
        }
    }

    pub(super) fn of(word: &str) -> Self {
        match word {
            "agent" => Self::Agent,
            "root" => Self::Root,
            _ => Self::Missing,
        }
    }
}

/// A span that came earlier.
pub(super) struct Known {
    pub(super) is_agent: bool,
    pub(super) place: Place,
}

/// The places of new spans, by their ids. `known` has those that are their parents.
pub(super) fn places<'a>(
    spans: &[&'a Span],
    known: &HashMap<String, Known>,
) -> HashMap<&'a str, Place> {
    let new: HashMap<&str, &'a Span> = spans.iter().map(|span| (&*span.id, *span)).collect();
    let mut places: HashMap<&str, Place> = HashMap::with_capacity(spans.len());
    let mut way: Vec<&'a Span> = Vec::new();
    for span in spans {
        // Up to one whose place is known, and back down.
        let mut current: &'a Span = span;
        let mut place = loop {
            let root = || Place {
                owner: current.id.clone(),
                above: Above::Root,
            };
            if let Some(place) = places.get(&*current.id) {
                break below(current, place);
            }
            way.push(current);
            let Some(parent) = &current.parent else {
                break root();
            };
            match (new.get(&**parent), known.get(parent)) {
                // A way that is longer than that goes in a circle, which begins anywhere.
                (Some(_), _) if way.len() > new.len() => break root(),
                (Some(above), _) => current = above,
                (None, Some(above)) if above.is_agent => {
                    break Place {
                        owner: parent.clone(),
                        above: Above::Agent,
                    };
                }
                (None, Some(above)) => break above.place.clone(),
                (None, None) => {
                    break Place {
                        owner: parent.clone(),
                        above: Above::Missing,
                    };
                }
            }
        };
        while let Some(span) = way.pop() {
            if place.owner == span.id {
                place.above = Above::Root;
            }
            let next = below(span, &place);
            places.insert(&span.id, place);
            place = next;
        }
    }
    places
}

/// The place of what is right below a span that has that place.
pub(super) fn below(span: &Span, place: &Place) -> Place {
    if matches!(span.is, Is::Agent(_)) {
        Place {
            owner: span.id.clone(),
            above: Above::Agent,
        }
    } else {
        place.clone()
    }
}
