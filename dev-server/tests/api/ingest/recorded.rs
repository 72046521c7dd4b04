//! Requests that were recorded of real exporters: `dev-server/tests/ingest` makes them.

use std::path::Path;

use serde_json::json;

use super::support::{agents, rows};
use crate::app::TestApp;
use crate::support::client::Request;

on_every_host! {
    what_frameworks_export_is_understood,
}

/// An agent: its name, its parent's, its status, its tokens, and how many prompts and tool calls it has.
type Agent = (
    &'static str,
    &'static str,
    &'static str,
    [i64; 2],
    [usize; 2],
);

const RECORDED: [(&str, &str, &[Agent]); 4] = [
    (
        "by_hand",
        "by-hand",
        &[
            ("Lead", "", "completed", [10, 5], [1, 0]),
            ("Helper", "Lead", "failed", [0, 0], [0, 1]),
        ],
    ),
    (
        "pydantic_ai",
        "pydantic-ai",
        &[("weather", "", "completed", [115, 16], [2, 1])],
    ),
    (
        "langchain",
        "langchain",
        &[("calculator", "", "completed", [22, 8], [2, 1])],
    ),
    (
        "openai_agents",
        "openai-agents",
        &[
            ("Agent workflow", "", "completed", [0, 0], [0, 0]),
            ("Calculator", "Agent workflow", "completed", [20, 6], [2, 1]),
        ],
    ),
];

async fn what_frameworks_export_is_understood(app: TestApp) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ingest/recorded");
    for (name, session, expected) in RECORDED {
        let body = std::fs::read(folder.join(format!("{name}.bin"))).unwrap();
        for _ in 0..2 {
            let request = Request::new("POST", "/v1/traces")
                .header("content-type", "application/x-protobuf")
                .body(body.clone());
            let answer = app.send(request).await;
            assert_eq!((answer.status, &*answer.body), (200, &[][..]));
        }
        let agents = agents(&app, session).await;
        assert_eq!(agents.len(), expected.len(), "{name}: {agents:?}");
        for (agent, parent, status, tokens, [prompts, calls]) in expected {
            let agent = super::support::named(&agents, agent);
            let above = agents
                .iter()
                .find(|other| other["id"] == agent["parent_agent_id"]);
            assert_eq!(above.map_or(&json!(""), |above| &above["name"]), parent);
            assert_eq!(agent["status"], *status);
            assert_eq!(agent["tokens_input"], tokens[0], "{name}");
            assert_eq!(agent["tokens_output"], tokens[1], "{name}");
            let id = agent["id"].as_str().unwrap();
            let of = |kind: &str| format!("/api/runtime/{kind}?agent_id={id}");
            assert_eq!(rows(&app, &of("prompts")).await.len(), *prompts, "{name}");
            assert_eq!(rows(&app, &of("logs")).await.len(), *calls, "{name}");
        }
    }
}
