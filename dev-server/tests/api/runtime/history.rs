//! `/api/runtime/agents/{id}/history`

use serde_json::json;

use crate::app::{TestApp, is_time};

on_every_host! {
    has_every_status_whoever_set_it,
    what_is_no_new_status_is_not_in_it,
    outlives_the_change_log,
    goes_with_its_agent,
    comes_in_pages,
    an_unknown_agent_is_not_found,
}

async fn agent(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    format!("/api/runtime/agents/{agent}")
}

async fn has_every_status_whoever_set_it(app: TestApp) {
    let path = agent(&app).await;
    app.patch(&path, json!({"status": "planning"})).await;
    app.sql("UPDATE agents SET status = 'executing'");
    app.patch(&path, json!({"status": "planning"})).await;
    app.patch(&path, json!({"status": "completed"})).await;
    let history = app.get(format!("{path}/history")).await.json(200);
    let steps = history.as_array().unwrap();
    let statuses: Vec<_> = steps.iter().map(|step| &step["status"]).collect();
    assert_eq!(
        statuses,
        [
            "initializing",
            "planning",
            "executing",
            "planning",
            "completed"
        ]
    );
    for pair in steps.windows(2) {
        assert!(pair[0]["seq"].as_i64() < pair[1]["seq"].as_i64());
        assert!(pair[0]["at"].as_str() <= pair[1]["at"].as_str());
    }
    assert!(
        steps
            .iter()
            .all(|step| step["at"].as_str().is_some_and(is_time))
    );
    // The numbers are those of the change log.
    for step in steps {
        let sql = format!("SELECT status FROM change_log WHERE seq = {}", step["seq"]);
        let status = step["status"].as_str().unwrap();
        assert_eq!(app.sql(&sql), database::Value::Text(status.to_owned()));
    }
}

async fn what_is_no_new_status_is_not_in_it(app: TestApp) {
    let path = agent(&app).await;
    app.patch(&path, json!({"cost_usd": 1})).await;
    app.post(&format!("{path}/heartbeat"), json!({})).await;
    let history = app.list(format!("{path}/history"), "status").await;
    assert_eq!(history, ["initializing"]);
}

async fn outlives_the_change_log(app: TestApp) {
    let path = agent(&app).await;
    app.patch(&path, json!({"status": "planning"})).await;
    app.sql("DELETE FROM change_log");
    app.patch(&path, json!({"status": "executing"})).await;
    let history = app.list(format!("{path}/history"), "status").await;
    assert_eq!(history, ["initializing", "planning", "executing"]);
}

async fn goes_with_its_agent(app: TestApp) {
    let path = agent(&app).await;
    app.delete(&path).await;
    app.get(format!("{path}/history")).await.json(404);
    assert_eq!(app.count("agent_history"), 0);
}

async fn comes_in_pages(app: TestApp) {
    let path = agent(&app).await;
    for status in ["planning", "executing", "reviewing"] {
        app.patch(&path, json!({"status": status})).await;
    }
    let pages = app.pages(format!("{path}/history?limit=3"), "status").await;
    assert_eq!(
        pages,
        [
            vec!["initializing", "planning", "executing"],
            vec!["reviewing"]
        ]
    );
    let newest = app
        .list(format!("{path}/history?limit=1&order=desc"), "status")
        .await;
    assert_eq!(newest, ["reviewing"]);
}

async fn an_unknown_agent_is_not_found(app: TestApp) {
    app.get("/api/runtime/agents/nobody/history")
        .await
        .json(404);
}
