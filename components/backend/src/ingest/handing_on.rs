//! What waited for a span that has come goes to whom it belongs.

use std::collections::BTreeMap;

use database::{Connection, Error};
use otlp::Is;

use super::arrival::Arrival;
use super::{json, records};

/// How many rows that wait are moved by one statement.
const MOVED_AT_ONCE: i64 = 1000;
/// How many rows one transaction hands on: each prompt tells its old and its new agent anew, which takes some tenths of a
/// millisecond.
const MOST_MOVED: i64 = 2000;

/// Where what waits for new spans goes: to an owner, as the word says what that is.
type Destinations<'a> = BTreeMap<(&'a str, &'static str), Vec<&'a str>>;

/// Whether so much waits for new spans to be handed on that it would hold the write lock for long.
pub(super) fn is_long(db: &dyn Connection, arrival: &Arrival<'_>) -> Result<bool, Error> {
    const SQL: &str = "SELECT count(*) AS waiting FROM (SELECT 1 FROM json_each(?1) CROSS JOIN otlp_items \
         ON otlp_items.above = 'missing' AND otlp_items.owner_id = value LIMIT ?2)";
    let ids: Vec<&str> = destinations(arrival).into_values().flatten().collect();
    if ids.is_empty() {
        return Ok(false);
    }
    let rows = db.execute(SQL, &[json(&ids), (MOST_MOVED + 1).into()])?;
    let waiting = rows.into_iter().next();
    let waiting = waiting.map_or(Ok(0), |mut row| row.integer("waiting"))?;
    Ok(waiting > MOST_MOVED)
}

/// Hands some of it on, before the spans themselves are stored.
pub(super) fn hand_some_on(db: &dyn Connection, arrival: &Arrival<'_>) -> Result<(), Error> {
    let mut left = MOST_MOVED;
    for ((owner, above), ids) in destinations(arrival) {
        left -= settle(db, &ids, Some(owner), above, left)?;
    }
    Ok(())
}

/// Gives what waits for new spans to whom it belongs now: to the agent that one is, or to whoever is above it.
pub(super) fn hand_on(db: &dyn Connection, arrival: &Arrival<'_>) -> Result<(), Error> {
    // Those that become theirs who are waited for.
    let mut arrived: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for span in arrival.waited_for() {
        if matches!(span.is, Is::Agent(_)) {
            arrived.entry("agent").or_default().push(&span.id);
        } else if arrival.place(span).owner == span.id {
            arrived.entry("root").or_default().push(&span.id);
        }
    }
    for (above, ids) in arrived {
        settle(db, &ids, None, above, i64::MAX)?;
    }
    for ((owner, above), ids) in destinations(arrival) {
        settle(db, &ids, Some(owner), above, i64::MAX)?;
    }
    Ok(())
}

/// Where what waits for new spans goes that are neither agents nor topmost. What was somebody's who is deleted stays.
fn destinations<'a>(arrival: &'a Arrival<'_>) -> Destinations<'a> {
    let mut destinations = Destinations::new();
    for span in arrival.waited_for() {
        let place = arrival.place(span);
        let is_handed_on = !matches!(span.is, Is::Agent(_)) && place.owner != span.id;
        if is_handed_on && !arrival.lost.contains(&place.owner) {
            let to = (&*place.owner, place.above.word());
            destinations.entry(to).or_default().push(&span.id);
        }
    }
    destinations
}

/// Moves what waits for `ids`, at most so much of it, to `owner`, or leaves it with them where that is `None`, as `above` says
/// what it is. Gives how much it was.
fn settle(
    db: &dyn Connection,
    ids: &[&str],
    owner: Option<&str>,
    above: &str,
    most: i64,
) -> Result<i64, Error> {
    const SETTLE: &str = "UPDATE otlp_items SET owner_id = coalesce(?2, owner_id), above = ?3 \
         WHERE id IN (SELECT otlp_items.id FROM json_each(?1) CROSS JOIN otlp_items \
         ON otlp_items.above = 'missing' AND otlp_items.owner_id = value LIMIT ?4) \
         RETURNING id, kind, log_id, owner_id";
    const PROMPTS: &str =
        "UPDATE prompts SET agent_id = ?2 WHERE id IN (SELECT value FROM json_each(?1))";
    const LOGS: &str =
        "UPDATE agent_logs SET agent_id = ?2 WHERE id IN (SELECT value FROM json_each(?1))";
    const AGENTS: &str = "UPDATE agents SET parent_agent_id = \
         (SELECT owner_id FROM otlp_items WHERE otlp_items.id = agents.id) \
         WHERE id IN (SELECT value FROM json_each(?1))";
    let mut settled = 0;
    loop {
        let at_once = MOVED_AT_ONCE.min(most - settled);
        let parameters = [json(&ids), owner.into(), above.into(), at_once.into()];
        let moved = db.execute(SETTLE, &parameters)?;
        let count = i64::try_from(moved.len()).unwrap_or(i64::MAX);
        settled += count;
        let (mut prompts, mut logs, mut agents) = (Vec::new(), Vec::new(), Vec::new());
        let mut records = Vec::new();
        for mut row in moved {
            match &*row.text("kind")? {
                "prompt" => prompts.push(row.text("id")?),
                "call" => logs.push(row.integer("log_id")?),
                "agent" => agents.push(row.text("id")?),
                "system_record" => records.push(row.text("id")?),
                _ => {}
            }
        }
        if let Some(owner) = owner {
            if !prompts.is_empty() {
                db.execute(PROMPTS, &[json(&prompts), owner.into()])?;
            }
            if !logs.is_empty() {
                db.execute(LOGS, &[json(&logs), owner.into()])?;
            }
        }
        if above == "agent" && !agents.is_empty() {
            db.execute(AGENTS, &[json(&agents)])?;
        }
        if above == "agent" && !records.is_empty() {
            records::find_agent(db, &records)?;
        }
        if count < MOVED_AT_ONCE {
            return Ok(settled);
        }
    }
}
