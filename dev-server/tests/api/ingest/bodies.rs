//! Bodies of `/v1`: encodings, and what somebody may send to do harm.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::support::{request, span};
use crate::app::{Setup, TestApp};
use crate::support::client::{Request, Response};

on_every_host! {
    protocol_buffers_are_taken_and_answered,
    json_is_taken_as_otlp_has_it,
    what_is_neither_is_refused,
    what_cannot_be_read_is_refused,
    a_bad_span_spoils_no_other,
    circles_and_long_ways_do_no_harm,
    a_nul_is_replaced,
}

set_up_on_every_host! {
    what_is_too_large_is_refused,
    a_token_is_needed_where_one_is_set,
}

/// A field of a message in protocol buffers: a length and bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 128 {
        field.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    field.push(u8::try_from(length).unwrap());
    [&field, bytes].concat()
}

/// A span of trace 1 that is a model call, with more after it.
fn span_bytes(id: u8, more: &[u8]) -> Vec<u8> {
    let attribute = [
        field(1, b"gen_ai.operation.name"),
        field(2, &field(1, b"chat")),
    ]
    .concat();
    [
        field(1, &[1; 16]),
        field(2, &[id; 8]),
        field(5, b"chat"),
        field(9, &attribute),
        more.to_vec(),
    ]
    .concat()
}

fn request_bytes(spans: &[Vec<u8>]) -> Vec<u8> {
    let spans: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
    field(1, &field(2, &spans))
}

async fn protobuf(app: &TestApp, body: Vec<u8>) -> Response {
    let request = Request::new("POST", "/v1/traces")
        .header("content-type", "application/x-protobuf")
        .body(body);
    let response = app.send(request).await;
    assert_eq!(response.header("content-type"), "application/x-protobuf");
    response
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn protocol_buffers_are_taken_and_answered(app: TestApp) {
    let answer = protobuf(&app, request_bytes(&[span_bytes(1, &[])])).await;
    assert_eq!((answer.status, &*answer.body), (200, &[][..]));
    let body = gzip(&request_bytes(&[span_bytes(2, &[])]));
    let request = Request::new("POST", "/v1/traces")
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "gzip")
        .body(body);
    assert_eq!(app.send(request).await.status, 200);
    assert_eq!(app.count("prompts"), 2);
    // An empty request is one.
    assert_eq!(protobuf(&app, Vec::new()).await.status, 200);
}

async fn json_is_taken_as_otlp_has_it(app: TestApp) {
    let mut chat = span(
        1,
        0xab,
        0,
        "chat",
        &json!({"gen_ai.operation.name": "chat"}),
    );
    chat["traceId"] = "5B8EFFF798038103D269B633813FC60C".into();
    chat["startTimeUnixNano"] = 1_770_285_600_000_000_000_u64.into();
    chat["kind"] = "SPAN_KIND_CLIENT".into();
    chat["status"] = json!({"code": 2});
    chat["whatever"] = json!({"is": "new"});
    chat["links"] = Value::Null;
    let mut attributes = chat["attributes"].as_array().unwrap().clone();
    for (key, value) in [
        ("gen_ai.usage.input_tokens", json!({"intValue": 5})),
        ("real", json!({"doubleValue": "NaN"})),
        (
            "list",
            json!({"arrayValue": {"values": [{"boolValue": true}, {}]}}),
        ),
        (
            "object",
            json!({"kvlistValue": {"values": [{"key": "a", "value": {"bytesValue": "AQI="}}]}}),
        ),
    ] {
        attributes.push(json!({"key": key, "value": value}));
    }
    chat["attributes"] = attributes.into();
    assert_eq!(
        app.post("/v1/traces", request(&[chat])).await.json(200),
        json!({})
    );
    let prompt = &app.get("/api/runtime/prompts").await.json(200)[0];
    assert_eq!(prompt["status"], "failed");
    assert_eq!(prompt["tokens_input"], 5);
    let metadata = &prompt["metadata"];
    assert_eq!(metadata["trace_id"], "5b8efff798038103d269b633813fc60c");
    assert_eq!(metadata["attributes"]["real"], "NaN");
    assert_eq!(metadata["attributes"]["list"], json!([true, null]));
    assert_eq!(metadata["attributes"]["object"], json!({"a": "AQI="}));
}

async fn what_is_neither_is_refused(app: TestApp) {
    for (kind, encoding) in [
        ("text/plain", ""),
        ("", ""),
        ("application/grpc", ""),
        ("application/json", "br"),
        ("application/x-protobuf", "zstd"),
    ] {
        for path in ["/v1/traces", "/v1/logs"] {
            let mut request = Request::new("POST", path).body("{}");
            for (name, value) in [("content-type", kind), ("content-encoding", encoding)] {
                if !value.is_empty() {
                    request = request.header(name, value);
                }
            }
            let refused = app.send(request).await;
            assert_eq!(refused.status, 415, "{kind} {encoding}");
        }
    }
    assert_eq!(app.get("/v1/traces").await.status, 405);
    assert_eq!(app.get("/v1/metrics").await.status, 404);
}

async fn what_cannot_be_read_is_refused(app: TestApp) {
    let body = request_bytes(&[span_bytes(1, &[])]);
    for bad in [&body[..body.len() - 1], b"{}", &[0xff; 50], &gzip(&body)] {
        let refused = protobuf(&app, bad.to_vec()).await;
        assert_eq!(refused.status, 400, "{bad:?}");
        // google.rpc.Status with INVALID_ARGUMENT.
        assert_eq!(refused.body[..2], [8, 3]);
    }
    for bad in ["", "[]", "{", r#"{"resourceSpans": 1}"#, "\u{1}", "null"] {
        for path in ["/v1/traces", "/v1/logs"] {
            let refused = app
                .send(Request::new("POST", path).json(bad))
                .await
                .json(400);
            assert_eq!(refused["code"], 3, "{bad}");
            assert!(
                refused["message"]
                    .as_str()
                    .unwrap()
                    .starts_with("The body could not be read")
            );
        }
    }
    let no_gzip = Request::new("POST", "/v1/traces")
        .header("content-encoding", "gzip")
        .json("{}");
    app.send(no_gzip).await.json(400);
    assert_eq!(app.count("otlp_items"), 0);
}

async fn a_bad_span_spoils_no_other(app: TestApp) {
    let deep = |depth: usize| {
        let mut value = field(1, b"deep");
        for _ in 0..depth {
            // An array of one.
            value = field(5, &field(1, &value));
        }
        field(9, &[field(1, b"deep"), field(2, &value)].concat())
    };
    let bad: [Vec<u8>; 6] = [
        vec![0xff; 9],
        field(2, &[1; 8]),
        [field(1, &[0; 16]), field(2, &[7; 8])].concat(),
        span_bytes(8, &field(4, &[1; 3])),
        span_bytes(9, &field(9, &field(1, b"\xff\xfe"))),
        span_bytes(10, &deep(2000)),
    ];
    let mut spans = bad.to_vec();
    spans.insert(3, span_bytes(1, &deep(20)));
    spans.push(span_bytes(
        2,
        &field(
            9,
            &[
                field(1, b"large"),
                field(2, &field(1, &vec![b'x'; 500_000])),
            ]
            .concat(),
        ),
    ));
    let answer = protobuf(&app, request_bytes(&spans)).await;
    assert_eq!(answer.status, 200);
    // partial_success { rejected_spans: 6, error_message: ... }
    assert_eq!(
        (answer.body[0], &answer.body[2..5]),
        (0x0a, &[0x08, 6, 0x12][..])
    );
    assert_eq!(app.count("prompts"), 2);

    let deep = format!(
        "{}{}",
        r#"{"arrayValue":{"values":["#.repeat(3000),
        "]}}".repeat(3000)
    );
    let good = span(2, 1, 0, "chat", &json!({"gen_ai.operation.name": "chat"})).to_string();
    let bad = [
        good.replace("}]", &format!("}},{{\"key\":\"deep\",\"value\":{deep}}}]")),
        good.replace(&format!("{:016x}", 1), "xyz"),
        "17".to_owned(),
        r#"{"traceId": 5}"#.to_owned(),
    ];
    let spans = [&bad[..], &[good]].concat().join(",");
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let answer = app
        .send(Request::new("POST", "/v1/traces").json(body))
        .await
        .json(200);
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "4", "{answer}");
    assert_eq!(app.count("prompts"), 3);
}

async fn circles_and_long_ways_do_no_harm(app: TestApp) {
    let chat = json!({"gen_ai.operation.name": "chat"});
    // Above itself; two above one another, together and one by one; a way of thousands.
    let itself = [span(1, 1, 1, "chat", &chat)];
    let two = [span(2, 1, 2, "chat", &chat), span(2, 2, 1, "chat", &chat)];
    let way: Vec<Value> = (1..=3000)
        .map(|id| span(4, id, id - 1, "", &json!({})))
        .collect();
    for spans in [&itself[..], &two, &two[..1], &way[1500..], &way[..1500]] {
        assert_eq!(
            app.post("/v1/traces", request(spans)).await.json(200),
            json!({})
        );
    }
    for spans in [
        [span(3, 1, 2, "chat", &chat)],
        [span(3, 2, 1, "chat", &chat)],
    ] {
        assert_eq!(
            app.post("/v1/traces", request(&spans)).await.json(200),
            json!({})
        );
    }
    assert_eq!(
        app.post("/v1/traces", request(&[span(4, 4000, 3000, "chat", &chat)]))
            .await
            .json(200),
        json!({})
    );
    assert_eq!(app.count("prompts"), 6);
    let without_agent =
        "SELECT count(*) FROM prompts WHERE agent_id NOT IN (SELECT id FROM agents)";
    assert_eq!(app.sql(without_agent), 0.into());
}

async fn a_nul_is_replaced(app: TestApp) {
    let nul = json!({"gen_ai.operation.name": "chat", "gen_ai.agent.name": "A\0", "input.value": "a\0b", "session.id": "s\0"});
    let spans = [span(1, 1, 0, "x\0", &nul)];
    assert_eq!(
        app.post("/v1/traces", request(&spans)).await.json(200),
        json!({})
    );
    let prompt = &app.get("/api/runtime/prompts").await.json(200)[0];
    assert_eq!(prompt["prompt_text"], "a\u{fffd}b");
    assert_eq!(prompt["prompt_name"], "x\u{fffd}");
    assert_eq!(prompt["metadata"]["attributes"]["input.value"], "a\0b");
    assert_eq!(app.list("/api/agents", "name").await, ["A\u{fffd}"]);
}

async fn what_is_too_large_is_refused(setup: Setup) {
    let app = setup.max_body_bytes(10_000).start().await;
    let plain = Request::new("POST", "/v1/traces").json(vec![b' '; 10_001]);
    assert_eq!(app.send(plain).await.status, 413);
    // What is small, and large only when it is unpacked.
    for size in [10_001, 9_000_000] {
        let packed = gzip(&vec![b' '; size]);
        assert!(packed.len() < 10_000 || size > 10_001);
        let request = Request::new("POST", "/v1/logs").header("content-encoding", "gzip");
        assert_eq!(app.send(request.json(packed)).await.status, 413, "{size}");
    }
}

async fn a_token_is_needed_where_one_is_set(setup: Setup) {
    let app = setup.tokens("whole", "part").start().await;
    for (token, status) in [("", 401), ("Bearer part", 403), ("Bearer whole", 200)] {
        let mut request = Request::new("POST", "/v1/traces");
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        assert_eq!(app.send(request.json("{}")).await.status, status, "{token}");
    }
}
