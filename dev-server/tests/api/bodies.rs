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
    gzip_is_taken_and_no_other_encoding,
    what_no_text_has_is_replaced,
    only_what_a_client_reads_is_told_as_json,
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

/// What is compressed, and how.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, body).unwrap();
    packed.finish().unwrap()
}

async fn gzip_is_taken_and_no_other_encoding(app: TestApp) {
    let post = |encoding: &str, body: Vec<u8>| {
        let request = Request::new("POST", "/api/agents").json(body);
        app.send(request.header("content-encoding", encoding))
    };
    let body = |name: &str| format!(r#"{{"name": "{name}", "agent_type": "tester"}}"#).into_bytes();
    let made = post("gzip", gzip(&body("packed"))).await.json(201);
    assert_eq!(made["name"], "packed");
    post("identity", body("plain")).await.json(201);
    for encoding in ["br", "deflate", "zstd", "gzip, gzip", "GZIP, br"] {
        let refused = post(encoding, body("refused")).await;
        assert_eq!(refused.header("accept-encoding"), "gzip");
        let detail = refused.json(415)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&encoding.to_ascii_lowercase()), "{detail}");
    }
    post("gzip", body("no gzip")).await.json(400);
    post("gzip", gzip(&body("cut"))[..20].to_vec())
        .await
        .json(400);
    // 64 MiB of spaces in 64 KiB.
    post("gzip", gzip(&vec![b' '; 64 << 20])).await.json(413);
    assert_eq!(app.list("/api/agents", "name").await, ["plain", "packed"]);
}

/// Half a character, as a program writes it that cuts texts, and a NUL.
async fn what_no_text_has_is_replaced(app: TestApp) {
    let definition = r#"{"name": "a\ud83d", "agent_type": "tester", "description": "\u0000\ude00b", "metadata": {"m": "\ud83d"}}"#;
    let request = Request::new("POST", "/api/agents").json(definition);
    let made = app.send(request).await.json(201);
    assert_eq!(made["name"], "a\u{fffd}");
    assert_eq!(made["description"], "\u{fffd}\u{fffd}b");
    assert_eq!(made["metadata"], json!({"m": "\u{fffd}"}));
    let agent = app.agent(made["id"].as_str().unwrap(), "s").await;
    let entry = |message: &str| {
        format!(r#"{{"agent_id": "{agent}", "log_type": "milestone", "message": "{message}"}}"#)
    };
    let batch = format!(
        "[{}, {}, {}]",
        entry("whole \\ud83d\\ude00"),
        entry("cut \\ud83d"),
        entry("\\u0000")
    );
    let request = Request::new("POST", "/api/runtime/logs").json(batch);
    assert_eq!(app.send(request).await.json(201)["inserted"], 3);
    let messages = app.list("/api/runtime/logs?order=asc", "message").await;
    assert_eq!(messages, ["whole \u{1f600}", "cut \u{fffd}", "\u{fffd}"]);
}

/// Another process has stored numbers that no client reads.
async fn only_what_a_client_reads_is_told_as_json(app: TestApp) {
    let definition = app.definition("x").await;
    let agent = app.agent(&definition, "s").await;
    app.sql("UPDATE orchestrator_agents SET metadata = '{\"a\": 1e400}'");
    app.sql("UPDATE agents SET context = '1e400', config = '[1E+999]', metadata = '{\"n\": 1e30, \"id\": \"1e23f\"}'");
    app.sql(&format!(
        "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details) \
         VALUES ('{agent}', 'INFO', 'milestone', 'm', '-1e400'), ('{agent}', 'INFO', 'milestone', 'm', '1e3')"
    ));
    let told = app
        .get(format!("/api/runtime/agents/{agent}"))
        .await
        .json(200);
    assert_eq!(told["context"], "1e400");
    assert_eq!(told["config"], "[1E+999]");
    assert_eq!(told["metadata"]["n"], 1e30);
    let told = app.get(format!("/api/agents/{definition}")).await.json(200);
    assert_eq!(told["metadata"], "{\"a\": 1e400}");
    let logs = app.get("/api/runtime/logs?order=asc").await.json(200);
    assert_eq!(logs[0]["details"], "-1e400");
    assert_eq!(logs[1]["details"], 1000.0);
}
