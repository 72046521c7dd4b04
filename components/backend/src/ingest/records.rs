//! The rows of log records: one that was written in an agent's span, or in one below it, is an entry of the agent's log; any
//! other is one of the system's. One whose span has not come is the system's until it has.

use std::collections::{BTreeSet, HashMap, HashSet};

use database::{Connection, Error};
use otlp::Record;

use super::items::sweep;
use super::rows::next_log_id;
use super::tree::{Above, Place};
use super::{json, those};

/// Stores records, those that were not stored before. Inside a transaction.
pub(super) fn store(db: &dyn Connection, records: &[Record]) -> Result<(), Error> {
    let known = known(db, records)?;
    let new: Vec<&Record> = records
        .iter()
        .filter(|record| !known.contains(&record.id))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let places = places(db, &new)?;
    let agent_of = |record: &Record| {
        let place = places.get(record.span.as_ref()?)?;
        (place.above == Above::Agent).then_some(&place.owner)
    };
    let of_agents: Vec<_> = new
        .iter()
        .filter_map(|record| {
            let log_type = if is_error(record.level) {
                "error"
            } else {
                "milestone"
            };
            Some((
                agent_of(record)?,
                record.level,
                log_type,
                &record.message,
                &record.details,
                &record.at,
            ))
        })
        .collect();
    insert_of_agents(db, &of_agents)?;
    let of_system = new.iter().filter(|record| agent_of(record).is_none());
    let first = next_log_id(db, "system_logs")?;
    let of_system: HashMap<&str, (i64, &&Record)> = of_system
        .zip(first..)
        .map(|(record, id)| (&*record.id, (id, record)))
        .collect();
    let rows: Vec<_> = of_system
        .values()
        .map(|(id, record)| {
            (
                id,
                record.level,
                &record.service,
                &record.message,
                &record.details,
                &record.at,
            )
        })
        .collect();
    insert_of_system(db, &rows)?;
    let items: Vec<_> = new
        .iter()
        .map(|record| {
            let place = record.span.as_ref().and_then(|span| places.get(span));
            let log_id = of_system.get(&*record.id).map(|(id, _)| id);
            let kind = if log_id.is_some() {
                "system_record"
            } else {
                "record"
            };
            let owner = place.map(|place| &place.owner);
            let above = place.map(|place| place.above.word());
            (&record.id, &record.trace_id, kind, owner, above, log_id)
        })
        .collect();
    insert_items(db, &items)?;
    sweep(db, new.len())
}

fn is_error(level: &str) -> bool {
    matches!(level, "ERROR" | "CRITICAL")
}

fn known(db: &dyn Connection, records: &[Record]) -> Result<HashSet<String>, Error> {
    const SQL: &str = "SELECT value FROM json_each(?1) \
         WHERE EXISTS (SELECT 1 FROM otlp_items WHERE id = value)";
    let ids: Vec<&str> = records.iter().map(|record| &*record.id).collect();
    those(db, SQL, &ids)
}

/// Who the spans belong to that records were written in. An agent that somebody has deleted has no log.
fn places(db: &dyn Connection, records: &[&Record]) -> Result<HashMap<String, Place>, Error> {
    const SQL: &str = "SELECT value AS span, kind, owner_id, above, EXISTS (SELECT 1 FROM agents \
         WHERE agents.id = iif(kind = 'agent', otlp_items.id, owner_id)) AS is_there \
         FROM json_each(?1) LEFT JOIN otlp_items ON otlp_items.id = value";
    let spans: BTreeSet<&str> = records
        .iter()
        .filter_map(|record| record.span.as_deref())
        .collect();
    if spans.is_empty() {
        return Ok(HashMap::new());
    }
    let mut places = HashMap::new();
    for mut row in db.execute(SQL, &[json(&spans)])? {
        let span = row.text("span")?;
        let kind = row.optional_text("kind")?;
        let is_there = row.integer("is_there")? != 0;
        let place = match kind.as_deref() {
            Some("agent") => Place {
                owner: span.clone(),
                above: Above::Agent,
            },
            None | Some("missing") => Place {
                owner: span.clone(),
                above: Above::Missing,
            },
            Some(_) => Place {
                owner: row.optional_text("owner_id")?.unwrap_or_default(),
                above: Above::of(&row.optional_text("above")?.unwrap_or_default()),
            },
        };
        if is_there || place.above != Above::Agent {
            places.insert(span, place);
        }
    }
    Ok(places)
}

fn insert_of_agents(db: &dyn Connection, rows: &[impl serde::Serialize]) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]') FROM json_each(?1)";
    if !rows.is_empty() {
        db.execute(SQL, &[json(&rows)])?;
    }
    Ok(())
}

fn insert_of_system(db: &dyn Connection, rows: &[impl serde::Serialize]) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO system_logs (id, log_level, component, message, details, created_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]') FROM json_each(?1)";
    if !rows.is_empty() {
        db.execute(SQL, &[json(&rows)])?;
    }
    Ok(())
}

fn insert_items(db: &dyn Connection, rows: &[impl serde::Serialize]) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO otlp_items (id, trace_id, kind, owner_id, above, log_id, seen_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), \
         strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM json_each(?1) WHERE true ON CONFLICT (id) DO NOTHING";
    db.execute(SQL, &[json(&rows)])?;
    Ok(())
}

/// Moves records from the system's log to that of the agent which their item now has. Inside a transaction.
pub(super) fn find_agent(db: &dyn Connection, ids: &[String]) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
         SELECT owner_id, log_level, iif(log_level IN ('ERROR', 'CRITICAL'), 'error', 'milestone'), message, details, \
         created_at FROM json_each(?1) CROSS JOIN otlp_items ON otlp_items.id = value \
         CROSS JOIN system_logs ON system_logs.id = log_id ORDER BY log_id";
    const DELETE: &str = "DELETE FROM system_logs WHERE id IN (SELECT log_id FROM json_each(?1) \
         CROSS JOIN otlp_items ON otlp_items.id = value)";
    const NOTE: &str = "UPDATE otlp_items SET kind = 'record', log_id = NULL \
         WHERE id IN (SELECT value FROM json_each(?1))";
    for sql in [INSERT, DELETE, NOTE] {
        db.execute(sql, &[json(&ids)])?;
    }
    Ok(())
}
