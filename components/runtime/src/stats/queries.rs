//! The SQL of `/api/runtime/stats`.
//!
//! Triggers keep sums of prompts and log entries: of all agents by the hour and by the minute, of each agent by the minute
//! and over all time. A question about all time adds up hours, or the agents of a session. One with a `since` takes the
//! minutes up to the next hour, and of the minute that `since` lies in the rows themselves. So it reads some thousand
//! rows, however many there are.

use std::collections::BTreeMap;

use database::{Connection, Error, Row, Value};
use domain::Timestamp;

use super::model::{Interval, ModelUse, Point, Scope, Stats};
use crate::counts::{agent_cost, cents};

/// The most points of a series.
const MOST_POINTS: i64 = 1000;

pub(crate) fn stats(db: &dyn Connection, scope: &Scope) -> Result<Stats, Error> {
    let mut stats = Stats::default();
    count_agents(db, scope, &mut stats)?;
    count_prompts(db, scope, &mut stats)?;
    count_logs(db, scope, &mut stats)?;
    if let Some(interval) = scope.interval {
        stats.series = Some(series(db, scope, interval)?);
    }
    Ok(stats)
}

fn count_agents(db: &dyn Connection, scope: &Scope, stats: &mut Stats) -> Result<(), Error> {
    macro_rules! agents {
        ($condition:literal) => {
            concat!(
                "SELECT status, count(*), total(",
                agent_cost!(),
                ") FROM agents ",
                $condition,
                " GROUP BY status"
            )
        };
    }
    let since = scope.since.as_ref().map(Timestamp::lower_bound);
    let rows = match (scope.session_id.as_deref(), since) {
        (None, None) => db.execute(agents!(""), &[])?,
        (None, Some(since)) => {
            let sql = agents!("WHERE replace(started_at, ' ', 'T') >= ?1");
            db.execute(sql, &[since.into()])?
        }
        (Some(session), since) => {
            let sql = agents!("WHERE session_id = ?1 AND +replace(started_at, ' ', 'T') >= ?2");
            db.execute(sql, &[session.into(), since.unwrap_or_default().into()])?
        }
    };
    for mut row in rows {
        stats.agents.add(&row.text(), row.integer());
        stats.cost_usd = cents(stats.cost_usd + row.real());
    }
    Ok(())
}

/// A table of sums, and the table whose rows it adds up.
struct Sums {
    /// What is read of the sums.
    columns: &'static str,
    kept_in: &'static str,
    /// The sums of each agent over all time.
    totals: &'static str,
    /// The same of a single row.
    row: &'static str,
    rows: &'static str,
}

const PROMPTS: Sums = Sums {
    columns: "status, model, prompts, tokens_input, tokens_output, cost_usd",
    kept_in: "prompt_sums",
    totals: "prompt_totals",
    row: "status, coalesce(CAST(model_used AS TEXT), ''), 1, coalesce(CAST(tokens_input AS INTEGER), 0), \
          coalesce(CAST(tokens_output AS INTEGER), 0), \
          iif(abs(CAST(cost_usd AS REAL)) < 1e300, CAST(cost_usd AS REAL), 0.0)",
    rows: "prompts",
};

const LOGS: Sums = Sums {
    columns: "log_level, entries",
    kept_in: "log_sums",
    totals: "log_totals",
    row: "log_level, 1",
    rows: "agent_logs",
};

impl Sums {
    /// Runs `SELECT result FROM … group_by` over what counts in `scope`.
    fn select(
        &self,
        db: &dyn Connection,
        scope: &Scope,
        result: &str,
        group_by: &str,
    ) -> Result<Vec<Row>, Error> {
        const BEFORE_THE_MINUTE: &str =
            "replace(created_at, ' ', 'T') >= ?1 AND replace(created_at, ' ', 'T') < ?2";
        let Self {
            columns,
            kept_in,
            totals,
            row,
            rows,
        } = self;
        let since = scope.since.as_ref();
        let text = |text: Option<String>| Value::Text(text.unwrap_or_default());
        // The time from which rows count, the first whole minute, and then the session or the first whole hour.
        let mut parameters = vec![
            text(since.map(|since| since.lower_bound().to_owned())),
            text(since.map(Timestamp::next_minute)),
        ];
        let counted = match (&scope.session_id, since) {
            (None, _) => {
                parameters.push(text(since.map(Timestamp::next_hour)));
                format!(
                    "SELECT {columns} FROM {kept_in} WHERE agent_id = 0 AND span = 'hour' AND period >= ?3 \
                     UNION ALL SELECT {columns} FROM {kept_in} \
                     WHERE agent_id = 0 AND span = 'minute' AND period >= ?2 AND period < ?3 \
                     UNION ALL SELECT {row} FROM {rows} WHERE {BEFORE_THE_MINUTE}"
                )
            }
            (Some(session), None) => {
                parameters = vec![session.as_str().into()];
                format!(
                    "SELECT {columns} FROM {totals} \
                     WHERE agent_id IN (SELECT CAST(id AS TEXT) FROM agents WHERE session_id = ?1)"
                )
            }
            // The `+` keeps SQLite from going through all rows of the agents.
            (Some(session), Some(_)) => {
                parameters.push(session.as_str().into());
                format!(
                    "SELECT {columns} FROM {kept_in} \
                     WHERE agent_id IN (SELECT CAST(id AS TEXT) FROM agents WHERE session_id = ?3) \
                     AND span = 'minute' AND period >= ?2 \
                     UNION ALL SELECT {row} FROM {rows} WHERE {BEFORE_THE_MINUTE} \
                     AND +agent_id IN (SELECT id FROM agents WHERE session_id = ?3)"
                )
            }
        };
        db.execute(
            &format!("SELECT {result} FROM ({counted}) GROUP BY {group_by}"),
            &parameters,
        )
    }
}

fn count_prompts(db: &dyn Connection, scope: &Scope, stats: &mut Stats) -> Result<(), Error> {
    let result =
        "status, model, sum(prompts), sum(tokens_input), sum(tokens_output), sum(cost_usd)";
    let mut models: BTreeMap<String, ModelUse> = BTreeMap::new();
    for mut row in PROMPTS.select(db, scope, result, "status, model")? {
        let word = row.text();
        let used = models.entry(row.text()).or_default();
        let prompts = row.integer();
        stats.prompts.total += prompts;
        stats.prompts.by_status.add(&word, prompts);
        used.prompts += prompts;
        used.tokens_input = used.tokens_input.saturating_add(row.integer());
        used.tokens_output = used.tokens_output.saturating_add(row.integer());
        used.cost_usd = cents(used.cost_usd + row.real());
    }
    for (model, used) in models {
        stats.tokens_input = stats.tokens_input.saturating_add(used.tokens_input);
        stats.tokens_output = stats.tokens_output.saturating_add(used.tokens_output);
        let model = (!model.is_empty()).then_some(model);
        stats.prompts.by_model.push(ModelUse { model, ..used });
    }
    let by_model = &mut stats.prompts.by_model;
    by_model.sort_by_key(|used| std::cmp::Reverse(used.prompts));
    Ok(())
}

fn count_logs(db: &dyn Connection, scope: &Scope, stats: &mut Stats) -> Result<(), Error> {
    for mut row in LOGS.select(db, scope, "log_level, sum(entries)", "log_level")? {
        stats.logs.add(&row.text(), row.integer());
    }
    Ok(())
}

/// The prompts by interval, from the one that `since` lies in.
fn series(db: &dyn Connection, scope: &Scope, interval: Interval) -> Result<Vec<Point>, Error> {
    let width = match interval {
        Interval::Minute => "2026-02-05T10:07",
        Interval::Hour => "2026-02-05T10",
        Interval::Day => "2026-02-05",
    };
    let span = match (interval, &scope.session_id) {
        (Interval::Hour | Interval::Day, None) => "hour",
        _ => "minute",
    };
    let agents = match scope.session_id {
        None => "agent_id = 0",
        Some(_) => "agent_id IN (SELECT CAST(id AS TEXT) FROM agents WHERE session_id = ?4)",
    };
    let first = scope.since.as_ref().map(|since| {
        let text = since.as_str();
        text.get(..width.len()).unwrap_or(text).to_owned()
    });
    let sql = format!(
        "SELECT substr(period, 1, ?1) AS at, sum(prompts), sum(tokens_input), sum(tokens_output), sum(cost_usd) \
         FROM prompt_sums WHERE {agents} AND span = '{span}' AND period >= ?2 \
         GROUP BY at ORDER BY at DESC LIMIT ?3"
    );
    let mut parameters: Vec<Value> = vec![
        i64::try_from(width.len()).unwrap_or(i64::MAX).into(),
        first.unwrap_or_default().into(),
        MOST_POINTS.into(),
    ];
    parameters.extend(scope.session_id.as_deref().map(Value::from));
    let rows = db.execute(&sql, &parameters)?;
    Ok(rows
        .into_iter()
        .rev()
        .map(|mut row| {
            let mut at = row.text();
            if interval == Interval::Hour {
                at.push_str(":00");
            }
            Point {
                at: Timestamp::stored(at),
                prompts: row.integer(),
                tokens_input: row.integer(),
                tokens_output: row.integer(),
                cost_usd: cents(row.real()),
            }
        })
        .collect())
}
