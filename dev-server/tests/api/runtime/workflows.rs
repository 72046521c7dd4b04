//! `/api/runtime/workflows`

use std::time::Instant;

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{TestApp, id, is_id, redacted};

on_every_host! {
    gives_the_new_workflow,
    a_workflow_may_be_told_with_all_that_it_has,
    gives_all_faults_at_once,
    an_unknown_workflow_or_definition_is_not_found,
    changes_what_is_given,
    a_status_sets_the_times,
    a_finished_workflow_stays_finished,
    other_writers_workflows_are_told,
    lists_the_newest_first,
    lists_what_a_filter_lets_through,
    each_change_is_in_the_log_once_as_it_is_told,
    go_with_their_definition,
}

const PATH: &str = "/api/runtime/workflows";

async fn workflow(app: &TestApp, body: Value) -> Value {
    let mut whole = json!({"adw_name": "Add pages", "workflow_type": "plan_build"});
    for (name, value) in body.as_object().unwrap() {
        whole[name] = value.clone();
    }
    app.post(PATH, whole).await.json(201)
}

/// The workflow changes of the log: what was done, and the row as it was told.
fn changes(app: &TestApp) -> Vec<(String, Value)> {
    let log = "SELECT json_group_array(json_array(op, json(payload), status, entity_id)) FROM \
               (SELECT * FROM change_log WHERE entity = 'workflow' ORDER BY seq)";
    let database::Value::Text(log) = app.sql(log) else {
        panic!("a text")
    };
    let log: Vec<(String, Value, Value, String)> = serde_json::from_str(&log).unwrap();
    log.into_iter()
        .map(|(op, payload, status, id)| {
            assert_eq!(payload["status"], status);
            assert_eq!(payload["id"], id.as_str());
            (op, payload)
        })
        .collect()
}

async fn gives_the_new_workflow(app: TestApp) {
    let body = json!({
        "adw_name": "Add pages", "workflow_type": "plan_build_review", "description": "Two of them",
        "current_step": "plan", "total_steps": 3, "input_data": {"issue": 17}, "metadata": {"team": "core"},
    });
    let response = app.post(PATH, body).await;
    let new = response.json(201);
    assert!(is_id(&id(&new)));
    assert_eq!(response.header("location"), format!("{PATH}/{}", id(&new)));
    assert_eq!(app.get(response.header("location")).await.json(200), new);
    assert_json_snapshot!("new_workflow", redacted(new));
}

/// What an answer has is taken as input.
async fn a_workflow_may_be_told_with_all_that_it_has(app: TestApp) {
    let definition = app.definition("Builder").await;
    let body = json!({
        "orchestrator_agent_id": definition, "adw_name": "n", "workflow_type": "t", "description": "d",
        "status": "failed", "current_step": "s", "total_steps": 5, "completed_steps": 2,
        "started_at": "2026-02-05T10:00:00.000Z", "completed_at": "2026-02-05T10:01:00.000Z", "duration_seconds": 61,
        "input_data": [1], "output_data": "text", "error_message": "e", "error_step": "build", "error_count": 3,
        "metadata": {"a": 1},
    });
    let new = app.post(PATH, body.clone()).await.json(201);
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(new[name], *value, "{name}");
    }
}

async fn gives_all_faults_at_once(app: TestApp) {
    let body = json!({"adw_name": "", "status": "paused", "total_steps": -1, "metadata": [], "started_at": "soon"});
    let response = app.post(PATH, body).await;
    let places: Vec<Value> = TestApp::faults(&response)
        .into_iter()
        .map(|(_, place)| place[1].clone())
        .collect();
    assert_eq!(
        places,
        [
            "adw_name",
            "workflow_type",
            "status",
            "total_steps",
            "started_at",
            "metadata"
        ]
    );
}

async fn an_unknown_workflow_or_definition_is_not_found(app: TestApp) {
    let path = format!("{PATH}/nowhere");
    let expected = json!({"detail": "Workflow nowhere not found"});
    assert_eq!(app.get(&path).await.json(404), expected);
    assert_eq!(app.patch(&path, json!({})).await.json(404), expected);
    let body = json!({"adw_name": "n", "workflow_type": "t", "orchestrator_agent_id": "nobody"});
    assert_eq!(
        app.post(PATH, body).await.json(404),
        json!({"detail": "Orchestrator agent nobody not found"})
    );
    assert_eq!(app.count("ai_developer_workflows"), 0);
}

async fn changes_what_is_given(app: TestApp) {
    let before = workflow(&app, json!({"current_step": "plan"})).await;
    let path = format!("{PATH}/{}", id(&before));
    let changes = json!({"current_step": "build", "completed_steps": 1, "output_data": {"plan": "x"}, "id": "y"});
    let after = app.patch(&path, changes).await.json(200);
    let mut expected = before.clone();
    expected["current_step"] = json!("build");
    expected["completed_steps"] = json!(1);
    expected["output_data"] = json!({"plan": "x"});
    expected["updated_at"] = after["updated_at"].clone();
    assert_eq!(after, expected);
    assert_eq!(app.get(&path).await.json(200), after);
    let after = app
        .patch(&path, json!({"current_step": null, "metadata": null}))
        .await
        .json(200);
    assert_eq!(
        (&after["current_step"], &after["metadata"]),
        (&Value::Null, &Value::Null)
    );
}

async fn a_status_sets_the_times(app: TestApp) {
    let new = workflow(&app, json!({})).await;
    assert_eq!(new["started_at"], Value::Null);
    let path = format!("{PATH}/{}", id(&new));
    let before = Instant::now();
    let status = async |status: &str| app.patch(&path, json!({"status": status})).await.json(200);
    let begun = status("in_progress").await;
    assert!(begun["started_at"].as_str() >= new["created_at"].as_str());
    let again = status("in_progress").await;
    assert_eq!(again["started_at"], begun["started_at"]);
    let ended = status("completed").await;
    assert!(ended["completed_at"].as_str() >= begun["started_at"].as_str());
    let duration = ended["duration_seconds"].as_u64();
    assert!(duration.is_some_and(|seconds| seconds <= before.elapsed().as_secs()));
    assert_eq!(
        status("completed").await["completed_at"],
        ended["completed_at"]
    );

    // From the start that was said.
    let started = "2026-02-05T10:00:00.900Z";
    let new = workflow(
        &app,
        json!({"status": "in_progress", "started_at": started}),
    )
    .await;
    assert_eq!(new["started_at"], started);
    let path = format!("{PATH}/{}", id(&new));
    let ended = json!({"status": "failed", "completed_at": "2026-02-05T10:02:05.100Z"});
    let ended = app.patch(&path, ended).await.json(200);
    assert_eq!(ended["duration_seconds"], 124);
    // One that is over when it is told.
    let over = workflow(&app, json!({"status": "cancelled"})).await;
    assert_eq!(over["completed_at"], over["created_at"]);
    assert_eq!(over["duration_seconds"], Value::Null);
}

async fn a_finished_workflow_stays_finished(app: TestApp) {
    for ended in ["completed", "failed", "cancelled"] {
        let path = format!(
            "{PATH}/{}",
            id(&workflow(&app, json!({"status": ended})).await)
        );
        for status in ["pending", "in_progress", "completed", "failed", "cancelled"] {
            let response = app.patch(&path, json!({"status": status})).await;
            let expected = if status == ended { 200 } else { 409 };
            assert_eq!(response.status, expected, "{ended} {status}");
        }
        // Its last figures may come late.
        let late = json!({"output_data": {"done": true}, "error_count": 1});
        let after = app.patch(&path, late).await.json(200);
        assert_eq!(after["status"], ended);
        assert_eq!(after["error_count"], 1);
    }
}

/// Values of any type, in the forms of the existing service.
async fn other_writers_workflows_are_told(app: TestApp) {
    app.sql(
        "INSERT OR REPLACE INTO ai_developer_workflows (id, adw_name, workflow_type, status, started_at, input_data, \
         total_steps, error_count, duration_seconds, created_at, updated_at) \
         VALUES ('w 1', x'c3bc', 'plan', 'in_progress', '2026-02-05T10:00:00.123456', '{no JSON', 'many', 2.9, 'long', \
         '2026-02-05 10:00:00', '2026-02-05T10:00:01+02:00')",
    );
    let told = app.get(format!("{PATH}/w%201")).await.json(200);
    assert_json_snapshot!("old_workflow", told);
    assert_eq!(app.get(PATH).await.json(200), json!([told]));
    // One with text that no JSON has whole is still told.
    app.sql(
        "UPDATE ai_developer_workflows SET description = CAST(x'610062' AS TEXT), \
         error_message = replace(hex(zeroblob(300000)), '0', char(1)), output_data = '{\"a\": 1e999}', metadata = NULL",
    );
    let told = app.get(PATH).await.json(200);
    assert!(
        told[0]["error_message"]
            .as_str()
            .unwrap()
            .ends_with(" bytes)")
    );
    assert_eq!(told[0]["output_data"], "{\"a\": 1e999}");
    assert_eq!(changes(&app).last().unwrap().1, told[0]);
}

async fn lists_the_newest_first(app: TestApp) {
    for (id, time) in [
        ("b", "2026-02-05 10:00:00"),
        ("c", "2026-02-05T10:00:00.123456"),
        ("a", "2026-02-05T11:30:00+02:00"),
    ] {
        app.sql(&format!(
            "INSERT INTO ai_developer_workflows (id, adw_name, workflow_type, created_at) VALUES ('{id}', 'n', 't', '{time}')"
        ));
    }
    assert_eq!(app.list(PATH, "id").await, ["c", "b", "a"]);
    assert_eq!(
        app.list(format!("{PATH}?order=asc"), "id").await,
        ["a", "b", "c"]
    );
    let pages = app.pages(format!("{PATH}?limit=2"), "id").await;
    assert_eq!(pages, [vec!["c", "b"], vec!["a"]]);
}

async fn lists_what_a_filter_lets_through(app: TestApp) {
    for (id, kind, status, description) in [
        ("a", "plan", "pending", "'Büro'"),
        ("b", "build", "failed", "NULL"),
        ("c", "plan", "failed", "'x'"),
        ("d", "plan", "completed", "NULL"),
    ] {
        app.sql(&format!(
            "INSERT INTO ai_developer_workflows (id, adw_name, workflow_type, status, description, created_at) \
             VALUES ('{id}', 'Name {id}', '{kind}', '{status}', {description}, '2026-02-05 10:00:0' || unicode('{id}') % 10)"
        ));
    }
    for (query, expected) in [
        ("status=failed", vec!["c", "b"]),
        ("status=failed,pending", vec!["c", "b", "a"]),
        ("workflow_type=plan", vec!["d", "c", "a"]),
        ("workflow_type=plan&status=failed,completed", vec!["d", "c"]),
        ("q=NAME%20b", vec!["b"]),
        ("q=b%C3%BCro", vec!["a"]),
        ("q=x&status=failed", vec!["c"]),
        ("workflow_type=none", vec![]),
    ] {
        let mut found = app.list(format!("{PATH}?{query}"), "id").await;
        found.sort_by(|one, other| other.cmp(one));
        assert_eq!(found, expected, "{query}");
    }
    let faults = TestApp::faults(&app.get(format!("{PATH}?status=paused")).await);
    assert_eq!(faults[0].0, "enum");
}

async fn each_change_is_in_the_log_once_as_it_is_told(app: TestApp) {
    let path = format!("{PATH}/{}", id(&workflow(&app, json!({})).await));
    let mut told = vec![("insert".to_owned(), app.get(&path).await.json(200))];
    for change in [
        json!({"status": "in_progress"}),
        json!({"current_step": "build"}),
        json!({"current_step": "build"}),
        json!({}),
        json!({"status": "completed", "completed_steps": 2}),
    ] {
        let after = app.patch(&path, change).await.json(200);
        if told.last().unwrap().1 != after {
            told.push(("update".to_owned(), after));
        }
    }
    assert_eq!(told.len(), 4);
    assert_eq!(changes(&app), told);
    // That of the existing service, which is there in its databases, adds nothing.
    app.sql(
        "CREATE TRIGGER update_adw_updated_at AFTER UPDATE ON ai_developer_workflows BEGIN \
         UPDATE ai_developer_workflows SET updated_at = datetime('now') WHERE id = NEW.id; END",
    );
    app.sql("UPDATE ai_developer_workflows SET current_step = 'end', updated_at = datetime('now')");
    app.sql("UPDATE ai_developer_workflows SET current_step = 'end'");
    told.push(("update".to_owned(), app.get(&path).await.json(200)));
    assert_eq!(changes(&app), told);
    // A row that comes under the same id is a change of it.
    let id = path.rsplit('/').next().unwrap();
    app.sql(&format!(
        "INSERT OR REPLACE INTO ai_developer_workflows (id, adw_name, workflow_type) VALUES ('{id}', 'again', 't')"
    ));
    told.push(("update".to_owned(), app.get(&path).await.json(200)));
    assert_eq!(changes(&app), told);
    app.sql("DELETE FROM ai_developer_workflows");
    told.push(("delete".to_owned(), told.last().unwrap().1.clone()));
    assert_eq!(changes(&app), told);
}

async fn go_with_their_definition(app: TestApp) {
    let definition = app.definition("Builder").await;
    workflow(&app, json!({"orchestrator_agent_id": definition})).await;
    let other = id(&workflow(&app, json!({})).await);
    let response = app.delete(&format!("/api/agents/{definition}")).await;
    assert_eq!(response.status, 204);
    assert_eq!(app.list(PATH, "id").await, [other]);
    let ops: Vec<String> = changes(&app).into_iter().map(|(op, _)| op).collect();
    assert_eq!(ops, ["insert", "insert", "delete"]);
}
