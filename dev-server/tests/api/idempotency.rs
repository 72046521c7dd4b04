//! `Idempotency-Key`, on every POST

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::support::client::{Request, Response};

on_every_host! {
    a_repeated_post_has_one_effect,
    another_body_is_a_conflict,
    another_path_is_a_conflict,
    what_was_refused_may_be_mended,
    keys_are_told_apart,
    a_key_is_kept_for_a_day,
    a_key_must_be_readable,
}

async fn post(app: &TestApp, path: &str, key: &str, body: &Value) -> Response {
    let request = Request::new("POST", path).json(body.to_string());
    app.send(request.header("idempotency-key", key)).await
}

async fn a_repeated_post_has_one_effect(app: TestApp) {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    let entry = json!({"agent_id": agent, "log_type": "error", "message": "m"});
    let cases = [
        (
            "/api/agents".to_owned(),
            json!({"name": "n", "agent_type": "tester"}),
            "orchestrator_agents",
            2,
        ),
        (
            "/api/runtime/agents".to_owned(),
            json!({"orchestrator_agent_id": definition, "session_id": "s"}),
            "agents",
            2,
        ),
        (
            "/api/runtime/prompts".to_owned(),
            json!({"agent_id": agent, "prompt_type": "adw", "prompt_text": "t"}),
            "prompts",
            1,
        ),
        (
            "/api/runtime/logs".to_owned(),
            entry.clone(),
            "agent_logs",
            1,
        ),
        (
            "/api/runtime/logs".to_owned(),
            json!([entry, entry]),
            "agent_logs",
            3,
        ),
        (
            "/api/runtime/system-logs".to_owned(),
            json!({"component": "c", "message": "m"}),
            "system_logs",
            1,
        ),
        (
            format!("/api/runtime/agents/{agent}/heartbeat"),
            json!({}),
            "agents",
            2,
        ),
    ];
    for (nr, (path, body, table, count)) in cases.iter().enumerate() {
        let key = format!("key {nr}");
        let first = post(&app, path, &key, body).await;
        assert!(first.status < 300, "{first:?}");
        assert_eq!(first.header("idempotency-replayed"), "");
        for _ in 0..3 {
            let again = post(&app, path, &key, body).await;
            assert_eq!(again.json(first.status), first.json(first.status));
            assert_eq!(again.header("idempotency-replayed"), "true");
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.header("etag"), first.header("etag"));
        }
        assert_eq!(app.count(table), *count, "{path}");
    }
}

async fn another_body_is_a_conflict(app: TestApp) {
    let body = |name: &str| json!({"name": name, "agent_type": "tester"});
    post(&app, "/api/agents", "k", &body("a")).await.json(201);
    let refused = post(&app, "/api/agents", "k", &body("b")).await.json(409);
    assert_eq!(
        refused,
        json!({"detail": "This Idempotency-Key was used for another request"})
    );
    assert_eq!(app.count("orchestrator_agents"), 1);
    post(&app, "/api/agents", "k", &body("a")).await.json(201);
}

async fn another_path_is_a_conflict(app: TestApp) {
    let definition = app.definition("Builder").await;
    let paths = [(); 2].map(|()| app.agent(&definition, "s"));
    let [first, second] = paths;
    let (first, second) = (first.await, second.await);
    let beat = |agent: &str| format!("/api/runtime/agents/{agent}/heartbeat");
    post(&app, &beat(&first), "k", &json!({})).await.json(200);
    post(&app, &beat(&second), "k", &json!({})).await.json(409);
}

async fn what_was_refused_may_be_mended(app: TestApp) {
    let wrong = json!({"name": "n", "agent_type": "wizard"});
    TestApp::faults(&post(&app, "/api/agents", "k", &wrong).await);
    let entry = json!({"agent_id": "nobody", "log_type": "error", "message": "m"});
    post(&app, "/api/runtime/logs", "k", &entry).await.json(404);
    let right = json!({"name": "n", "agent_type": "tester"});
    post(&app, "/api/agents", "k", &right).await.json(201);
    assert_eq!(app.count("idempotency_keys"), 1);
}

async fn keys_are_told_apart(app: TestApp) {
    for key in ["a", "A", "\"a\"", "a,b"] {
        let body = json!({"component": "c", "message": "m"});
        let made = post(&app, "/api/runtime/system-logs", key, &body).await;
        assert_eq!(made.header("idempotency-replayed"), "", "{key}");
    }
    assert_eq!(app.count("system_logs"), 4);
}

async fn a_key_is_kept_for_a_day(app: TestApp) {
    let body = json!({"component": "c", "message": "m"});
    let path = "/api/runtime/system-logs";
    post(&app, path, "old", &body).await.json(201);
    let set = |hours: u32| {
        app.sql(&format!(
            "UPDATE idempotency_keys SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{hours} hours')"
        ));
    };
    set(23);
    let again = post(&app, path, "old", &body).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    set(25);
    let again = post(&app, path, "old", &body).await;
    assert_eq!(again.header("idempotency-replayed"), "");
    assert_eq!(app.count("system_logs"), 2);
    // Those that are too old are swept out by and by.
    set(25);
    post(&app, path, "new", &body).await.json(201);
    assert_eq!(app.count("idempotency_keys"), 1);
}

async fn a_key_must_be_readable(app: TestApp) {
    let body = json!({"component": "c", "message": "m"});
    for key in ["", &"x".repeat(256), "schlüssel"] {
        let response = post(&app, "/api/runtime/system-logs", key, &body).await;
        let faults = TestApp::faults(&response);
        assert_eq!(
            faults,
            [(
                "idempotency_key".to_owned(),
                json!(["header", "Idempotency-Key"])
            )]
        );
    }
    assert_eq!(app.count("system_logs"), 0);
}
