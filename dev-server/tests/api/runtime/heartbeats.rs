//! `/api/runtime/agents/{id}/heartbeat`

use serde_json::json;

use crate::app::TestApp;
use crate::support::client::Request;

on_every_host! {
    says_whether_to_stop,
    needs_no_body,
    the_lease_is_what_was_last_asked_for,
    is_no_change_of_the_agent,
    a_finished_agent_has_none,
    a_lost_agent_that_was_only_silent_comes_back,
    refuses_what_does_not_validate,
    an_unknown_agent_is_not_found,
    lists_and_sums_show_no_lost_agent_at_work,
}

async fn agent(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    format!("/api/runtime/agents/{agent}")
}

async fn says_whether_to_stop(app: TestApp) {
    let path = agent(&app).await;
    let beat = format!("{path}/heartbeat");
    let heard = app.post(&beat, json!({"lease_seconds": 5})).await.json(200);
    assert_eq!(
        heard,
        json!({"cancel_requested": false, "messages_waiting": 0})
    );
    app.patch(&path, json!({"cancel_requested": true}))
        .await
        .json(200);
    let heard = app.post(&beat, json!({})).await.json(200);
    assert_eq!(heard["cancel_requested"], true);
}

async fn needs_no_body(app: TestApp) {
    let path = agent(&app).await;
    let request = Request::new("POST", format!("{path}/heartbeat"));
    app.send(request).await.json(200);
    let agent = app.get(&path).await.json(200);
    assert_eq!(agent["lease_seconds"], 60);
}

async fn the_lease_is_what_was_last_asked_for(app: TestApp) {
    let path = agent(&app).await;
    let beat = format!("{path}/heartbeat");
    for (body, lease) in [
        (json!({}), 60),
        (json!({"lease_seconds": 3600}), 3600),
        (json!({}), 3600),
        (json!({"lease_seconds": null}), 3600),
        (json!({"lease_seconds": 1}), 1),
    ] {
        app.post(&beat, body).await.json(200);
        let agent = app.get(&path).await.json(200);
        assert_eq!(agent["lease_seconds"], lease);
    }
}

async fn is_no_change_of_the_agent(app: TestApp) {
    let path = agent(&app).await;
    let before = app.get(&path).await.json(200);
    let logged = app.count("change_log");
    app.post(&format!("{path}/heartbeat"), json!({}))
        .await
        .json(200);
    let after = app.get(&path).await.json(200);
    assert_eq!(after["version"], 1);
    assert_eq!(after["updated_at"], before["updated_at"]);
    assert!(after["heartbeat_at"].as_str() >= before["updated_at"].as_str());
    assert_eq!(app.count("change_log"), logged);
}

async fn a_finished_agent_has_none(app: TestApp) {
    let path = agent(&app).await;
    app.patch(&path, json!({"status": "completed"})).await;
    let beat = app.post(&format!("{path}/heartbeat"), json!({})).await;
    let detail = beat.json(409)["detail"].as_str().unwrap().to_owned();
    assert!(detail.ends_with("is completed already"), "{detail}");
}

async fn a_lost_agent_that_was_only_silent_comes_back(app: TestApp) {
    let path = agent(&app).await;
    app.patch(&path, json!({"status": "executing"})).await;
    app.sql("UPDATE agents SET heartbeat_at = '2026-02-05T10:00:00.123456'");
    assert_eq!(app.get(&path).await.json(200)["status"], "failed");
    let beat = app
        .post(&format!("{path}/heartbeat"), json!({"lease_seconds": 5}))
        .await;
    assert_eq!(beat.json(200)["cancel_requested"], false);
    let back = app.get(&path).await.json(200);
    assert_eq!(back["status"], "executing");
    assert_eq!(back["lease_seconds"], 5);
    for empty in ["error_message", "completed_at"] {
        assert_eq!(back[empty], serde_json::Value::Null);
    }
    let history = app.list(format!("{path}/history"), "status").await;
    assert_eq!(
        history,
        ["initializing", "executing", "failed", "executing"]
    );
}

async fn refuses_what_does_not_validate(app: TestApp) {
    let beat = format!("{}/heartbeat", agent(&app).await);
    for lease in [
        json!(0),
        json!(3601),
        json!(1.5),
        json!("soon"),
        json!(true),
    ] {
        let faults = TestApp::faults(&app.post(&beat, json!({"lease_seconds": lease})).await);
        assert_eq!(faults[0].1, json!(["body", "lease_seconds"]));
    }
    let malformed = app.send(Request::new("POST", &beat).json("{")).await;
    assert_eq!(TestApp::faults(&malformed)[0].0, "json_invalid");
    app.send(Request::new("POST", &beat).body("{}"))
        .await
        .json(415);
}

async fn an_unknown_agent_is_not_found(app: TestApp) {
    let beat = app
        .post("/api/runtime/agents/nobody/heartbeat", json!({}))
        .await;
    assert_eq!(beat.json(404), json!({"detail": "Agent nobody not found"}));
}

async fn lists_and_sums_show_no_lost_agent_at_work(app: TestApp) {
    let definition = app.definition("Builder").await;
    let lost = "UPDATE agents SET heartbeat_at = '2026-02-05 10:00:00'";
    let lists = [
        "/api/runtime/agents?status=initializing",
        "/api/runtime/agents?status=failed",
        "/api/runtime/sessions",
        "/api/runtime/sessions/s",
        "/api/runtime/stats",
    ];
    for (before, path) in lists.into_iter().enumerate() {
        app.agent(&definition, "s").await;
        app.sql(lost);
        let body = app.get(path).await.json(200);
        let failed = before + 1;
        match path.rsplit('/').next() {
            Some("agents?status=initializing") => assert_eq!(body, json!([])),
            Some("agents?status=failed") => assert_eq!(body.as_array().unwrap().len(), failed),
            Some("sessions") => assert_eq!(body[0]["agents"]["by_status"]["failed"], failed),
            _ => assert_eq!(body["agents"]["by_status"]["failed"], failed),
        }
    }
}
