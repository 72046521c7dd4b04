//! The SQL of `/api/runtime/stats`.
//!
//! Triggers keep sums of prompts: of all agents by the hour and by the minute, of each agent over all time, and what each
//! prompt is counted as. A question about all time adds up hours, or the agents of a session. One with a `since` takes the
//! minutes up to the next hour, and of the minute that `since` lies in the rows themselves. So it reads some thousand
//! rows, however many there are. Log entries are counted in blocks (`database::log_blocks`).

use database::log_blocks::{ENTRIES_BY_LEVEL, ENTRIES_BY_LEVEL_SINCE};
use database::{Connection, Error, Row, Value};
use domain::Timestamp;

use super::model::{ModelUse, Point, Scope, Stats};
use crate::counts::{AgentCounts, LogCounts, Usage, halves, usage};

/// The most models, and how many characters of a name are told. A client may send any number of any length.
const MOST_MODELS: usize = 1000;
const LONGEST_MODEL: usize = 255;
/// The most points of a series.
const MOST_POINTS: i64 = 1000;

pub(crate) fn stats(db: &dyn Connection, scope: &Scope) -> Result<Stats, Error> {
    let mut stats = Stats::default();
    count_agents(db, scope, &mut stats)?;
    count_prompts(db, scope, &mut stats)?;
    count_logs(db, scope, &mut stats)?;
    if let Some(interval) = &scope.interval {
        stats.series = Some(series(db, scope, interval)?);
    }
    Ok(stats)
}

/// All agents by status, and what they cost.
pub(crate) fn agents(db: &dyn Connection) -> Result<(AgentCounts, f64), Error> {
    let mut stats = Stats::default();
    count_agents(db, &Scope::default(), &mut stats)?;
    Ok((stats.agents, stats.cost_usd))
}

/// All log entries of agents by level.
pub(crate) fn logs(db: &dyn Connection) -> Result<LogCounts, Error> {
    let mut stats = Stats::default();
    count_logs(db, &Scope::default(), &mut stats)?;
    Ok(stats.logs)
}

fn count_agents(db: &dyn Connection, scope: &Scope, stats: &mut Stats) -> Result<(), Error> {
    /// Agents that were started since, each as it is counted.
    macro_rules! since {
        ($condition:literal) => {
            concat!(
                "SELECT status, count(*) AS agents, ",
                usage!(),
                " FROM (SELECT status, ",
                halves!(),
                " FROM (SELECT counted_agents.* FROM agents \
                 CROSS JOIN counted_agents ON key = coalesce(id, agents.rowid) WHERE ",
                $condition,
                ")) GROUP BY status"
            )
        };
    }
    const KEPT: &str = concat!(
        "SELECT status, sum(agents) AS agents, ",
        usage!(),
        " FROM agent_usage WHERE session_id = ?1 GROUP BY status"
    );
    const LOST: &str = "SELECT lost_agents.status AS status, count(*) AS agents \
        FROM lost_agents CROSS JOIN agents ON agents.rowid = lost_agents.row \
        WHERE (?1 IS NULL OR agents.session_id = ?1) AND started_time >= ?2 GROUP BY 1";
    let session: Value = scope.session_id.as_deref().into();
    let since = scope.since.as_ref().map(Timestamp::as_str);
    let rows = match (&scope.session_id, since) {
        (None, None) => db.execute(KEPT, &[0.into()])?,
        (Some(_), None) => db.execute(KEPT, std::slice::from_ref(&session))?,
        (None, Some(since)) => db.execute(since!("agents.started_time >= ?1"), &[since.into()])?,
        (Some(_), Some(since)) => {
            let sql = since!("agents.session_id = ?1 AND agents.started_time >= ?2");
            db.execute(sql, &[session.clone(), since.into()])?
        }
    };
    let mut usage = Usage::default();
    for mut row in rows {
        stats
            .agents
            .add(&row.text("status")?, row.integer("agents")?);
        usage.add(&mut row)?;
    }
    stats.cost_usd = usage.cost_usd();
    for mut row in db.execute(LOST, &[session, since.unwrap_or_default().into()])? {
        stats
            .agents
            .lose(&row.text("status")?, row.integer("agents")?);
    }
    Ok(())
}

/// Prompts by status, and then by model without a status (columns `status`, `model`, `prompts` and those of [`Usage`]).
fn prompts(db: &dyn Connection, scope: &Scope) -> Result<Vec<Row>, Error> {
    const KEPT: &str = "status, model, prompts, tokens_input_high, tokens_input_low, tokens_output_high, \
        tokens_output_low, cost_high, cost_low FROM prompt_usage";
    const COUNTED: &str = concat!("status, model, 1 AS prompts, ", halves!());
    // From the time that is asked for to the first whole minute, and then to the first whole hour.
    const BEFORE_THE_MINUTE: &str = "created_time >= ?1 AND created_time < ?2";
    const AGENTS: &str = "agent_id IN (SELECT id FROM agents WHERE session_id = ?3)";
    let since = scope.since.as_ref();
    let text = |text: Option<String>| Value::Text(text.unwrap_or_default());
    let mut parameters = vec![
        text(since.map(|since| since.as_str().to_owned())),
        text(since.map(Timestamp::next_minute)),
    ];
    let counted = match (&scope.session_id, since) {
        (None, _) => {
            parameters.push(text(since.map(Timestamp::next_hour)));
            format!(
                "SELECT {KEPT} WHERE agent_id = 0 AND span = 'hour' AND period >= ?3 \
                 UNION ALL SELECT {KEPT} WHERE agent_id = 0 AND span = 'minute' AND period >= ?2 AND period < ?3 \
                 UNION ALL SELECT {COUNTED} FROM counting_prompts \
                 WHERE row IN (SELECT rowid FROM prompts WHERE {BEFORE_THE_MINUTE})"
            )
        }
        (Some(session), None) => {
            parameters = vec![session.as_str().into()];
            format!(
                "SELECT {KEPT} WHERE agent_id IN (SELECT id FROM agents WHERE session_id = ?1) \
                 AND span = 'all' AND period = ''"
            )
        }
        (Some(session), Some(_)) => {
            parameters.push(session.as_str().into());
            format!(
                "SELECT {COUNTED} FROM counted_prompts WHERE {AGENTS} AND minute >= ?2 \
                 UNION ALL SELECT {COUNTED} FROM counting_prompts \
                 WHERE row IN (SELECT rowid FROM prompts WHERE {AGENTS} AND {BEFORE_THE_MINUTE})"
            )
        }
    };
    let sql = format!(
        "WITH counted AS MATERIALIZED (\
         SELECT status, substr(model, 1, {LONGEST_MODEL}) AS model, sum(prompts) AS prompts, {sums} FROM ({counted}) GROUP BY 1, 2) \
         SELECT status, NULL AS model, sum(prompts) AS prompts, {sums} FROM counted GROUP BY status \
         UNION ALL SELECT * FROM (SELECT NULL, model, sum(prompts), {sums} FROM counted GROUP BY model \
         ORDER BY 3 DESC, model LIMIT {MOST_MODELS})",
        sums = usage!()
    );
    db.execute(&sql, &parameters)
}

fn count_prompts(db: &dyn Connection, scope: &Scope, stats: &mut Stats) -> Result<(), Error> {
    let mut all = Usage::default();
    for mut row in prompts(db, scope)? {
        let count = row.integer("prompts")?;
        if let Some(word) = row.optional_text("status")? {
            stats.prompts.total += count;
            stats.prompts.by_status.add(&word, count);
            all.add(&mut row)?;
        } else {
            let model = row.text("model")?;
            let mut usage = Usage::default();
            usage.add(&mut row)?;
            let used = ModelUse::new(model, count, usage);
            stats.prompts.by_model.push(used);
        }
    }
    stats.tokens_input = all.tokens_input();
    stats.tokens_output = all.tokens_output();
    Ok(())
}

fn count_logs(db: &dyn Connection, scope: &Scope, stats: &mut Stats) -> Result<(), Error> {
    const OF_SESSION: &str = "SELECT log_level, count(*) AS entries \
        FROM agents CROSS JOIN agent_logs ON agent_id = agents.id \
        WHERE session_id = ?1 GROUP BY log_level";
    const OF_SESSION_SINCE: &str = "SELECT log_level, count(*) AS entries \
        FROM agents CROSS JOIN agent_logs ON agent_id = agents.id \
        WHERE session_id = ?1 AND created_time >= ?2 GROUP BY log_level";
    let since = scope.since.as_ref().map(Timestamp::as_str);
    let rows = match (scope.session_id.as_deref(), since) {
        (None, None) => db.execute(ENTRIES_BY_LEVEL, &[])?,
        (None, Some(since)) => db.execute(ENTRIES_BY_LEVEL_SINCE, &[since.into()])?,
        (Some(session), None) => db.execute(OF_SESSION, &[session.into()])?,
        (Some(session), Some(since)) => {
            db.execute(OF_SESSION_SINCE, &[session.into(), since.into()])?
        }
    };
    for mut row in rows {
        stats
            .logs
            .add(&row.text("log_level")?, row.integer("entries")?);
    }
    Ok(())
}

/// The prompts by interval, from the one that `since` lies in.
fn series(db: &dyn Connection, scope: &Scope, interval: &str) -> Result<Vec<Point>, Error> {
    const KEPT: &str = "prompts, tokens_input_high, tokens_input_low, tokens_output_high, tokens_output_low, \
        cost_high, cost_low FROM prompt_usage WHERE agent_id = 0";
    const COUNTED: &str = concat!("1 AS prompts, ", halves!(), " FROM counted_prompts");
    let width = match interval {
        "minute" => "2026-02-05T10:07",
        "hour" => "2026-02-05T10",
        _ => "2026-02-05",
    };
    let counted = match (&scope.session_id, interval) {
        (Some(_), _) => format!(
            "SELECT minute AS period, {COUNTED} WHERE agent_id IN (SELECT id FROM agents WHERE session_id = ?4) \
             AND minute >= ?2"
        ),
        (None, "minute") => format!("SELECT period, {KEPT} AND span = 'minute' AND period >= ?2"),
        (None, _) => format!("SELECT period, {KEPT} AND span = 'hour' AND period >= ?2"),
    };
    let first = scope.since.as_ref().map(|since| {
        let text = since.as_str();
        text.get(..width.len()).unwrap_or(text).to_owned()
    });
    let sql = format!(
        "SELECT substr(period, 1, ?1) AS at, sum(prompts) AS prompts, {sums} \
         FROM ({counted}) GROUP BY at ORDER BY at DESC LIMIT +?3",
        sums = usage!()
    );
    let mut parameters: Vec<Value> = vec![
        i64::try_from(width.len()).unwrap_or(i64::MAX).into(),
        first.unwrap_or_default().into(),
        MOST_POINTS.into(),
    ];
    parameters.extend(scope.session_id.as_deref().map(Value::from));
    let rows = db.execute(&sql, &parameters)?;
    rows.into_iter()
        .rev()
        .map(|mut row| {
            let mut usage = Usage::default();
            usage.add(&mut row)?;
            let at = row.text("at")?;
            let whole = match interval {
                "hour" => format!("{at}:00"),
                _ => at.clone(),
            };
            Ok(Point {
                at: Timestamp::parse(&whole).unwrap_or(Timestamp::told(at)),
                prompts: row.integer("prompts")?,
                tokens_input: usage.tokens_input(),
                tokens_output: usage.tokens_output(),
                cost_usd: usage.cost_usd(),
            })
        })
        .collect()
}
