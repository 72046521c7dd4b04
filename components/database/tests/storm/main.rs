//! Whatever writers do, what is counted is what the rows say.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod statements;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use database::log_blocks::Log;
use database::native::Native;
use database::{Database, check};
use rusqlite::Connection;
use statements::statements;

fn migrated(path: &Path) -> Connection {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let database = Database::new(Native::file(path));
    runtime.block_on(database.schema_version()).unwrap();
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "synchronous", "OFF")
        .unwrap();
    connection
}

/// What an agent's prompts come to, added up here from what the rows say.
fn by_agent(connection: &Connection) -> BTreeMap<String, (i128, i128, f64)> {
    let mut sums: BTreeMap<String, (i128, i128, f64)> = BTreeMap::new();
    let mut statement = connection
        .prepare(
            "SELECT CAST(agent_id AS TEXT), coalesce(CAST(tokens_input AS INTEGER), 0), \
             coalesce(CAST(tokens_output AS INTEGER), 0), coalesce(CAST(cost_usd AS REAL), 0.0) FROM prompts",
        )
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let sum = sums.entry(row.get(0).unwrap()).or_default();
        sum.0 += i128::from(row.get::<_, i64>(1).unwrap());
        sum.1 += i128::from(row.get::<_, i64>(2).unwrap());
        sum.2 += counted(row.get(3).unwrap());
    }
    sums
}

/// What a cost counts as: within billions of dollars, and nothing where it is no amount.
fn counted(cost: f64) -> f64 {
    if cost.abs() < 1e300 {
        cost.clamp(-9e9, 9e9)
    } else {
        0.0
    }
}

fn saturated(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

/// Each agent is told with the sums of its prompts, and every check finds all as it should be.
#[track_caller]
fn is_right(connection: &Connection, after: &str) {
    assert_eq!(check::differences(connection), Ok(vec![]), "{after}");
    let sums = by_agent(connection);
    let mut statement = connection
        .prepare(
            "SELECT id, CAST(json_extract(json, '$.tokens_input') AS INTEGER), json_extract(json, '$.tokens_output'), \
             json_extract(json, '$.cost_usd'), iif(abs(CAST(cost_usd AS REAL)) < 1e300, CAST(cost_usd AS REAL), 0.0) \
             FROM agents JOIN told_agents ON told_agents.row = agents.rowid",
        )
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let id: String = row.get(0).unwrap();
        let (input, output, cost) = sums.get(&id).copied().unwrap_or_default();
        assert_eq!(
            row.get::<_, i64>(1).unwrap(),
            saturated(input),
            "{id} {after}"
        );
        assert_eq!(
            row.get::<_, i64>(2).unwrap(),
            saturated(output),
            "{id} {after}"
        );
        let (told, said): (f64, f64) = (row.get(3).unwrap(), row.get(4).unwrap());
        let expected = cost.max(said);
        assert!(
            (told - expected).abs() <= 1e-6_f64.max(expected.abs() * 1e-12),
            "{id} {after}: {told}, not {expected}"
        );
    }
    let orphans: i64 = connection
        .query_row(
            "SELECT (SELECT count(*) FROM untold_agents) + (SELECT count(*) FROM agent_history \
             WHERE agent_id NOT IN (SELECT CAST(id AS TEXT) FROM agents WHERE id IS NOT NULL))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(orphans, 0, "{after}");
    is_logged(connection, after);
}

/// What was last logged of each workflow and each message is the row as it is told, and each message has a number of its own.
#[track_caller]
fn is_logged(connection: &Connection, after: &str) {
    for (entity, table, view) in [
        ("workflow", "ai_developer_workflows", "workflow_json"),
        ("message", "orchestrator_chat", "message_json"),
    ] {
        let sql = format!(
            "WITH last AS (SELECT entity_id, op, payload, max(seq) FROM change_log WHERE entity = '{entity}' GROUP BY entity_id), \
             there AS (SELECT CAST(id AS TEXT) AS id, json FROM {table} JOIN {view} ON {view}.row = {table}.rowid WHERE id IS NOT NULL) \
             SELECT (SELECT count(*) FROM there LEFT JOIN last ON entity_id = id WHERE payload IS NOT json OR op = 'delete') \
             + (SELECT count(*) FROM last WHERE op <> 'delete' AND entity_id NOT IN (SELECT id FROM there))"
        );
        let wrong: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(wrong, 0, "{entity} {after}");
    }
    let unnumbered: i64 = connection
        .query_row(
            "SELECT (SELECT count(*) FROM orchestrator_chat LEFT JOIN message_numbers ON key = coalesce(id, orchestrator_chat.rowid) \
             WHERE orchestrator_chat.number IS NOT message_numbers.number) \
             + (SELECT count(*) - count(DISTINCT number) FROM orchestrator_chat)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(unnumbered, 0, "{after}");
    definitions_are_logged(connection, after);
    agents_are_logged_with_what_was_before(connection, after);
}

/// Who has followed the change log has the agents that there are, and was told of each change what it replaced. One with a
/// lease may have been told as failed meanwhile, as the reader of the log allows for.
#[track_caller]
fn agents_are_logged_with_what_was_before(connection: &Connection, after: &str) {
    let mut statement = connection
        .prepare(
            "SELECT entity_id, op, before_session_id, before_status, json_extract(payload, '$.session_id'), \
             json_extract(payload, '$.status') FROM change_log WHERE entity = 'agent' ORDER BY seq",
        )
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut followed: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let (id, op): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let before = followed.remove(&id);
        let told = (row.get(2).unwrap(), row.get(3).unwrap());
        match &before {
            // An agent under a new id may have taken the place of another one.
            _ if told == (None, Some("unknown".to_owned())) => {
                assert_eq!(op, "update", "{id} {after}");
            }
            None => assert_eq!(told, (None, None), "{id} {op} {after}"),
            Some((session, status)) => {
                assert_eq!(&told.0, session, "{id} {op} {after}");
                if status.as_deref() != Some("failed") {
                    assert_eq!(&told.1, status, "{id} {op} {after}");
                }
            }
        }
        if op != "delete" {
            followed.insert(id, (row.get(4).unwrap(), row.get(5).unwrap()));
        }
    }
    let mut statement = connection
        .prepare("SELECT CAST(id AS TEXT) FROM agents WHERE id IS NOT NULL ORDER BY 1")
        .unwrap();
    let ids = statement.query_map([], |row| row.get(0)).unwrap();
    let ids: Vec<String> = ids.collect::<Result<_, _>>().unwrap();
    assert_eq!(followed.into_keys().collect::<Vec<_>>(), ids, "{after}");
}

/// Who has followed the change log has the definitions as they are told, and heard of no change twice.
#[track_caller]
fn definitions_are_logged(connection: &Connection, after: &str) {
    let rows = |sql: &str| -> Vec<(String, String, String)> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut followed = BTreeMap::new();
    for (id, op, json) in rows(
        "SELECT entity_id, op, payload FROM change_log WHERE entity = 'definition' ORDER BY seq",
    ) {
        if op == "delete" {
            assert!(followed.remove(&id).is_some(), "{id} {json} {after}");
        } else {
            let before = followed.insert(id, json.clone());
            assert_ne!(before.as_deref(), Some(&*json), "{after}");
        }
    }
    let told = rows(
        "SELECT CAST(id AS TEXT), '', json FROM orchestrator_agents \
         JOIN definition_json ON definition_json.row = orchestrator_agents.rowid WHERE id IS NOT NULL",
    );
    let told = told.into_iter().map(|(id, _, json)| (id, json)).collect();
    assert_eq!(followed, told, "{after}");
}

#[test]
fn a_storm_leaves_every_sum_right() {
    for seed in 1..=2 {
        let folder = tempfile::tempdir().unwrap();
        let connection = migrated(&folder.path().join("test.db"));
        let mut failed = 0;
        for (number, sql) in statements(seed, 10_000).iter().enumerate() {
            match connection.execute_batch(sql) {
                Ok(()) => {}
                Err(error) => {
                    let message = error.to_string();
                    assert!(message.contains("constraint failed"), "{sql}: {message}");
                    failed += 1;
                }
            }
            if number % 50 == 0 {
                for log in [Log::Agent, Log::System] {
                    log.count_some(&connection).unwrap();
                }
            }
            if number % 500 == 0 {
                is_right(&connection, &format!("seed {seed}, statement {number}"));
            }
        }
        is_right(&connection, &format!("seed {seed}"));
        assert!((500..6000).contains(&failed), "{failed}");
        let counted: i64 = connection
            .query_row("SELECT count(*) FROM log_blocks", [], |row| row.get(0))
            .unwrap();
        assert!(counted > 1, "{counted}");
    }
}

#[test]
fn a_storm_of_the_sqlite_shell_leaves_every_sum_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let connection = migrated(&path);
    let Ok(mut shell) = Command::new("sqlite3")
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
    else {
        assert!(std::env::var_os("CI").is_none(), "sqlite3 is missing");
        eprintln!("skipped: sqlite3 is missing");
        return;
    };
    let mut input = shell.stdin.take().unwrap();
    writeln!(input, "PRAGMA synchronous = OFF;").unwrap();
    for sql in statements(9, 10_000) {
        writeln!(input, "{sql};").unwrap();
    }
    drop(input);
    shell.wait().unwrap();
    let prompts: i64 = connection
        .query_row("SELECT count(*) FROM prompts", [], |row| row.get(0))
        .unwrap();
    assert!(prompts > 5);
    is_right(&connection, "the shell");
}

#[test]
fn what_is_wrong_is_named_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let connection = migrated(&folder.path().join("test.db"));
    for sql in statements(5, 2_000) {
        let _ = connection.execute_batch(&sql);
    }
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
             INSERT INTO agent_logs (agent_id, log_type, message) SELECT 'a1', 'milestone', 'x' FROM n",
        )
        .unwrap();
    for log in [Log::Agent, Log::System] {
        while log.count_some(&connection).unwrap() {}
    }
    is_right(&connection, "before");
    for (sql, table) in [
        (
            "DELETE FROM counted_prompts WHERE key = (SELECT min(key) FROM counted_prompts)",
            "counted_prompts",
        ),
        (
            "UPDATE prompt_usage SET prompts = prompts + 1 WHERE span = 'hour'",
            "prompt_usage",
        ),
        (
            "UPDATE agents SET told = json_set(told, '$.status', 'x') WHERE rowid = (SELECT min(rowid) FROM agents)",
            "agents",
        ),
        (
            "UPDATE counted_agents SET cost = cost + 1 WHERE key = (SELECT min(key) FROM counted_agents)",
            "counted_agents",
        ),
        (
            "UPDATE agent_usage SET agents = 77 WHERE session_id = 0",
            "agent_usage",
        ),
        ("INSERT INTO sessions VALUES ('ghost', '2026')", "sessions"),
        ("UPDATE log_blocks SET info = info + 1", "log_blocks"),
    ] {
        connection.execute(sql, []).unwrap();
        let found = check::differences(&connection).unwrap();
        assert!(
            found.iter().any(|one| one.table == table),
            "{table}: {found:?}"
        );
        check::repair(&connection).unwrap();
        is_right(&connection, table);
    }
}

/// Of three statements that other people's writers make, each showed a sum that no row had.
#[test]
fn the_sums_of_replaced_and_orphaned_rows_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let connection = migrated(&folder.path().join("test.db"));
    let sums = |agent: &str| -> (i64, f64) {
        connection
            .query_row(
                "SELECT json_extract(json, '$.tokens_input'), json_extract(json, '$.cost_usd') \
                 FROM agents JOIN told_agents ON told_agents.row = agents.rowid WHERE id = ?1",
                [agent],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap()
    };
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'D', 'tester');
             INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's')",
        )
        .unwrap();
    for _ in 0..10 {
        connection
            .execute_batch(
                "INSERT OR REPLACE INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_input, cost_usd)
                 VALUES ('p', 'a', 'adw', 'x', 100, 0.5)",
            )
            .unwrap();
    }
    assert_eq!(sums("a"), (100, 0.5));
    connection
        .execute_batch(
            "DELETE FROM agents WHERE id = 'a';
             INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's')",
        )
        .unwrap();
    assert_eq!(sums("a"), (100, 0.5));
    connection
        .execute_batch("DELETE FROM prompts WHERE id = 'p'")
        .unwrap();
    assert_eq!(sums("a"), (0, 0.0));
    connection
        .execute_batch(
            "INSERT OR REPLACE INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 't');
             UPDATE agents SET id = 'b' WHERE id = 'a'",
        )
        .unwrap();
    let sessions: String = connection
        .query_row("SELECT group_concat(session_id) FROM sessions", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(sessions, "t");
    let changes: String = connection
        .query_row(
            "SELECT group_concat(op || ' ' || entity_id) FROM (SELECT * FROM change_log ORDER BY seq DESC LIMIT 2)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(changes, "update b,delete a");
    is_right(&connection, "the end");
}
