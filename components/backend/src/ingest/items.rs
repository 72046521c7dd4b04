//! What has come: the rows of `otlp_items`, by which a span that comes again is known and one that comes late finds what
//! waits for it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use database::{Connection, Error};
use otlp::{Is, Span};
use serde::{Deserialize, Serialize};

use super::arrival::{Arrival, Needed};
use super::tree::{Above, Known, Place};
use super::{json, those};

/// For how long it is known what came, as SQLite says it.
const KEPT: &str = "-30 days";
/// How many of those that are older each new one sweeps out.
const SWEPT: usize = 2;

/// What is told of an agent that a topmost span stands for.
#[derive(Serialize, Deserialize)]
pub(super) struct StandIn {
    pub(super) context: Option<String>,
    pub(super) metadata: String,
    pub(super) started_at: String,
    pub(super) ended_at: String,
    pub(super) error: Option<String>,
}

/// What is known of a span that others wait for.
pub(super) struct Missing {
    pub(super) naming: String,
    pub(super) started_at: String,
}

/// What came before.
pub(super) struct Before {
    /// Spans, by their ids.
    pub(super) known: HashMap<String, Known>,
    /// Those that others wait for.
    pub(super) missing: HashMap<String, Missing>,
}

/// What is known of spans and of those that they are right below.
pub(super) fn look_up(db: &dyn Connection, spans: &[Span]) -> Result<Before, Error> {
    const SQL: &str = "SELECT otlp_items.id, kind, owner_id, above, naming, started_at \
         FROM json_each(?1) CROSS JOIN otlp_items ON otlp_items.id = value \
         LEFT JOIN agents ON kind = 'missing' AND agents.id = otlp_items.id";
    let ids: BTreeSet<&str> = spans
        .iter()
        .flat_map(|span| [Some(&*span.id), span.parent.as_deref()])
        .flatten()
        .collect();
    let mut known = HashMap::new();
    let mut missing = HashMap::new();
    for mut row in db.execute(SQL, &[json(&ids)])? {
        let id = row.text("id")?;
        let kind = row.text("kind")?;
        if kind == "missing" {
            let before = Missing {
                naming: row.optional_text("naming")?.unwrap_or_default(),
                started_at: row.optional_text("started_at")?.unwrap_or_default(),
            };
            missing.insert(id, before);
            continue;
        }
        let place = Place {
            owner: row.optional_text("owner_id")?.unwrap_or_default(),
            above: Above::of(&row.optional_text("above")?.unwrap_or_default()),
        };
        let is_agent = kind == "agent";
        known.insert(id, Known { is_agent, place });
    }
    Ok(Before { known, missing })
}

/// Those of new spans that something waits for.
pub(super) fn waited_for(db: &dyn Connection, new: &[&Span]) -> Result<HashSet<String>, Error> {
    const SQL: &str = "SELECT value FROM json_each(?1) \
         WHERE EXISTS (SELECT 1 FROM otlp_items WHERE above = 'missing' AND owner_id = value)";
    let ids: Vec<&str> = new.iter().map(|span| &*span.id).collect();
    those(db, SQL, &ids)
}

pub(super) fn insert(
    db: &dyn Connection,
    arrival: &Arrival<'_>,
    log_ids: &HashMap<&str, i64>,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO otlp_items \
         (id, trace_id, kind, owner_id, above, log_id, session_id, naming, told, seen_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), \
         json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'), \
         strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM json_each(?1) WHERE true \
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, owner_id = excluded.owner_id, \
         above = excluded.above, log_id = excluded.log_id, session_id = excluded.session_id, \
         naming = iif(excluded.naming IS NULL, NULL, min(excluded.naming, coalesce(naming, excluded.naming))), \
         told = excluded.told";
    let rows: Vec<_> = arrival
        .new
        .iter()
        .map(|span| {
            let place = arrival.place(span);
            let kind = match span.is {
                Is::Agent(_) => "agent",
                Is::Prompt(_) => "prompt",
                Is::Call(_) => "call",
                Is::Other => "other",
            };
            let may_stand_in = place.owner == span.id;
            let naming = (kind == "agent" || may_stand_in).then_some(&span.naming);
            let told = may_stand_in
                .then_some(span.stands_for.as_ref())
                .flatten()
                .map(|told| StandIn {
                    context: told.context.clone(),
                    metadata: told.metadata.clone(),
                    started_at: span.started_at.clone(),
                    ended_at: span.ended_at.clone(),
                    error: span.error.clone(),
                });
            let told = told.map(|told| serde_json::to_string(&told).unwrap_or_default());
            (
                &span.id,
                &span.trace_id,
                kind,
                &place.owner,
                place.above.word(),
                log_ids.get(&*span.id),
                &span.session,
                naming,
                told,
            )
        })
        .collect();
    db.execute(SQL, &[json(&rows)])?;
    Ok(())
}

/// Notes the sessions that traces name, and moves their agents there that name none themselves.
pub(super) fn name_sessions(db: &dyn Connection, new: &[&Span]) -> Result<(), Error> {
    const NAME: &str = "INSERT INTO otlp_traces (id, session_id, seen_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now') \
         FROM json_each(?1) WHERE true \
         ON CONFLICT (id) DO UPDATE SET session_id = excluded.session_id \
         WHERE excluded.session_id < session_id RETURNING id";
    const MOVE: &str = "UPDATE agents SET session_id = (SELECT otlp_traces.session_id FROM otlp_items \
         CROSS JOIN otlp_traces ON otlp_traces.id = otlp_items.trace_id WHERE otlp_items.id = agents.id) \
         WHERE id IN (SELECT otlp_items.id FROM json_each(?1) CROSS JOIN otlp_items \
         ON otlp_items.trace_id = value AND otlp_items.naming IS NOT NULL AND otlp_items.session_id IS NULL)";
    let mut named: BTreeMap<&str, &str> = BTreeMap::new();
    for span in new {
        if let Some(session) = &span.session {
            let least = named.entry(&span.trace_id).or_insert(session);
            *least = (*least).min(session);
        }
    }
    if named.is_empty() {
        return Ok(());
    }
    let rows: Vec<(&str, &str)> = named.into_iter().collect();
    let changed = db.execute(NAME, &[json(&rows)])?.into_iter();
    let changed: Vec<String> = changed
        .map(|mut row| row.text("id"))
        .collect::<Result<_, Error>>()?;
    if !changed.is_empty() {
        db.execute(MOVE, &[json(&changed)])?;
    }
    Ok(())
}

/// What stands for an agent, and has what it is told of it once it has come itself.
pub(super) struct Standing {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) session: Option<String>,
    pub(super) told: Option<StandIn>,
}

/// Notes what stands for an agent: its id, name and session, and what is told of it where it has come.
pub(super) fn stand_in(
    db: &dyn Connection,
    needed: &BTreeMap<&str, Needed>,
) -> Result<Vec<Standing>, Error> {
    const SQL: &str = "INSERT INTO otlp_items (id, trace_id, kind, naming, seen_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), 'missing', json_extract(value, '$[2]'), \
         strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM json_each(?1) WHERE true \
         ON CONFLICT (id) DO UPDATE SET naming = min(excluded.naming, coalesce(naming, excluded.naming)), \
         seen_at = excluded.seen_at \
         RETURNING id, naming, session_id, told";
    if needed.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = needed
        .iter()
        .map(|(id, needed)| (*id, &needed.trace_id, &needed.naming))
        .collect();
    db.execute(SQL, &[json(&rows)])?
        .into_iter()
        .map(|mut row| {
            let naming = row.text("naming")?;
            let told = row.optional_text("told")?;
            Ok(Standing {
                id: row.text("id")?,
                name: naming.chars().skip(1).collect(),
                session: row.optional_text("session_id")?,
                told: told.and_then(|told| serde_json::from_str(&told).ok()),
            })
        })
        .collect()
}

/// Forgets some of what came long ago: more than comes, so that there is a bound.
pub(super) fn sweep(db: &dyn Connection, new: usize) -> Result<(), Error> {
    const ITEMS: &str = "DELETE FROM otlp_items WHERE id IN (SELECT id FROM otlp_items \
         WHERE seen_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) ORDER BY seen_at LIMIT ?2)";
    const TRACES: &str = "DELETE FROM otlp_traces WHERE id IN (SELECT id FROM otlp_traces \
         WHERE seen_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) ORDER BY seen_at LIMIT ?2)";
    let most = i64::try_from(new.saturating_mul(SWEPT)).unwrap_or(i64::MAX);
    for sql in [ITEMS, TRACES] {
        db.execute(sql, &[KEPT.into(), most.into()])?;
    }
    Ok(())
}
