//! The rows of model calls and tool calls: prompts and log entries.

use std::collections::HashMap;

use database::{Connection, Error};
use otlp::{Is, Span};

use super::arrival::Arrival;
use super::json;

/// The number that the next entry of a log gets, as SQLite would give it.
pub(super) fn next_log_id(db: &dyn Connection, table: &'static str) -> Result<i64, Error> {
    let sql = format!(
        "SELECT max(coalesce((SELECT max(id) FROM {table}), 0), \
         coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)) AS last"
    );
    let rows = db.execute(&sql, &[])?;
    let last = rows
        .into_iter()
        .next()
        .map_or(Ok(0), |mut row| row.integer("last"))?;
    Ok(last.saturating_add(1))
}

/// The numbers of the log entries that new spans become.
pub(super) fn log_ids<'a>(
    db: &dyn Connection,
    new: &[&'a Span],
) -> Result<HashMap<&'a str, i64>, Error> {
    let calls = new.iter().filter(|span| matches!(span.is, Is::Call(_)));
    let mut calls = calls.map(|span| &*span.id).peekable();
    let first = match calls.peek() {
        Some(_) => next_log_id(db, "agent_logs")?,
        None => 0,
    };
    Ok(calls.zip(first..).collect())
}

pub(super) fn insert_prompts(db: &dyn Connection, arrival: &Arrival<'_>) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO prompts (id, agent_id, prompt_type, prompt_name, prompt_text, response_text, status, \
            model_used, tokens_input, tokens_output, cost_usd, latency_ms, created_at, completed_at, error_message, metadata) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), 'command', json_extract(value, '$[2]'), \
            json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), \
            json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'), \
            json_extract(value, '$[9]'), json_extract(value, '$[10]'), json_extract(value, '$[11]'), \
            json_extract(value, '$[12]'), json_extract(value, '$[13]'), json_extract(value, '$[14]') \
         FROM json_each(?1) WHERE true ON CONFLICT (id) DO NOTHING";
    let rows: Vec<_> = arrival
        .taken()
        .filter_map(|span| {
            let Is::Prompt(prompt) = &span.is else {
                return None;
            };
            let status = if span.error.is_some() {
                "failed"
            } else {
                "completed"
            };
            Some((
                (
                    &span.id,
                    &arrival.place(span).owner,
                    &prompt.name,
                    &prompt.text,
                ),
                (&prompt.response, status, &prompt.model),
                (prompt.tokens_input, prompt.tokens_output, prompt.cost),
                (prompt.milliseconds, &span.started_at, &span.ended_at),
                (&span.error, &prompt.metadata),
            ))
        })
        .map(|(a, b, c, d, e)| {
            (
                a.0, a.1, a.2, a.3, b.0, b.1, b.2, c.0, c.1, c.2, d.0, d.1, d.2, e.0, e.1,
            )
        })
        .collect();
    if !rows.is_empty() {
        db.execute(SQL, &[json(&rows)])?;
    }
    Ok(())
}

pub(super) fn insert_calls(
    db: &dyn Connection,
    arrival: &Arrival<'_>,
    log_ids: &HashMap<&str, i64>,
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO agent_logs (id, agent_id, log_level, log_type, message, details, created_at) \
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), 'tool_call', \
         json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]') FROM json_each(?1)";
    let rows: Vec<_> = arrival
        .taken()
        .filter_map(|span| {
            let Is::Call(call) = &span.is else {
                return None;
            };
            let level = if span.error.is_some() {
                "ERROR"
            } else {
                "INFO"
            };
            Some((
                log_ids.get(&*span.id)?,
                &arrival.place(span).owner,
                level,
                &call.message,
                &call.details,
                &span.started_at,
            ))
        })
        .collect();
    if !rows.is_empty() {
        db.execute(SQL, &[json(&rows)])?;
    }
    Ok(())
}
