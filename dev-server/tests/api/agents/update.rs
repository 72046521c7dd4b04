//! `PUT` and `PATCH /api/agents/{id}`

use serde_json::{Value, json};

use crate::app::{TestApp, is_time};

on_every_host! {
    changes_only_what_is_given,
    patch_is_the_same,
    null_empties_what_may_be_empty,
    null_is_no_name,
    the_same_values_change_nothing,
    each_change_counts,
    another_process_s_change_counts,
    the_existing_service_s_trigger_does_not_count,
    a_taken_name_is_a_conflict,
    its_own_name_is_not_taken,
    an_unknown_id_is_not_found,
    refuses_what_does_not_validate,
    ignores_unknown_fields,
}

/// A definition from long ago, so that a change's time is sure to differ.
fn old(app: &TestApp) {
    app.sql(
        "INSERT INTO orchestrator_agents (id, name, description, agent_type, capabilities, default_model, metadata, \
         created_at, updated_at) VALUES ('old', 'Old', 'text', 'tester', 'all', 'opus', '{\"a\":1}', \
         '2026-02-05 10:00:00', '2026-02-05 10:00:00')",
    );
}

async fn read(app: &TestApp) -> Value {
    app.get("/api/agents/old").await.json(200)
}

/// `before` with `changes`, and what every change brings.
#[track_caller]
fn assert_changed(before: &Value, after: &Value, changes: &Value) {
    let mut expected = before.clone();
    for (field, value) in changes.as_object().unwrap() {
        expected[field] = value.clone();
    }
    expected["version"] = json!(before["version"].as_i64().unwrap() + 1);
    expected["updated_at"] = after["updated_at"].clone();
    assert_eq!(*after, expected);
    let (before, after) = (&before["updated_at"], after["updated_at"].as_str().unwrap());
    assert!(is_time(after), "{after}");
    assert!(after > before.as_str().unwrap(), "{after}");
}

async fn changes_only_what_is_given(app: TestApp) {
    for changes in [
        json!({"name": "New"}),
        json!({"agent_type": "planner"}),
        json!({"description": "new", "capabilities": "new"}),
        json!({"default_model": "new"}),
        json!({"metadata": {"b": [2]}}),
        json!({"is_active": false}),
    ] {
        app.sql("DELETE FROM orchestrator_agents");
        old(&app);
        let before = read(&app).await;
        let answer = app.put("/api/agents/old", changes.clone()).await.json(200);
        assert_changed(&before, &answer, &changes);
        assert_eq!(read(&app).await, answer);
    }
}

async fn patch_is_the_same(app: TestApp) {
    old(&app);
    let before = read(&app).await;
    let changes = json!({"name": "New", "description": null});
    let answer = app
        .patch("/api/agents/old", changes.clone())
        .await
        .json(200);
    assert_changed(&before, &answer, &changes);
}

async fn null_empties_what_may_be_empty(app: TestApp) {
    old(&app);
    let before = read(&app).await;
    let changes =
        json!({"description": null, "capabilities": null, "default_model": null, "metadata": null});
    let answer = app.put("/api/agents/old", changes.clone()).await.json(200);
    assert_changed(&before, &answer, &changes);
}

async fn null_is_no_name(app: TestApp) {
    old(&app);
    let before = read(&app).await;
    let changes = json!({"name": null, "agent_type": null, "is_active": null});
    let refused = app.put("/api/agents/old", changes).await;
    let places: Vec<Value> = TestApp::faults(&refused)
        .into_iter()
        .map(|fault| fault.1)
        .collect();
    assert_eq!(
        places,
        [
            json!(["body", "name"]),
            json!(["body", "agent_type"]),
            json!(["body", "is_active"])
        ]
    );
    assert_eq!(read(&app).await, before);
}

async fn the_same_values_change_nothing(app: TestApp) {
    old(&app);
    let before = read(&app).await;
    for same in [json!({}), json!({"name": "Old"}), before.clone()] {
        assert_eq!(app.put("/api/agents/old", same).await.json(200), before);
    }
    assert_eq!(read(&app).await, before);
}

async fn each_change_counts(app: TestApp) {
    old(&app);
    for version in 2..5 {
        let changes = json!({"description": format!("version {version}")});
        let answer = app.put("/api/agents/old", changes).await.json(200);
        assert_eq!(answer["version"], version);
    }
}

async fn another_process_s_change_counts(app: TestApp) {
    old(&app);
    let before = read(&app).await;
    app.sql("UPDATE orchestrator_agents SET description = 'Python was here' WHERE id = 'old'");
    let after = read(&app).await;
    assert_changed(&before, &after, &json!({"description": "Python was here"}));
    app.sql("UPDATE orchestrator_agents SET description = 'Python was here' WHERE id = 'old'");
    assert_eq!(read(&app).await, after);
}

async fn the_existing_service_s_trigger_does_not_count(app: TestApp) {
    app.sql(
        "CREATE TRIGGER update_orchestrator_agents_updated_at AFTER UPDATE ON orchestrator_agents \
         BEGIN UPDATE orchestrator_agents SET updated_at = datetime('now') WHERE id = NEW.id; END",
    );
    old(&app);
    let before = read(&app).await;
    let changes = json!({"description": "ours"});
    let ours = app.put("/api/agents/old", changes.clone()).await.json(200);
    assert_changed(&before, &ours, &changes);
    app.sql("UPDATE orchestrator_agents SET description = 'theirs' WHERE id = 'old'");
    let theirs = read(&app).await;
    assert_eq!(theirs["version"], 3);
    assert!(is_time(theirs["updated_at"].as_str().unwrap()), "{theirs}");

    // To the millisecond, so not before a creation in the same second.
    let fresh = app.definition("Fresh").await;
    let path = format!("/api/agents/{fresh}");
    let fresh = app
        .put(&path, json!({"description": "ours"}))
        .await
        .json(200);
    assert!(
        fresh["updated_at"].as_str().unwrap() >= fresh["created_at"].as_str().unwrap(),
        "{fresh}"
    );
}

async fn a_taken_name_is_a_conflict(app: TestApp) {
    old(&app);
    app.definition("Taken").await;
    let before = read(&app).await;
    let changes = json!({"name": "Taken", "description": "changed"});
    let conflict = app.put("/api/agents/old", changes).await.json(409);
    assert!(
        conflict["detail"].as_str().unwrap().contains("Taken"),
        "{conflict}"
    );
    assert_eq!(read(&app).await, before);
}

async fn its_own_name_is_not_taken(app: TestApp) {
    old(&app);
    let changes = json!({"name": "Old", "description": "changed"});
    assert_eq!(
        app.put("/api/agents/old", changes).await.json(200)["version"],
        2
    );
}

async fn an_unknown_id_is_not_found(app: TestApp) {
    app.put("/api/agents/nobody", json!({"name": "x"}))
        .await
        .json(404);
    app.patch("/api/agents/nobody", json!({})).await.json(404);
    assert_eq!(app.count("orchestrator_agents"), 0);
}

async fn refuses_what_does_not_validate(app: TestApp) {
    old(&app);
    let before = read(&app).await;
    let changes = json!({
        "name": "", "agent_type": "cook", "description": 1, "metadata": [], "is_active": "perhaps",
    });
    let refused = app.put("/api/agents/old", changes).await;
    assert_eq!(TestApp::faults(&refused).len(), 5);
    assert_eq!(read(&app).await, before);
}

async fn ignores_unknown_fields(app: TestApp) {
    old(&app);
    let before = read(&app).await;
    let changes =
        json!({"id": "new", "version": 9, "created_at": "1999", "color": 1, "name": "New"});
    let answer = app.put("/api/agents/old", changes).await.json(200);
    assert_changed(&before, &answer, &json!({"name": "New"}));
}
