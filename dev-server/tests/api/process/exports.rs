//! A long list as a file: what it costs the server, and those beside it.

use std::path::Path;

use http_body_util::BodyExt as _;
use rusqlite::Connection as Sqlite;
use serde_json::json;
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::{Connection, DEADLINE, Server};

/// How many entries there are, and the bytes of each one's message.
const ENTRIES: usize = 1500;
const BYTES: usize = 100_000;

/// A server whose database is there, and a connection to it.
async fn serve(path: &Path) -> (Server, Connection) {
    let server = Server::start(path, &[]);
    let mut connection = server.connect().await;
    let health = connection.send(Request::new("GET", "/health")).await;
    health.json(200);
    (server, connection)
}

/// So many entries of an agent, from a connection of another process.
fn fill(path: &Path, entries: usize) -> Sqlite {
    let foreign = Sqlite::open(path).unwrap();
    foreign.busy_timeout(DEADLINE).unwrap();
    foreign
        .execute_batch(&format!(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'd', 'tester');
             INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's');
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {entries})
             INSERT INTO agent_logs (agent_id, log_level, log_type, message)
             SELECT 'a', 'INFO', 'milestone', hex(zeroblob({BYTES} / 2)) FROM n"
        ))
        .unwrap();
    foreign
}

#[tokio::test]
async fn a_file_takes_the_memory_of_a_page_and_holds_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let (server, mut connection) = serve(&path).await;
    let foreign = fill(&path, ENTRIES);
    let checkpoint = || {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        foreign
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    connection
        .send(Request::new("GET", "/api/runtime/logs?limit=50"))
        .await
        .json(200);

    let before = server.memory();
    let mut most = before;
    let request = Request::new("GET", "/api/runtime/logs?format=csv");
    let mut file = server.connect().await.begin(request).await.into_body();
    let mut bytes = 0;
    let mut is_held = false;
    while let Some(piece) = file.frame().await {
        bytes += piece.expect("it goes on").into_data().unwrap().len();
        most = most.max(server.memory());
        if !is_held && bytes > ENTRIES * BYTES / 3 {
            is_held = true;
            // Nobody reads now: others read and write, and the log is written back to its end.
            let body = json!({"agent_id": "a", "log_type": "error", "message": "meanwhile"});
            let entry = Request::new("POST", "/api/runtime/logs").json(body.to_string());
            connection.send(entry).await.json(201);
            connection
                .send(Request::new("GET", "/api/runtime/logs?limit=1"))
                .await
                .json(200);
            assert_eq!(checkpoint(), 0, "a read is still open");
            assert_eq!(
                std::fs::metadata(path.with_extension("db-wal"))
                    .unwrap()
                    .len(),
                0
            );
        }
    }
    assert!(is_held);
    assert!(bytes > ENTRIES * BYTES, "{bytes}");
    let grown = (most - before) >> 20;
    // A page takes some tens whatever the file has, and the server indexes the new texts meanwhile.
    assert!(grown < 96, "{grown} MiB for {} MiB", bytes >> 20);
}

/// A client that reads nothing for long finds its file cut, and not whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_nobody_reads_breaks_off() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let (server, _connection) = serve(&path).await;
    fill(&path, 800);
    let request = Request::new("GET", "/api/runtime/logs?format=ndjson");
    let mut file = server.connect().await.begin(request).await.into_body();
    file.frame().await.expect("a piece").expect("a whole piece");
    tokio::task::block_in_place(|| server.wait_for("an instance ends with its answers"));
    let mut bytes = 0;
    let is_cut = loop {
        match file.frame().await {
            Some(Ok(piece)) => bytes += piece.into_data().unwrap().len(),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(is_cut, "it seems whole after {bytes} bytes");
    assert!(bytes < 800 * BYTES, "{bytes}");
    let mut connection = server.connect().await;
    connection
        .send(Request::new("GET", "/api/runtime/logs?limit=1"))
        .await
        .json(200);
}
