//! Another process holds the write lock.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::json;

use crate::app::{Setup, TestApp};
use crate::support::client::Response;

on_a_file! {
    reads_go_on_and_the_write_waits,
    a_write_that_waits_too_long_is_told_to_come_back,
    a_refused_write_leaves_no_transaction_open,
    a_lost_agent_is_told_while_nobody_can_write,
}

async fn start(setup: Setup) -> Arc<TestApp> {
    let app = setup.start().await;
    app.definition("there before").await;
    Arc::new(app)
}

/// Creates a definition while other requests go on.
fn create(app: &Arc<TestApp>, name: &'static str) -> tokio::task::JoinHandle<Response> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let body = json!({"name": name, "agent_type": "tester"});
        app.post("/api/agents", body).await
    })
}

fn lock(app: &TestApp) -> Connection {
    let connection = app.foreign();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

async fn reads_go_on_and_the_write_waits(setup: Setup) {
    let app = start(setup).await;
    let foreign = lock(&app);
    let update = {
        let app = Arc::clone(&app);
        let id = app.list("/api/agents", "id").await.remove(0);
        tokio::spawn(async move {
            app.put(
                &format!("/api/agents/{id}"),
                json!({"description": "changed"}),
            )
            .await
        })
    };
    let create = create(&app, "waits");
    for _ in 0..50 {
        assert_eq!(app.list("/api/agents", "name").await, ["there before"]);
        app.get("/health").await.json(200);
        app.get("/api/runtime/logs").await.json(200);
        assert!(!create.is_finished());
        assert!(!update.is_finished());
    }
    foreign.execute_batch("COMMIT").unwrap();
    create.await.unwrap().json(201);
    assert_eq!(update.await.unwrap().json(200)["description"], "changed");
    assert_eq!(
        app.list("/api/agents", "name").await,
        ["waits", "there before"]
    );
}

async fn a_write_that_waits_too_long_is_told_to_come_back(setup: Setup) {
    let app = start(setup).await;
    let foreign = lock(&app);
    let creates = ["one", "two", "three"].map(|name| create(&app, name));
    let mut reads = 0;
    while creates.iter().any(|create| !create.is_finished()) {
        app.get("/api/agents").await.json(200);
        reads += 1;
    }
    assert!(reads > 100, "only {reads} reads were answered meanwhile");
    for create in creates {
        let refused = create.await.unwrap();
        assert_ne!(refused.header("retry-after"), "");
        insta::assert_json_snapshot!("busy", refused.json(503));
    }
    foreign.execute_batch("ROLLBACK").unwrap();
    for name in ["one", "two", "three"] {
        app.definition(name).await;
    }
    assert_eq!(app.count("orchestrator_agents"), 4);
}

async fn a_refused_write_leaves_no_transaction_open(setup: Setup) {
    let app = start(setup).await;
    let id = app.list("/api/agents", "id").await.remove(0);
    let path = format!("/api/agents/{id}");
    app.definition("taken").await;
    for _ in 0..20 {
        app.put(&path, json!({"name": "taken", "description": "x"}))
            .await
            .json(409);
        app.put("/api/agents/nobody", json!({"name": "x"}))
            .await
            .json(404);
        app.post(
            "/api/agents",
            json!({"name": "taken", "agent_type": "tester"}),
        )
        .await
        .json(409);
        // A connection with its transaction still open would keep this from having the lock.
        let foreign = app.foreign();
        foreign.busy_timeout(std::time::Duration::ZERO).unwrap();
        foreign.execute_batch("BEGIN IMMEDIATE; ROLLBACK").unwrap();
    }
    // Nor is a read transaction left, which would keep the log from being emptied.
    let busy: i64 = app
        .foreign()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
}

/// A read neither writes nor waits, also where a lease is over.
async fn a_lost_agent_is_told_while_nobody_can_write(setup: Setup) {
    let app = start(setup).await;
    let definition = app.list("/api/agents", "id").await.remove(0);
    let agent = app.agent(&definition, "s").await;
    let foreign = lock(&app);
    foreign
        .execute_batch("UPDATE agents SET heartbeat_at = datetime('now', '-1 hour'), lease_seconds = 1; COMMIT; BEGIN IMMEDIATE")
        .unwrap();
    let one = app
        .get(format!("/api/runtime/agents/{agent}"))
        .await
        .json(200);
    assert_eq!(one["status"], "failed");
    assert_eq!(one["error_message"], "heartbeat lost");
    for (filter, found) in [("failed", vec![agent.clone()]), ("initializing", vec![])] {
        let uri = format!("/api/runtime/agents?status={filter}");
        assert_eq!(app.list(uri, "id").await, found, "{filter}");
    }
    assert_eq!(app.get("/api/runtime/agents").await.json(200)[0], one);
    let stats = app.get("/api/runtime/stats").await.json(200);
    assert_eq!(stats["agents"]["by_status"]["failed"], 1);
    assert_eq!(stats["agents"]["by_status"]["initializing"], 0);
    let session = app.get("/api/runtime/sessions/s").await.json(200);
    assert_eq!(session["agents"]["by_status"]["failed"], 1);
    foreign.execute_batch("ROLLBACK").unwrap();
}
