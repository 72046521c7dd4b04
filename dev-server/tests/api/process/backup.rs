//! `orchestrator backup`, while everything runs, and what to do with the copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::{Server, orchestrator};

fn create(name: &str) -> Request {
    let body = json!({"name": name, "agent_type": "tester"}).to_string();
    Request::new("POST", "/api/agents").json(body)
}

/// The names of the definitions in a file.
fn names(path: &std::path::Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let intact: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(intact, "ok");
    let mut statement = connection
        .prepare("SELECT name FROM orchestrator_agents ORDER BY rowid")
        .unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_has_all_that_was_acknowledged_before_and_can_be_put_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let copy = folder.path().join("copy.db");
    let server = Arc::new(Server::start(&path, &[]));
    let mut connection = server.connect().await;
    for number in 0..20 {
        connection
            .send(create(&format!("before {number}")))
            .await
            .json(201);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
        async move {
            let mut connection = server.connect().await;
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                connection
                    .send(create(&format!("meanwhile {number}")))
                    .await
                    .json(201);
                number += 1;
            }
            number
        }
    });
    let run = || {
        let mut command = orchestrator(folder.path());
        command.env("DATABASE_PATH", &path).arg("backup").arg(&copy);
        command.output().unwrap()
    };
    let output = run();
    stop.store(true, Ordering::Relaxed);
    let meanwhile = writer.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let copied = names(&copy);
    assert_eq!(copied[0], "before 0");
    assert!((20..=20 + meanwhile).contains(&copied.len()), "{copied:?}");
    // A copy is not written over.
    let again = run();
    assert!(!again.status.success());
    let error = String::from_utf8(again.stderr).unwrap();
    assert!(error.contains("is there already"), "{error}");

    // As the README says it: stop, put the copy in its place, start.
    drop(connection);
    drop(Arc::into_inner(server).unwrap());
    for suffix in ["-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let _ = std::fs::remove_file(file);
    }
    std::fs::copy(&copy, &path).unwrap();
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    let list = connection
        .send(Request::new("GET", "/api/agents?order=asc"))
        .await
        .json(200);
    assert_eq!(list.as_array().unwrap().len(), copied.len());
    let checked = orchestrator(folder.path())
        .env("DATABASE_PATH", &path)
        .arg("check")
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
