//! What waited for a span that has come goes to whom it belongs.

use std::collections::BTreeMap;

use database::{Connection, Error};
use otlp::Is;

use super::arrival::Arrival;
use super::{json, records};

/// How many rows that wait are moved by one statement.
const MOVED_AT_ONCE: usize = 1000;

/// Gives what waits for new spans to whom it belongs now: to the agent that one is, or to whoever is above it.
pub(super) fn hand_on(db: &dyn Connection, arrival: &Arrival<'_>) -> Result<(), Error> {
    // Those that become theirs who are waited for.
    let mut arrived: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut others: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let is_waited_for = |id: &str| arrival.waited_for.contains(id);
    for span in arrival.new.iter().filter(|span| is_waited_for(&span.id)) {
        let place = arrival.place(span);
        if matches!(span.is, Is::Agent(_)) {
            arrived.entry("agent").or_default().push(&span.id);
        } else if place.owner == span.id {
            arrived.entry("root").or_default().push(&span.id);
        } else if !arrival.lost.contains(&place.owner) {
            let to = (&*place.owner, place.above.word());
            others.entry(to).or_default().push(&span.id);
        }
    }
    for (above, ids) in arrived {
        settle(db, &ids, None, above)?;
    }
    for ((owner, above), ids) in others {
        settle(db, &ids, Some(owner), above)?;
    }
    Ok(())
}

/// Moves all that waits for `ids` to `owner`, or leaves it with them where that is `None`, as `above` says what it is.
fn settle(
    db: &dyn Connection,
    ids: &[&str],
    owner: Option<&str>,
    above: &str,
) -> Result<(), Error> {
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
    loop {
        let parameters = [
            json(&ids),
            owner.into(),
            above.into(),
            i64::try_from(MOVED_AT_ONCE).unwrap_or(i64::MAX).into(),
        ];
        let moved = db.execute(SETTLE, &parameters)?;
        let count = moved.len();
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
            return Ok(());
        }
    }
}
