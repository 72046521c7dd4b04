//! `GET /api/runtime/prompts`

use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{TestApp, redacted};

on_every_host! {
    nothing_is_an_empty_array,
    gives_whole_rows,
    oldest_come_first,
    a_hundred_unless_asked_for_more,
    each_filter_filters,
    an_unknown_agent_has_none,
    refuses_what_does_not_validate,
}

const PATH: &str = "/api/runtime/prompts";

/// Two agents in two sessions.
fn agents(app: &TestApp) {
    app.sql("INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('D', 'D', 'builder')");
    for (agent, session) in [("A", "s1"), ("B", "s2")] {
        app.sql(&format!(
            "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('{agent}', 'D', '{session}')"
        ));
    }
}

fn prompt(app: &TestApp, id: &str, agent: &str, kind: &str, status: &str, created: &str) {
    app.sql(&format!(
        "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, status, created_at) \
         VALUES ('{id}', '{agent}', '{kind}', 'text', '{status}', '{created}')"
    ));
}

/// Four prompts whose times all have other forms.
fn four(app: &TestApp) {
    agents(app);
    prompt(app, "c", "A", "command", "completed", "2026-02-05 10:00:01");
    prompt(app, "a", "A", "adw", "pending", "2026-02-05 10:00:00");
    prompt(
        app,
        "b",
        "B",
        "command",
        "pending",
        "2026-02-05T10:00:00.500000",
    );
    prompt(
        app,
        "d",
        "B",
        "tool_call",
        "failed",
        "2026-02-05T10:00:01.001Z",
    );
}

async fn nothing_is_an_empty_array(app: TestApp) {
    assert_eq!(app.get(PATH).await.json(200), json!([]));
}

async fn gives_whole_rows(app: TestApp) {
    agents(&app);
    app.sql(
        "INSERT INTO prompts (id, agent_id, prompt_type, prompt_name, prompt_text, response_text, status, \
         model_used, tokens_input, tokens_output, cost_usd, latency_ms, created_at, completed_at, error_message) \
         VALUES ('full', 'A', 'followup', '/plan', 'Plan it', 'Done', 'completed', 'opus', 1200, 340, 0.0125, 2300, \
         '2026-02-05T10:00:00.123456', '2026-02-05 10:00:03', 'none')",
    );
    app.sql(
        "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_input, tokens_output, cost_usd) \
         VALUES ('bare', 'A', 'correction', '', NULL, NULL, NULL)",
    );
    let rows = app.get(PATH).await.json(200);
    assert_json_snapshot!("prompt", rows[0]);
    assert_json_snapshot!("bare_prompt", redacted(rows[1].clone()));
}

async fn oldest_come_first(app: TestApp) {
    four(&app);
    assert_eq!(app.list(PATH, "id").await, ["a", "b", "c", "d"]);
    assert_eq!(
        app.list(format!("{PATH}?order=asc"), "id").await,
        ["a", "b", "c", "d"]
    );
    assert_eq!(
        app.list(format!("{PATH}?order=desc"), "id").await,
        ["d", "c", "b", "a"]
    );
    assert_eq!(app.list(format!("{PATH}?limit=2"), "id").await, ["a", "b"]);
    assert_eq!(
        app.list(format!("{PATH}?order=desc&limit=1"), "id").await,
        ["d"]
    );
}

async fn a_hundred_unless_asked_for_more(app: TestApp) {
    agents(&app);
    app.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1001) \
         INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) SELECT n, 'A', 'adw', 'x' FROM n",
    );
    assert_eq!(app.list(PATH, "id").await.len(), 100);
    assert_eq!(
        app.list(format!("{PATH}?limit=1000"), "id").await.len(),
        1000
    );
}

async fn each_filter_filters(app: TestApp) {
    four(&app);
    let list = async |query: &str| app.list(format!("{PATH}?{query}"), "id").await;
    assert_eq!(list("agent_id=A").await, ["a", "c"]);
    assert_eq!(list("session_id=s2").await, ["b", "d"]);
    assert_eq!(list("status=pending").await, ["a", "b"]);
    assert_eq!(list("prompt_type=command").await, ["b", "c"]);
    assert_eq!(
        list("prompt_type=command&agent_id=A&status=completed&session_id=s1").await,
        ["c"]
    );
    assert!(list("agent_id=A&session_id=s2").await.is_empty());
    assert_eq!(list("agent_id=&status=").await.len(), 4);
}

async fn an_unknown_agent_has_none(app: TestApp) {
    four(&app);
    assert!(
        app.list(format!("{PATH}?agent_id=nobody"), "id")
            .await
            .is_empty()
    );
}

async fn refuses_what_does_not_validate(app: TestApp) {
    for (query, kind, field) in [
        ("status=running", "enum", "status"),
        ("prompt_type=chat", "enum", "prompt_type"),
        ("limit=0", "greater_than_equal", "limit"),
        ("limit=1001", "less_than_equal", "limit"),
        ("order=x", "enum", "order"),
    ] {
        let refused = app.get(format!("{PATH}?{query}")).await;
        assert_eq!(
            TestApp::faults(&refused),
            [(kind.to_owned(), json!(["query", field]))],
            "{query}"
        );
    }
}
