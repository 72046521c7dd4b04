//! A process that has failed in the middle of a transaction, and lives on.

use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::{DEADLINE, Server};

async fn is_said(server: &Server, path: &std::path::Path) {
    let mut connection = server.connect().await;
    let health = connection.send(Request::new("GET", "/health")).await;
    let health = health.json(200);
    assert_eq!(health["writable"], true);
    assert_eq!(health["blocked_for_seconds"], serde_json::Value::Null);

    let foreign = rusqlite::Connection::open(path).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    loop {
        let asked = Instant::now();
        let health = connection.send(Request::new("GET", "/health")).await;
        // It asks and does not wait.
        assert!(asked.elapsed() < Duration::from_secs(1));
        let health = health.json(200);
        if health["writable"] == false {
            assert_eq!(health["status"], "healthy");
            assert!(health["blocked_for_seconds"].as_u64().unwrap() >= 5);
            break;
        }
        assert!(start.elapsed() < DEADLINE, "it is not said");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(start.elapsed() >= Duration::from_secs(4));
    server.wait_for("holds the database's write lock");
    foreign.execute_batch("COMMIT").unwrap();
    server.wait_for("takes writes again");
    let health = connection.send(Request::new("GET", "/health")).await;
    assert_eq!(health.json(200)["writable"], true);
}

#[tokio::test]
async fn health_says_that_nobody_can_write() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    is_said(&Server::start(&path, &[]), &path).await;
}

#[tokio::test]
async fn health_says_so_without_the_feed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    is_said(&Server::without_a_feed(&path, &[]), &path).await;
}
