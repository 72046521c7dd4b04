//! PATCH and DELETE of `/api/runtime/agents/{id}`

use serde_json::{Value, json};

use crate::app::{TestApp, is_time};
use crate::support::client::Request;

on_every_host! {
    changes_what_is_given,
    null_empties_a_field,
    a_terminal_status_sets_the_time,
    a_finished_agent_stays_finished,
    a_finished_agent_takes_its_last_figures,
    old_names_of_a_status_are_taken,
    gives_all_faults_at_once,
    an_unknown_agent_is_not_found,
    deletes_with_all_that_is_the_agent_s,
    children_of_a_deleted_agent_have_no_parent,
    the_version_of_a_row_is_its_etag,
    a_change_meant_for_another_version_is_refused,
    a_lost_agent_is_failed_when_it_is_read,
    a_lost_agent_that_reports_comes_back,
}

async fn agent(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    format!("/api/runtime/agents/{agent}")
}

async fn changes_what_is_given(app: TestApp) {
    let path = agent(&app).await;
    let before = app.get(&path).await.json(200);
    let changes = json!({
        "status": "planning",
        "cost_usd": 0.25,
        "error_message": "none yet",
        "context": [1, 2],
        "config": {"model": "opus"},
        "metadata": {"team": "core"},
        "cancel_requested": true,
        "session_id": "another",
    });
    let after = app.patch(&path, changes).await.json(200);
    let mut expected = before.clone();
    for (name, value) in [
        ("status", json!("planning")),
        ("cost_usd", json!(0.25)),
        ("error_message", json!("none yet")),
        ("context", json!([1, 2])),
        ("config", json!({"model": "opus"})),
        ("metadata", json!({"team": "core"})),
        ("cancel_requested", json!(true)),
        ("updated_at", after["updated_at"].clone()),
        ("version", json!(2)),
    ] {
        expected[name] = value;
    }
    assert_eq!(after, expected);
    assert_eq!(app.get(&path).await.json(200), after);
    assert!(after["updated_at"].as_str() >= before["updated_at"].as_str());

    // What changes nothing is no new version.
    let same = app.patch(&path, json!({"status": "planning"})).await;
    assert_eq!(same.json(200)["version"], 2);
    assert_eq!(app.patch(&path, json!({})).await.json(200), after);
}

async fn null_empties_a_field(app: TestApp) {
    let path = agent(&app).await;
    let full = json!({"error_message": "e", "context": 1, "config": 2, "metadata": {}});
    app.patch(&path, full).await.json(200);
    let empty = json!({"error_message": null, "context": null, "config": null, "metadata": null});
    let after = app.patch(&path, empty).await.json(200);
    for name in ["error_message", "context", "config", "metadata"] {
        assert_eq!(after[name], Value::Null, "{name}");
    }
}

async fn a_terminal_status_sets_the_time(app: TestApp) {
    let definition = app.definition("Builder").await;
    for status in ["completed", "failed", "cancelled"] {
        let path = format!(
            "/api/runtime/agents/{}",
            app.agent(&definition, status).await
        );
        let change = json!({"status": status, "error_message": "why"});
        let after = app.patch(&path, change).await.json(200);
        assert_eq!(after["status"], status);
        assert!(after["completed_at"].as_str().is_some_and(is_time));
        // The same again is no change.
        let again = app.patch(&path, json!({"status": status})).await.json(200);
        assert_eq!(again, after);
    }
}

async fn a_finished_agent_stays_finished(app: TestApp) {
    let path = agent(&app).await;
    app.patch(&path, json!({"status": "failed"}))
        .await
        .json(200);
    let before = app.get(&path).await.json(200);
    for status in ["initializing", "executing", "completed", "cancelled"] {
        let change = json!({"status": status, "cost_usd": 7});
        let refused = app.patch(&path, change).await.json(409);
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.ends_with("is failed already"), "{detail}");
    }
    assert_eq!(app.get(&path).await.json(200), before);
}

async fn a_finished_agent_takes_its_last_figures(app: TestApp) {
    let path = agent(&app).await;
    app.patch(&path, json!({"status": "completed"})).await;
    let after = app.patch(&path, json!({"cost_usd": 1.5})).await.json(200);
    assert_eq!(after["cost_usd"], 1.5);
    assert_eq!(after["status"], "completed");
}

async fn old_names_of_a_status_are_taken(app: TestApp) {
    let path = agent(&app).await;
    let after = app
        .patch(&path, json!({"status": "running"}))
        .await
        .json(200);
    assert_eq!(after["status"], "executing");
    let after = app
        .patch(&path, json!({"status": "pending"}))
        .await
        .json(200);
    assert_eq!(after["status"], "initializing");
}

async fn gives_all_faults_at_once(app: TestApp) {
    let path = agent(&app).await;
    let changes = json!({
        "status": "done", "cost_usd": -1, "cancel_requested": "perhaps", "error_message": 7, "metadata": [],
    });
    let faults = TestApp::faults(&app.patch(&path, changes).await);
    let expected = [
        ("enum", "status"),
        ("dict_type", "metadata"),
        ("greater_than_equal", "cost_usd"),
        ("string_type", "error_message"),
        ("bool_parsing", "cancel_requested"),
    ]
    .map(|(kind, name)| (kind.to_owned(), json!(["body", name])));
    assert_eq!(faults, expected);
    let faults = TestApp::faults(
        &app.patch(&path, json!({"status": null, "cost_usd": "1e"}))
            .await,
    );
    assert_eq!(faults[0], ("enum".to_owned(), json!(["body", "status"])));
    assert_eq!(faults[1].0, "float_parsing");
    assert_eq!(app.get(&path).await.json(200)["version"], 1);
}

async fn an_unknown_agent_is_not_found(app: TestApp) {
    let path = "/api/runtime/agents/nobody";
    let expected = json!({"detail": "Agent nobody not found"});
    let changes = json!({"status": "planning"});
    assert_eq!(app.patch(path, changes).await.json(404), expected);
    assert_eq!(app.delete(path).await.json(404), expected);
}

async fn deletes_with_all_that_is_the_agent_s(app: TestApp) {
    let definition = app.definition("Builder").await;
    let gone = app.agent(&definition, "s").await;
    let stays = app.agent(&definition, "s").await;
    for agent in [&gone, &stays] {
        let prompt = json!({"agent_id": agent, "prompt_type": "adw", "prompt_text": "t"});
        app.post("/api/runtime/prompts", prompt).await.json(201);
        let entry = json!({"agent_id": agent, "log_type": "error", "message": "m"});
        app.post("/api/runtime/logs", entry).await.json(201);
    }
    let path = format!("/api/runtime/agents/{gone}");
    let response = app.delete(&path).await;
    assert_eq!((response.status, response.text()), (204, ""));
    app.get(&path).await.json(404);
    app.delete(&path).await.json(404);
    for table in ["agents", "prompts", "agent_logs", "agent_history"] {
        assert_eq!(app.count(table), 1, "{table}");
    }
}

async fn children_of_a_deleted_agent_have_no_parent(app: TestApp) {
    let definition = app.definition("Builder").await;
    let parent = app.agent(&definition, "s").await;
    let body =
        json!({"orchestrator_agent_id": definition, "session_id": "s", "parent_agent_id": parent});
    let child = app.post("/api/runtime/agents", body).await;
    app.delete(&format!("/api/runtime/agents/{parent}")).await;
    let child = app.get(child.header("location")).await.json(200);
    assert_eq!(child["parent_agent_id"], Value::Null);
    assert_eq!(child["version"], 2);
}

async fn the_version_of_a_row_is_its_etag(app: TestApp) {
    let body = json!({"name": "Builder", "agent_type": "builder"});
    let definition = app.post("/api/agents", body).await;
    assert_eq!(definition.header("etag"), "\"1\"");
    let runtime = json!({"orchestrator_agent_id": definition.json(201)["id"], "session_id": "s"});
    let agent = app.post("/api/runtime/agents", runtime).await;
    assert_eq!(agent.header("etag"), "\"1\"");
    for (path, change) in [
        (definition.header("location"), json!({"is_active": false})),
        (agent.header("location"), json!({"cost_usd": 1})),
    ] {
        assert_eq!(app.get(path).await.header("etag"), "\"1\"");
        assert_eq!(app.patch(path, change).await.header("etag"), "\"2\"");
        assert_eq!(app.get(path).await.header("etag"), "\"2\"");
    }
}

async fn a_change_meant_for_another_version_is_refused(app: TestApp) {
    let agent = agent(&app).await;
    let definition = app.list("/api/agents", "id").await.remove(0);
    let definition = format!("/api/agents/{definition}");
    let cases = [
        ("PATCH", &agent, r#"{"cost_usd":1}"#),
        ("PATCH", &definition, r#"{"description":"d"}"#),
        ("PUT", &definition, r#"{"description":"e"}"#),
        ("DELETE", &agent, ""),
        ("DELETE", &definition, ""),
    ];
    for (method, path, body) in cases {
        let before = app.get(path).await;
        let etag = before.header("etag");
        let request = |tags: &str| {
            let request = Request::new(method, path).header("if-match", tags);
            if body.is_empty() {
                request
            } else {
                request.json(body)
            }
        };
        for tags in ["\"0\"", "W/\"0\"", "nonsense", "\"7\", \"8\"", ""] {
            let refused = app.send(request(tags)).await.json(412);
            let detail = refused["detail"].as_str().unwrap();
            assert!(detail.contains(etag), "{detail}");
        }
        assert_eq!(app.get(path).await.json(200), before.json(200));
        // A proxy that compresses weakens a tag.
        let weak = if method == "DELETE" { "" } else { "W/" };
        let response = app.send(request(&format!("\"0\", {weak}{etag}"))).await;
        assert!(response.status < 300, "{method} {path}: {response:?}");
        let unknown =
            app.send(Request::new("DELETE", "/api/agents/nobody").header("if-match", "\"1\""));
        unknown.await.json(404);
    }
}

async fn a_lost_agent_that_reports_comes_back(app: TestApp) {
    for (changes, statuses) in [
        (
            json!({"cost_usd": 1.5}),
            vec!["initializing", "failed", "initializing"],
        ),
        (
            json!({"status": "completed"}),
            vec!["initializing", "failed", "initializing", "completed"],
        ),
        (
            json!({"status": "failed", "error_message": "of its own"}),
            vec!["initializing", "failed", "initializing", "failed"],
        ),
    ] {
        let path = agent(&app).await;
        app.sql(
            "UPDATE agents SET heartbeat_at = datetime('now', '-2 minutes'), lease_seconds = 100",
        );
        assert_eq!(app.get(&path).await.json(200)["status"], "failed");
        let back = app.patch(&path, changes).await.json(200);
        assert_eq!(back["status"], *statuses.last().unwrap());
        assert_ne!(back["error_message"], "heartbeat lost");
        let history = app.list(format!("{path}/history"), "status").await;
        assert_eq!(history, statuses);
        if back["status"] == "initializing" {
            assert_eq!(back["completed_at"], serde_json::Value::Null);
            assert_eq!(app.get(&path).await.json(200), back);
        } else {
            // An end of its own is an end.
            app.post(&format!("{path}/heartbeat"), json!({}))
                .await
                .json(409);
        }
        app.send(Request::new("DELETE", &path)).await;
        app.sql("DELETE FROM orchestrator_agents");
    }
}

async fn a_lost_agent_is_failed_when_it_is_read(app: TestApp) {
    let path = agent(&app).await;
    app.sql("UPDATE agents SET heartbeat_at = datetime('now', '-2 minutes'), lease_seconds = 100");
    let lost = app.get(&path).await.json(200);
    assert_eq!(lost["status"], "failed");
    assert_eq!(lost["error_message"], "heartbeat lost");
    assert!(lost["completed_at"].as_str().is_some_and(is_time));
    // Who only asks something of it does not bring it back, and writes down what the read only told.
    let asked = app.patch(&path, json!({"cancel_requested": true})).await;
    assert_eq!(asked.json(200)["status"], "failed");
    let history = app.list(format!("{path}/history"), "status").await;
    assert_eq!(history, ["initializing", "failed"]);
    let written = app.get(&path).await.json(200);
    assert_eq!(written["completed_at"], lost["completed_at"]);
}
