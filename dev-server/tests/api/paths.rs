//! Paths that are none, and paths written in other ways.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::TestApp;
use crate::support::client::Request;

on_every_host! {
    an_unknown_path_is_not_found,
    a_trailing_slash_makes_no_difference,
    odd_paths_do_no_harm,
    long_queries_do_no_harm,
}

async fn an_unknown_path_is_not_found(app: TestApp) {
    for path in [
        "/nowhere",
        "/api",
        "/api/nowhere",
        "/api/agentsandmore",
        "/api/agents/x/y",
        "/api/runtime",
        "/api/runtime/nowhere",
        "/api/runtime/logs/agent",
        "/API/AGENTS",
        "/healthy",
        "/index.html",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let response = app.send(Request::new(method, path)).await;
            assert_json_snapshot!("not_found", response.json(404));
        }
    }
}

async fn a_trailing_slash_makes_no_difference(app: TestApp) {
    let body = json!({"name": "x", "agent_type": "tester"});
    let new = app.post("/api/agents/", body).await.json(201);
    let id = new["id"].as_str().unwrap();
    for (with, without) in [
        ("/api/agents/".to_owned(), "/api/agents".to_owned()),
        (
            "/api/agents/?limit=1&order=asc".to_owned(),
            "/api/agents?limit=1&order=asc".to_owned(),
        ),
        (format!("/api/agents/{id}/"), format!("/api/agents/{id}")),
        (
            "/api/runtime/agents/".to_owned(),
            "/api/runtime/agents".to_owned(),
        ),
        (
            "/api/runtime/logs//".to_owned(),
            "/api/runtime/logs".to_owned(),
        ),
        ("/health/".to_owned(), "/health".to_owned()),
    ] {
        assert_eq!(
            app.get(&with).await.json(200),
            app.get(&without).await.json(200),
            "{with}"
        );
    }
    assert_eq!(app.delete(&format!("/api/agents/{id}/")).await.status, 204);
}

async fn odd_paths_do_no_harm(app: TestApp) {
    for path in [
        "//",
        "//api//agents",
        "/api/agents/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/agents/%",
        "/api/agents/%zz",
        "/api/%61gents/x",
        "/api/agents/a:b@c!$&'()*+,;=~",
        "/?",
        "/api/agents?%",
        "/api/agents?q=%ff%fe",
        "/api/agents?q=%F0%9F%98%80",
        "/api/runtime/logs?session_id=%00",
    ] {
        let response = app.get(path).await;
        assert!(
            matches!(response.status, 200 | 404),
            "{path}: {}",
            response.text()
        );
    }
    app.get("/health").await.json(200);
}

async fn long_queries_do_no_harm(app: TestApp) {
    let response = app
        .get(format!("/api/agents?x={}", "y".repeat(30_000)))
        .await;
    assert_eq!(response.json(200), json!([]));
    let many = "status=failed&".repeat(2000);
    assert_eq!(
        app.get(format!("/api/runtime/agents?{many}"))
            .await
            .json(200),
        json!([])
    );
    let list = ["failed"; 1000].join(",");
    assert_eq!(
        app.get(format!("/api/runtime/agents?status={list}"))
            .await
            .json(200),
        json!([])
    );
}
