//! The document of the API: what the route tables say of themselves, and what holds for all of them.

use aide::generate;
use aide::openapi::OpenApi;
use serde_json::{Map, Value, json};

/// What a body may look like, by operation. What answers look like is in `answers.json`, by the name of the schema.
const EXAMPLES: [(&str, &str); 19] = [
    (
        "post /api/agents",
        r#"{"name": "Planner", "agent_type": "planner", "description": "Plans the work", "default_model": "claude-opus-4-5", "metadata": {"team": "core"}}"#,
    ),
    (
        "put /api/agents/{id}",
        r#"{"description": "Plans the work of a team", "is_active": false}"#,
    ),
    (
        "patch /api/agents/{id}",
        r#"{"description": "Plans the work of a team", "is_active": false}"#,
    ),
    (
        "post /api/runtime/agents",
        r#"{"orchestrator_agent_id": "01a2069d-dac1-7363-a0f7-8136abaeb8dd", "session_id": "demo", "status": "planning", "context": {"task": "Add pages"}}"#,
    ),
    (
        "patch /api/runtime/agents/{id}",
        r#"{"status": "completed", "cost_usd": 0.25}"#,
    ),
    (
        "post /api/runtime/agents/{id}/heartbeat",
        r#"{"lease_seconds": 30}"#,
    ),
    (
        "post /api/runtime/prompts",
        r#"{"agent_id": "01a2069d-fa31-74b2-8d23-31f3ab3c2cfc", "prompt_type": "command", "prompt_text": "Plan it", "model_used": "claude-opus-4-5"}"#,
    ),
    (
        "patch /api/runtime/prompts/{id}",
        r#"{"status": "completed", "response_text": "1. Read.", "tokens_input": 1200, "tokens_output": 340, "cost_usd": 0.0087, "latency_ms": 2000}"#,
    ),
    (
        "post /api/runtime/logs",
        r#"[{"agent_id": "01a2069d-fa31-74b2-8d23-31f3ab3c2cfc", "log_type": "milestone", "message": "half way", "details": {"percent": 50}}]"#,
    ),
    (
        "post /api/runtime/system-logs",
        r#"{"component": "scheduler", "log_level": "WARNING", "message": "The queue is long"}"#,
    ),
    (
        "post /api/runtime/workflows",
        r#"{"adw_name": "Add pages", "workflow_type": "plan_build_review", "status": "in_progress", "current_step": "plan", "total_steps": 3, "input_data": {"issue": 17}}"#,
    ),
    (
        "patch /api/runtime/workflows/{id}",
        r#"{"current_step": "build", "completed_steps": 1}"#,
    ),
    (
        "post /api/runtime/messages",
        r#"{"agent_id": "01a2069d-fa31-74b2-8d23-31f3ab3c2cfc", "sender_type": "agent", "receiver_type": "user", "message": "Which database?", "options": ["SQLite", "PostgreSQL"]}"#,
    ),
    (
        "post /api/runtime/agents/{id}/messages/ack",
        r#"{"up_to": 17}"#,
    ),
    (
        "post /v1/traces",
        r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat m-1", "startTimeUnixNano": "1770285660000000000", "endTimeUnixNano": "1770285662000000000", "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}, {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1200"}}]}]}]}]}"#,
    ),
    (
        "post /v1/logs",
        r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1770285660000000000", "severityNumber": 9, "body": {"stringValue": "half way"}, "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}]}]}]}"#,
    ),
    // Parameters.
    ("since", r#""2026-02-05T10:00:00Z""#),
    ("until", r#""2026-02-06T10:00:00Z""#),
    ("session_id", r#""demo""#),
];

const DESCRIPTION: &str = "A backend for watching and steering AI agents.\n\nEvery change of an agent is also told \
live: over the WebSocket `/ws/agent-status` (text frames `{\"type\", \"data\"}`; `?mode=delta` sends each change once \
and in order, `?since=` resumes), and as Server-Sent Events by `/api/runtime/events`.";

/// The whole document.
pub(crate) fn document() -> Value {
    let mut api = OpenApi::default();
    describe_answers();
    let _ = backend::agents::table().finish_api(&mut api);
    describe_answers();
    let _ = backend::runtime::table().finish_api(&mut api);
    describe_answers();
    let _ = backend::ingest::table().finish_api(&mut api);
    describe_answers();
    let _ = backend::health::table().finish_api(&mut api);
    let mut document = serde_json::to_value(api).expect("a document");
    document["info"] = json!({
        "title": "Orchestrator Web Backend",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/"}]);
    document["tags"] = json!([
        {"name": "agents", "description": "Definitions, which running agents are started from."},
        {"name": "runtime", "description": "Running agents, their prompts and logs, workflows, messages, and the questions about them."},
        {"name": "ingest", "description": "What tools that know nothing of this service report by OTLP over HTTP."},
        {"name": "health", "description": "Whether the service is up, and what it counts."},
    ]);
    let paths = document["paths"].as_object_mut().expect("paths");
    for (path, methods) in paths.iter_mut() {
        for (method, operation) in methods.as_object_mut().expect("methods") {
            finish(path, method, operation);
        }
    }
    let components = document["components"].as_object_mut().expect("components");
    components.insert("responses".to_owned(), responses());
    components.insert(
        "securitySchemes".to_owned(),
        json!({"token": {
            "type": "http", "scheme": "bearer",
            "description": "`API_TOKEN`, or to read `API_READ_TOKEN`. Where the server has none, everything is open.",
        }}),
    );
    let schemas = components["schemas"].as_object_mut().expect("schemas");
    let answers: Map<String, Value> =
        serde_json::from_str(include_str!("answers.json")).expect("JSON");
    for (name, answer) in answers {
        let schema = schemas.get_mut(&name).expect(&name);
        schema["examples"] = json!([answer]);
    }
    schemas.insert("Error".to_owned(), error());
    schemas.insert("ValidationError".to_owned(), validation_error());
    sorted(document)
}

/// Lets the next table put its answers' schemas into the document. An answer has all its members, also those that are
/// null.
fn describe_answers() {
    generate::extract_schemas(true);
    generate::in_context(|ctx| {
        let settings = ctx.schema.settings().clone();
        ctx.schema = settings.for_serialize().into_generator();
    });
}

/// Adds to an operation what follows from what it has.
fn finish(path: &str, method: &str, operation: &mut Value) {
    let group = path
        .trim_start_matches("/api/")
        .split('/')
        .next()
        .unwrap_or_default();
    let is_otlp = path.starts_with("/v1/");
    let guarded = path.starts_with("/api/") || is_otlp;
    let tag = match guarded {
        true if is_otlp => "ingest",
        true => group,
        false => "health",
    };
    operation["tags"] = json!([tag]);
    operation["operationId"] = operation_id(path, method).into();
    let has_token = guarded || path == "/metrics";
    if has_token {
        operation["security"] = json!([{}, {"token": []}]);
    }
    let has_header = |operation: &Value, name: &str| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters
            .into_iter()
            .any(|parameter| parameter["name"] == name)
    };
    let mut errors = Vec::new();
    if has_token {
        errors.push(401);
    }
    if guarded {
        errors.push(503);
        if method != "get" {
            errors.push(403);
        }
    }
    let has_body = operation.get("requestBody").is_some();
    let refers = has_body
        && matches!(
            path,
            "/api/runtime/agents"
                | "/api/runtime/prompts"
                | "/api/runtime/logs"
                | "/api/runtime/workflows"
                | "/api/runtime/messages"
        );
    if path.contains("{id}") || refers {
        errors.push(404);
    }
    if has_body {
        errors.extend([409, 413, 415, 422]);
    } else if operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|one| one["in"] == "query")
    {
        errors.push(422);
    }
    if has_header(operation, "If-Match") {
        errors.push(412);
    }
    for status in errors {
        let reference = format!("#/components/responses/{status}");
        operation["responses"][status.to_string()] = json!({"$ref": reference});
    }
    if is_otlp {
        finish_otlp(path, operation);
    }
    finish_parameters(operation);
    let key = format!("{method} {path}");
    if let Some((_, example)) = EXAMPLES.iter().find(|(known, _)| *known == key) {
        operation["requestBody"]["content"]["application/json"]["example"] =
            serde_json::from_str(example).expect("JSON");
    }
    let told = match path.rsplit('/').next() {
        Some("heartbeat") => Some("The agent is taken to be alive."),
        Some("ack") => Some("They are acknowledged."),
        _ => None,
    };
    if let Some(told) = told {
        let mut answer = operation["responses"]["201"].take();
        answer["description"] = told.into();
        let responses = operation["responses"].as_object_mut().expect("responses");
        responses.remove("201");
        responses.insert("200".to_owned(), answer);
    }
    finish_texts(path, operation);
}

/// Says of what is answered that is no JSON.
fn finish_texts(path: &str, operation: &mut Value) {
    if path.ends_with("/events") {
        let header = json!({
            "name": "Last-Event-ID", "in": "header", "schema": {"type": "string"},
            "description": "The `id` of the last event that came: goes on after it, with exactly what was missed.",
        });
        if let Some(parameters) = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut)
        {
            parameters.push(header);
        }
        operation["responses"]["200"] = json!({
            "description": "A stream without an end. Each event is a frame `{\"type\", \"data\"}`, its `id` the number of the change.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        });
    }
    if path == "/metrics" {
        operation["responses"]["200"] = json!({
            "description": "Text in the exposition format of Prometheus. The dev-server adds what it knows of its own process.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        });
    }
}

/// Adds what OTLP says of itself: bodies in two encodings, and errors of its own.
fn finish_otlp(path: &str, operation: &mut Value) {
    let (request, response, rejected) = match path {
        "/v1/traces" => (
            "ExportTraceServiceRequest",
            "ExportTraceServiceResponse",
            "rejectedSpans",
        ),
        _ => (
            "ExportLogsServiceRequest",
            "ExportLogsServiceResponse",
            "rejectedLogRecords",
        ),
    };
    let both = |json_schema: Value| {
        json!({
            "application/json": {"schema": json_schema},
            "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
        })
    };
    operation["requestBody"] = json!({
        "description": format!("`{request}` of OTLP 1, in gzip or plain."),
        "required": true,
        "content": both(json!({"type": "object"})),
    });
    let partial = json!({
        "type": "object",
        "properties": {
            rejected: {"type": "string", "description": "How many were left out."},
            "errorMessage": {"type": "string", "description": "Why, of the first one."},
        },
    });
    operation["responses"]["200"] = json!({
        "description": format!("`{response}` in the request's encoding: it is stored, but for what `partialSuccess` tells."),
        "content": both(json!({"type": "object", "properties": {"partialSuccess": partial}})),
    });
    let status = json!({
        "type": "object",
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
    });
    for (code, description) in [
        ("400", "The body could not be read."),
        ("413", "The body is larger than `MAX_BODY_BYTES`."),
        (
            "415",
            "The body is declared as something else, or packed in another way than by gzip.",
        ),
    ] {
        operation["responses"][code] = json!({
            "description": format!("{description} A `google.rpc.Status` in the request's encoding."),
            "content": both(status.clone()),
        });
    }
}

/// Adds to the parameters of an operation what they mean and an example, as far as that is the same everywhere.
fn finish_parameters(operation: &mut Value) {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        if name == "id" {
            parameter["description"] = "The id.".into();
        }
        if let Some(description) = parameter["schema"]
            .as_object_mut()
            .and_then(|schema| schema.remove("description"))
        {
            parameter["description"] = description;
        }
        if parameter["schema"]["type"] == "array" {
            // Separated by commas.
            parameter["explode"] = false.into();
        }
        if let Some((_, example)) = EXAMPLES.iter().find(|(known, _)| *known == name) {
            parameter["example"] = serde_json::from_str(example).expect("JSON");
        }
    }
}

/// A name for an operation: `patch_runtime_agents_id`.
fn operation_id(path: &str, method: &str) -> String {
    let path = path.trim_start_matches("/api").replace(['{', '}'], "");
    let words: Vec<&str> = path
        .split(['/', '-'])
        .filter(|word| !word.is_empty())
        .collect();
    match words.as_slice() {
        [] => format!("{method}_root"),
        words => format!("{method}_{}", words.join("_")),
    }
}

fn error() -> Value {
    json!({
        "type": "object",
        "properties": {"detail": {"type": "string", "description": "A sentence for a person."}},
        "required": ["detail"],
        "examples": [{"detail": "Agent 17 not found"}],
    })
}

fn validation_error() -> Value {
    let fault = json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "description": "The kind of fault, the same for every field."},
            "loc": {"type": "array", "items": {"type": ["string", "integer"]}, "description": "Where it is."},
            "msg": {"type": "string", "description": "A sentence for a person."},
            "input": {"description": "What was sent."},
        },
        "required": ["type", "loc", "msg", "input"],
    });
    json!({
        "type": "object",
        "properties": {"detail": {"type": "array", "items": fault, "description": "Everything that is wrong."}},
        "required": ["detail"],
        "examples": [{"detail": [
            {"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {"agent_type": "planner"}},
        ]}],
    })
}

fn responses() -> Value {
    let mut responses = Map::new();
    for (status, description) in [
        (401, "No token came, or none that is known."),
        (403, "The token may only read."),
        (404, "There is no row with that id."),
        (
            409,
            "The request does not go with what is stored: a name is taken, a finished agent is to go on, or the \
               `Idempotency-Key` was used for another request.",
        ),
        (412, "The row has another version than `If-Match` says."),
        (413, "The body is larger than `MAX_BODY_BYTES`."),
        (415, "The body is not declared as JSON."),
        (
            422,
            "Something does not validate; all faults are told at once.",
        ),
        (503, "The database is busy, or cannot be reached."),
    ] {
        let schema = if status == 422 {
            "ValidationError"
        } else {
            "Error"
        };
        let reference = format!("#/components/schemas/{schema}");
        let mut response = json!({
            "description": description,
            "content": {"application/json": {"schema": {"$ref": reference}}},
        });
        let header = match status {
            401 => Some(("WWW-Authenticate", "`Bearer`")),
            503 => Some(("Retry-After", "After how many seconds to try again.")),
            _ => None,
        };
        if let Some((name, description)) = header {
            response["headers"] =
                json!({name: {"description": description, "schema": {"type": "string"}}});
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

/// With the members of every object in the order of their names, and lists whose order says nothing sorted, so that the
/// file changes only where the API does.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            for (name, value) in &mut members {
                if let ("required" | "parameters", Value::Array(items)) = (name.as_str(), value) {
                    items.sort_by_key(|item| match item.get("name") {
                        Some(name) => name.to_string(),
                        None => item.to_string(),
                    });
                }
            }
            let members = members.into_iter();
            Value::Object(members.map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        value => value,
    }
}
