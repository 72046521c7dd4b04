//! `orchestrator check`, and what it checks: sums over the API are those of the rows, whoever wrote them.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::app::{Host, TestApp};
use crate::support::server::orchestrator;

#[path = "../../../../components/database/tests/storm/statements.rs"]
mod statements;

#[test]
fn what_differs_is_named_and_mended() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let run = |arguments: &[&str]| {
        let output = orchestrator(folder.path())
            .args(arguments)
            .env("DATABASE_PATH", &path)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there is no file"), "{text}");
    assert!(!path.exists());
    assert_eq!(run(&["migrate"]).0, Some(0));
    let sqlite = Connection::open(&path).unwrap();
    for sql in statements::statements(11, 300) {
        let _ = sqlite.execute_batch(&sql);
    }
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    sqlite
        .execute_batch("UPDATE prompt_usage SET prompts = prompts + 3; INSERT INTO sessions VALUES ('ghost', '2026')")
        .unwrap();
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("prompt_usage: ")
            && text.contains(
                "sessions: 1 row differs, such as: session_id = 'ghost', started_time = '2026' is kept, \
                 and is not what the rows say"
            ),
        "{text}"
    );
    let (code, text) = run(&["check", "--repair"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(0), "{text}");
}

/// What the API says after a storm of another process is what the rows say.
#[tokio::test]
async fn the_api_tells_what_the_rows_say() {
    let app = TestApp::start(Host::Components).await;
    let sqlite = app.foreign();
    sqlite.pragma_update(None, "synchronous", "OFF").unwrap();
    for (number, sql) in statements::statements(21, 10_000).iter().enumerate() {
        // A writer whose statement breaks a rule goes on with the next one.
        let _ = sqlite.execute_batch(sql);
        if number % 2_500 == 0 {
            same(&app, &sqlite).await;
        }
    }
    same(&app, &sqlite).await;
}

async fn same(app: &TestApp, sqlite: &Connection) {
    let counts = |sql: &str| -> BTreeMap<String, i64> {
        let mut statement = sqlite.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let told = |counts: &Value| -> BTreeMap<String, i64> {
        let counts = counts.as_object().unwrap().iter();
        let some = counts.filter(|(_, count)| **count != 0);
        some.map(|(word, count)| (word.clone(), count.as_i64().unwrap()))
            .collect()
    };
    let stats = app.get("/api/runtime/stats").await.json(200);
    let agents = counts("SELECT status, count(*) FROM agents GROUP BY 1");
    // Those that are lost are told as failed, and the reaper writes it down.
    let (kept, lost): (Vec<_>, Vec<_>) = told(&stats["agents"]["by_status"])
        .into_iter()
        .partition(|(status, _)| status != "failed");
    let total: i64 = kept.iter().chain(&lost).map(|(_, count)| count).sum();
    assert_eq!(total, agents.values().sum::<i64>());
    assert_eq!(
        told(&stats["prompts"]["by_status"]),
        counts("SELECT status, count(*) FROM prompts GROUP BY 1")
    );
    assert_eq!(
        told(&stats["logs"]["by_level"]),
        counts("SELECT log_level, count(*) FROM agent_logs GROUP BY 1")
    );
    let sessions = app.get("/api/runtime/sessions").await.json(200);
    let sessions: BTreeMap<String, i64> = sessions
        .as_array()
        .unwrap()
        .iter()
        .map(|session| {
            let id = session["session_id"].as_str().unwrap().to_owned();
            (id, session["agents"]["total"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(
        sessions,
        counts("SELECT session_id, count(*) FROM agents GROUP BY 1")
    );
}

/// An agent is gone at once, and what hangs on it soon, but nothing that came later under its id.
#[tokio::test]
async fn what_hangs_on_a_deleted_agent_follows_it() {
    let app = TestApp::start(Host::Components).await;
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    let child =
        json!({"orchestrator_agent_id": definition, "session_id": "s", "parent_agent_id": agent});
    let child = crate::app::id(&app.post("/api/runtime/agents", child).await.json(201));
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000) \
         INSERT INTO agent_logs (agent_id, log_type, message) SELECT '{agent}', 'milestone', 'old' FROM n"
    ));
    let path = format!("/api/runtime/agents/{agent}");
    app.delete(&path).await;
    app.get(&path).await.json(404);
    assert!(app.count("deletions") == 1 || app.count("agent_logs") == 0);
    app.sql(&format!(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('{agent}', '{definition}', 't')"
    ));
    app.sql(&format!(
        "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('{agent}', 'milestone', 'new')"
    ));
    app.sql(&format!(
        "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) VALUES ('new', '{agent}', 'adw', 'new')"
    ));
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while app.count("deletions") > 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "the deletion does not end"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(app.list("/api/runtime/logs", "message").await, ["new"]);
    assert_eq!(app.list("/api/runtime/prompts", "id").await, ["new"]);
    let child = app
        .get(format!("/api/runtime/agents/{child}"))
        .await
        .json(200);
    assert!(child["parent_agent_id"].is_null() || child["parent_agent_id"] == agent.as_str());
}

/// A database of version 5 of our schema, with what that kept on its agents.
#[tokio::test]
async fn a_database_of_an_earlier_version_answers_every_question() {
    const VERSION_5: [&str; 6] = [
        include_str!("../../../../components/database/tests/fixtures/legacy.sql"),
        include_str!("../../../../sql/0001_tables.sql"),
        include_str!("../../../../components/database/tests/fixtures/v5/0002_columns.sql"),
        include_str!("../../../../components/database/tests/fixtures/v5/0003_change_log.sql"),
        include_str!("../../../../components/database/tests/fixtures/v5/0004_write_side.sql"),
        include_str!("../../../../components/database/tests/fixtures/v5/0005_questions.sql"),
    ];
    let setup = crate::app::Setup::new(Host::Components);
    let foreign = setup.foreign();
    for sql in VERSION_5 {
        foreign.execute_batch(sql).unwrap();
    }
    foreign.pragma_update(None, "user_version", 5).unwrap();
    let app = setup.start().await;
    for uri in [
        "/health",
        "/api/agents",
        "/api/runtime/agents",
        "/api/runtime/agents?status=completed,failed",
        "/api/runtime/prompts",
        "/api/runtime/logs?since=2020-01-01",
        "/api/runtime/system-logs",
        "/api/runtime/sessions",
        "/api/runtime/stats",
        "/api/runtime/stats?since=2020-01-01",
        "/api/runtime/stats?since=2020-01-01&session_id=s1&interval=hour",
    ] {
        app.get(uri).await.json(200);
    }
}
