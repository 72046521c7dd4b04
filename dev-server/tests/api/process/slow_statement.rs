//! A statement that takes longer than a request may.

use serde_json::json;
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::Server;

/// The instance waits for it, and ends with its request.
#[tokio::test]
async fn its_client_is_asked_to_come_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign
        .execute_batch(
            "CREATE VIEW endless AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
             CREATE TRIGGER slow BEFORE INSERT ON orchestrator_agents
             BEGIN SELECT count(*) FROM endless; END;",
        )
        .unwrap();
    let mut connection = server.connect().await;
    let slow = Request::new("POST", "/api/agents")
        .json(json!({"name": "a", "agent_type": "builder"}).to_string());
    let response = connection.send(slow).await;
    assert!(!response.header("retry-after").is_empty());
    response.json(503);
    let list = connection.send(Request::new("GET", "/api/agents")).await;
    assert_eq!(list.json(200), json!([]));
}
