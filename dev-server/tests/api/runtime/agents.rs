//! `/api/runtime/agents`

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{TestApp, id, is_id, is_time, redacted};

on_every_host! {
    gives_the_new_agent,
    only_definition_and_session_are_required,
    names_where_the_new_one_is,
    takes_every_status_and_the_old_names,
    an_agent_made_finished_has_its_time,
    an_unknown_definition_is_not_found,
    an_unknown_parent_is_not_found,
    gives_all_faults_at_once,
    context_and_config_are_any_json,
    an_unknown_id_is_not_found,
    another_writer_s_row_is_whole,
    what_is_no_json_comes_out_as_a_string,
    another_process_s_change_counts,
    children_outlive_their_parent,
    newest_come_first,
    times_of_all_writers_sort_together,
    limit_bounds_the_rows,
    each_filter_filters,
    status_takes_a_list,
    refuses_what_does_not_validate,
}

const PATH: &str = "/api/runtime/agents";

async fn gives_the_new_agent(app: TestApp) {
    let definition = app.definition("Builder").await;
    let parent = app.agent(&definition, "s").await;
    let body = json!({
        "orchestrator_agent_id": definition,
        "session_id": "s-1",
        "parent_agent_id": parent,
        "status": "planning",
        "context": {"task": "build"},
        "config": {"model": "opus"},
        "metadata": {"team": "core"},
        "cost_usd": 7,
    });
    let new = app.post(PATH, body).await.json(201);
    assert!(is_id(&id(&new)), "{new}");
    assert_eq!(new["orchestrator_agent_id"], definition);
    assert_eq!(new["parent_agent_id"], parent);
    assert_eq!(new["started_at"], new["updated_at"]);
    assert_json_snapshot!("runtime_agent", redacted(new));
}

async fn only_definition_and_session_are_required(app: TestApp) {
    let definition = app.definition("Builder").await;
    let body = json!({"orchestrator_agent_id": definition, "session_id": "s", "status": null, "context": null});
    let new = app.post(PATH, body).await.json(201);
    assert_json_snapshot!("smallest_runtime_agent", redacted(new));
}

async fn names_where_the_new_one_is(app: TestApp) {
    let definition = app.definition("Builder").await;
    let body = json!({"orchestrator_agent_id": definition, "session_id": "s"});
    let response = app.post(PATH, body).await;
    let new = response.json(201);
    assert_eq!(response.header("location"), format!("{PATH}/{}", id(&new)));
    assert_eq!(app.get(response.header("location")).await.json(200), new);
}

async fn takes_every_status_and_the_old_names(app: TestApp) {
    let definition = app.definition("Builder").await;
    for (sent, stored) in [
        ("initializing", "initializing"),
        ("planning", "planning"),
        ("executing", "executing"),
        ("reviewing", "reviewing"),
        ("completed", "completed"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),
        ("pending", "initializing"),
        ("running", "executing"),
    ] {
        let body = json!({"orchestrator_agent_id": definition, "session_id": "s", "status": sent});
        assert_eq!(app.post(PATH, body).await.json(201)["status"], stored);
    }
}

async fn an_agent_made_finished_has_its_time(app: TestApp) {
    let definition = app.definition("Builder").await;
    for (status, finished) in [("failed", true), ("cancelled", true), ("reviewing", false)] {
        let body =
            json!({"orchestrator_agent_id": definition, "session_id": "s", "status": status});
        let new = app.post(PATH, body).await.json(201);
        assert_eq!(
            new["completed_at"].as_str().is_some_and(is_time),
            finished,
            "{new}"
        );
    }
}

async fn an_unknown_definition_is_not_found(app: TestApp) {
    let body = json!({"orchestrator_agent_id": "nobody", "session_id": "s"});
    assert_json_snapshot!(
        "unknown_definition_of_an_agent",
        app.post(PATH, body).await.json(404)
    );
    let body =
        json!({"orchestrator_agent_id": "nobody", "session_id": "s", "parent_agent_id": "no one"});
    let unknown = app.post(PATH, body).await.json(404);
    assert!(
        unknown["detail"].as_str().unwrap().contains("nobody"),
        "{unknown}"
    );
    assert_eq!(app.count("agents"), 0);
}

async fn an_unknown_parent_is_not_found(app: TestApp) {
    let definition = app.definition("Builder").await;
    let body = json!({"orchestrator_agent_id": definition, "session_id": "s", "parent_agent_id": "no one"});
    let unknown = app.post(PATH, body).await.json(404);
    assert!(
        unknown["detail"].as_str().unwrap().contains("no one"),
        "{unknown}"
    );
    assert_eq!(app.count("agents"), 0);
}

async fn gives_all_faults_at_once(app: TestApp) {
    let body = json!({
        "session_id": "", "parent_agent_id": 7, "status": "dancing", "metadata": ["x"],
    });
    assert_json_snapshot!(
        "faults_of_a_runtime_agent",
        app.post(PATH, body).await.json(422)
    );
    assert_eq!(app.count("agents"), 0);
}

async fn context_and_config_are_any_json(app: TestApp) {
    let definition = app.definition("Builder").await;
    for value in [
        json!({"a": [1, {"b": null}]}),
        json!([1, 2]),
        json!("text"),
        json!(7.5),
        json!(false),
    ] {
        let body = json!({
            "orchestrator_agent_id": definition, "session_id": "s", "context": value, "config": value,
        });
        let new = app.post(PATH, body).await.json(201);
        assert_eq!(new["context"], value);
        assert_eq!(new["config"], value);
        assert_eq!(app.get(format!("{PATH}/{}", id(&new))).await.json(200), new);
    }
}

async fn an_unknown_id_is_not_found(app: TestApp) {
    assert_json_snapshot!(
        "unknown_runtime_agent",
        app.get("/api/runtime/agents/nobody").await.json(404)
    );
    app.get("/api/runtime/agents/%00%F0%9F%98%80")
        .await
        .json(404);
    app.get("/api/runtime/agents/%fe").await.json(404);
}

/// A definition and an agent as the Python writers store them.
fn python(app: &TestApp) {
    app.sql("INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('D', 'D', 'builder')");
    app.sql(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, \
         started_at, cost_usd) VALUES ('A', 'D', 'S', NULL, 'executing', '{\"task\": \"x\"}', '[]', \
         '2026-02-05T10:00:00.123456', NULL)",
    );
}

async fn another_writer_s_row_is_whole(app: TestApp) {
    python(&app);
    let executing = app.get("/api/runtime/agents/A").await.json(200);
    assert_json_snapshot!("python_agent", executing);
    app.sql(
        "UPDATE agents SET status = 'failed', completed_at = '2026-02-05 10:00:05', error_message = 'Boom' \
         WHERE id = 'A'",
    );
    let failed = app.get("/api/runtime/agents/A").await.json(200);
    assert_json_snapshot!("python_agent_failed", redacted_but(&failed, "updated_at"));
    assert_eq!(app.get(PATH).await.json(200), json!([failed]));
}

/// `row` with one field redacted.
fn redacted_but(row: &Value, field: &str) -> Value {
    let mut row = row.clone();
    row[field] = redacted(row[field].take());
    row
}

async fn what_is_no_json_comes_out_as_a_string(app: TestApp) {
    python(&app);
    for stored in [
        "{'python': True}",
        r#"{"a": NaN}"#,
        r#"{"a": Infinity}"#,
        "",
        "None",
    ] {
        let quoted = stored.replace('\'', "''");
        app.sql(&format!(
            "UPDATE agents SET context = '{quoted}', config = '{quoted}', metadata = '{quoted}'"
        ));
        let read = app.get("/api/runtime/agents/A").await.json(200);
        assert_eq!(read["context"], stored);
        assert_eq!(read["config"], stored);
        assert_eq!(read["metadata"], stored);
        assert_eq!(app.get(PATH).await.json(200), json!([read]));
    }
}

async fn another_process_s_change_counts(app: TestApp) {
    python(&app);
    app.sql("UPDATE agents SET status = 'executing' WHERE id = 'A'");
    let before = app.get("/api/runtime/agents/A").await.json(200);
    assert_eq!(before["version"], 1);
    app.sql("UPDATE agents SET cost_usd = 0.25 WHERE id = 'A'");
    let after = app.get("/api/runtime/agents/A").await.json(200);
    assert_eq!(after["version"], 2);
    assert_eq!(after["cost_usd"], 0.25);
    assert!(
        after["updated_at"].as_str() > before["updated_at"].as_str(),
        "{after}"
    );
    assert!(is_time(after["updated_at"].as_str().unwrap()), "{after}");
}

async fn children_outlive_their_parent(app: TestApp) {
    let definition = app.definition("Builder").await;
    let parent = app.agent(&definition, "s").await;
    let body =
        json!({"orchestrator_agent_id": definition, "session_id": "s", "parent_agent_id": parent});
    let child = id(&app.post(PATH, body).await.json(201));
    app.sql(&format!("DELETE FROM agents WHERE id = '{parent}'"));
    let orphan = app.get(format!("{PATH}/{child}")).await.json(200);
    assert_eq!(orphan["parent_agent_id"], json!(null));
}

async fn newest_come_first(app: TestApp) {
    let definition = app.definition("Builder").await;
    for session in ["first", "second", "third"] {
        app.agent(&definition, session).await;
    }
    assert_eq!(
        app.list(PATH, "session_id").await,
        ["third", "second", "first"]
    );
    assert_eq!(
        app.list(format!("{PATH}?order=asc"), "session_id").await,
        ["first", "second", "third"]
    );
}

async fn times_of_all_writers_sort_together(app: TestApp) {
    python(&app);
    for (id, started) in [
        ("c", "2026-02-05 10:00:01"),
        ("b", "2026-02-05T10:00:00.500Z"),
        ("d", "2026-02-05T10:00:01.000001"),
        ("a", "2026-02-05 09:59:59"),
    ] {
        app.sql(&format!(
            "INSERT INTO agents (id, orchestrator_agent_id, session_id, started_at) VALUES ('{id}', 'D', 'S', '{started}')"
        ));
    }
    assert_eq!(app.list(PATH, "id").await, ["d", "c", "b", "A", "a"]);
    assert_eq!(
        app.list(format!("{PATH}?order=asc&session_id=S"), "id")
            .await,
        ["a", "A", "b", "c", "d"]
    );
}

async fn limit_bounds_the_rows(app: TestApp) {
    python(&app);
    app.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000) \
         INSERT INTO agents (id, orchestrator_agent_id, session_id) SELECT n, 'D', 'T' FROM n",
    );
    assert_eq!(app.list(PATH, "id").await.len(), 1000);
    assert_eq!(
        app.list(format!("{PATH}?limit=2"), "id").await,
        ["1000", "999"]
    );
    assert_eq!(
        app.list(format!("{PATH}?limit=1&order=asc"), "id").await,
        ["A"]
    );
}

/// Four agents of two definitions in two sessions, named by their `context`.
async fn four(app: &TestApp) -> (String, String) {
    let one = app.definition("One").await;
    let two = app.definition("Two").await;
    let mut parent = Value::Null;
    for (name, definition, session, status) in [
        ("a", &one, "s1", "executing"),
        ("b", &one, "s2", "completed"),
        ("c", &two, "s1", "failed"),
        ("d", &two, "s2", "executing"),
    ] {
        let body = json!({
            "orchestrator_agent_id": definition, "session_id": session, "status": status, "context": name,
            "parent_agent_id": parent,
        });
        let new = app.post(PATH, body).await.json(201);
        if parent.is_null() {
            parent = new["id"].clone();
        }
    }
    (one, parent.as_str().unwrap().to_owned())
}

async fn each_filter_filters(app: TestApp) {
    let (one, parent) = four(&app).await;
    let list = async |query: &str| app.list(format!("{PATH}?{query}"), "context").await;
    assert_eq!(list("session_id=s1").await, ["c", "a"]);
    assert_eq!(list("status=executing").await, ["d", "a"]);
    assert_eq!(
        list(&format!("orchestrator_agent_id={one}")).await,
        ["b", "a"]
    );
    assert_eq!(
        list(&format!("parent_agent_id={parent}")).await,
        ["d", "c", "b"]
    );
    assert_eq!(
        list(&format!(
            "parent_agent_id={parent}&session_id=s2&status=executing"
        ))
        .await,
        ["d"]
    );
    assert_eq!(
        list(&format!("orchestrator_agent_id={one}&order=asc&limit=1")).await,
        ["a"]
    );
    assert!(list("session_id=nowhere").await.is_empty());
    assert!(list("session_id=%27%20OR%201=1--").await.is_empty());
    assert_eq!(list("session_id=&status=&parent_agent_id=").await.len(), 4);
}

async fn status_takes_a_list(app: TestApp) {
    four(&app).await;
    let list = async |status: &str| app.list(format!("{PATH}?status={status}"), "context").await;
    assert_eq!(list("completed,failed").await, ["c", "b"]);
    assert_eq!(list("completed,%20executing").await, ["d", "b", "a"]);
    assert_eq!(list("running").await, ["d", "a"]);
    assert_eq!(list("executing,executing").await, ["d", "a"]);
    assert!(list("pending,planning").await.is_empty());
}

async fn refuses_what_does_not_validate(app: TestApp) {
    for (query, kind, field) in [
        ("status=dancing", "enum", "status"),
        ("status=completed,dancing", "enum", "status"),
        ("limit=0", "greater_than_equal", "limit"),
        ("limit=1001", "less_than_equal", "limit"),
        ("order=newest", "enum", "order"),
    ] {
        let refused = app.get(format!("{PATH}?{query}")).await;
        assert_eq!(
            TestApp::faults(&refused),
            [(kind.to_owned(), json!(["query", field]))],
            "{query}"
        );
    }
}
