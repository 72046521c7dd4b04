//! `/api/runtime/agents/{id}/messages`, and how its agent acknowledges them

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::support::client::Request;

on_every_host! {
    lists_what_is_addressed_to_the_agent,
    what_is_acknowledged_is_not_told_again,
    a_heartbeat_says_how_many_wait,
    waits_until_there_is_one,
    a_wait_ends_with_an_empty_list,
    refuses_what_does_not_validate,
    an_unknown_agent_is_not_found,
}

async fn agent(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    app.agent(&definition, "s").await
}

fn message(agent: &str, to: &str) -> Value {
    json!({"agent_id": agent, "sender_type": "user", "receiver_type": to, "message": "Go on"})
}

async fn say(app: &TestApp, agent: &str, to: &str) -> Value {
    app.post("/api/runtime/messages", message(agent, to))
        .await
        .json(201)
}

fn path(agent: &str) -> String {
    format!("/api/runtime/agents/{agent}/messages")
}

async fn lists_what_is_addressed_to_the_agent(app: TestApp) {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    let other = app.agent(&definition, "s").await;
    let mut said = Vec::new();
    for (of, to) in [
        (&agent, "agent"),
        (&agent, "user"),
        (&other, "agent"),
        (&agent, "agent"),
    ] {
        said.push(say(&app, of, to).await);
    }
    let path = path(&agent);
    assert_eq!(app.get(&path).await.json(200), json!([said[0], said[3]]));
    let after = async |after: i64| app.list(format!("{path}?after={after}"), "number").await;
    assert_eq!(after(0).await, ["1", "4"]);
    assert_eq!(after(1).await, ["4"]);
    assert_eq!(after(4).await, [""; 0]);
    assert_eq!(
        app.list(format!("{path}?order=desc"), "number").await,
        ["4", "1"]
    );
    let pages = app.pages(format!("{path}?limit=1&wait=1"), "number").await;
    assert_eq!(pages, [["1"], ["4"]]);
}

async fn what_is_acknowledged_is_not_told_again(app: TestApp) {
    let agent = agent(&app).await;
    for to in ["agent", "agent", "user", "agent"] {
        say(&app, &agent, to).await;
    }
    let path = path(&agent);
    let ack = async |up_to: i64| {
        app.post(&format!("{path}/ack"), json!({"up_to": up_to}))
            .await
            .json(200)["acknowledged"]
            .clone()
    };
    assert_eq!(ack(0).await, 0);
    assert_eq!(ack(2).await, 2);
    assert_eq!(ack(2).await, 0);
    assert_eq!(app.list(&path, "number").await, ["4"]);
    // They are there all the same.
    let all = app.get(format!("{path}?after=0")).await.json(200);
    assert!(all[0]["delivered_at"].as_str() >= all[0]["created_at"].as_str());
    assert_eq!(all[2]["delivered_at"], Value::Null);
    assert_eq!(ack(i64::MAX).await, 1);
    assert_eq!(app.list(&path, "number").await, [""; 0]);
    // What is to others is not the agent's to acknowledge.
    let to_user = app.get("/api/runtime/messages").await.json(200)[1].clone();
    assert_eq!(
        (&to_user["number"], &to_user["delivered_at"]),
        (&json!(3), &Value::Null)
    );
    // Sent again under its key, it gives the same answer.
    for _ in 0..2 {
        let request =
            Request::new("POST", format!("{path}/ack")).json(json!({"up_to": 9}).to_string());
        let answer = app.send(request.header("idempotency-key", "ack")).await;
        assert_eq!(answer.json(200), json!({"acknowledged": 0}));
    }
}

async fn a_heartbeat_says_how_many_wait(app: TestApp) {
    let agent = agent(&app).await;
    let beat = format!("/api/runtime/agents/{agent}/heartbeat");
    let waiting = async || app.post(&beat, json!({})).await.json(200)["messages_waiting"].clone();
    assert_eq!(waiting().await, 0);
    for to in ["agent", "user", "agent"] {
        say(&app, &agent, to).await;
    }
    assert_eq!(waiting().await, 2);
    app.post(&format!("{}/ack", path(&agent)), json!({"up_to": 1}))
        .await
        .json(200);
    assert_eq!(waiting().await, 1);
}

async fn waits_until_there_is_one(app: TestApp) {
    let agent = agent(&app).await;
    let waiting = app.get(format!("{}?wait=20", path(&agent)));
    let said = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        say(&app, &agent, "user").await;
        say(&app, &agent, "agent").await
    };
    let start = Instant::now();
    let (heard, said) = tokio::join!(waiting, said);
    assert_eq!(heard.json(200), json!([said]));
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_millis(300) && waited < Duration::from_secs(10),
        "{waited:?}"
    );
    // One that another process says, while nothing that is asked for is there yet.
    let waiting = app.get(format!("{}?after=2&wait=20", path(&agent)));
    let said = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.sql(
            "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, agent_id) \
             SELECT 'old', orchestrator_agent_id, 'user', 'agent', 'x', id FROM agents",
        );
    };
    let (heard, ()) = tokio::join!(waiting, said);
    assert_eq!(heard.json(200)[0]["id"], "old");
}

async fn a_wait_ends_with_an_empty_list(app: TestApp) {
    let agent = agent(&app).await;
    let start = Instant::now();
    let none = app.get(format!("{}?wait=1", path(&agent))).await;
    assert_eq!(none.json(200), json!([]));
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_millis(990) && waited < Duration::from_secs(5),
        "{waited:?}"
    );
    let start = Instant::now();
    assert_eq!(app.get(path(&agent)).await.json(200), json!([]));
    assert!(start.elapsed() < Duration::from_millis(900));
}

async fn refuses_what_does_not_validate(app: TestApp) {
    let agent = agent(&app).await;
    for query in [
        "wait=31",
        "wait=-1",
        "wait=soon",
        "after=x",
        "limit=0",
        "wait=2&after=-1",
    ] {
        let response = app.get(format!("{}?{query}", path(&agent))).await;
        assert_eq!(TestApp::faults(&response).len(), 1, "{query}");
    }
    for body in [json!({}), json!({"up_to": -1}), json!({"up_to": "all"})] {
        let response = app.post(&format!("{}/ack", path(&agent)), body).await;
        assert_eq!(TestApp::faults(&response)[0].1, json!(["body", "up_to"]));
    }
}

async fn an_unknown_agent_is_not_found(app: TestApp) {
    let expected = json!({"detail": "Agent nobody not found"});
    for query in ["", "?wait=20", "?after=1&wait=20"] {
        let response = app.get(format!("{}{query}", path("nobody"))).await;
        assert_eq!(response.json(404), expected);
    }
    let response = app
        .post(&format!("{}/ack", path("nobody")), json!({"up_to": 1}))
        .await;
    assert_eq!(response.json(404), expected);
}
