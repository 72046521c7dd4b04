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
async fn a_deleted_database_is_an_error_and_only_a_start_makes_one() {
    let folder = tempdir().unwrap();
    let (server, path, mut connection) = start(&folder).await;
    remove(&path);
    assert_eq!(names(&mut connection).await, None);
    let body = json!({"name": "lost", "agent_type": "tester"});
    let request = Request::new("POST", "/api/agents").json(body.to_string());
    connection.send(request).await.json(503);
    let health = connection.send(Request::new("GET", "/health")).await;
    assert_eq!(health.json(503)["database"], "disconnected");
    assert!(!path.exists());
    drop(server);
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    assert_eq!(names(&mut connection).await, Some(Vec::new()));
}

/// Only the file itself is moved, not the log beside it.
#[tokio::test]
async fn what_was_acknowledged_is_in_the_file_that_was_moved() {
    let folder = tempdir().unwrap();
    let (_server, path, mut connection) = start(&folder).await;
    for number in 0..200 {
        create(&mut connection, &number.to_string()).await;
    }
    let away = folder.path().join("away.db");
    std::fs::rename(&path, &away).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while names(&mut connection).await.is_some() {
        assert!(Instant::now() < deadline, "it serves what is not there");
    }
    let count = || {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let moved = rusqlite::Connection::open_with_flags(&away, flags).unwrap();
        let sql = "SELECT count(*) FROM orchestrator_agents";
        moved
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    while count() != 201 {
        assert!(Instant::now() < deadline, "{} of 201", count());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!path.exists());
    // Back in its place, it is served again.
    std::fs::rename(&away, &path).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while names(&mut connection)
        .await
        .is_none_or(|names| names.len() != 201)
    {
        assert!(Instant::now() < deadline, "it does not recover");
    }
}

/// The existing service's script that sets up a database deletes the file, and makes it with its tables again.
#[tokio::test]
async fn a_database_that_is_made_anew_while_we_serve_is_whole() {
    let folder = tempdir().unwrap();
    let (_server, path, mut connection) = start(&folder).await;
    for round in 0..5 {
        let name = format!("round {round}");
        std::fs::remove_file(&path).unwrap();
        // Before the new file has a log, ours is closed: within a millisecond or two.
        std::thread::sleep(std::time::Duration::from_millis(50));
        {
            let script = rusqlite::Connection::open(&path).unwrap();
            script.pragma_update(None, "journal_mode", "wal").unwrap();
            script
                .execute_batch(include_str!("../../../../sql/0001_tables.sql"))
                .unwrap();
            let sql =
                "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES (?1, ?1, 'tester')";
            script.execute(sql, [&name]).unwrap();
        }
        let deadline = Instant::now() + DEADLINE;
        while names(&mut connection).await != Some(vec![name.clone()]) {
            assert!(Instant::now() < deadline, "it does not recover");
        }
        let own = rusqlite::Connection::open(&path).unwrap();
        let intact: String = own
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(intact, "ok");
    }
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
