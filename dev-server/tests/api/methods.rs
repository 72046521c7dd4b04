//! 405, OPTIONS and HEAD.

use insta::assert_json_snapshot;

use crate::app::TestApp;
use crate::support::client::{Request, Response};

on_every_host! {
    another_method_is_not_allowed,
    options_says_what_is_allowed,
    head_answers_as_get_without_a_body,
}

/// Each path with the methods that it must have.
const PATHS: [(&str, &[&str]); 10] = [
    ("/", &["GET", "HEAD"]),
    ("/health", &["GET", "HEAD"]),
    ("/dashboard", &["GET", "HEAD"]),
    ("/openapi.json", &["GET", "HEAD"]),
    ("/api/agents", &["GET", "HEAD", "POST"]),
    ("/api/agents/x", &["GET", "HEAD", "PUT", "PATCH", "DELETE"]),
    ("/api/runtime/agents", &["GET", "HEAD", "POST"]),
    ("/api/runtime/agents/x", &["GET", "HEAD"]),
    ("/api/runtime/prompts", &["GET", "HEAD"]),
    ("/api/runtime/logs/agent/x", &["GET", "HEAD"]),
];

#[track_caller]
fn assert_allows(response: &Response, path: &str, methods: &[&str]) {
    let allow = response.header("allow");
    for method in methods {
        assert!(
            allow.split(',').any(|name| name.trim() == *method),
            "{path}: {allow}"
        );
    }
}

async fn another_method_is_not_allowed(app: TestApp) {
    for (path, methods) in PATHS {
        for method in ["TRACE", "PROPFIND"] {
            let response = app.send(Request::new(method, path)).await;
            assert_json_snapshot!("method_not_allowed", response.json(405));
            assert_allows(&response, path, methods);
        }
    }
    for (method, path) in [
        ("DELETE", "/api/agents"),
        ("PUT", "/api/agents"),
        ("POST", "/api/agents/x"),
        ("PUT", "/api/runtime/agents"),
        ("PUT", "/api/runtime/logs"),
        ("POST", "/health"),
    ] {
        app.send(Request::new(method, path)).await.json(405);
    }
}

async fn options_says_what_is_allowed(app: TestApp) {
    for (path, methods) in PATHS {
        let response = app.send(Request::new("OPTIONS", path)).await;
        assert_eq!(response.status, 204, "{path}");
        assert!(response.body.is_empty());
        assert_allows(&response, path, methods);
        assert_allows(&response, path, &["OPTIONS"]);
    }
    app.send(Request::new("OPTIONS", "/nowhere"))
        .await
        .json(404);
}

async fn head_answers_as_get_without_a_body(app: TestApp) {
    let id = app.definition("x").await;
    for path in [
        "/",
        "/health",
        "/api/agents",
        &format!("/api/agents/{id}"),
        "/api/agents/nobody",
        "/nowhere",
    ] {
        let get = app.get(path).await;
        let head = app.send(Request::new("HEAD", path)).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        if head.headers.contains_key("content-length") {
            assert_eq!(
                head.header("content-length"),
                get.body.len().to_string(),
                "{path}"
            );
        }
    }
}
