//! What `/health` says of log entries that are deleted for their age.

use std::time::Instant;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::{DEADLINE, Server};

async fn retention(server: &Server) -> Value {
    let mut connection = server.connect().await;
    let health = connection.send(Request::new("GET", "/health")).await;
    health.json(200)["retention"].clone()
}

#[tokio::test]
async fn health_says_what_is_deleted_and_nothing_is_unless_asked_for() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    drop(Server::start(&path, &[]));
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign
        .execute_batch(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'd', 'tester');
             INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's');
             INSERT INTO agent_logs (agent_id, log_type, message, created_at)
             VALUES ('a', 'milestone', 'old', '2020-01-01 10:00:00'), ('a', 'milestone', 'new', datetime('now'));
             INSERT INTO system_logs (component, message, created_at) VALUES ('c', 'old', '2020-01-01T10:00:00.000Z');",
        )
        .unwrap();
    let server = Server::start(&path, &[]);
    assert_eq!(retention(&server).await, Value::Null);
    drop(server);

    let server = Server::start(&path, &[("RETENTION_DAYS", "30")]);
    let start = Instant::now();
    while retention(&server).await != json!({"days": 30, "log_entries": 2}) {
        assert!(start.elapsed() < DEADLINE, "it is not said");
    }
    let count: i64 = foreign
        .query_row("SELECT count(*) FROM agent_logs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 2);
}
