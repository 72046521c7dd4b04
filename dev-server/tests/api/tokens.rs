//! `API_TOKEN` and `API_READ_TOKEN`: who is let in where.

use crate::app::{Setup, TestApp};
use crate::support::client::{Request, Response};

set_up_on_every_host! {
    every_route_needs_a_token,
    what_is_no_route_needs_one_too,
    some_paths_are_open,
    no_other_way_to_write_a_path_leads_in,
    a_preflight_needs_none,
    the_token_comes_in_one_header_only,
    a_refusal_can_be_read_by_a_page,
    a_refusal_of_head_has_no_body,
    a_refusal_reaches_who_still_sends,
    without_a_read_token_there_is_one,
}

const FULL: &str = "the-whole-of-it";
const READ: &str = "half-of-it";
const JUNK: &str = "none-of-it";

const READS: [&str; 2] = ["GET", "HEAD"];

/// The contract's paths with the methods that they have.
const ROUTES: [(&str, &[&str]); 23] = [
    ("/api/agents", &["GET", "POST"]),
    ("/api/agents/x", &["GET", "PUT", "PATCH", "DELETE"]),
    ("/api/runtime/agents", &["GET", "POST"]),
    ("/api/runtime/agents/x", &["GET", "PATCH", "DELETE"]),
    ("/api/runtime/agents/x/heartbeat", &["POST"]),
    ("/api/runtime/agents/x/history", &["GET"]),
    ("/api/runtime/prompts", &["GET", "POST"]),
    ("/api/runtime/prompts/x", &["GET", "PATCH"]),
    ("/api/runtime/logs", &["GET", "POST", "DELETE"]),
    ("/api/runtime/logs?older_than_days=1", &["DELETE"]),
    ("/api/runtime/logs/agent/x", &["GET"]),
    ("/api/runtime/system-logs", &["GET", "POST"]),
    ("/api/runtime/sessions", &["GET"]),
    ("/api/runtime/sessions/x", &["GET"]),
    ("/api/runtime/stats", &["GET"]),
    // The stream of events ends with its client, so it is only asked for its head.
    ("/api/runtime/events", &["HEAD"]),
    ("/metrics", &["GET"]),
    ("/metrics/", &["GET"]),
    ("/api/agents/", &["GET", "POST"]),
    ("/api/agents?limit=1", &["GET"]),
    ("/api/runtime/agents//", &["GET", "POST"]),
    ("/api/agents/%61", &["GET", "DELETE"]),
    ("/api/agents/..%2f..%2fhealth", &["GET"]),
];

async fn start(setup: Setup) -> TestApp {
    setup.tokens(FULL, READ).start().await
}

fn with(token: &str, method: &str, path: &str) -> Request {
    Request::new(method, path).header("authorization", &format!("Bearer {token}"))
}

#[track_caller]
fn assert_detail(response: &Response, request: &str, status: u16) {
    assert_eq!(response.status, status, "{request}: {}", response.text());
    if !request.starts_with("HEAD") {
        let detail = &response.json(status)["detail"];
        assert!(detail.is_string(), "{request}: {detail}");
    }
}

async fn every_route_needs_a_token(setup: Setup) {
    let app = start(setup).await;
    for (path, methods) in ROUTES {
        for method in methods.iter().chain(&["HEAD", "OPTIONS", "TRACE"]) {
            let request = format!("{method} {path}");
            let refused = app.send(Request::new(method, path)).await;
            assert_detail(&refused, &request, 401);
            assert_eq!(refused.header("www-authenticate"), "Bearer", "{request}");

            let refused = app.send(with(JUNK, method, path)).await;
            assert_detail(&refused, &request, 401);
            let challenge = "Bearer error=\"invalid_token\"";
            assert_eq!(refused.header("www-authenticate"), challenge, "{request}");

            let answer = app.send(with(READ, method, path)).await;
            if READS.contains(method) || *method == "OPTIONS" {
                assert!(!matches!(answer.status, 401 | 403), "{request}");
            } else {
                assert_detail(&answer, &request, 403);
            }
            let answer = app.send(with(FULL, method, path)).await;
            assert!(!matches!(answer.status, 401 | 403), "{request}");
        }
    }
    // Those that are let in get what they came for.
    let new = r#"{"name": "x", "agent_type": "tester"}"#;
    let create = |token| with(token, "POST", "/api/agents").json(new);
    app.send(create(READ)).await.json(403);
    app.send(create(JUNK)).await.json(401);
    let made = app.send(create(FULL)).await.json(201);
    for token in [READ, FULL] {
        let list = app.send(with(token, "GET", "/api/agents")).await;
        assert_eq!(list.json(200), serde_json::json!([made]));
    }
}

async fn what_is_no_route_needs_one_too(setup: Setup) {
    let app = start(setup).await;
    for path in [
        "/api",
        "/api/",
        "/api/nowhere",
        "/api/agentsandmore",
        "/api/runtime",
        "/api/runtime/nowhere",
        "/api/agents/x/y",
        "/api//agents",
        "/ws/nowhere",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            app.send(Request::new(method, path)).await.json(401);
            app.send(with(JUNK, method, path)).await.json(401);
            let refused = if method == "GET" { 404 } else { 403 };
            app.send(with(READ, method, path)).await.json(refused);
            app.send(with(FULL, method, path)).await.json(404);
        }
    }
    app.send(with(FULL, "PUT", "/api/agents")).await.json(405);
    app.send(Request::new("PUT", "/api/agents")).await.json(401);
}

async fn some_paths_are_open(setup: Setup) {
    let app = start(setup).await;
    for path in ["/", "/health", "/health/"] {
        app.get(path).await.json(200);
        app.send(with(JUNK, "GET", path)).await.json(200);
        app.send(Request::new("DELETE", path)).await.json(405);
    }
    for path in ["/docs", "/redoc", "/openapi.json", "/dashboard"] {
        let status = app.get(path).await.status;
        assert!(!matches!(status, 401 | 403), "{path}: {status}");
    }
    for path in ["/nowhere", "/apis", "/index.html"] {
        app.get(path).await.json(404);
        app.send(Request::new("POST", path).json("{}"))
            .await
            .json(404);
    }
}

async fn no_other_way_to_write_a_path_leads_in(setup: Setup) {
    let app = start(setup).await;
    let new = r#"{"name": "x", "agent_type": "tester"}"#;
    for path in [
        "//api/agents",
        "///api/agents/",
        "/api//agents",
        "/api/agents//",
        "/./api/agents",
        "/health/../api/agents",
        "/%2e/api/agents",
        "/%61pi/agents",
        "/api%2Fagents",
        "/%2Fapi/agents",
        "/api/%61gents",
        "/API/agents",
        "/Api/Agents",
        "/api/agents;x=1",
        "/api;/agents",
        "/api/agents%00",
        "/api/agents%20",
        "/api\\agents",
        "/api/agents?/health",
        "/api/agents#/health",
        "http://localhost/api/agents",
        "http://localhost//api/agents",
        "http://localhost/API/agents",
    ] {
        for request in [
            Request::new("GET", path),
            Request::new("POST", path).json(new),
            Request::new("GET", path).header("x-forwarded-prefix", "/health"),
            Request::new("GET", path).header("x-original-url", "/health"),
            Request::new("POST", path).header("x-http-method-override", "OPTIONS"),
        ] {
            let answer = app.send(request).await;
            assert!(
                matches!(answer.status, 400 | 401 | 404),
                "{path}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
    let made = app.send(with(FULL, "GET", "/api/agents")).await;
    assert_eq!(made.json(200), serde_json::json!([]));
}

async fn a_preflight_needs_none(setup: Setup) {
    let app = start(setup).await;
    for (path, _) in ROUTES {
        let preflight = Request::new("OPTIONS", path)
            .header("origin", "http://localhost:5173")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let answer = app.send(preflight).await;
        assert_eq!(answer.status, 204, "{path}");
        let allowed = answer.header("access-control-allow-headers").to_lowercase();
        assert!(allowed.contains("authorization"), "{path}: {allowed}");
    }
}

async fn the_token_comes_in_one_header_only(setup: Setup) {
    let app = start(setup).await;
    for taken in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let request = Request::new("GET", "/api/agents");
        let value = format!("{taken} {FULL}");
        app.send(request.header("authorization", &value))
            .await
            .json(200);
    }
    for (name, value) in [
        ("authorization", FULL.to_owned()),
        ("authorization", "Bearer".to_owned()),
        ("authorization", format!("Basic {FULL}")),
        ("authorization", format!("Token {FULL}")),
        ("authorization", format!("Bearer{FULL}")),
        ("authorization", format!("Bearer {FULL}x")),
        ("authorization", format!("Bearer {FULL} x")),
        ("authorization", format!("Bearer {FULL}, {FULL}")),
        ("authorization", format!("Bearer \"{FULL}\"")),
        ("authorization", format!("Bearer {}", &FULL[1..])),
        ("authorization", format!("Bearer {}", FULL.to_uppercase())),
        ("authorization", format!("Bearer {}", "x".repeat(8000))),
        ("proxy-authorization", format!("Bearer {FULL}")),
        ("x-api-key", FULL.to_owned()),
        ("cookie", format!("token={FULL}")),
        ("sec-websocket-protocol", format!("bearer, {FULL}")),
    ] {
        let request = Request::new("GET", "/api/agents").header(name, &value);
        let refused = app.send(request).await.json(401);
        assert!(!refused.to_string().contains(FULL), "{refused}");
    }
    for name in ["token", "access_token", "api_token"] {
        app.get(format!("/api/agents?{name}={FULL}"))
            .await
            .json(401);
    }
}

async fn a_refusal_can_be_read_by_a_page(setup: Setup) {
    let app = start(setup).await;
    for (request, status) in [
        (Request::new("GET", "/api/agents"), 401),
        (with(JUNK, "POST", "/api/runtime/logs"), 401),
        (with(READ, "POST", "/api/agents"), 403),
    ] {
        let page = "http://localhost:5173";
        let refused = app.send(request.header("origin", page)).await;
        assert_eq!(refused.status, status);
        assert_eq!(refused.header("access-control-allow-origin"), page);
        assert_eq!(refused.header("access-control-allow-credentials"), "true");
        let exposed = refused.header("access-control-expose-headers");
        assert!(exposed.contains("WWW-Authenticate"), "{exposed}");
        assert_eq!(refused.header("vary"), "Origin");
    }
    let elsewhere = Request::new("GET", "/api/agents").header("origin", "http://evil.example");
    let refused = app.send(elsewhere).await;
    assert_eq!(refused.header("access-control-allow-origin"), "");
}

async fn a_refusal_of_head_has_no_body(setup: Setup) {
    let app = start(setup).await;
    let refused = app.send(Request::new("HEAD", "/api/agents")).await;
    assert_eq!(refused.status, 401);
    assert!(refused.body.is_empty());
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    // The connection goes on.
    app.send(with(READ, "GET", "/api/agents")).await.json(200);
}

/// A server that answers and closes while a client still sends may cut its own answer off.
async fn a_refusal_reaches_who_still_sends(setup: Setup) {
    let app = start(setup).await;
    let body = vec![b'x'; 1 << 20];
    for _ in 0..20 {
        let path = "/api/runtime/logs";
        let large = || Request::new("POST", path).json(body.clone());
        app.send(large()).await.json(401);
        app.send(large().chunked()).await.json(401);
        let read_only = large().header("authorization", &format!("Bearer {READ}"));
        app.send(read_only).await.json(403);
    }
}

async fn without_a_read_token_there_is_one(setup: Setup) {
    let app = setup.tokens(FULL, "").start().await;
    app.get("/api/agents").await.json(401);
    app.send(with(READ, "GET", "/api/agents")).await.json(401);
    app.send(with("", "GET", "/api/agents")).await.json(401);
    app.send(with(FULL, "GET", "/api/agents")).await.json(200);
}
