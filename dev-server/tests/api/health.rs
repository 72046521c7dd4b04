//! `/` and `/health`

use database::SCHEMA_VERSION;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{Setup, TestApp};

on_every_host! {
    the_root_says_what_this_is,
    health_says_how_the_database_is,
    a_schema_that_becomes_newer_is_noticed,
}

on_a_file! {
    a_newer_schema_is_named,
    what_is_no_database_is_unreachable,
}

async fn the_root_says_what_this_is(app: TestApp) {
    let mut root = app.get("/").await.json(200);
    assert_eq!(root["version"], env!("CARGO_PKG_VERSION"));
    root["version"] = json!("[version]");
    assert_json_snapshot!("root", root);
}

async fn health_says_how_the_database_is(app: TestApp) {
    let mut health = app.get("/health").await.json(200);
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["database_path"], app.location());
    assert_eq!(health["schema_version"], SCHEMA_VERSION);
    for field in ["version", "database_path", "schema_version"] {
        health[field] = json!(format!("[{field}]"));
    }
    assert_json_snapshot!("health", health);
}

async fn a_schema_that_becomes_newer_is_noticed(app: TestApp) {
    app.get("/health").await.json(200);
    app.sql("PRAGMA user_version = 99");
    let health = app.get("/health").await.json(503);
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["schema_version"], 99);
}

async fn a_newer_schema_is_named(setup: Setup) {
    setup
        .foreign()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let app = setup.start().await;
    let health = app.get("/health").await;
    assert_ne!(health.header("retry-after"), "");
    let health = health.json(503);
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["schema_version"], 99);
    assert!(
        health["detail"].as_str().unwrap().contains("99"),
        "{health}"
    );
    for path in [
        "/api/agents",
        "/api/runtime/agents",
        "/api/runtime/prompts",
        "/api/runtime/logs",
    ] {
        let answer = app.get(path).await;
        assert_ne!(answer.header("retry-after"), "");
        let detail = answer.json(503)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("version 99"), "{detail}");
    }
    app.post("/api/agents", json!({"name": "x", "agent_type": "tester"}))
        .await
        .json(503);
    // Nothing was done to the file.
    assert_eq!(app.count("sqlite_schema"), 0);
    app.get("/").await.json(200);
}

async fn what_is_no_database_is_unreachable(setup: Setup) {
    let path = setup.foreign().path().unwrap().to_owned();
    std::fs::write(&path, "This is text, and no database at all. ".repeat(200)).unwrap();
    let app = setup.start().await;
    let health = app.get("/health").await;
    assert_ne!(health.header("retry-after"), "");
    let health = health.json(503);
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["database"], "disconnected");
    let answer = app.get("/api/agents").await;
    assert_ne!(answer.header("retry-after"), "");
    assert_json_snapshot!("unreachable", answer.json(503));

    // As soon as there is a database, all is well.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "").unwrap();
    app.get("/health").await.json(200);
    app.get("/api/agents").await.json(200);
}
