//! The writer of the existing service: a workflow that is replaced at its start and updated at each phase, by many processes
//! at once.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use rusqlite::Connection as Sqlite;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::Server;

const PROCESSES: usize = 9;
const WORKFLOWS: usize = 12;
/// The start, the phases, the end.
const CHANGES: usize = 5;

/// As the existing service writes: a connection for each statement, times in both of its forms, and each error swallowed.
const WRITER: &str = r#"
import sqlite3, sys
from datetime import datetime
path, process, workflows = sys.argv[1], sys.argv[2], int(sys.argv[3])
def run(sql, values):
    try:
        connection = sqlite3.connect(path, timeout=60)
        try:
            connection.execute(sql, values)
            connection.commit()
        finally:
            connection.close()
    except Exception as error:
        print(error, file=sys.stderr)
for number in range(workflows):
    id = f"{process}-{number}"
    run("INSERT OR REPLACE INTO ai_developer_workflows (id, adw_name, workflow_type, description, status, current_step, "
        "total_steps, completed_steps, started_at, input_data, metadata, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, 'in_progress', ?, 3, 0, ?, '{}', '{}', datetime('now'), datetime('now'))",
        (id, f"adw {id}", "plan_build_test", "x", "plan", datetime.utcnow().isoformat()))
    for done, step in enumerate(["plan", "build", "test"]):
        run("UPDATE ai_developer_workflows SET current_step = ?, completed_steps = ?, updated_at = ? WHERE id = ?",
            (step + "!", done + 1, datetime.utcnow().isoformat(), id))
    run("UPDATE ai_developer_workflows SET status = 'completed', completed_at = ?, duration_seconds = 7, "
        "updated_at = datetime('now') WHERE id = ?", (datetime.utcnow().isoformat(), id))
"#;

#[tokio::test]
async fn every_change_of_nine_writers_is_there_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let sqlite = Sqlite::open(&path).unwrap();
    // Its own trigger, which its databases have.
    sqlite
        .execute_batch(
            "CREATE TRIGGER update_adw_updated_at AFTER UPDATE ON ai_developer_workflows FOR EACH ROW BEGIN \
             UPDATE ai_developer_workflows SET updated_at = datetime('now') WHERE id = NEW.id; END",
        )
        .unwrap();
    let mut writers = Vec::new();
    for process in 0..PROCESSES {
        let started = Command::new("python3")
            .args(["-W", "ignore", "-c", WRITER])
            .arg(&path)
            .args([process.to_string(), WORKFLOWS.to_string()])
            .stderr(Stdio::piped())
            .spawn();
        let Ok(writer) = started else {
            assert!(std::env::var_os("CI").is_none(), "python3 is missing");
            eprintln!("skipped: python3 is missing");
            return;
        };
        writers.push(writer);
    }
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    let mut connection = server.connect().await;
    let list = Request::new("GET", "/api/runtime/workflows?limit=1000");
    let list = connection.send(list).await.json(200);
    let rows = list.as_array().unwrap();
    assert_eq!(rows.len(), PROCESSES * WORKFLOWS);

    let mut statement = sqlite
        .prepare(
            "SELECT entity_id, op, payload FROM change_log WHERE entity = 'workflow' ORDER BY seq",
        )
        .unwrap();
    let log = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let mut changes: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for change in log.unwrap() {
        let (id, op, payload) = change.unwrap();
        changes.entry(id).or_default().push((op, payload));
    }
    for row in rows {
        let id = row["id"].as_str().unwrap();
        let changes = &changes[id];
        assert_eq!(changes.len(), CHANGES, "{id}");
        assert_eq!(changes[0].0, "insert");
        assert!(changes[1..].iter().all(|(op, _)| op == "update"));
        let told = |place: usize| -> Value { serde_json::from_str(&changes[place].1).unwrap() };
        let done: Vec<Value> = (0..CHANGES)
            .map(|place| told(place)["completed_steps"].clone())
            .collect();
        assert_eq!(done, [0, 1, 2, 3, 3], "{id}");
        // The last one is the row as REST tells it.
        assert_eq!(told(CHANGES - 1), *row);
        assert_eq!(row["status"], "completed");
    }
}
