//! The databases: the same in every run, and like those of a team whose agents have worked for a while.

use std::path::Path;

use anyhow::Result;
use database::Database;
use database::native::{self, Native};
use rusqlite::{Connection, params};

const DEFINITIONS: u32 = 50;
const AGENTS: u32 = 1000;
/// How many prompts the largest database has.
pub(crate) const PROMPTS: u32 = 100_000;
/// How many system log entries the largest database has.
pub(crate) const SYSTEM_LOGS: u32 = 100_000;
/// One prompt and one system log entry for so many log entries.
const LOGS_A_PROMPT: u32 = 10;
/// How many sessions the agents ran in.
const SESSIONS: u32 = 40;
/// The agent with the most log entries: 3 of 100.
pub(crate) const BUSIEST: u32 = 0;

/// When the first agent started: 2026-02-01T08:00:00Z, in milliseconds.
const START: i64 = 1_769_932_800_000;
/// Between the starts of two agents, in milliseconds.
const AGENT_EVERY: i64 = 97_300;
/// Between two log entries, in milliseconds.
const LOG_EVERY: i64 = 1_730;

/// The page cache while the data is made, in KiB: the indexes of the largest log fit in.
const CACHE_KIB: i64 = 512 << 10;

const TYPES: [&str; 6] = [
    "planner",
    "builder",
    "reviewer",
    "tester",
    "orchestrator",
    "utility",
];
const MODELS: [&str; 3] = ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"];
const COMPONENTS: [&str; 3] = ["scheduler", "gateway", "worker"];
const STATUSES: [&str; 10] = [
    "completed",
    "completed",
    "completed",
    "completed",
    "completed",
    "completed",
    "failed",
    "cancelled",
    "executing",
    "reviewing",
];
const MESSAGES: [(&str, &str); 8] = [
    ("state_change", "Status changed from planning to executing"),
    ("tool_call", "Read src/routes/agents.rs (412 lines)"),
    ("tool_call", "Ran the test suite: 128 passed, 0 failed"),
    (
        "tool_call",
        "Edited src/queries.rs: 14 lines added, 6 removed",
    ),
    ("milestone", "Plan accepted: 5 steps, about 40 minutes"),
    (
        "performance",
        "Turn took 8412 ms, of which 7120 ms for the model",
    ),
    ("cost_update", "Tokens so far: 48210 in, 6204 out"),
    (
        "milestone",
        "Step 3 of 5 is done, changes are on the branch",
    ),
];

/// Makes the database at `path`, with so many log entries.
pub(crate) async fn create(path: &Path, log_rows: u32) -> Result<()> {
    eprintln!("making a database with {log_rows} log entries");
    Database::new(Native::file(path)).prepare().await?;
    let mut connection = native::open(path)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let transaction = connection.transaction()?;
    definitions(&transaction)?;
    agents(&transaction)?;
    logs(&transaction, log_rows)?;
    prompts(&transaction, log_rows / LOGS_A_PROMPT)?;
    system_logs(&transaction, log_rows / LOGS_A_PROMPT)?;
    transaction.commit()?;
    Ok(())
}

/// Adds so many agents that have finished, without what the triggers make of them: that would take hours.
pub(crate) fn finished_agents(path: &Path, agents: u32) -> Result<()> {
    const TRIGGERS: &str =
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'agents'";
    const ROWS: &str = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?2) \
        INSERT INTO agents (id, orchestrator_agent_id, session_id, status, context, started_at, completed_at, updated_at) \
        SELECT printf('01a20000-0000-7000-8000-%012x', n), ?1, 'finished-' || (n / 100), \
        CASE n % 10 WHEN 0 THEN 'failed' ELSE 'completed' END, '{\"task\": \"read the code and say what is wrong\"}', \
        strftime('%Y-%m-%dT%H:%M:%fZ', 1700000000 + n, 'unixepoch'), \
        strftime('%Y-%m-%dT%H:%M:%fZ', 1700000100 + n, 'unixepoch'), \
        strftime('%Y-%m-%dT%H:%M:%fZ', 1700000100 + n, 'unixepoch') FROM n WHERE ?2 > 0";
    let mut connection = native::open(path)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let transaction = connection.transaction()?;
    let triggers: Vec<(String, String)> = transaction
        .prepare(TRIGGERS)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, _) in &triggers {
        transaction.execute_batch(&format!("DROP TRIGGER {name}"))?;
    }
    transaction.execute(ROWS, params![definition_id(0), agents])?;
    for (_, sql) in &triggers {
        transaction.execute_batch(sql)?;
    }
    transaction.commit()?;
    Ok(())
}

/// The id of the `n`-th definition.
pub(crate) fn definition_id(n: u32) -> String {
    id(1 << 32 | u64::from(n))
}

/// The id of the `n`-th agent.
pub(crate) fn agent_id(n: u32) -> String {
    id(2 << 32 | u64::from(n))
}

fn definitions(connection: &Connection) -> Result<()> {
    let mut statement = connection.prepare(
        "INSERT INTO orchestrator_agents (id, name, description, agent_type, capabilities, default_model, metadata, \
         created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
         strftime('%Y-%m-%dT%H:%M:%fZ', ?8 / 1000.0, 'unixepoch'), \
         strftime('%Y-%m-%dT%H:%M:%fZ', ?8 / 1000.0, 'unixepoch'))",
    )?;
    for n in 0..DEFINITIONS {
        let agent_type = *pick(&TYPES, n.into());
        let description = format!(
            "The {agent_type} of team {}: takes a task from the board, works on a branch of its own, reports each \
             step to the log and asks a person before it changes anything outside of the repository.",
            n % 7
        );
        let metadata = format!(
            r#"{{"team": "team-{}", "tags": ["{agent_type}", "backend", "2026"], "max_turns": {}, "limits": {{"cost_usd": 2.5, "minutes": 45}}}}"#,
            n % 7,
            20 + n
        );
        statement.execute(params![
            definition_id(n),
            format!("{agent_type}-{n:02}"),
            description,
            agent_type,
            "read files, edit files, run tests, open pull requests",
            pick(&MODELS, n.into()),
            metadata,
            START - i64::from(DEFINITIONS - n) * AGENT_EVERY,
        ])?;
    }
    Ok(())
}

fn agents(connection: &Connection) -> Result<()> {
    let mut statement = connection.prepare(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, \
         started_at, completed_at, cost_usd, error_message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
         strftime('%Y-%m-%dT%H:%M:%fZ', ?8 / 1000.0, 'unixepoch'), \
         strftime('%Y-%m-%dT%H:%M:%fZ', ?9 / 1000.0, 'unixepoch'), ?10, ?11)",
    )?;
    for n in 0..AGENTS {
        let random = mix(n.into());
        let status = *pick(&STATUSES, random);
        let started = START + i64::from(n) * AGENT_EVERY;
        let finished = matches!(status, "completed" | "failed" | "cancelled");
        // The first of a session is the parent of the others.
        let parent = (n >= SESSIONS).then(|| agent_id(n % SESSIONS));
        statement.execute(params![
            agent_id(n),
            definition_id(n % DEFINITIONS),
            format!("session-{}", n % SESSIONS),
            parent,
            status,
            r#"{"task": "Add pagination to the list of agents", "branch": "feature/pages", "files": ["src/routes.rs", "src/queries.rs"]}"#,
            r#"{"model": "claude-sonnet-4-5", "temperature": 0.2, "max_turns": 40}"#,
            started,
            finished.then_some(started + 600_000),
            f64::from(n % 400) / 100.0,
            (status == "failed").then_some("The tests still fail after 3 attempts"),
        ])?;
    }
    Ok(())
}

fn logs(connection: &Connection, rows: u32) -> Result<()> {
    let agents: Vec<String> = (0..AGENTS).map(agent_id).collect();
    let mut statement = connection.prepare(
        "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, strftime(?6, ?7 / 1000.0, 'unixepoch'))",
    )?;
    for n in 0..rows {
        let random = mix(n.into());
        // By squares some agents have many entries and most have few.
        let share = random % u64::from(AGENTS);
        let agent = pick(&agents, share * share / u64::from(AGENTS));
        let level = level(n);
        let (log_type, message) = match level {
            "ERROR" | "CRITICAL" => ("error", "The command `cargo test` ended with status 101"),
            _ => *pick(&MESSAGES, random >> 32),
        };
        let details = (random >> 40).is_multiple_of(2).then(|| {
            format!(
                r#"{{"turn": {}, "tool": "shell", "duration_ms": {}}}"#,
                n % 40,
                n % 9000
            )
        });
        statement.execute(params![
            agent,
            level,
            log_type,
            message,
            details,
            time_format(n),
            START + i64::from(n) * LOG_EVERY,
        ])?;
    }
    Ok(())
}

fn prompts(connection: &Connection, rows: u32) -> Result<()> {
    let mut statement = connection.prepare(
        "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, response_text, status, model_used, tokens_input, \
         tokens_output, cost_usd, latency_ms, created_at) VALUES (?1, ?2, 'command', ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
         strftime(?10, ?11 / 1000.0, 'unixepoch'))",
    )?;
    for n in 0..rows {
        statement.execute(params![
            id(3 << 32 | u64::from(n)),
            agent_id(n % AGENTS),
            "Add pagination to the list of agents, with a test for the last page.",
            if n % 20 == 0 { "failed" } else { "completed" },
            pick(&MODELS, mix(n.into())),
            n * 7 % 50_000,
            n * 3 % 5_000,
            f64::from(n % 300) / 1000.0,
            n * 11 % 9_000,
            time_format(n),
            START + i64::from(n * LOGS_A_PROMPT) * LOG_EVERY,
        ])?;
    }
    Ok(())
}

fn system_logs(connection: &Connection, rows: u32) -> Result<()> {
    let mut statement = connection.prepare(
        "INSERT INTO system_logs (log_level, component, message, created_at) \
         VALUES (?1, ?2, ?3, strftime(?4, ?5 / 1000.0, 'unixepoch'))",
    )?;
    for n in 0..rows {
        statement.execute(params![
            level(n),
            pick(&COMPONENTS, mix(n.into())),
            "Took the next task from the queue",
            time_format(n),
            START + i64::from(n * LOGS_A_PROMPT) * LOG_EVERY,
        ])?;
    }
    Ok(())
}

/// Of 100 in a row 1 is an ERROR, so that each log has the 100 that are asked for.
fn level(n: u32) -> &'static str {
    match n * 37 % 100 {
        _ if n % 5000 == 1234 => "CRITICAL",
        0 => "ERROR",
        1..=4 => "WARNING",
        5..=14 => "DEBUG",
        _ => "INFO",
    }
}

/// Times as our components, Python's `isoformat()` and SQL's `datetime()` write them.
fn time_format(n: u32) -> &'static str {
    match n % 4 {
        0 | 1 => "%Y-%m-%dT%H:%M:%fZ",
        2 => "%Y-%m-%dT%H:%M:%f123",
        _ => "%Y-%m-%d %H:%M:%S",
    }
}

fn pick<T>(from: &[T], random: u64) -> &T {
    let length = from.len() as u64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is less than the length, which is a usize"
    )]
    &from[(random % length) as usize]
}

/// An id in the form of a UUID.
fn id(n: u64) -> String {
    let (high, low) = (mix(n), mix(!n));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// `SplitMix64`: spreads a number over 64 bits.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
