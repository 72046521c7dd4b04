//! DELETE of `/api/runtime/logs`

use serde_json::json;

use crate::app::TestApp;
use crate::support::client::Request;

on_every_host! {
    deletes_what_is_older_and_nothing_else,
    deletes_more_than_one_step,
    the_age_must_be_given,
}

const PATH: &str = "/api/runtime/logs";

async fn deletes_what_is_older_and_nothing_else(app: TestApp) {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    for (message, created_at) in [
        ("space", "datetime('now', '-8 days')"),
        (
            "python",
            "strftime('%Y-%m-%dT%H:%M:%f000', 'now', '-8 days')",
        ),
        ("young", "datetime('now', '-6 days')"),
        ("ours", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"),
    ] {
        app.sql(&format!(
            "INSERT INTO agent_logs (agent_id, log_type, message, created_at) \
             VALUES ('{agent}', 'error', '{message}', {created_at})"
        ));
    }
    let entry = json!({"component": "c", "message": "m"});
    app.post("/api/runtime/system-logs", entry).await.json(201);
    app.sql("UPDATE system_logs SET created_at = datetime('now', '-8 days')");
    let deleted = app.delete(&format!("{PATH}?older_than_days=7")).await;
    assert_eq!(deleted.json(200), json!({"deleted": 2}));
    assert_eq!(app.list(PATH, "message").await, ["ours", "young"]);
    assert_eq!(app.count("system_logs"), 1);
    let deleted = app.delete(&format!("{PATH}?older_than_days=7")).await;
    assert_eq!(deleted.json(200), json!({"deleted": 0}));
}

async fn deletes_more_than_one_step(app: TestApp) {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500) \
         INSERT INTO agent_logs (agent_id, log_type, message, created_at) \
         SELECT '{agent}', 'error', n, '2026-02-05 10:00:00' FROM n"
    ));
    let deleted = app.delete(&format!("{PATH}?older_than_days=1")).await;
    assert_eq!(deleted.json(200), json!({"deleted": 2500}));
    assert_eq!(app.count("agent_logs"), 0);
    let stats = app.get("/api/runtime/stats").await.json(200);
    assert_eq!(stats["logs"]["total"], 0);
}

async fn the_age_must_be_given(app: TestApp) {
    for query in [
        "",
        "?older_than_days=",
        "?older_than_days=-1",
        "?older_than_days=x",
        "?older_than_days=99999",
    ] {
        let response = app
            .send(Request::new("DELETE", format!("{PATH}{query}")))
            .await;
        let faults = TestApp::faults(&response);
        assert_eq!(faults[0].1, json!(["query", "older_than_days"]), "{query}");
    }
}
