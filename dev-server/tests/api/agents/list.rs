//! `GET /api/agents`

use serde_json::json;

use crate::app::TestApp;

on_every_host! {
    nothing_is_an_empty_array,
    newest_come_first,
    times_of_all_writers_sort_together,
    limit_bounds_the_rows,
    filters_by_type,
    filters_by_activity,
    finds_text_in_name_and_description,
    wildcards_are_plain_text,
    a_nul_is_plain_text,
    filters_narrow_each_other,
    an_empty_parameter_counts_as_none,
    unknown_parameters_are_ignored,
    refuses_what_does_not_validate,
}

async fn nothing_is_an_empty_array(app: TestApp) {
    assert_eq!(app.get("/api/agents").await.json(200), json!([]));
}

async fn newest_come_first(app: TestApp) {
    for name in ["first", "second", "third"] {
        app.definition(name).await;
    }
    assert_eq!(
        app.list("/api/agents", "name").await,
        ["third", "second", "first"]
    );
    assert_eq!(
        app.list("/api/agents?order=desc", "name").await,
        ["third", "second", "first"]
    );
    assert_eq!(
        app.list("/api/agents?order=asc", "name").await,
        ["first", "second", "third"]
    );
}

async fn times_of_all_writers_sort_together(app: TestApp) {
    for (name, created) in [
        ("d", "2026-02-05 10:00:01"),
        ("b", "2026-02-05T10:00:00.500000"),
        ("c", "2026-02-05T10:00:00.750Z"),
        ("a", "2026-02-05 10:00:00"),
        ("e", "2026-02-06T00:00:00"),
    ] {
        app.sql(&format!(
            "INSERT INTO orchestrator_agents (id, name, agent_type, created_at) \
             VALUES ('{name}', '{name}', 'tester', '{created}')"
        ));
    }
    app.definition("ours").await;
    assert_eq!(
        app.list("/api/agents", "name").await,
        ["ours", "e", "d", "c", "b", "a"]
    );
    assert_eq!(
        app.list("/api/agents?order=asc", "name").await,
        ["a", "b", "c", "d", "e", "ours"]
    );
    let times = app
        .list("/api/agents?order=asc&limit=4", "created_at")
        .await;
    let expected = [
        "2026-02-05T10:00:00.000Z",
        "2026-02-05T10:00:00.500Z",
        "2026-02-05T10:00:00.750Z",
        "2026-02-05T10:00:01.000Z",
    ];
    assert_eq!(times, expected);
}

async fn limit_bounds_the_rows(app: TestApp) {
    app.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1001) \
         INSERT INTO orchestrator_agents (id, name, agent_type) SELECT n, 'n' || n, 'tester' FROM n",
    );
    assert_eq!(app.list("/api/agents", "id").await.len(), 1000);
    assert_eq!(app.list("/api/agents?limit=1000", "id").await.len(), 1000);
    assert_eq!(app.list("/api/agents?limit=1", "name").await, ["n1001"]);
    assert_eq!(
        app.list("/api/agents?limit=2&order=asc", "name").await,
        ["n1", "n2"]
    );
}

/// Four definitions, each different.
async fn four(app: &TestApp) {
    for (name, kind, active, description) in [
        ("Alpha", "planner", true, json!("plans the 100% solution")),
        ("Beta", "builder", true, json!(null)),
        ("Gamma", "builder", false, json!("builds alpha_versions")),
        ("Delta", "tester", false, json!("Ünit tests")),
    ] {
        let body = json!({"name": name, "agent_type": kind, "is_active": active, "description": description});
        app.post("/api/agents", body).await.json(201);
    }
}

async fn filters_by_type(app: TestApp) {
    four(&app).await;
    assert_eq!(
        app.list("/api/agents?agent_type=builder", "name").await,
        ["Gamma", "Beta"]
    );
    assert!(
        app.list("/api/agents?agent_type=utility", "name")
            .await
            .is_empty()
    );
}

async fn filters_by_activity(app: TestApp) {
    four(&app).await;
    assert_eq!(
        app.list("/api/agents?is_active=true", "name").await,
        ["Beta", "Alpha"]
    );
    assert_eq!(
        app.list("/api/agents?is_active=0", "name").await,
        ["Delta", "Gamma"]
    );
    app.sql(
        "INSERT INTO orchestrator_agents (id, name, agent_type, created_at) \
         VALUES ('old', 'Old', 'tester', '2026-02-05 10:00:00')",
    );
    assert_eq!(
        app.list("/api/agents?is_active=True", "name").await,
        ["Beta", "Alpha", "Old"]
    );
}

async fn finds_text_in_name_and_description(app: TestApp) {
    four(&app).await;
    assert_eq!(
        app.list("/api/agents?q=alpha", "name").await,
        ["Gamma", "Alpha"]
    );
    assert_eq!(
        app.list("/api/agents?q=lph", "name").await,
        ["Gamma", "Alpha"]
    );
    assert_eq!(
        app.list("/api/agents?q=%C3%9Cnit+tests", "name").await,
        ["Delta"]
    );
    assert!(app.list("/api/agents?q=omega", "name").await.is_empty());
}

async fn wildcards_are_plain_text(app: TestApp) {
    four(&app).await;
    assert_eq!(app.list("/api/agents?q=%25", "name").await, ["Alpha"]);
    assert_eq!(app.list("/api/agents?q=_", "name").await, ["Gamma"]);
    assert!(app.list("/api/agents?q=%5C", "name").await.is_empty());
    assert!(
        app.list("/api/agents?q=%27%20OR%201=1%20--", "name")
            .await
            .is_empty()
    );
}

async fn a_nul_is_plain_text(app: TestApp) {
    app.definition("Planner").await;
    assert_eq!(app.get("/api/agents?q=%00zzz").await.json(200), json!([]));
}

async fn filters_narrow_each_other(app: TestApp) {
    four(&app).await;
    let all = "/api/agents?agent_type=builder&is_active=false&q=alpha&limit=5&order=asc";
    assert_eq!(app.list(all, "name").await, ["Gamma"]);
    let none = "/api/agents?agent_type=planner&is_active=false";
    assert!(app.list(none, "name").await.is_empty());
}

async fn an_empty_parameter_counts_as_none(app: TestApp) {
    four(&app).await;
    let uri = "/api/agents?agent_type=&is_active=&q=&limit=&order=";
    assert_eq!(app.list(uri, "name").await.len(), 4);
}

async fn unknown_parameters_are_ignored(app: TestApp) {
    four(&app).await;
    assert_eq!(
        app.list("/api/agents?page=2&_=17&a[]=b&&=", "name")
            .await
            .len(),
        4
    );
}

async fn refuses_what_does_not_validate(app: TestApp) {
    for (query, kind, field) in [
        ("agent_type=cook", "enum", "agent_type"),
        ("is_active=perhaps", "bool_parsing", "is_active"),
        ("limit=0", "greater_than_equal", "limit"),
        ("limit=-1", "greater_than_equal", "limit"),
        ("limit=1001", "less_than_equal", "limit"),
        ("limit=99999999999999999999", "int_parsing", "limit"),
        ("limit=1e2", "int_parsing", "limit"),
        ("order=sideways", "enum", "order"),
    ] {
        let refused = app.get(format!("/api/agents?{query}")).await;
        assert_eq!(
            TestApp::faults(&refused),
            [(kind.to_owned(), json!(["query", field]))],
            "{query}"
        );
    }
    let long = format!("/api/agents?q={}", "x".repeat(501));
    assert_eq!(
        TestApp::faults(&app.get(long).await)[0].0,
        "string_too_long"
    );
    let refused = app.get("/api/agents?limit=many&order=up&is_active=2").await;
    insta::assert_json_snapshot!("faults_of_a_query", refused.json(422));
}
