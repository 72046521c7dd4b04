//! Agents that send heartbeats, and those that stop.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Board, Client, Database, Server, patiently};

/// The latest that a lost agent shows, after the end of its lease.
const LATEST: Duration = Duration::from_secs(2);

/// Adds an agent that is at work.
fn work(database: &Database, id: &str) {
    database.add(id, "executing");
}

/// Reads on until the agent shows as failed, and gives it.
async fn lost(client: &mut Client, id: &str) -> Value {
    let mut board = Board::default();
    board
        .follow(client, |board| {
            board
                .agents
                .get(id)
                .is_some_and(|agent| agent["status"] == "failed")
        })
        .await;
    board.agents.remove(id).unwrap()
}

/// How often an agent was made failed.
fn failures(database: &Database) -> i64 {
    database.count("SELECT count(*) FROM change_log WHERE status = 'failed'")
}

async fn shows_in_time(server: Server, database: Database) {
    let mut client = server.client("mode=delta").await;
    work(&database, "a");
    let beat = Instant::now();
    database.beat_now("a", Some(1));
    let agent = lost(&mut client, "a").await;
    let after = beat.elapsed();
    // A heartbeat has milliseconds.
    let lease = Duration::from_secs(1);
    assert!(
        after + Duration::from_millis(1) >= lease && after <= lease + LATEST,
        "{after:?}"
    );
    assert_eq!(agent["error_message"], "heartbeat lost");
    assert_eq!(
        agent["completed_at"].as_str().unwrap().len(),
        "2026-02-05T10:00:00.123Z".len()
    );
    assert!(server.logged("heartbeat is lost").contains("agent=\"a\""));
    assert_eq!(failures(&database), 1);
}

/// Reads tell it as failed, and what they told has to be taken back by a change.
#[test]
fn an_agent_that_is_heard_late_has_changed_unless_somebody_has_written_it_down() {
    let database = Database::new();
    work(&database, "a");
    database.beat("a", "2026-02-05T10:00:00.000Z", Some(1));
    assert_eq!(database.count("SELECT count(*) FROM lost_agents"), 1);
    let before = database.seq();
    database.beat_now("a", Some(60));
    assert_eq!(database.seq(), before + 1);
    assert_eq!(database.board(), "a=executing");
    database.beat_now("a", Some(60));
    assert_eq!(database.seq(), before + 1);
}

#[tokio::test]
async fn a_lost_agent_shows_as_failed_in_time() {
    let database = Database::new();
    shows_in_time(Server::feed(&database.path), database).await;
}

#[tokio::test]
async fn a_lost_agent_shows_as_failed_in_time_with_serve() {
    let database = Database::new();
    shows_in_time(Server::serve(&database.path), database).await;
}

#[tokio::test]
async fn two_feeds_make_an_agent_failed_once() {
    let database = Database::new();
    let servers = [Server::feed(&database.path), Server::serve(&database.path)];
    let mut clients = Vec::new();
    for server in &servers {
        let mut client = server.client("mode=delta").await;
        client.update().await;
        clients.push(client);
    }
    let agents = 100;
    for n in 0..agents {
        database.add(&format!("a{n:02}"), "planning");
        database.beat_now(&format!("a{n:02}"), Some(1));
    }
    for client in &mut clients {
        let mut failed = Vec::new();
        while failed.len() < agents {
            let changed = client.update().await.agents.into_iter();
            failed.extend(changed.filter(|agent| agent["status"] == "failed"));
        }
        failed.sort_by_key(|agent| agent["id"].to_string());
        failed.dedup_by_key(|agent| agent["id"].to_string());
        assert_eq!(failed.len(), agents);
    }
    // Whatever either of them did after that, the one who was later has done nothing.
    work(&database, "z");
    database.beat_now("z", Some(1));
    for client in &mut clients {
        lost(client, "z").await;
    }
    assert_eq!(failures(&database), 101);
}

#[tokio::test]
async fn an_agent_that_goes_on_sending_heartbeats_is_left_alone() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    work(&database, "a");
    work(&database, "b");
    // When b is lost, a's first lease would have been over for long.
    database.beat_now("b", Some(5));
    let beats = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            database.beat_now("a", Some(2));
        }
    };
    tokio::select! {
        () = patiently("nothing", beats) => {}
        _ = lost(&mut client, "b") => {}
    }
    assert_eq!(database.board(), "a=executing b=failed");
    lost(&mut client, "a").await;
}

#[tokio::test]
async fn whoever_has_no_lease_or_has_ended_is_left_alone() {
    let database = Database::new();
    let old = "2026-02-05T10:00:00.000Z";
    for status in ["completed", "failed", "cancelled"] {
        database.add(status, status);
        database.beat(status, old, Some(1));
    }
    work(&database, "silent");
    work(&database, "strange");
    database.beat("strange", "yesterday", Some(1));
    work(&database, "patient");
    database.beat_now("patient", None);
    work(&database, "lost");
    database.beat("lost", old, Some(1));
    let server = Server::feed(&database.path);
    lost(&mut server.client("mode=delta").await, "lost").await;
    // It is told before it is written down.
    server.logged("heartbeat is lost");
    assert_eq!(
        database.board(),
        "cancelled=cancelled completed=completed failed=failed lost=failed patient=executing \
         silent=executing strange=executing"
    );
    let untouched = "SELECT count(*) FROM agents WHERE version = 1 AND completed_at IS NULL AND error_message IS NULL";
    assert_eq!(database.count(untouched), 6);
}

/// Times as a Python process writes them, in UTC without a zone.
#[tokio::test]
async fn a_heartbeat_may_have_any_form() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    for (id, form, lease) in [
        ("space", "strftime('%Y-%m-%d %H:%M:%S', 'now')", 1),
        ("micro", "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '456'", 1),
        ("ours", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", 1),
        ("later", "strftime('%Y-%m-%d %H:%M:%S', 'now')", 600),
    ] {
        work(&database, id);
        let sql =
            format!("UPDATE agents SET heartbeat_at = {form}, lease_seconds = ?2 WHERE id = ?1");
        database.run(&sql, (id, lease));
    }
    let mut board = Board::default();
    board
        .follow(&mut client, |board| {
            let failed = board
                .agents
                .values()
                .filter(|agent| agent["status"] == "failed");
            failed.count() == 3
        })
        .await;
    assert_eq!(board.agents["later"]["status"], json!("executing"));
}

#[tokio::test]
async fn the_write_lock_is_waited_for() {
    let database = Database::new();
    work(&database, "a");
    database.beat("a", "2026-02-05 10:00:00", Some(1));
    let writer = Database::open(&database.path);
    writer.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    let mut board = Board::default();
    // Told already, though nobody can write it down.
    board.shows(&mut client, "a=failed").await;
    assert_eq!(database.board(), "a=executing");
    writer.connection.execute_batch("COMMIT").unwrap();
    // While nobody could write, no heartbeat could arrive.
    server.logged("each lease runs anew");
    board.shows(&mut client, "a=executing").await;
    server.logged("heartbeat is lost");
    board.shows(&mut client, "a=failed").await;
    assert_eq!(database.board(), "a=failed");
    assert!(server.runs());
}

/// A fault is one line in the log, however long it lasts, and it may pass.
#[tokio::test]
async fn a_trigger_that_refuses_is_one_line_in_the_log() {
    let database = Database::new();
    work(&database, "a");
    database.run(
        "CREATE TRIGGER refuses BEFORE UPDATE OF status ON agents BEGIN SELECT RAISE(ABORT, 'not now'); END",
        (),
    );
    let mut server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    database.beat("a", "2026-02-05 10:00:00", Some(1));
    server.logged("not now");
    database.run("DROP TRIGGER refuses", ());
    lost(&mut client, "a").await;
    server.terminate();
    server.ended();
    assert!(!server.log().any(|line| line.contains("not now")));
}
