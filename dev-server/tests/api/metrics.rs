//! `/metrics`: what the component knows. What the process adds is in `process/metrics.rs`.

use database::SCHEMA_VERSION;
use serde_json::json;

use crate::app::{Setup, TestApp};

on_a_file! {
    what_is_stored_is_counted,
    no_client_makes_a_label,
    a_database_that_does_not_answer_is_down,
}

/// The value of a sample; `None` where there is no such sample.
pub(crate) fn sample(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(value.parse().expect("a number"))
}

async fn metrics(app: &TestApp) -> String {
    let response = app.get("/metrics").await;
    assert_eq!(response.status, 200);
    let kind = response.header("content-type");
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    response.text().to_owned()
}

#[track_caller]
fn assert_samples(text: &str, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        assert_eq!(sample(text, name), Some(*value), "{name} in\n{text}");
    }
}

async fn what_is_stored_is_counted(setup: Setup) {
    let app = setup.start().await;
    assert_samples(
        &metrics(&app).await,
        &[
            ("orchestrator_database_up", 1.0),
            ("orchestrator_agents{status=\"executing\"}", 0.0),
            ("orchestrator_tokens{direction=\"input\"}", 0.0),
        ],
    );
    let definition = app.definition("d").await;
    let agent = app.agent(&definition, "s").await;
    let other = app.agent(&definition, "s").await;
    let path = format!("/api/runtime/agents/{agent}");
    app.patch(&path, json!({"status": "executing"}))
        .await
        .json(200);
    let prompt = json!({"agent_id": agent, "prompt_type": "command", "prompt_text": "p", "tokens_input": 1200,
        "tokens_output": 340, "cost_usd": 0.25});
    app.post("/api/runtime/prompts", prompt).await.json(201);
    let entry =
        |level| json!({"agent_id": agent, "log_type": "error", "message": "m", "level": level});
    let entries = json!([entry("error"), entry("error"), entry("info")]);
    app.post("/api/runtime/logs", entries).await.json(201);
    // Lost, if nobody has written that down yet.
    app.sql(&format!(
        "UPDATE agents SET heartbeat_at = '2026-01-01T00:00:00Z', lease_seconds = 1 WHERE id = '{other}'"
    ));
    app.sql("UPDATE lease_epoch SET since = ''");
    let schema = f64::from(u16::try_from(SCHEMA_VERSION).unwrap());
    assert_samples(
        &metrics(&app).await,
        &[
            ("orchestrator_schema_version", schema),
            ("orchestrator_agents{status=\"executing\"}", 1.0),
            ("orchestrator_agents{status=\"failed\"}", 1.0),
            ("orchestrator_agents{status=\"initializing\"}", 0.0),
            ("orchestrator_prompts{status=\"pending\"}", 1.0),
            ("orchestrator_tokens{direction=\"input\"}", 1200.0),
            ("orchestrator_tokens{direction=\"output\"}", 340.0),
            ("orchestrator_cost_usd", 0.25),
            ("orchestrator_log_entries{level=\"ERROR\"}", 2.0),
            ("orchestrator_log_entries{level=\"INFO\"}", 1.0),
        ],
    );
    app.delete(&path).await;
    let text = metrics(&app).await;
    assert_samples(&text, &[("orchestrator_agents{status=\"executing\"}", 0.0)]);
}

async fn no_client_makes_a_label(setup: Setup) {
    let app = setup.start().await;
    let definition = app.definition("d").await;
    let agent = app.agent(&definition, "made-up").await;
    // More models than a host hands over.
    for _ in 0..9 {
        let model = format!("made-up {}", "m".repeat(1_900_000));
        let prompt = json!({"agent_id": agent, "prompt_type": "command", "prompt_text": "p", "model_used": model});
        app.post("/api/runtime/prompts", prompt).await.json(201);
    }
    for path in [
        "/made-up",
        "/api/made-up",
        "/api/runtime/agents/made-up",
        "/docs/made-up",
    ] {
        app.get(path).await;
    }
    let text = metrics(&app).await;
    assert_samples(&text, &[("orchestrator_prompts{status=\"pending\"}", 9.0)]);
    assert!(!text.contains("made-up"), "{text}");
}

async fn a_database_that_does_not_answer_is_down(setup: Setup) {
    setup
        .foreign()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let app = setup.start().await;
    let text = metrics(&app).await;
    let expected = [
        ("orchestrator_database_up", 0.0),
        ("orchestrator_schema_version", 99.0),
    ];
    assert_samples(&text, &expected);
    assert_eq!(sample(&text, "orchestrator_cost_usd"), None);
}
