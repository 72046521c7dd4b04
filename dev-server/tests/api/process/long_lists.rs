//! A long list, page by page, while others write to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection as Sqlite;
use serde_json::json;
use tempfile::tempdir;

use crate::app::{id, next};
use crate::support::client::Request;
use crate::support::server::Server;

/// How many entries there are before.
const ENTRIES: i64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_comes_twice_and_none_is_missed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    let mut post = async |path: &str, body: serde_json::Value| {
        let request = Request::new("POST", path).json(body.to_string());
        id(&connection.send(request).await.json(201))
    };
    let definition = post("/api/agents", json!({"name": "n", "agent_type": "tester"})).await;
    let agent = json!({"orchestrator_agent_id": definition, "session_id": "s"});
    let agent = post("/api/runtime/agents", agent).await;
    let fill = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ENTRIES}) \
         INSERT INTO agent_logs (agent_id, log_type, message) SELECT '{agent}', 'error', 'old' FROM n"
    );
    Sqlite::open(&path).unwrap().execute(&fill, []).unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let mut other = server.connect().await;
    let stopped = Arc::clone(&stop);
    let writing = tokio::spawn(async move {
        let entry = json!({"agent_id": agent, "log_type": "error", "message": "new"});
        let entries = json!([entry, entry, entry]).to_string();
        let mut written = 0;
        while !stopped.load(Ordering::Relaxed) {
            let request = Request::new("POST", "/api/runtime/logs").json(entries.clone());
            other.send(request).await.json(201);
            written += 3;
        }
        written
    });
    for order in ["desc", "asc"] {
        let mut ids = Vec::new();
        let mut uri = Some(format!("/api/runtime/logs?limit=1000&order={order}"));
        while let Some(page) = uri {
            let response = connection.send(Request::new("GET", page)).await;
            uri = next(&response);
            let rows = response.json(200);
            ids.extend(
                rows.as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["id"].as_i64().unwrap()),
            );
            if order == "asc" && ids.len() > 2 * usize::try_from(ENTRIES).unwrap() {
                break;
            }
        }
        let in_order = |pair: &[i64]| (pair[0] < pair[1]) == (order == "asc");
        assert!(ids.windows(2).all(in_order), "{order}");
        let mut old: Vec<i64> = ids.into_iter().filter(|id| *id <= ENTRIES).collect();
        old.sort_unstable();
        assert!(old.into_iter().eq(1..=ENTRIES), "{order}");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writing.await.unwrap() > 0);
}
