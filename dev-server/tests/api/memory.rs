//! What takes the most memory of a component that a client can make it take, with the largest bodies that may be allowed:
//! each is answered, and nothing is a 500.

use std::fmt::Write as _;

use serde_json::json;

use crate::app::{Host, Setup, TestApp};
use crate::support::client::{Request, Response};

/// `MAX_BODY_BYTES`, and its largest value.
const LARGEST: usize = http_api::LARGEST_BODY;

/// A backend with an agent, whose id comes with it.
async fn start() -> (TestApp, String) {
    let app = Setup::new(Host::Components)
        .max_body_bytes(LARGEST)
        .start()
        .await;
    let definition = app.definition("d").await;
    let agent = app.agent(&definition, "s").await;
    (app, agent)
}

/// `start`, then pieces that `piece` makes, as many as fit, then `end`.
fn filled(start: &str, end: &str, mut piece: impl FnMut(usize, &mut String)) -> String {
    let mut body = String::with_capacity(LARGEST);
    body.push_str(start);
    let mut next = String::new();
    for number in 0.. {
        next.clear();
        if number > 0 && start.ends_with(['[', '{']) {
            next.push(',');
        }
        piece(number, &mut next);
        if body.len() + next.len() + end.len() > LARGEST {
            break;
        }
        body.push_str(&next);
    }
    body + end
}

async fn post(app: &TestApp, path: &str, body: impl Into<Vec<u8>>) -> Response {
    let response = app.send(Request::new("POST", path).json(body)).await;
    // The instance, or another one, goes on.
    app.get("/api/runtime/agents?limit=1").await.json(200);
    response
}

fn packed(body: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, body.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn millions_of_members() {
    let (app, _) = start().await;
    let definition = |name| format!(r#"{{"name": "{name}", "agent_type": "tester""#);
    let plain = filled(
        &(definition("plain") + ",\"x\":{"),
        "}}",
        |number, piece| {
            let _ = write!(piece, "\"{number:x}\":1");
        },
    );
    post(&app, "/api/agents", plain).await.json(201);
    // Of the body itself, with names that have to be unescaped.
    let start = definition("escaped");
    let escaped = filled(&start, "}", |number, piece| {
        let _ = write!(piece, ",\"\\u0061{number:x}\":1");
    });
    post(&app, "/api/agents", escaped.clone()).await.json(201);
    let request = Request::new("POST", "/api/agents").json(packed(&escaped));
    let again = app.send(request.header("content-encoding", "gzip")).await;
    again.json(409);
    // In what is stored.
    let kept = definition("kept") + ",\"metadata\":{";
    let kept = filled(&kept, "}}", |number, piece| {
        let _ = write!(piece, "\"{number:x}\":1");
    });
    post(&app, "/api/agents", kept).await.json(201);
}

#[tokio::test]
async fn millions_of_items() {
    let (app, agent) = start().await;
    let items = filled("[", "]", |_, piece| piece.push('1'));
    let refused = post(&app, "/api/runtime/logs", items).await.json(422);
    assert_eq!(refused["detail"][0]["type"], "too_long");
    let options = format!(
        r#"{{"agent_id": "{agent}", "sender_type": "agent", "receiver_type": "user", "message": "?", "options": ["#
    );
    let options = filled(&options, "]}", |_, piece| piece.push_str("\"\""));
    let stored = post(&app, "/api/runtime/messages", options).await.status;
    assert!(matches!(stored, 201 | 422), "{stored}");
    let context = format!(
        r#"{{"orchestrator_agent_id": "{}", "session_id": "s", "context": ["#,
        app.get(format!("/api/runtime/agents/{agent}"))
            .await
            .json(200)["orchestrator_agent_id"]
            .as_str()
            .unwrap()
    );
    let context = filled(&context, "]}", |_, piece| piece.push_str("[]"));
    post(&app, "/api/runtime/agents", context).await.json(201);
    app.get("/api/runtime/agents").await.json(200);
}

/// What has to be escaped takes twice the room as a parameter of a statement.
#[tokio::test]
async fn a_batch_of_the_largest_entries() {
    let (app, agent) = start().await;
    let entry = |number: usize, piece: &mut String| {
        let _ = write!(
            piece,
            r#"{{"agent_id": "{agent}", "log_type": "milestone", "message": "{number}", "details": ["#
        );
        for item in 0..11_300 {
            piece.push_str(if item > 0 { ",\"\"" } else { "\"\"" });
        }
        piece.push_str("]}");
    };
    let entries = filled("[", "]", entry);
    let stored = post(&app, "/api/runtime/logs", entries.clone())
        .await
        .json(201);
    assert!(stored["inserted"].as_i64().unwrap() > 900, "{stored}");
    let request = Request::new("POST", "/api/runtime/logs").json(entries);
    let again = app
        .send(request.header("idempotency-key", "k").chunked())
        .await;
    again.json(201);
    let page = app.get("/api/runtime/logs?limit=1000").await;
    assert!(page.json(200).as_array().unwrap().len() > 100);
}

/// Every field of every entry is wrong, and each answer has what was sent.
#[tokio::test]
async fn a_batch_that_is_wrong_throughout() {
    let (app, _) = start().await;
    let long = "\u{1f600}".repeat(1450);
    let entry = |_: usize, piece: &mut String| {
        piece.push('{');
        for name in [
            "agent_id",
            "log_level",
            "log_type",
            "message",
            "details",
            "created_at",
        ] {
            let _ = write!(piece, "\"{name}\": [\"{long}\"],");
        }
        piece.push_str("\"x\": 1}");
    };
    let refused = post(&app, "/api/runtime/logs", filled("[", "]", entry)).await;
    assert_eq!(refused.status, 422);
    assert!(TestApp::faults(&refused).len() > 4000);
}

#[tokio::test]
async fn texts_that_have_to_be_unescaped() {
    let (app, agent) = start().await;
    for piece in ["\\u0000", "\\\"", "\\ud83d", "\u{1f600}", "\\n"] {
        let entry = format!(r#"{{"agent_id": "{agent}", "log_type": "milestone", "message": ""#);
        let entry = filled(&entry, "\"}", |_, text| text.push_str(piece));
        post(&app, "/api/runtime/logs", entry).await.json(201);
        let prompt =
            format!(r#"{{"agent_id": "{agent}", "prompt_type": "command", "prompt_text": ""#);
        let prompt = filled(&prompt, "\"}", |_, text| text.push_str(piece));
        post(&app, "/api/runtime/prompts", prompt).await.json(201);
    }
    for path in [
        "/api/runtime/logs",
        "/api/runtime/prompts",
        "/api/runtime/stats",
        "/metrics",
    ] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
}

/// Lists whose rows are as large as they are told.
#[tokio::test]
async fn lists_of_large_rows() {
    let (app, agent) = start().await;
    let large = json!(["\u{1}".repeat(400_000)]).to_string();
    for statement in [
        format!("UPDATE orchestrator_agents SET description = '{large}', metadata = '{large}'"),
        "INSERT INTO orchestrator_agents (id, name, agent_type, description, metadata) SELECT value, value, agent_type, description, \
         metadata FROM orchestrator_agents, json_each('[1,2,3,4]')".to_owned(),
        format!("UPDATE agents SET context = '{large}', config = '{large}', metadata = '{large}', error_message = '{large}'"),
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, context, config, metadata, error_message) SELECT orchestrator_agents.id, \
         orchestrator_agents.id, session_id, context, config, agents.metadata, error_message FROM agents, orchestrator_agents".to_owned(),
        format!("INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, response_text, error_message, prompt_name, model_used) \
         SELECT id, id, 'command', '{large}', '{large}', '{large}', '{large}', id || '{large}' FROM agents"),
        format!("INSERT INTO agent_logs (agent_id, log_type, message, details) SELECT '{agent}', 'error', '{large}', '{large}' FROM agents"),
        format!("INSERT INTO ai_developer_workflows (id, adw_name, workflow_type, description, input_data, output_data, error_message) \
         SELECT id, id, 'x', '{large}', '{large}', '{large}', '{large}' FROM agents"),
        format!("INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, summary, agent_id, metadata) \
         SELECT id, orchestrator_agent_id, 'user', 'agent', '{large}', '{large}', '{agent}', '{large}' FROM agents"),
    ] {
        app.sql(&statement);
    }
    for path in [
        "/api/agents",
        "/api/runtime/agents",
        "/api/runtime/prompts?limit=1000",
        "/api/runtime/logs?limit=1000",
        "/api/runtime/workflows",
        "/api/runtime/messages",
        "/api/runtime/sessions",
        "/api/runtime/stats",
        &format!("/api/runtime/agents/{agent}"),
        &format!("/api/runtime/agents/{agent}/messages"),
        "/metrics",
    ] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}
