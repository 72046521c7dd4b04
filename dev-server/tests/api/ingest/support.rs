//! Spans and log records to send, and what became of them.

use serde_json::{Value, json};

use crate::app::TestApp;

/// When the spans of a test begin, in seconds since 1970: 2026-02-05T10:00:00Z.
pub(super) const START: u64 = 1_770_285_600;

/// A span of a trace: `id` and `parent` are small numbers, of which 0 is none. It lasts from `id` to `id` + 10 seconds after
/// the start, unless told otherwise.
pub(super) fn span(trace: u64, id: u64, parent: u64, name: &str, attributes: &Value) -> Value {
    let mut span = json!({
        "traceId": format!("{trace:032x}"),
        "spanId": format!("{id:016x}"),
        "name": name,
        "startTimeUnixNano": ((START + id) * 1_000_000_000).to_string(),
        "endTimeUnixNano": ((START + id + 10) * 1_000_000_000).to_string(),
        "attributes": attributes_of(attributes),
    });
    if parent != 0 {
        span["parentSpanId"] = format!("{parent:016x}").into();
    }
    span
}

/// The same with an error.
pub(super) fn failed(mut span: Value, message: &str) -> Value {
    span["status"] = json!({"code": "STATUS_CODE_ERROR", "message": message});
    span
}

/// An object as the attributes of OTLP.
pub(super) fn attributes_of(members: &Value) -> Value {
    let members = members.as_object().expect("an object").iter();
    members
        .map(|(key, value)| {
            let value = match value {
                Value::String(text) => json!({"stringValue": text}),
                Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
                Value::Number(number) => json!({"doubleValue": number}),
                Value::Bool(truth) => json!({"boolValue": truth}),
                other => other.clone(),
            };
            json!({"key": key, "value": value})
        })
        .collect()
}

/// A request with spans.
pub(super) fn request(spans: &[Value]) -> Value {
    let resource = json!({"attributes": attributes_of(&json!({"service.name": "shop"}))});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]})
}

/// Sends spans, all of which are stored.
pub(super) async fn send(app: &TestApp, spans: &[Value]) {
    let answer = app.post("/v1/traces", request(spans)).await;
    assert_eq!(answer.json(200), json!({}));
}

/// The rows of a list.
pub(super) async fn rows(app: &TestApp, uri: &str) -> Vec<Value> {
    let Value::Array(rows) = app.get(uri).await.json(200) else {
        panic!("no list");
    };
    rows
}

/// The agents of a session, with their definitions' names as `name`, oldest first.
pub(super) async fn agents(app: &TestApp, session: &str) -> Vec<Value> {
    let definitions = rows(app, "/api/agents?limit=1000").await;
    let path = format!("/api/runtime/agents?session_id={session}&order=asc");
    let mut agents = rows(app, &path).await;
    for agent in &mut agents {
        let of = &agent["orchestrator_agent_id"];
        let mut definitions = definitions.iter();
        let definition = definitions.find(|definition| definition["id"] == *of);
        agent["name"] = definition.expect("a definition")["name"].clone();
    }
    agents
}

/// The one of that name.
pub(super) fn named<'a>(agents: &'a [Value], name: &str) -> &'a Value {
    let mut found = agents.iter().filter(|agent| agent["name"] == name);
    let agent = found
        .next()
        .unwrap_or_else(|| panic!("no {name}: {agents:?}"));
    assert!(found.next().is_none(), "two {name}");
    agent
}
