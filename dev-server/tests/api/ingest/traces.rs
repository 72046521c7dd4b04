//! POST `/v1/traces`: what spans become.

use serde_json::{Value, json};

use super::support::{agents, failed, named, request, rows, send, span};
use crate::app::TestApp;

on_every_host! {
    a_trace_is_agents_prompts_and_tool_calls,
    an_agent_is_there_from_its_first_span_on,
    what_has_no_agent_is_of_its_topmost_span,
    a_session_is_what_is_named_or_the_trace,
    what_was_sent_again_changes_nothing,
    an_agent_that_others_have_ended_stays_as_it_is,
    spans_of_a_deleted_agent_are_told_as_left_out,
    clocks_that_differ_give_no_negative_times,
}

fn trace(number: u64) -> Vec<Value> {
    vec![
        span(number, 1, 0, "POST /ask", &json!({"http.route": "/ask"})),
        span(
            number,
            2,
            1,
            "invoke_agent Planner",
            &json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Planner",
                "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 1000,
                "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"Plan a trip"}]}]"#}),
        ),
        span(
            number,
            3,
            2,
            "chat m-1",
            &json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.model": "m-1",
                "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 7, "gen_ai.usage.cost": 0.25,
                "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"Where to?"}]}]"#,
                "gen_ai.output.messages": r#"[{"role":"assistant","parts":[{"type":"text","content":"Rome"}]}]"#}),
        ),
        span(
            number,
            4,
            2,
            "step",
            &json!({"openinference.span.kind": "CHAIN"}),
        ),
        failed(
            span(
                number,
                5,
                4,
                "book",
                &json!({"openinference.span.kind": "TOOL", "tool.name": "book", "input.value": r#"{"city": "Rome"}"#,
                    "output.value": "full"}),
            ),
            "no room",
        ),
        failed(
            span(
                number,
                6,
                5,
                "Booker",
                &json!({"openinference.span.kind": "AGENT", "agent.name": "Booker"}),
            ),
            "gave up",
        ),
        span(
            number,
            7,
            6,
            "LLM",
            &json!({"openinference.span.kind": "LLM", "llm.model_name": "m-2", "llm.token_count.prompt": 3,
                "llm.token_count.completion": 2, "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "Book it"}),
        ),
    ]
}

async fn a_trace_is_agents_prompts_and_tool_calls(app: TestApp) {
    send(&app, &trace(7)).await;
    let agents = agents(&app, &format!("{:032x}", 7)).await;
    assert_eq!(agents.len(), 2, "{agents:?}");
    let (planner, booker) = (named(&agents, "Planner"), named(&agents, "Booker"));
    assert_eq!(planner["status"], "completed");
    assert_eq!(planner["parent_agent_id"], Value::Null);
    assert_eq!(planner["started_at"], "2026-02-05T10:00:02.000Z");
    assert_eq!(planner["completed_at"], "2026-02-05T10:00:12.000Z");
    assert_eq!(planner["context"], json!({"task": "Plan a trip"}));
    // What its model calls used, and not what it says itself, as that is the same once more.
    assert_eq!(
        (&planner["tokens_input"], &planner["tokens_output"]),
        (&json!(12), &json!(7))
    );
    assert_eq!(planner["cost_usd"], 0.25);
    assert_eq!(
        planner["metadata"]["attributes"]["gen_ai.usage.input_tokens"],
        1000
    );
    assert_eq!(planner["metadata"]["resource"]["service.name"], "shop");
    assert_eq!(booker["status"], "failed");
    assert_eq!(booker["error_message"], "gave up");
    assert_eq!(booker["parent_agent_id"], planner["id"]);
    assert_eq!(booker["tokens_input"], 3);

    let of = |agent: &Value| agent["id"].as_str().expect("an id").to_owned();
    let prompts = rows(
        &app,
        &format!("/api/runtime/prompts?agent_id={}", of(planner)),
    )
    .await;
    let [prompt] = prompts.as_slice() else {
        panic!("{prompts:?}")
    };
    for (field, value) in [
        ("prompt_text", json!("Where to?")),
        ("response_text", json!("Rome")),
        ("prompt_name", json!("chat m-1")),
        ("model_used", json!("m-1")),
        ("status", json!("completed")),
        ("tokens_input", json!(12)),
        ("tokens_output", json!(7)),
        ("cost_usd", json!(0.25)),
        ("latency_ms", json!(10_000)),
        ("created_at", json!("2026-02-05T10:00:03.000Z")),
        ("completed_at", json!("2026-02-05T10:00:13.000Z")),
    ] {
        assert_eq!(prompt[field], value, "{field}");
    }
    assert_eq!(
        prompt["metadata"]["attributes"]["gen_ai.request.model"],
        "m"
    );
    let prompts = rows(
        &app,
        &format!("/api/runtime/prompts?agent_id={}", of(booker)),
    )
    .await;
    assert_eq!(prompts[0]["prompt_text"], "Book it");

    let calls = rows(&app, &format!("/api/runtime/logs?agent_id={}", of(planner))).await;
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(call["log_type"], "tool_call");
    assert_eq!(call["log_level"], "ERROR");
    assert_eq!(call["message"], r#"book: {"city":"Rome"}"#);
    assert_eq!(call["created_at"], "2026-02-05T10:00:05.000Z");
    assert_eq!(call["details"]["tool_input"], json!({"city": "Rome"}));
    assert_eq!(call["details"]["tool_response"], "full");
    assert_eq!(call["details"]["error"], "no room");
    assert_eq!(call["details"]["duration_ms"], 10_000);
}

async fn an_agent_is_there_from_its_first_span_on(app: TestApp) {
    let trace = trace(7);
    let session = format!("{:032x}", 7);
    send(&app, &[trace[2].clone()]).await;
    let before = agents(&app, &session).await;
    let [running] = before.as_slice() else {
        panic!("{before:?}")
    };
    assert_eq!(running["status"], "executing");
    assert_eq!(running["name"], "shop");
    assert_eq!(running["tokens_input"], 12);
    assert_eq!(running["lease_seconds"], 3600);
    // It is the agent that comes.
    send(&app, &[trace[1].clone()]).await;
    let after = agents(&app, &session).await;
    let [ended] = after.as_slice() else {
        panic!("{after:?}")
    };
    assert_eq!(ended["id"], running["id"]);
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["name"], "Planner");
    assert_eq!(ended["heartbeat_at"], Value::Null);
    let definitions = app.list("/api/agents", "name").await;
    assert_eq!(definitions, ["Planner"], "nobody needs that of the service");
}

async fn what_has_no_agent_is_of_its_topmost_span(app: TestApp) {
    let chat = json!({"gen_ai.operation.name": "chat"});
    // A call by itself; one in a workflow; one in a request to a server.
    send(&app, &[span(1, 1, 0, "chat", &chat)]).await;
    let workflow = json!({"openinference.span.kind": "CHAIN", "input.value": "Do it"});
    send(&app, &[span(2, 1, 0, "Flow", &workflow)]).await;
    send(&app, &[span(2, 2, 1, "chat", &chat)]).await;
    send(
        &app,
        &[failed(span(3, 1, 0, "POST /", &json!({})), "broken")],
    )
    .await;
    send(&app, &[span(3, 2, 1, "chat", &chat)]).await;
    // What is only a request has no agent.
    send(&app, &[span(4, 1, 0, "GET /", &json!({}))]).await;
    for (trace, name, status) in [
        (1, "shop", "completed"),
        (2, "Flow", "completed"),
        (3, "shop", "failed"),
    ] {
        let agents = agents(&app, &format!("{trace:032x}")).await;
        let [agent] = agents.as_slice() else {
            panic!("{agents:?}")
        };
        assert_eq!(
            (&agent["name"], &agent["status"]),
            (&json!(name), &json!(status))
        );
        let path = format!(
            "/api/runtime/prompts?agent_id={}",
            agent["id"].as_str().unwrap()
        );
        assert_eq!(rows(&app, &path).await.len(), 1);
        if trace == 2 {
            assert_eq!(agent["context"], json!({"task": "Do it"}));
        }
    }
    assert_eq!(app.count("agents"), 3);
}

async fn a_session_is_what_is_named_or_the_trace(app: TestApp) {
    let agent = json!({"gen_ai.operation.name": "invoke_agent"});
    let named = |name: &str| json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.conversation.id": name});
    send(&app, &[span(1, 2, 1, "below", &agent)]).await;
    assert_eq!(agents(&app, &format!("{:032x}", 1)).await.len(), 1);
    // All that names none goes with what does, also what came before.
    send(
        &app,
        &[span(1, 1, 0, "above", &json!({"session.id": "talk"}))],
    )
    .await;
    send(
        &app,
        &[
            span(1, 3, 1, "later", &agent),
            span(1, 4, 1, "own", &named("zone")),
        ],
    )
    .await;
    assert_eq!(agents(&app, &format!("{:032x}", 1)).await.len(), 0);
    assert_eq!(agents(&app, "talk").await.len(), 2);
    assert_eq!(agents(&app, "zone").await.len(), 1);
}

async fn what_was_sent_again_changes_nothing(app: TestApp) {
    let spans = trace(7);
    for span in &spans {
        send(&app, std::slice::from_ref(span)).await;
    }
    let state = || {
        let tables = [
            "agents",
            "prompts",
            "agent_logs",
            "otlp_items",
            "orchestrator_agents",
        ];
        let last = app.sql("SELECT max(seq) FROM change_log");
        (tables.map(|table| app.count(table)), last)
    };
    let before = state();
    send(&app, &spans).await;
    for span in spans.iter().rev() {
        send(&app, &[span.clone(), span.clone()]).await;
    }
    assert_eq!(state(), before);
}

async fn an_agent_that_others_have_ended_stays_as_it_is(app: TestApp) {
    let trace = trace(7);
    send(&app, &[trace[2].clone()]).await;
    let running = &agents(&app, &format!("{:032x}", 7)).await[0];
    let path = format!("/api/runtime/agents/{}", running["id"].as_str().unwrap());
    app.patch(&path, json!({"status": "cancelled"}))
        .await
        .json(200);
    send(&app, &trace).await;
    let after = app.get(&path).await.json(200);
    assert_eq!(after["status"], "cancelled");
    assert_eq!(
        named(&agents(&app, &format!("{:032x}", 7)).await, "Planner")["id"],
        running["id"]
    );
}

async fn spans_of_a_deleted_agent_are_told_as_left_out(app: TestApp) {
    let mut trace = trace(7);
    let late = trace.remove(2);
    send(&app, &trace).await;
    let agents = agents(&app, &format!("{:032x}", 7)).await;
    let planner = named(&agents, "Planner")["id"].as_str().unwrap();
    assert_eq!(
        app.delete(&format!("/api/runtime/agents/{planner}"))
            .await
            .status,
        204
    );
    let answer = app.post("/v1/traces", request(&[late])).await.json(200);
    let told = json!({"rejectedSpans": "1", "errorMessage": "Their agent was deleted"});
    assert_eq!(answer, json!({"partialSuccess": told}));
    assert_eq!(
        app.get(format!("/api/runtime/agents/{planner}"))
            .await
            .status,
        404
    );
}

async fn clocks_that_differ_give_no_negative_times(app: TestApp) {
    let mut chat = span(1, 1, 0, "chat", &json!({"gen_ai.operation.name": "chat"}));
    chat["endTimeUnixNano"] = "1".into();
    send(&app, &[chat]).await;
    let prompt = &rows(&app, "/api/runtime/prompts").await[0];
    assert_eq!(prompt["latency_ms"], 0);
    assert_eq!(prompt["completed_at"], prompt["created_at"]);
}
