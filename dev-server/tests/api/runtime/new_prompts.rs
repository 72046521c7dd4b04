//! POST of `/api/runtime/prompts`, GET and PATCH of one

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{TestApp, id, is_id, is_time, redacted};

on_every_host! {
    gives_the_new_prompt,
    a_call_that_is_over_can_be_told_at_once,
    an_integer_may_look_like_a_float,
    gives_all_faults_at_once,
    an_unknown_agent_is_not_found,
    an_unknown_prompt_is_not_found,
    changes_what_is_given,
    a_finished_prompt_stays_finished,
    its_figures_show_in_the_sums_of_agent_and_session,
    other_writers_prompts_count_too,
    an_agent_that_says_more_than_its_prompts_cost_is_believed,
}

const PATH: &str = "/api/runtime/prompts";

async fn agent(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    app.agent(&definition, "s").await
}

async fn gives_the_new_prompt(app: TestApp) {
    let body = json!({
        "agent_id": agent(&app).await, "prompt_type": "command", "prompt_name": "plan", "prompt_text": "Plan it",
        "model_used": "opus", "status": "streaming",
    });
    let response = app.post(PATH, body).await;
    let new = response.json(201);
    assert!(is_id(&id(&new)));
    assert_eq!(response.header("location"), format!("{PATH}/{}", id(&new)));
    assert_eq!(app.get(response.header("location")).await.json(200), new);
    assert_json_snapshot!("new_prompt", redacted(new));
}

async fn a_call_that_is_over_can_be_told_at_once(app: TestApp) {
    let body = json!({
        "agent_id": agent(&app).await, "prompt_type": "adw", "prompt_text": "", "status": "failed",
        "response_text": "r", "tokens_input": 10, "tokens_output": 20, "cost_usd": 0.5, "latency_ms": 1200,
        "error_message": "e",
    });
    let new = app.post(PATH, body.clone()).await.json(201);
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(new[name], *value, "{name}");
    }
    assert_eq!(new["completed_at"], new["created_at"]);
}

/// As Python writes what it has divided.
async fn an_integer_may_look_like_a_float(app: TestApp) {
    let body = json!({
        "agent_id": agent(&app).await, "prompt_type": "adw", "prompt_text": "", "tokens_input": 2000.0,
        "latency_ms": 1e5,
    });
    let new = app.post(PATH, body).await.json(201);
    assert_eq!(new["tokens_input"], 2000);
    assert_eq!(new["latency_ms"], 100_000);
}

async fn gives_all_faults_at_once(app: TestApp) {
    let body = json!({
        "prompt_type": "question", "prompt_text": 7, "status": "done", "tokens_input": -1, "tokens_output": 1.5,
        "cost_usd": "much", "latency_ms": "long",
    });
    let faults = TestApp::faults(&app.post(PATH, body).await);
    let expected = [
        ("missing", "agent_id"),
        ("enum", "prompt_type"),
        ("string_type", "prompt_text"),
        ("enum", "status"),
        ("greater_than_equal", "tokens_input"),
        ("int_parsing", "tokens_output"),
        ("float_parsing", "cost_usd"),
        ("int_parsing", "latency_ms"),
    ]
    .map(|(kind, name)| (kind.to_owned(), json!(["body", name])));
    assert_eq!(faults, expected);
}

async fn an_unknown_agent_is_not_found(app: TestApp) {
    let body = json!({"agent_id": "nobody", "prompt_type": "adw", "prompt_text": "t"});
    let expected = json!({"detail": "Agent nobody not found"});
    assert_eq!(app.post(PATH, body).await.json(404), expected);
    assert_eq!(app.count("prompts"), 0);
}

async fn an_unknown_prompt_is_not_found(app: TestApp) {
    let path = "/api/runtime/prompts/none";
    let expected = json!({"detail": "Prompt none not found"});
    assert_eq!(app.get(path).await.json(404), expected);
    assert_eq!(app.patch(path, json!({})).await.json(404), expected);
}

async fn prompt(app: &TestApp, agent: &str) -> String {
    let body = json!({"agent_id": agent, "prompt_type": "adw", "prompt_text": "t"});
    app.post(PATH, body).await.header("location").to_owned()
}

async fn changes_what_is_given(app: TestApp) {
    let path = prompt(&app, &agent(&app).await).await;
    let before = app.get(&path).await.json(200);
    let streaming = json!({"status": "streaming", "response_text": "so f", "model_used": "opus", "prompt_name": "n"});
    let after = app.patch(&path, streaming).await.json(200);
    assert_eq!(after["completed_at"], Value::Null);
    let done = json!({
        "status": "completed", "response_text": "so far", "tokens_input": 3, "tokens_output": 4, "cost_usd": 0.1,
        "latency_ms": 12,
    });
    let after = app.patch(&path, done.clone()).await.json(200);
    for (name, value) in done.as_object().unwrap() {
        assert_eq!(after[name], *value, "{name}");
    }
    assert_eq!(after["model_used"], "opus");
    assert_eq!(after["prompt_name"], "n");
    assert_eq!(after["created_at"], before["created_at"]);
    assert!(after["completed_at"].as_str().is_some_and(is_time));
    assert_eq!(app.get(&path).await.json(200), after);
}

async fn a_finished_prompt_stays_finished(app: TestApp) {
    let path = prompt(&app, &agent(&app).await).await;
    app.patch(&path, json!({"status": "cancelled"}))
        .await
        .json(200);
    let refused = app
        .patch(&path, json!({"status": "streaming"}))
        .await
        .json(409);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.ends_with("is cancelled already"), "{detail}");
}

async fn sums(app: &TestApp, path: &str) -> Value {
    let row = app.get(path).await.json(200);
    json!([row["tokens_input"], row["tokens_output"], row["cost_usd"]])
}

async fn its_figures_show_in_the_sums_of_agent_and_session(app: TestApp) {
    let agent = agent(&app).await;
    let agent_path = format!("/api/runtime/agents/{agent}");
    let figures =
        json!({"status": "completed", "tokens_input": 100, "tokens_output": 20, "cost_usd": 0.1});
    for times in 1..=3 {
        let path = prompt(&app, &agent).await;
        app.patch(&path, figures.clone()).await.json(200);
        let cost = f64::from(times * 10).round() / 100.0;
        let expected = json!([100 * times, 20 * times, cost]);
        for path in [
            &*agent_path,
            "/api/runtime/sessions/s",
            "/api/runtime/stats",
            "/api/runtime/stats?session_id=s",
        ] {
            assert_eq!(sums(&app, path).await, expected, "{path}");
        }
    }
    // The feed is told of it.
    assert_eq!(app.get(&agent_path).await.json(200)["version"], 4);
}

async fn other_writers_prompts_count_too(app: TestApp) {
    let agent = agent(&app).await;
    let path = format!("/api/runtime/agents/{agent}");
    app.sql(&format!(
        "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, status, tokens_input, tokens_output, cost_usd) \
         VALUES ('p', '{agent}', 'adw', 't', 'completed', 5, 6, 0.7), ('q', '{agent}', 'adw', 't', 'pending', NULL, \
         'x', NULL)"
    ));
    assert_eq!(sums(&app, &path).await, json!([5, 6, 0.7]));
    app.sql("UPDATE prompts SET tokens_input = 50, cost_usd = 1e999 WHERE id = 'p'");
    assert_eq!(sums(&app, &path).await, json!([50, 6, 0.0]));
    app.sql("DELETE FROM prompts WHERE id = 'p'");
    assert_eq!(sums(&app, &path).await, json!([0, 0, 0.0]));
    assert_eq!(
        app.get("/api/runtime/stats").await.json(200)["prompts"]["total"],
        1
    );
}

async fn an_agent_that_says_more_than_its_prompts_cost_is_believed(app: TestApp) {
    let agent = agent(&app).await;
    let path = format!("/api/runtime/agents/{agent}");
    let body =
        json!({"agent_id": agent, "prompt_type": "adw", "prompt_text": "t", "cost_usd": 0.5});
    app.post(PATH, body).await.json(201);
    app.patch(&path, json!({"cost_usd": 0.75})).await;
    assert_eq!(app.get(&path).await.json(200)["cost_usd"], 0.75);
    app.patch(&path, json!({"cost_usd": 0.25})).await;
    assert_eq!(app.get(&path).await.json(200)["cost_usd"], 0.5);
}
