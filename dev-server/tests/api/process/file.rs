//! Somebody deletes the database, or puts another in its place, while it is served.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::client::Request;
use crate::support::server::{Connection, DEADLINE, Server};

/// A server that has a definition, and has opened its connections.
async fn start(folder: &TempDir) -> (Server, PathBuf, Connection) {
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    create(&mut connection, "before").await;
    assert_eq!(
        names(&mut connection).await,
        Some(vec!["before".to_owned()])
    );
    (server, path, connection)
}

async fn create(connection: &mut Connection, name: &str) {
    let body = json!({"name": name, "agent_type": "tester"});
    let request = Request::new("POST", "/api/agents").json(body.to_string());
    connection.send(request).await.json(201);
}

/// The names of the definitions, or nothing where the database is not there just now.
async fn names(connection: &mut Connection) -> Option<Vec<String>> {
    let response = connection.send(Request::new("GET", "/api/agents")).await;
    if response.status == 503 {
        assert_ne!(response.header("retry-after"), "");
        return None;
    }
    let list: Vec<Value> = serde_json::from_value(response.json(200)).unwrap();
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    Some(list.iter().map(name).collect())
}

/// Asks until the answer is `expected`; until then it may be what it was before, or 503.
async fn until(connection: &mut Connection, expected: &[&str]) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let names = names(connection).await;
        match names {
            Some(names) if names == expected => return,
            Some(names) => assert_eq!(names, ["before"]),
            None => {}
        }
        assert!(Instant::now() < deadline, "it does not recover");
    }
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        // The log may be gone already.
        let _ = std::fs::remove_file(file);
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn a_deleted_database_is_made_anew() {
    let folder = tempdir().unwrap();
    let (_server, path, mut connection) = start(&folder).await;
    remove(&path);
    until(&mut connection, &[]).await;
    create(&mut connection, "after").await;
    until(&mut connection, &["after"]).await;
    assert!(path.exists());
    connection
        .send(Request::new("GET", "/health"))
        .await
        .json(200);
}

#[tokio::test]
async fn another_database_in_its_place_is_served() {
    let folder = tempdir().unwrap();
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = other.join("test.db");
    {
        let server = Server::start(&other, &[]);
        create(&mut server.connect().await, "other").await;
        let sqlite = rusqlite::Connection::open(&other).unwrap();
        sqlite
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
    }
    let (_server, path, mut connection) = start(&folder).await;
    remove(&path);
    std::fs::rename(&other, &path).unwrap();
    until(&mut connection, &["other"]).await;
    create(&mut connection, "after").await;
    until(&mut connection, &["after", "other"]).await;
}

#[tokio::test]
async fn a_database_whose_folder_is_gone_is_unreachable_until_it_is_back() {
    let folder = tempdir().unwrap();
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let server = Server::start(&below.join("test.db"), &[]);
    let mut connection = server.connect().await;
    create(&mut connection, "before").await;
    let aside = folder.path().join("aside");
    std::fs::rename(&below, &aside).unwrap();
    let health = connection.send(Request::new("GET", "/health")).await;
    assert_eq!(health.json(503)["database"], "disconnected");
    assert_eq!(names(&mut connection).await, None);
    std::fs::rename(&aside, &below).unwrap();
    until(&mut connection, &["before"]).await;
    connection
        .send(Request::new("GET", "/health"))
        .await
        .json(200);
}
