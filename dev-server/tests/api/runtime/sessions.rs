//! `/api/runtime/sessions`

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{TestApp, redacted};

on_every_host! {
    sums_up_its_agents,
    newest_come_first,
    comes_in_pages,
    is_there_as_long_as_it_has_agents,
    starts_with_its_first_agent,
    follows_an_agent_that_changes_sides,
    an_unknown_session_is_not_found,
}

const PATH: &str = "/api/runtime/sessions";

async fn sums_up_its_agents(app: TestApp) {
    let definition = app.definition("Builder").await;
    let first = app.agent(&definition, "s").await;
    let second = app.agent(&definition, "s").await;
    // Before the other in the list, also if both start in the same millisecond.
    app.agent(&definition, "t").await;
    let change = json!({"status": "completed", "cost_usd": 0.1});
    app.patch(&format!("/api/runtime/agents/{first}"), change)
        .await;
    let prompt = json!({
        "agent_id": second, "prompt_type": "adw", "prompt_text": "t", "tokens_input": 7, "tokens_output": 8,
        "cost_usd": 0.2,
    });
    app.post("/api/runtime/prompts", prompt).await.json(201);
    let session = app.get(format!("{PATH}/s")).await.json(200);
    let agents = app.get("/api/runtime/agents?session_id=s").await.json(200);
    assert_eq!(session["started_at"], agents[1]["started_at"]);
    assert_eq!(session["updated_at"], agents[0]["updated_at"]);
    let list = app.get(PATH).await.json(200);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[1], session);
    assert_json_snapshot!("session", redacted(session));
}

async fn newest_come_first(app: TestApp) {
    let definition = app.definition("Builder").await;
    for session in ["a", "b", "c"] {
        app.agent(&definition, session).await;
    }
    app.sql("UPDATE agents SET started_at = '2026-02-05T10:00:00' WHERE session_id <> 'b'");
    assert_eq!(app.list(PATH, "session_id").await, ["b", "c", "a"]);
    assert_eq!(
        app.list(format!("{PATH}?order=asc"), "session_id").await,
        ["a", "c", "b"]
    );
}

async fn comes_in_pages(app: TestApp) {
    let definition = app.definition("Builder").await;
    for session in ["a", "b", "c", "d", "e"] {
        app.agent(&definition, session).await;
    }
    app.sql("UPDATE agents SET started_at = '2026-02-05T10:00:00' WHERE session_id <> 'e'");
    let pages = app.pages(format!("{PATH}?limit=2"), "session_id").await;
    assert_eq!(pages, [vec!["e", "d"], vec!["c", "b"], vec!["a"]]);
}

async fn is_there_as_long_as_it_has_agents(app: TestApp) {
    let definition = app.definition("Builder").await;
    let one = app.agent(&definition, "s").await;
    app.agent(&definition, "s").await;
    app.delete(&format!("/api/runtime/agents/{one}")).await;
    let session = app.get(format!("{PATH}/s")).await.json(200);
    assert_eq!(session["agents"]["total"], 1);
    app.delete(&format!("/api/agents/{definition}")).await;
    app.get(format!("{PATH}/s")).await.json(404);
    assert_eq!(app.get(PATH).await.json(200), json!([]));
}

async fn starts_with_its_first_agent(app: TestApp) {
    let definition = app.definition("Builder").await;
    app.agent(&definition, "s").await;
    app.sql(&format!(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, started_at) \
         VALUES ('early', '{definition}', 's', '2026-02-05 10:00:00')"
    ));
    let session = app.get(format!("{PATH}/s")).await.json(200);
    assert_eq!(session["started_at"], "2026-02-05T10:00:00.000Z");
    assert_eq!(session["agents"]["total"], 2);
}

async fn follows_an_agent_that_changes_sides(app: TestApp) {
    let definition = app.definition("Builder").await;
    app.agent(&definition, "s").await;
    app.sql("UPDATE agents SET session_id = 't/ü'");
    assert_eq!(app.list(PATH, "session_id").await, ["t/ü"]);
    let session = app.get(format!("{PATH}/t%2F%C3%BC")).await.json(200);
    assert_eq!(session["session_id"], "t/ü");
}

async fn an_unknown_session_is_not_found(app: TestApp) {
    let unknown = app.get(format!("{PATH}/none")).await;
    assert_eq!(
        unknown.json(404),
        json!({"detail": "Session none not found"})
    );
    assert_eq!(app.get(PATH).await.json(200), Value::Array(vec![]));
}
