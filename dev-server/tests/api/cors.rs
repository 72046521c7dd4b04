//! CORS.

use http::HeaderMap;
use serde_json::json;

use crate::app::{Setup, TestApp};
use crate::support::client::{Request, Response};

on_every_host! {
    an_allowed_page_may_read_every_answer,
    no_other_page_may,
    every_answer_varies_by_origin,
    a_preflight_says_what_is_allowed,
    a_preflight_from_elsewhere_is_told_nothing,
}

on_a_file! {
    the_setting_says_which_pages,
    a_star_is_any_page,
}

const PAGE: &str = "http://localhost:5173";

/// A request of each kind of answer, with its status.
fn requests() -> [(Request, u16); 8] {
    [
        (Request::new("GET", "/"), 200),
        (Request::new("GET", "/api/agents"), 200),
        (Request::new("GET", "/nowhere"), 404),
        (Request::new("GET", "/api/runtime/agents/nobody"), 404),
        (Request::new("DELETE", "/api/agents"), 405),
        (Request::new("POST", "/api/agents").body("x"), 415),
        (Request::new("POST", "/api/agents").json("x"), 422),
        (Request::new("OPTIONS", "/api/agents"), 204),
    ]
}

fn cors(headers: &HeaderMap) -> Vec<&str> {
    let names = headers.keys().map(http::HeaderName::as_str);
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[track_caller]
fn assert_allowed(response: &Response, origin: &str) {
    assert_eq!(response.header("access-control-allow-origin"), origin);
    assert_eq!(response.header("access-control-allow-credentials"), "true");
    let exposed = response
        .header("access-control-expose-headers")
        .to_lowercase();
    for header in [
        "content-disposition",
        "location",
        "link",
        "etag",
        "retry-after",
        "www-authenticate",
    ] {
        assert!(exposed.split(", ").any(|name| name == header), "{exposed}");
    }
}

async fn an_allowed_page_may_read_every_answer(app: TestApp) {
    for origin in [PAGE, "http://127.0.0.1:5173"] {
        for (request, status) in requests() {
            let response = app.send(request.header("origin", origin)).await;
            assert_eq!(response.status, status);
            assert_allowed(&response, origin);
        }
    }
}

async fn no_other_page_may(app: TestApp) {
    for origin in [
        "http://localhost:5174",
        "https://localhost:5173",
        "http://localhost:5173.evil.example",
        "http://evil.example",
        "null",
        "",
        "*",
    ] {
        for (request, status) in requests() {
            let response = app.send(request.header("origin", origin)).await;
            assert_eq!(response.status, status);
            assert!(
                cors(&response.headers).is_empty(),
                "{origin}: {:?}",
                response.headers
            );
        }
    }
}

async fn every_answer_varies_by_origin(app: TestApp) {
    for (request, _) in requests() {
        let response = app.send(request).await;
        assert!(cors(&response.headers).is_empty(), "{:?}", response.headers);
        let mut vary = response.headers.get_all("vary").iter();
        assert!(vary.any(|name| name == "Origin"), "{:?}", response.headers);
    }
}

fn preflight(path: &str, origin: &str) -> Request {
    Request::new("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "content-type")
}

async fn a_preflight_says_what_is_allowed(app: TestApp) {
    for (path, methods) in [
        ("/api/agents", &["GET", "POST"][..]),
        ("/api/agents/x", &["GET", "PUT", "PATCH", "DELETE"]),
        ("/api/runtime/agents", &["GET", "POST"]),
        ("/api/runtime/logs/agent/x", &["GET"]),
        ("/health", &["GET"]),
        ("/nowhere", &["GET"]),
    ] {
        let response = app.send(preflight(path, PAGE)).await;
        assert_eq!(response.status, 204, "{path}");
        assert!(response.body.is_empty());
        assert_allowed(&response, PAGE);
        let allowed = response.header("access-control-allow-methods");
        for method in methods {
            assert!(
                allowed.split(',').any(|name| name.trim() == *method),
                "{path}: {allowed}"
            );
        }
        let headers = response
            .header("access-control-allow-headers")
            .to_lowercase();
        assert!(headers.contains("content-type"), "{headers}");
        assert!(headers.contains("authorization"), "{headers}");
    }
}

async fn a_preflight_from_elsewhere_is_told_nothing(app: TestApp) {
    for path in ["/api/agents", "/nowhere"] {
        let response = app.send(preflight(path, "http://evil.example")).await;
        assert!(cors(&response.headers).is_empty(), "{:?}", response.headers);
    }
}

async fn the_setting_says_which_pages(setup: Setup) {
    let app = setup
        .cors_origins(" https://board.example/ ,http://other.example:8080")
        .start()
        .await;
    for (origin, allowed) in [
        ("https://board.example", true),
        ("http://other.example:8080", true),
        (PAGE, false),
    ] {
        let response = app
            .send(Request::new("GET", "/api/agents").header("origin", origin))
            .await;
        assert_eq!(response.json(200), json!([]));
        assert_eq!(!cors(&response.headers).is_empty(), allowed, "{origin}");
    }
}

async fn a_star_is_any_page(setup: Setup) {
    let app = setup.cors_origins("*").start().await;
    let response = app
        .send(Request::new("GET", "/").header("origin", "http://any.example"))
        .await;
    assert_allowed(&response, "http://any.example");
}
