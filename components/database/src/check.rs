//! Whether what is kept is what the rows say: recounts everything that triggers and the maintenance count, and mends it.

use crate::{Connection, Error, Value};

/// Something that is kept, and how it follows from the rows.
struct Kept {
    table: &'static str,
    /// The columns that tell one row from another.
    key: &'static str,
    columns: &'static str,
    /// Which rows of the table count; the others are known to be out of date.
    only: &'static str,
    /// What there should be, as a query for `columns`.
    recount: &'static str,
}

/// In an order in which each follows from the rows and from those before it.
const KEPT: [Kept; 8] = [
    // One that is missing is told from its row, and one whose row was replaced by another is never asked for.
    Kept {
        table: "definition_tellings",
        key: "key",
        columns: "key, json",
        only: "key IN (SELECT coalesce(id, rowid) FROM orchestrator_agents)",
        recount: "SELECT key, definition_json.json FROM orchestrator_agents \
                  JOIN definition_json ON definition_json.row = orchestrator_agents.rowid \
                  JOIN definition_tellings ON key = coalesce(id, orchestrator_agents.rowid)",
    },
    Kept {
        table: "counted_prompts",
        key: "key",
        columns: "key, agent_id, minute, status, model, tokens_input, tokens_output, cost",
        only: "true",
        recount: "SELECT key, agent_id, minute, status, model, tokens_input, tokens_output, cost FROM counting_prompts",
    },
    Kept {
        table: "prompt_usage",
        key: "agent_id, span, period, status, model",
        columns: "agent_id, span, period, status, model, prompts, tokens_input_high, tokens_input_low, \
                  tokens_output_high, tokens_output_low, cost_high, cost_low",
        only: "true",
        recount: "SELECT iif(scope.own, prompts.agent_id, 0), scope.span, substr(minute, 1, scope.width), status, model, \
                  count(*), sum(tokens_input >> 32), sum(tokens_input & 4294967295), sum(tokens_output >> 32), \
                  sum(tokens_output & 4294967295), sum(cost >> 32), sum(cost & 4294967295) \
                  FROM counting_prompts AS prompts CROSS JOIN (SELECT 0 AS own, 'hour' AS span, 13 AS width \
                  UNION ALL SELECT 0, 'minute', 16 UNION ALL SELECT 1, 'all', 0) AS scope GROUP BY 1, 2, 3, 4, 5",
    },
    Kept {
        table: "agents",
        key: "rowid",
        columns: "rowid, told",
        only: "told IS NOT NULL",
        recount: "SELECT row, agent_json.json FROM agent_json JOIN agents ON agents.rowid = agent_json.row \
                  WHERE told IS NOT NULL",
    },
    Kept {
        table: "counted_agents",
        key: "key",
        columns: "key, session_id, started_time, status, tokens_input, tokens_output, cost",
        only: "true",
        recount: "SELECT key, session_id, started_time, status, tokens_input, tokens_output, cost FROM counting_agents",
    },
    Kept {
        table: "agent_usage",
        key: "session_id, status",
        columns: "session_id, status, agents, tokens_input_high, tokens_input_low, tokens_output_high, \
                  tokens_output_low, cost_high, cost_low",
        only: "true",
        recount: "SELECT iif(scope.own, agents.session_id, 0), status, count(*), sum(tokens_input >> 32), \
                  sum(tokens_input & 4294967295), sum(tokens_output >> 32), sum(tokens_output & 4294967295), \
                  sum(cost >> 32), sum(cost & 4294967295) \
                  FROM counting_agents AS agents CROSS JOIN (SELECT 0 AS own UNION ALL SELECT 1) AS scope GROUP BY 1, 2",
    },
    Kept {
        table: "sessions",
        key: "session_id",
        columns: "session_id, started_time",
        only: "true",
        recount: "SELECT session_id, min(started_time) FROM agents WHERE told IS NOT NULL GROUP BY 1",
    },
    Kept {
        table: "log_blocks",
        key: "log, block",
        columns: "log, block, debug, info, warning, error, critical",
        only: "NOT stale AND debug + info + warning + error + critical > 0",
        recount: "SELECT 'agent', id >> 10, sum(log_level IS 'DEBUG'), sum(log_level IS 'INFO'), \
                  sum(log_level IS 'WARNING'), sum(log_level IS 'ERROR'), sum(log_level IS 'CRITICAL') FROM agent_logs \
                  WHERE id < coalesce((SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'agent'), -9223372036854775808) \
                  AND NOT EXISTS (SELECT 1 FROM log_blocks WHERE log = 'agent' AND block = id >> 10 AND stale) GROUP BY 2 \
                  UNION ALL SELECT 'system', id >> 10, sum(log_level IS 'DEBUG'), sum(log_level IS 'INFO'), \
                  sum(log_level IS 'WARNING'), sum(log_level IS 'ERROR'), sum(log_level IS 'CRITICAL') FROM system_logs \
                  WHERE id < coalesce((SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'system'), -9223372036854775808) \
                  AND NOT EXISTS (SELECT 1 FROM log_blocks WHERE log = 'system' AND block = id >> 10 AND stale) GROUP BY 2",
    },
];

/// What is not as the rows say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The table that is wrong.
    pub table: &'static str,
    /// How many of its rows are wrong, missing or too many.
    pub rows: i64,
    /// One of them, as people read it: its columns, and whether it is too much or missing.
    pub example: String,
}

/// The longest text that is told of an example.
const LONGEST: usize = 200;

/// A value as people read it.
fn told(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) if text.chars().nth(LONGEST).is_some() => {
            let start: String = text.chars().take(LONGEST).collect();
            format!("'{start}…' ({} bytes)", text.len())
        }
        Value::Text(text) => format!("'{text}'"),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

impl Kept {
    fn difference(&self, db: &dyn Connection) -> Result<Option<Difference>, Error> {
        let Self {
            table,
            columns,
            only,
            recount,
            ..
        } = self;
        let sql = format!(
            "WITH kept AS MATERIALIZED (SELECT {columns} FROM {table} WHERE {only}), \
             counted AS MATERIALIZED ({recount}), \
             differing AS (SELECT *, 1 AS is_kept FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) \
             UNION ALL SELECT *, 0 FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)) \
             SELECT *, count(*) OVER () AS differing_rows FROM differing LIMIT 1"
        );
        let Some(mut row) = db.execute(&sql, &[])?.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(Difference {
            table,
            rows: row.integer("differing_rows")?,
            example: {
                let how = if row.boolean("is_kept")? {
                    "is kept, and is not what the rows say"
                } else {
                    "is what the rows say, and is not kept"
                };
                let columns = columns.split(", ");
                let values = row.into_values();
                let pairs = columns.zip(&values).map(|(column, value)| {
                    let value = told(value);
                    format!("{column} = {value}")
                });
                format!("{} {how}", pairs.collect::<Vec<_>>().join(", "))
            },
        }))
    }
}

/// Finds what is not as the rows say. Inside a transaction, so that writers may go on.
///
/// # Errors
/// Those of the connection.
pub fn differences(db: &dyn Connection) -> Result<Vec<Difference>, Error> {
    let found = KEPT.iter().map(|kept| kept.difference(db));
    found.filter_map(Result::transpose).collect()
}

/// Makes everything what the rows say. Inside a transaction that may write; takes as long as a recount.
///
/// # Errors
/// Those of the connection.
pub fn repair(db: &dyn Connection) -> Result<(), Error> {
    for kept in &KEPT {
        if kept.difference(db)?.is_none() {
            continue;
        }
        let Kept {
            table,
            key,
            columns,
            recount,
            ..
        } = kept;
        let statements = match *table {
            "agents" => vec![
                "UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = agents.rowid)"
                    .to_owned(),
            ],
            // The maintenance counts them anew.
            "log_blocks" => vec!["DELETE FROM log_blocks".to_owned()],
            _ => {
                let recount = format!("WITH recount ({columns}) AS ({recount}) SELECT");
                vec![
                    format!(
                        "DELETE FROM {table} WHERE ({key}) NOT IN ({recount} {key} FROM recount)"
                    ),
                    format!(
                        "INSERT OR REPLACE INTO {table} ({columns}) \
                         {recount} {columns} FROM recount EXCEPT SELECT {columns} FROM {table}"
                    ),
                ]
            }
        };
        for statement in statements {
            db.execute(&statement, &[])?;
        }
    }
    db.execute("DELETE FROM untold_agents", &[])?;
    Ok(())
}
