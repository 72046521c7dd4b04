//! A database that is not there, goes away, or is locked.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Board, Client, Database, Server, free_path, migrate};

/// Makes a database at `path` with one agent.
fn make(path: &Path, id: &str) -> Database {
    migrate(path);
    let database = Database::open(path);
    database.define("d", "Planner");
    database.add(id, "planning");
    database
}

fn beside(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", path.display())))
}

fn remove(path: &Path) {
    for file in beside(path) {
        // Where all connections were closed, there is no -wal and no -shm.
        let _ = std::fs::remove_file(file);
    }
    assert!(!path.exists());
}

async fn waits_until_live_is(client: &mut Client, live: bool) {
    while client.wait_for("heartbeat").await["live"] != live {}
}

#[tokio::test]
async fn a_file_that_is_not_there_yet_is_waited_for() {
    let (_folder, path) = free_path();
    let mut server = Server::feed(&path);
    let mut client = server.client("mode=delta").await;
    let mut board = Board::default();
    assert_eq!(client.ping().await["live"], false);
    assert!(!path.exists());
    let database = make(&path, "a");
    board.shows(&mut client, "a=planning").await;
    database.set("a", "executing");
    board.shows(&mut client, "a=executing").await;
    let mut late = server.client("").await;
    assert_eq!(late.update().await.to_string(), "a=executing");
    assert!(server.runs());
}

#[tokio::test]
async fn a_file_that_a_rest_server_makes_is_found() {
    let (_folder, path) = free_path();
    let feed = Server::feed(&path);
    let mut client = feed.client("mode=delta").await;
    let rest = Server::rest(&path);
    let definition = json!({"name": "Planner", "agent_type": "planner"});
    let id = rest.post("/api/agents", &definition).await.json()["id"].clone();
    let agent = json!({"orchestrator_agent_id": id, "session_id": "s"});
    let id = rest.post("/api/runtime/agents", &agent).await.json()["id"].clone();
    let mut board = Board::default();
    board
        .shows(
            &mut client,
            &format!("{}=initializing", id.as_str().unwrap()),
        )
        .await;
}

#[tokio::test]
async fn a_schema_that_is_not_ours_yet_is_waited_for() {
    let (_folder, path) = free_path();
    let server = Server::feed(&path);
    let mut client = server.client("mode=delta").await;
    Database::open(&path).run("CREATE TABLE other (x)", ());
    server.logged("the schema has version 0");
    make(&path, "a");
    Board::default().shows(&mut client, "a=planning").await;
}

#[tokio::test]
async fn what_is_no_database_is_waited_out() {
    let (_folder, path) = free_path();
    std::fs::write(
        &path,
        "this is no database, and longer than its header ".repeat(100),
    )
    .unwrap();
    let server = Server::feed(&path);
    let mut client = server.client("mode=delta").await;
    assert_eq!(client.ping().await["live"], false);
    remove(&path);
    make(&path, "a");
    Board::default().shows(&mut client, "a=planning").await;
}

#[tokio::test]
async fn a_file_that_is_deleted_and_made_anew_is_found() {
    let (_folder, path) = free_path();
    make(&path, "a");
    let mut server = Server::feed(&path);
    let mut client = server.client("mode=delta").await;
    let mut list = server.client("").await;
    let mut board = Board::default();
    board.shows(&mut client, "a=planning").await;
    list.shows("a=planning").await;
    for id in ["b", "c"] {
        remove(&path);
        waits_until_live_is(&mut client, false).await;
        let database = make(&path, id);
        board.shows(&mut client, &format!("{id}=planning")).await;
        list.shows(&format!("{id}=planning")).await;
        database.set(id, "executing");
        board.shows(&mut client, &format!("{id}=executing")).await;
    }
    assert_eq!(board.resyncs, 2);
    assert!(server.runs());
}

#[tokio::test]
async fn a_file_that_is_replaced_by_another_is_noticed() {
    let (_folder, path) = free_path();
    let other = path.with_file_name("other.db");
    make(&path, "a");
    let mut server = Server::feed(&path);
    let mut client = server.client("mode=delta").await;
    let mut board = Board::default();
    board.shows(&mut client, "a=planning").await;
    // Closed, so that all of it is in the one file.
    drop(make(&other, "b"));
    std::fs::rename(&other, &path).unwrap();
    board.shows(&mut client, "b=planning").await;
    assert_eq!(board.resyncs, 1);
    Database::open(&path).set("b", "executing");
    board.shows(&mut client, "b=executing").await;
    let query = format!(
        "mode=delta&since=1&database={}",
        client.ack["database"].as_str().unwrap()
    );
    let mut late = server.client(&query).await;
    late.expect("resync").await;
    assert_eq!(late.update().await.to_string(), "all: b=executing");
    assert!(server.runs());
}

#[tokio::test]
async fn serve_notices_a_replaced_file_too() {
    let (_folder, path) = free_path();
    let other = path.with_file_name("other.db");
    make(&path, "a");
    let mut server = Server::serve(&path);
    let mut client = server.client("mode=delta").await;
    let mut board = Board::default();
    board.shows(&mut client, "a=planning").await;
    drop(make(&other, "b"));
    std::fs::rename(&other, &path).unwrap();
    board.shows(&mut client, "b=planning").await;
    Database::open(&path).set("b", "executing");
    board.shows(&mut client, "b=executing").await;
    assert!(server.runs());
}

/// It reads what it missed from the old file when the new one takes its place.
#[tokio::test]
async fn a_client_that_resumes_while_the_file_is_replaced_sees_the_new_one() {
    let (_folder, path) = free_path();
    let other = path.with_file_name("other.db");
    let database = make(&path, "a");
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
        INSERT INTO agents (id, orchestrator_agent_id, session_id) SELECT 'x' || i, 'd', 's' FROM n";
    database.run(insert, ());
    for step in 0..10 {
        database.run(
            "UPDATE agents SET error_message = ?1",
            [step.to_string().repeat(20_000)],
        );
    }
    let server = Server::feed(&path);
    let mut watcher = server.client("mode=delta").await;
    watcher.update().await;
    // It does not read for now, and what it missed is more than a connection holds.
    let mut late = server.client("mode=delta&since=1").await;
    late.update().await;
    drop(make(&other, "b"));
    std::fs::rename(&other, &path).unwrap();
    Board::default().shows(&mut watcher, "b=planning").await;
    let database = Database::open(&path);
    let mut board = Board::default();
    board.shows(&mut late, "b=planning").await;
    database.set("b", "executing");
    board.shows(&mut late, "b=executing").await;
}

#[tokio::test]
async fn a_database_that_is_locked_at_the_start_is_waited_for() {
    let (_folder, path) = free_path();
    let database = make(&path, "a");
    database
        .connection
        .pragma_update(None, "locking_mode", "EXCLUSIVE")
        .unwrap();
    // Takes the lock; nobody else is there.
    database.set("a", "executing");
    let mut server = Server::feed(&path);
    let mut client = server.client("mode=delta").await;
    assert_eq!(client.ping().await["live"], false);
    database.set("a", "completed");
    drop(database);
    let mut board = Board::default();
    board.shows(&mut client, "a=completed").await;
    Database::open(&path).set("a", "failed");
    board.shows(&mut client, "a=failed").await;
    assert!(server.runs());
}

/// Without a write-ahead log, a writer can lock readers out at any time.
#[tokio::test]
async fn a_database_that_is_locked_for_a_while_is_waited_for() {
    let (_folder, path) = free_path();
    let database = make(&path, "a");
    database
        .connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    let mut server = Server::feed(&path);
    let mut client = server.client("mode=delta").await;
    let mut board = Board::default();
    board.shows(&mut client, "a=planning").await;
    database
        .connection
        .execute_batch("BEGIN EXCLUSIVE")
        .unwrap();
    waits_until_live_is(&mut client, false).await;
    database.set("a", "executing");
    database.connection.execute_batch("COMMIT").unwrap();
    // Nothing was lost, so the client goes on where it was.
    board.shows(&mut client, "a=executing").await;
    assert_eq!(board.resyncs, 0);
    waits_until_live_is(&mut client, true).await;
    assert!(server.runs());
}
