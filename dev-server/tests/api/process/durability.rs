//! What was answered with 201 is in the file, whatever happens afterwards.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection as Sqlite;
use serde_json::json;
use tempfile::tempdir;

use crate::app::id;
use crate::support::client::Request;
use crate::support::server::{DEADLINE, Server};

const CONNECTIONS: usize = 16;

fn create(name: &str) -> Request {
    let body = json!({"name": name, "agent_type": "tester"});
    Request::new("POST", "/api/agents").json(body.to_string())
}

/// The ids that the file has.
fn stored(path: &Path) -> BTreeSet<String> {
    let sqlite = Sqlite::open(path).unwrap();
    let check: String = sqlite
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let mut statement = sqlite
        .prepare("SELECT id FROM orchestrator_agents")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_that_create_lose_nothing() {
    const EACH: usize = 60;
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut tasks = Vec::new();
    for nr in 0..CONNECTIONS {
        let mut connection = server.connect().await;
        tasks.push(tokio::spawn(async move {
            let mut made = Vec::new();
            for turn in 0..EACH {
                let response = connection.send(create(&format!("{nr}-{turn}"))).await;
                made.push(id(&response.json(201)));
            }
            made
        }));
    }
    let mut made = BTreeSet::new();
    for task in tasks {
        made.extend(task.await.unwrap());
    }
    assert_eq!(made.len(), CONNECTIONS * EACH);
    assert_eq!(stored(&path), made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_answered() {
    const ENOUGH: usize = 200;
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut server = Server::start(&path, &[]);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for nr in 0..CONNECTIONS {
        let mut connection = server.connect().await;
        let answered = Arc::clone(&answered);
        tasks.push(tokio::spawn(async move {
            let mut made = Vec::new();
            for turn in 0.. {
                let request = create(&format!("{nr}-{turn}"));
                let Ok(response) = connection.try_send(request).await else {
                    break;
                };
                made.push(id(&response.json(201)));
                answered.fetch_add(1, Ordering::Relaxed);
            }
            made
        }));
    }
    let enough = async {
        while answered.load(Ordering::Relaxed) < ENOUGH {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, enough).await.unwrap();
    server.signal("KILL");
    assert!(!server.wait().success());
    let mut made = BTreeSet::new();
    for task in tasks {
        made.extend(task.await.unwrap());
    }
    assert!(made.len() >= ENOUGH);

    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    for id in &made {
        let read = Request::new("GET", format!("/api/agents/{id}"));
        connection.send(read).await.json(200);
    }
    connection.send(create("afterwards")).await.json(201);
    assert!(stored(&path).is_superset(&made));
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let first = Server::start(&path, &[]);
    let made = first.connect().await.send(create("kept")).await.json(201);
    drop(first);
    let second = Server::start(&path, &[]);
    let list = second
        .connect()
        .await
        .send(Request::new("GET", "/api/agents"))
        .await;
    assert_eq!(list.json(200), json!([made]));
}

/// A request whose head is sent, and which the server has begun to work on.
fn begin(server: &Server, length: usize) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = format!(
        "POST /api/agents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    // It asks for the body when a component reads it.
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100 "), "{line}");
    reader.read_line(&mut line).unwrap();
    reader
}

fn stops_in_good_order(signal: &str) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut server = Server::start(&path, &[]);
    let body = r#"{"name": "in flight", "agent_type": "tester"}"#;
    let mut reader = begin(&server, body.len());
    server.signal(signal);
    server.wait_for("stopping");

    reader.get_mut().write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");

    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{status}");
    let wal = folder.path().join("test.db-wal");
    assert_eq!(std::fs::metadata(wal).map_or(0, |wal| wal.len()), 0);
    assert_eq!(stored(&path).len(), 1);
}

#[test]
fn sigterm_ends_it_in_good_order() {
    stops_in_good_order("TERM");
}

#[test]
fn sigint_ends_it_in_good_order() {
    stops_in_good_order("INT");
}
