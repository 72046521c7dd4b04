//! Stores spans: what they are, and who they belong to.

use database::{Connection, Error};
use otlp::{Is, Span};

use super::agents::{self, AgentRow};
use super::arrival::Arrival;
use super::tree::Above;
use super::{handing_on, items, rows};

/// Stores spans, those that were not stored before. Gives how many could not be, as somebody has deleted their agent; `None`
/// where only some of what waits for them has been handed on, and there is more to do in another transaction. Inside a
/// transaction.
pub(super) fn store(db: &dyn Connection, spans: &[Span]) -> Result<Option<usize>, Error> {
    let arrival = Arrival::of(db, spans)?;
    if arrival.new.is_empty() {
        return Ok(Some(0));
    }
    let is_long = handing_on::is_long(db, &arrival)?;
    let log_ids = rows::log_ids(db, &arrival.new)?;
    if !is_long {
        items::insert(db, &arrival, &log_ids)?;
        items::name_sessions(db, &arrival.new)?;
    }

    let needed = arrival.needed();
    let standing = items::stand_in(db, &needed)?;
    let standing = standing.iter().map(|stands| {
        let (needed, told) = (&needed[stands.id.as_str()], stands.told.as_ref());
        AgentRow {
            id: &stands.id,
            name: &stands.name,
            trace_id: &needed.trace_id,
            session: stands.session.as_deref(),
            parent: None,
            context: told.and_then(|told| told.context.as_deref()),
            metadata: told.map(|told| &*told.metadata),
            started_at: told.map_or(&needed.started_at, |told| &told.started_at),
            ended_at: told.map(|told| &*told.ended_at),
            error: told.and_then(|told| told.error.as_deref()),
        }
    });
    let ended = arrival.new.iter().filter_map(|span| {
        let Is::Agent(told) = &span.is else {
            return None;
        };
        let place = arrival.place(span);
        let is_child = place.above == Above::Agent && !arrival.lost.contains(&place.owner);
        Some(AgentRow {
            id: &span.id,
            name: &span.naming[1..],
            trace_id: &span.trace_id,
            session: span.session.as_deref(),
            parent: is_child.then_some(&*place.owner),
            context: told.context.as_deref(),
            metadata: Some(&told.metadata),
            started_at: &span.started_at,
            ended_at: Some(&span.ended_at),
            error: span.error.as_deref(),
        })
    });
    if is_long {
        let agents: Vec<AgentRow<'_>> = standing.collect();
        agents::define(db, &agents)?;
        agents::upsert(db, &agents)?;
        handing_on::hand_some_on(db, &arrival)?;
        return Ok(None);
    }
    let agents: Vec<AgentRow<'_>> = standing.chain(ended).collect();
    let missing = arrival.missing.keys().map(String::as_str);
    let unused = agents::definitions_of(db, &agents, missing)?;
    agents::define(db, &agents)?;
    let is_first = may_come_first(db);
    if is_first {
        rows::insert_prompts(db, &arrival)?;
    }
    agents::upsert(db, &agents)?;
    if !is_first {
        rows::insert_prompts(db, &arrival)?;
    }
    rows::insert_calls(db, &arrival, &log_ids)?;
    handing_on::hand_on(db, &arrival)?;
    let were_none = |span: &&&Span| {
        arrival.missing.contains_key(&span.id)
            && arrival.place(span).owner != span.id
            && !matches!(span.is, Is::Agent(_))
    };
    let gone = arrival.new.iter().filter(were_none);
    let gone: Vec<&str> = gone.map(|span| &*span.id).collect();
    agents::take_away(db, &gone, &unused)?;
    items::sweep(db, arrival.new.len())?;
    let is_row = |span: &&Span| matches!(span.is, Is::Prompt(_) | Is::Call(_));
    let all = arrival.new.iter().copied().filter(is_row).count();
    Ok(Some(all - arrival.taken().filter(is_row).count()))
}

/// Whether prompts may be stored before their agents: then an agent that is new is told once, with the sums of its prompts, and
/// not once more for each of them. Not every server lets that be said.
fn may_come_first(db: &dyn Connection) -> bool {
    let said = db.execute("PRAGMA defer_foreign_keys = ON", &[]);
    let asked = said.and_then(|_| db.execute("PRAGMA defer_foreign_keys", &[]));
    let answer = asked.ok().and_then(|rows| rows.into_iter().next());
    answer.is_some_and(|mut row| row.integer("defer_foreign_keys") == Ok(1))
}
