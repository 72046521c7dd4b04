//! What comes of a trace does not depend on the order in which its spans come.

use serde_json::{Value, json};

use super::support::{agents, failed, rows, send, span};
use crate::app::TestApp;

on_every_host! {
    every_order_ends_in_the_same,
    thousands_find_their_agent,
}

/// A server's request, an agent in it, a chain below it, and below that a call, a tool, and an agent with a call of its own;
/// a call beside the agent has none.
fn trace(number: u64) -> Vec<Value> {
    let chat = |name: &str| json!({"gen_ai.operation.name": "chat", "gen_ai.agent.name": name, "llm.token_count.prompt": 1});
    vec![
        span(number, 1, 0, "POST /", &json!({})),
        span(
            number,
            2,
            1,
            "invoke_agent Lead",
            &json!({"gen_ai.operation.name": "invoke_agent"}),
        ),
        span(
            number,
            3,
            2,
            "step",
            &json!({"openinference.span.kind": "CHAIN"}),
        ),
        span(number, 4, 3, "chat", &chat("guess")),
        failed(
            span(
                number,
                5,
                3,
                "Helper",
                &json!({"openinference.span.kind": "AGENT"}),
            ),
            "no",
        ),
        span(
            number,
            6,
            5,
            "execute_tool find",
            &json!({"gen_ai.operation.name": "execute_tool"}),
        ),
        span(
            number,
            7,
            1,
            "chat",
            &json!({"gen_ai.operation.name": "chat"}),
        ),
    ]
}

/// All that is told of a trace, under names that are the same for each.
async fn told(app: &TestApp, number: u64) -> Value {
    let session = format!("{number:032x}");
    let agents = agents(app, &session).await;
    let mut told = json!({"agents": [], "prompts": [], "logs": []});
    let mut names: Vec<(String, String)> = vec![(session.clone(), "the trace".to_owned())];
    for agent in &agents {
        let text = |field: &str| agent[field].as_str().unwrap().to_owned();
        names.push((text("id"), text("name")));
    }
    for (kind, path, without) in [
        (
            "prompts",
            format!("/api/runtime/prompts?session_id={session}"),
            "id",
        ),
        (
            "logs",
            format!("/api/runtime/logs?session_id={session}"),
            "id",
        ),
    ] {
        let mut rows = rows(app, &path).await;
        for row in &mut rows {
            row.as_object_mut().unwrap().remove(without);
        }
        told[kind] = rows.into();
    }
    let mut agents = agents;
    for agent in &mut agents {
        for changing in ["version", "updated_at", "orchestrator_agent_id"] {
            agent.as_object_mut().unwrap().remove(changing);
        }
    }
    told["agents"] = agents.into();
    let mut text = serde_json::to_string_pretty(&told).unwrap();
    for (id, name) in names {
        text = text.replace(&id, &name);
    }
    serde_json::from_str(&text).unwrap()
}

async fn every_order_ends_in_the_same(app: TestApp) {
    send(&app, &trace(1)).await;
    let expected = told(&app, 1).await;
    let counts = ["agents", "prompts", "logs"].map(|kind| expected[kind].as_array().unwrap().len());
    assert_eq!(counts, [3, 2, 1], "{expected:#}");
    let count = trace(1).len();
    // Heap's algorithm, over all but the first orders of 7 spans: every 61st of 5040, which is odd to any pattern in it.
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = vec![0; count];
    let (mut place, mut number) = (0, 1);
    while place < count {
        if state[place] >= place {
            state[place] = 0;
            place += 1;
            continue;
        }
        order.swap(if place % 2 == 0 { 0 } else { state[place] }, place);
        state[place] += 1;
        place = 0;
        number += 1;
        if number % 61 == 0 {
            let trace = trace(number);
            // Some of them together.
            for spans in order.chunks(1 + usize::try_from(number).unwrap() % 3) {
                let spans: Vec<Value> = spans.iter().map(|index| trace[*index].clone()).collect();
                send(&app, &spans).await;
            }
            assert_eq!(told(&app, number).await, expected, "{order:?}");
        }
    }
    assert_eq!(number, 5040);
    let mut definitions = app.list("/api/agents", "name").await;
    definitions.sort();
    assert_eq!(definitions, ["Helper", "Lead", "shop"]);
}

/// More than one transaction hands on.
async fn thousands_find_their_agent(app: TestApp) {
    let chat = json!({"gen_ai.operation.name": "chat", "llm.token_count.prompt": 1});
    let calls: Vec<Value> = (100..2600)
        .map(|id| span(1, id, 3, "chat", &chat))
        .collect();
    for calls in calls.chunks(1000) {
        send(&app, calls).await;
    }
    // Chains on the way up to an agent, which comes last.
    send(&app, &[span(1, 3, 2, "step", &json!({}))]).await;
    send(&app, &[span(1, 2, 1, "step", &json!({}))]).await;
    let agent = json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Lead"});
    send(&app, &[span(1, 1, 0, "invoke_agent", &agent)]).await;
    let agents = agents(&app, &format!("{:032x}", 1)).await;
    let [lead] = agents.as_slice() else {
        panic!("{agents:?}");
    };
    assert_eq!(
        (&lead["name"], &lead["tokens_input"]),
        (&json!("Lead"), &json!(2500))
    );
    assert_eq!(app.count("prompts"), 2500);
    assert_eq!(app.list("/api/agents", "name").await, ["Lead"]);
}
