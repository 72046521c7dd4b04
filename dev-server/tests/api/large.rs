//! Rows that are larger than a host hands over, or than a component has memory for.

use serde_json::json;

use crate::app::{Setup, TestApp};

on_a_file! {
    many_large_entries_make_short_pages,
    a_row_that_is_too_large_is_told_shortened,
    what_is_too_large_to_be_told_whole_is_stored_and_said_to_be,
}

/// Each is told six times as long as it is stored.
async fn many_large_entries_make_short_pages(setup: Setup) {
    let app = setup.start().await;
    let definition = app.definition("x").await;
    let agent = app.agent(&definition, "s").await;
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60) \
         INSERT INTO agent_logs (agent_id, log_level, log_type, message) \
         SELECT '{agent}', 'INFO', 'milestone', replace(hex(zeroblob(150000)), '0', char(1)) FROM n"
    ));
    let pages = app.pages("/api/runtime/logs", "id").await;
    assert!(pages.len() > 1);
    let ids: Vec<String> = pages.concat();
    let expected: Vec<String> = (1..=60).rev().map(|id: i32| id.to_string()).collect();
    assert_eq!(ids, expected);
}

/// Another process has stored 17 MiB in one text.
async fn a_row_that_is_too_large_is_told_shortened(setup: Setup) {
    const LARGE: &str = "replace(hex(zeroblob(8912896)), '0', 'x')";
    let mark = "… (17825792 bytes)";
    let app = setup.start().await;
    let definition = app.definition("x").await;
    let agent = app.agent(&definition, "s").await;
    let prompt = json!({"agent_id": agent, "prompt_type": "command", "prompt_text": "p"});
    let prompt = app.post("/api/runtime/prompts", prompt).await.json(201);
    let prompt = format!("/api/runtime/prompts/{}", prompt["id"].as_str().unwrap());
    let agent = format!("/api/runtime/agents/{agent}");
    let definition = format!("/api/agents/{definition}");
    for table in [
        "orchestrator_agents SET description",
        "agents SET context",
        "prompts SET prompt_text",
    ] {
        app.sql(&format!("UPDATE {table} = {LARGE}"));
    }
    let entry = app.sql("SELECT id FROM agents");
    let database::Value::Text(entry) = entry else {
        panic!("an id")
    };
    app.sql(&format!(
        "INSERT INTO agent_logs (agent_id, log_level, log_type, message) VALUES ('{entry}', 'INFO', 'milestone', 'before'), \
         ('{entry}', 'INFO', 'milestone', {LARGE}), ('{entry}', 'INFO', 'milestone', 'after')"
    ));
    let is_marked = |text: &serde_json::Value| text.as_str().unwrap().ends_with(mark);
    for (path, field) in [
        (&definition, "description"),
        (&agent, "context"),
        (&prompt, "prompt_text"),
    ] {
        let row = app.get(path).await.json(200);
        assert!(is_marked(&row[field]), "{path}");
        let list = path.rsplit_once('/').unwrap().0;
        let listed = app.get(list).await.json(200);
        assert!(is_marked(&listed[0][field]), "{list}");
    }
    let messages = app
        .pages("/api/runtime/logs?order=asc", "message")
        .await
        .concat();
    assert_eq!(messages.len(), 3);
    assert!(messages[1].ends_with(mark));
    assert_eq!([&messages[0], &messages[2]], ["before", "after"]);

    // It can be changed, and deleted.
    let changed = app.patch(&agent, json!({"status": "executing"})).await;
    assert_eq!(changed.json(200)["status"], "executing");
    app.patch(&prompt, json!({"status": "completed"}))
        .await
        .json(200);
    app.put(&definition, json!({"name": "y"})).await.json(200);
    let context = app.patch(&agent, json!({"context": "short"})).await;
    assert_eq!(context.json(200)["context"], "short");
    for path in [&agent, &definition] {
        assert_eq!(app.delete(path).await.status, 204);
    }
}

async fn what_is_too_large_to_be_told_whole_is_stored_and_said_to_be(setup: Setup) {
    let app: TestApp = setup.max_body_bytes(32 << 20).start().await;
    let definition = app.definition("x").await;
    let agent = app.agent(&definition, "s").await;
    let message = "x".repeat(17 << 20);
    let entry = json!({"agent_id": agent, "log_type": "milestone", "message": message});
    let entry = app.post("/api/runtime/logs", entry).await.json(201);
    assert!(
        entry["message"]
            .as_str()
            .unwrap()
            .ends_with("… (17825792 bytes)")
    );
    let stored = app.sql("SELECT length(message) FROM agent_logs");
    assert_eq!(stored, database::Value::Integer(17 << 20));
    // Several values that each are below what is told whole.
    let context = json!({"orchestrator_agent_id": definition, "session_id": "s", "context": "c".repeat(2 << 20),
        "config": "d".repeat(2 << 20), "metadata": {"m": "e".repeat(2 << 20)}});
    let made = app
        .post("/api/runtime/agents", context.clone())
        .await
        .json(201);
    for name in ["context", "config", "metadata"] {
        assert_eq!(made[name], context[name], "{name}");
    }
    assert_eq!(app.list("/api/runtime/agents", "id").await.len(), 2);
}
