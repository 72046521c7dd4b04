//! `/api/runtime/system-logs`

use serde_json::{Value, json};

use crate::app::{TestApp, is_time};

on_every_host! {
    gives_the_new_entry,
    each_filter_filters,
    gives_all_faults_at_once,
    comes_in_pages,
}

const PATH: &str = "/api/runtime/system-logs";

async fn gives_the_new_entry(app: TestApp) {
    let body =
        json!({"log_level": "critical", "component": "db", "message": "gone", "details": [1]});
    let new = app.post(PATH, body).await.json(201);
    assert_eq!(new["log_level"], "CRITICAL");
    assert_eq!(new["component"], "db");
    assert_eq!(new["details"], json!([1]));
    assert!(new["created_at"].as_str().is_some_and(is_time));
    assert_eq!(app.get(PATH).await.json(200), json!([new]));
    let small = app
        .post(PATH, json!({"component": "db", "message": ""}))
        .await
        .json(201);
    assert_eq!(small["log_level"], "INFO");
    assert_eq!(small["details"], Value::Null);
}

async fn each_filter_filters(app: TestApp) {
    for (level, component, message) in [
        ("INFO", "db", "Opened"),
        ("ERROR", "db", "lost"),
        ("ERROR", "feed", "open"),
    ] {
        let body = json!({"log_level": level, "component": component, "message": message});
        app.post(PATH, body).await.json(201);
    }
    app.sql("UPDATE system_logs SET created_at = '2026-02-05 10:00:00' WHERE id = 1");
    for (query, expected) in [
        ("", vec!["open", "lost", "Opened"]),
        ("?level=error", vec!["open", "lost"]),
        ("?component=db", vec!["lost", "Opened"]),
        ("?level=error&component=db", vec!["lost"]),
        ("?q=OPEN", vec!["open", "Opened"]),
        ("?until=2026-02-05T10:00:01Z", vec!["Opened"]),
        ("?since=2026-02-05T10:00:01Z", vec!["open", "lost"]),
        ("?limit=1&order=asc", vec!["Opened"]),
    ] {
        assert_eq!(
            app.list(format!("{PATH}{query}"), "message").await,
            expected,
            "{query}"
        );
    }
}

async fn gives_all_faults_at_once(app: TestApp) {
    let faults = TestApp::faults(
        &app.post(PATH, json!({"log_level": "loud", "component": ""}))
            .await,
    );
    let expected = [
        ("enum", "log_level"),
        ("string_too_short", "component"),
        ("missing", "message"),
    ]
    .map(|(kind, name)| (kind.to_owned(), json!(["body", name])));
    assert_eq!(faults, expected);
    let faults = TestApp::faults(
        &app.get(format!("{PATH}?level=loud&since=soon&limit=0"))
            .await,
    );
    assert_eq!(faults.len(), 3);
}

async fn comes_in_pages(app: TestApp) {
    for message in ["a", "b", "c"] {
        app.post(PATH, json!({"component": "db", "message": message}))
            .await;
    }
    let pages = app
        .pages(format!("{PATH}?limit=2&component=db"), "message")
        .await;
    assert_eq!(pages, [vec!["c", "b"], vec!["a"]]);
}
