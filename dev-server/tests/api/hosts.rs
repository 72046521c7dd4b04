//! `Host`: while no token is set, a web page must not reach us through a name of its own.

use serde_json::json;

use crate::app::{Setup, TestApp};
use crate::support::client::Request;

on_every_host! {
    another_name_is_misdirected,
}

set_up_on_every_host! {
    a_token_makes_any_name_good,
}

async fn another_name_is_misdirected(app: TestApp) {
    let definition = app.definition("x").await;
    for host in [
        "evil.example",
        "evil.example:8000",
        "192.0.2.1",
        "localhost.evil.example",
    ] {
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/health"),
            ("GET", "/api/agents"),
            ("GET", "/api/runtime/events"),
            ("GET", "/docs"),
            ("GET", "/dashboard"),
            ("GET", "/nowhere"),
            ("OPTIONS", "/api/agents"),
            ("DELETE", &format!("/api/agents/{definition}")),
        ] {
            let refused = app
                .send(Request::new(method, path).header("host", host))
                .await;
            let detail = refused.json(421)["detail"].as_str().unwrap().to_owned();
            assert!(
                detail.contains("ALLOWED_HOSTS"),
                "{method} {path}: {detail}"
            );
        }
        let body = json!({"name": "from a page", "agent_type": "tester"}).to_string();
        let write = Request::new("POST", "/api/agents")
            .json(body)
            .header("host", host);
        app.send(write).await.json(421);
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000"] {
        let list = app
            .send(Request::new("GET", "/api/agents").header("host", host))
            .await;
        assert_eq!(list.json(200).as_array().unwrap().len(), 1, "{host}");
    }
}

async fn a_token_makes_any_name_good(setup: Setup) {
    let app = setup.tokens("secret", "").start().await;
    let request = || Request::new("GET", "/api/agents").header("host", "board.example");
    app.send(request()).await.json(401);
    app.send(request().header("authorization", "Bearer secret"))
        .await
        .json(200);
}
