//! The write-ahead log, which readers keep from beginning anew.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::tempdir;

use crate::support::server::{DEADLINE, Server};

fn size(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

#[tokio::test]
async fn the_log_is_short_again_after_a_long_reader() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let _server = Server::start(&path, &[]);
    let reader = Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT * FROM orchestrator_agents")
        .unwrap();
    let read: i64 = reader
        .query_row("SELECT count(*) FROM orchestrator_agents", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(read, 0);
    let writer = Connection::open(&path).unwrap();
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
    reader.execute_batch("COMMIT").unwrap();
    let start = Instant::now();
    while size(&path) > 24 << 20 {
        assert!(start.elapsed() < DEADLINE, "{} bytes", size(&path));
        std::thread::sleep(Duration::from_millis(20));
    }
}
