//! Request bodies: 413, 415, and 422 for what is no JSON.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{Setup, TestApp};
use crate::support::client::Request;

on_every_host! {
    only_declared_json_is_taken,
    malformed_json_does_not_validate,
    no_body_does_not_validate,
    only_objects_are_taken,
    deep_json_does_no_harm,
    a_member_that_comes_twice_counts_once,
    chunks_are_put_together,
    a_body_that_nobody_wants_does_no_harm,
}

on_a_file! {
    a_body_that_is_too_large_is_refused,
}

const BODY: &str = r#"{"name": "x", "agent_type": "tester"}"#;

async fn only_declared_json_is_taken(app: TestApp) {
    let id = app.definition("x").await;
    let one = format!("/api/agents/{id}");
    for (method, path) in [
        ("POST", "/api/agents"),
        ("PUT", &one),
        ("PATCH", &one),
        ("POST", "/api/runtime/agents"),
    ] {
        let refused = app.send(Request::new(method, path).body(BODY)).await;
        assert_json_snapshot!("not_json", refused.json(415));
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=iso-8859-1",
            "text/json",
            "jsonp",
            "",
        ] {
            let request = Request::new(method, path)
                .header("content-type", kind)
                .body(BODY);
            app.send(request).await.json(415);
        }
    }
    for (nr, kind) in [
        "application/json",
        "Application/JSON; Charset=\"UTF-8\"",
        "application/json;charset=utf-8",
        "application/merge-patch+json",
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!(r#"{{"name": "{nr}", "agent_type": "tester"}}"#);
        let request = Request::new("POST", "/api/agents")
            .header("content-type", kind)
            .body(body);
        app.send(request).await.json(201);
    }
}

async fn malformed_json_does_not_validate(app: TestApp) {
    let invalid: [&[u8]; 11] = [
        b"{",
        b"{'name': 'x'}",
        b"{\"name\": \"x\",}",
        b"{\"name\": x}",
        b"{} {}",
        b"{\"name\": \"\xff\"}",
        b"{\"name\": \"a\nb\"}",
        b"{\"name\": NaN}",
        b"{\"metadata\": {\"n\": 1e999}}",
        b"\xef\xbb\xbf{}",
        b" ",
    ];
    for body in invalid {
        for (method, path) in [
            ("POST", "/api/agents"),
            ("PUT", "/api/agents/x"),
            ("POST", "/api/runtime/agents"),
        ] {
            let refused = app.send(Request::new(method, path).json(body)).await;
            let text = String::from_utf8_lossy(body);
            assert_eq!(
                TestApp::faults(&refused),
                [("json_invalid".to_owned(), json!(["body"]))],
                "{text}"
            );
        }
    }
}

async fn no_body_does_not_validate(app: TestApp) {
    let refused = app.send(Request::new("POST", "/api/agents").json("")).await;
    assert_json_snapshot!("no_body", refused.json(422));
    let refused = app
        .send(Request::new("POST", "/api/agents").json("").chunked())
        .await;
    assert_eq!(
        TestApp::faults(&refused),
        [("missing".to_owned(), json!(["body"]))]
    );
}

async fn only_objects_are_taken(app: TestApp) {
    for body in [
        "[]",
        "null",
        "\"text\"",
        "7",
        "true",
        "[{\"name\": \"x\", \"agent_type\": \"tester\"}]",
    ] {
        let refused = app
            .send(Request::new("POST", "/api/agents").json(body))
            .await;
        assert_eq!(
            TestApp::faults(&refused),
            [("model_attributes_type".to_owned(), json!(["body"]))],
            "{body}"
        );
    }
}

async fn deep_json_does_no_harm(app: TestApp) {
    for depth in [200, 100_000] {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(r#"{{"name": "x", "agent_type": "tester", "unknown": {value}}}"#);
        let refused = app
            .send(Request::new("POST", "/api/agents").json(body))
            .await;
        assert_eq!(TestApp::faults(&refused)[0].0, "json_invalid");
        let refused = app
            .send(Request::new("POST", "/api/agents").json(value))
            .await;
        assert_eq!(TestApp::faults(&refused)[0].0, "json_invalid");
    }
    let value = format!(
        "{}{}",
        r#"{"a":"#.repeat(100),
        "1".to_owned() + &"}".repeat(100)
    );
    let body = format!(r#"{{"name": "x", "agent_type": "tester", "metadata": {value}}}"#);
    let taken = app
        .send(Request::new("POST", "/api/agents").json(body))
        .await;
    assert_eq!(taken.status, 201);
    assert!(taken.text().contains(&value));
}

async fn a_member_that_comes_twice_counts_once(app: TestApp) {
    let body = r#"{"name": "first", "name": "last", "agent_type": "tester"}"#;
    let taken = app
        .send(Request::new("POST", "/api/agents").json(body))
        .await;
    assert_eq!(taken.json(201)["name"], "last");
}

async fn chunks_are_put_together(app: TestApp) {
    let description = "0123456789".repeat(1000);
    let body = json!({"name": "x", "agent_type": "tester", "description": description});
    let request = Request::new("POST", "/api/agents")
        .json(body.to_string())
        .chunked();
    assert_eq!(
        app.send(request).await.json(201)["description"],
        description
    );
}

async fn a_body_that_nobody_wants_does_no_harm(app: TestApp) {
    for (method, path, status) in [
        ("GET", "/api/agents", 200),
        ("DELETE", "/api/agents/nobody", 404),
        ("POST", "/nowhere", 404),
        ("DELETE", "/api/agents", 405),
    ] {
        let request = Request::new(method, path).json("{not json");
        assert_eq!(app.send(request).await.status, status, "{method} {path}");
    }
    app.get("/health").await.json(200);
}

async fn a_body_that_is_too_large_is_refused(setup: Setup) {
    let app = setup.max_body_bytes(1000).start().await;
    let body = |bytes: usize| {
        let start = r#"{"name": "x", "agent_type": "tester", "description": ""#;
        format!("{start}{}\"}}", "d".repeat(bytes - start.len() - 2))
    };
    for (method, path) in [
        ("POST", "/api/agents"),
        ("PUT", "/api/agents/x"),
        ("POST", "/api/runtime/agents"),
    ] {
        let refused = app.send(Request::new(method, path).json(body(1001))).await;
        assert_json_snapshot!("too_large", refused.json(413));
        let refused = app
            .send(Request::new(method, path).json(body(1001)).chunked())
            .await;
        assert_json_snapshot!("too_large", refused.json(413));
    }
    assert_eq!(app.get("/api/agents").await.json(200), json!([]));
    app.send(Request::new("POST", "/api/agents").json(body(1000)))
        .await
        .json(201);
    let again = Request::new("POST", "/api/agents")
        .json(body(1000))
        .chunked();
    app.send(again).await.json(409);
}
