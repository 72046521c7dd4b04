//! The write-ahead log, which readers keep from beginning anew.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;
use tempfile::tempdir;

use crate::metrics::sample;
use crate::support::client::Request;
use crate::support::server::{Connection, DEADLINE, Server};

fn size(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

async fn pinned(connection: &mut Connection) -> f64 {
    let response = connection.send(Request::new("GET", "/metrics")).await;
    let name = "orchestrator_write_ahead_log_pinned_seconds";
    sample(response.text(), name).unwrap()
}

#[tokio::test]
async fn the_log_is_short_again_after_a_long_reader() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let reader = Sqlite::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT * FROM orchestrator_agents")
        .unwrap();
    let read: i64 = reader
        .query_row("SELECT count(*) FROM orchestrator_agents", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(read, 0);
    let writer = Sqlite::open(&path).unwrap();
    writer.busy_timeout(DEADLINE).unwrap();
    writer
        .execute_batch(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'd', 'tester');
             INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's');",
        )
        .unwrap();
    let entry = "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('a', 'milestone', hex(zeroblob(500000)))";
    while size(&path) < 40 << 20 {
        let asked = Instant::now();
        writer.execute(entry, []).unwrap();
        // No checkpoint holds a writer up for the sake of a reader.
        assert!(asked.elapsed() < Duration::from_secs(2));
    }
    let mut connection = server.connect().await;
    server.wait_for("one reader keeps the write-ahead log from beginning anew");
    assert!(pinned(&mut connection).await >= 5.0);
    reader.execute_batch("COMMIT").unwrap();
    server.wait_for("the write-ahead log is no longer kept by that reader");
    assert!(pinned(&mut connection).await < 1.0);
    let start = Instant::now();
    while size(&path) > 24 << 20 {
        assert!(start.elapsed() < DEADLINE, "{} bytes", size(&path));
        std::thread::sleep(Duration::from_millis(20));
    }
}
