//! Leases count only time in which a heartbeat could have arrived.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection as Foreign;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::{Connection, DEADLINE, Server};

/// An agent with a lease of two seconds, at work.
async fn agent(connection: &mut Connection) -> String {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    let name = NAMES.fetch_add(1, Ordering::Relaxed).to_string();
    let body = json!({"name": name, "agent_type": "tester"}).to_string();
    let request = Request::new("POST", "/api/agents").json(body);
    let definition = connection.send(request).await.json(201);
    let body = json!({"orchestrator_agent_id": definition["id"], "session_id": "s", "status": "executing"});
    let request = Request::new("POST", "/api/runtime/agents").json(body.to_string());
    let agent = connection.send(request).await.json(201);
    let path = format!("/api/runtime/agents/{}", agent["id"].as_str().unwrap());
    beat(connection, &path).await;
    path
}

async fn beat(connection: &mut Connection, path: &str) {
    let body = json!({"lease_seconds": 2}).to_string();
    let request = Request::new("POST", format!("{path}/heartbeat")).json(body);
    connection.send(request).await.json(200);
}

async fn read(connection: &mut Connection, path: &str) -> Value {
    connection.send(Request::new("GET", path)).await.json(200)
}

/// The statuses that it had.
async fn history(connection: &mut Connection, path: &str) -> Vec<String> {
    let history = read(connection, &format!("{path}/history")).await;
    let statuses = history.as_array().unwrap().iter();
    statuses
        .map(|it| it["status"].as_str().unwrap().to_owned())
        .collect()
}

/// Sees that an agent is at work, and is lost once it has been silent for its lease.
async fn has_its_whole_lease(connection: &mut Connection, path: &str) {
    assert_eq!(read(connection, path).await["status"], "executing");
    let start = Instant::now();
    while read(connection, path).await["status"] == "executing" {
        assert!(start.elapsed() < DEADLINE, "it is never lost");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        start.elapsed() > Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        read(connection, path).await["error_message"],
        "heartbeat lost"
    );
}

#[tokio::test]
async fn an_agent_outlives_a_server_that_is_away() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let agent = agent(&mut server.connect().await).await;
    drop(server);
    std::thread::sleep(Duration::from_secs(3));
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    has_its_whole_lease(&mut connection, &agent).await;
    assert_eq!(history(&mut connection, &agent).await[..1], ["executing"]);
}

#[tokio::test]
async fn an_agent_outlives_a_server_that_is_suspended() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    let agent = agent(&mut connection).await;
    server.signal("STOP");
    std::thread::sleep(Duration::from_secs(5));
    server.signal("CONT");
    server.wait_for("each lease runs anew");
    has_its_whole_lease(&mut connection, &agent).await;
}

#[tokio::test]
async fn an_agent_outlives_a_lock() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    let agent = agent(&mut connection).await;
    let foreign = Foreign::open(&path).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::sleep(Duration::from_secs(5));
    // What can be told while nobody can be heard.
    assert_eq!(read(&mut connection, &agent).await["status"], "failed");
    foreign.execute_batch("COMMIT").unwrap();
    server.wait_for("each lease runs anew");
    has_its_whole_lease(&mut connection, &agent).await;
}

/// How many agents send heartbeats side by side.
const AGENTS: usize = 50;

/// Agents that send a heartbeat a second, and of which each is read and changed in between.
struct Crew {
    agents: Vec<String>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
}

impl Crew {
    async fn start(server: &Server, reads_too: bool) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut crew = Self {
            agents: Vec::new(),
            tasks: Vec::new(),
            is_over: Arc::clone(&is_over),
        };
        for n in 0..AGENTS {
            let mut connection = server.connect().await;
            let path = agent(&mut connection).await;
            crew.agents.push(path.clone());
            let is_over = Arc::clone(&is_over);
            crew.tasks.push(tokio::spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_secs(1));
                while !is_over.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    if n % 5 == 0 {
                        let body = json!({"metadata": {"n": n}}).to_string();
                        let request = Request::new("PATCH", &*path).json(body);
                        connection.send(request).await.json(200);
                    }
                    beat(&mut connection, &path).await;
                }
            }));
        }
        let some = if reads_too { 5 } else { 0 };
        for n in 0..some {
            let path = crew.agents[n].clone();
            let mut connection = server.connect().await;
            let is_over = Arc::clone(&is_over);
            crew.tasks.push(tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(read(&mut connection, &path).await["status"], "executing");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }));
        }
        crew
    }

    /// Ends it, and sees that nobody of it was ever told as lost.
    async fn was_never_lost(self, server: &Server) {
        self.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let mut connection = server.connect().await;
        let mut lost = 0;
        for agent in &self.agents {
            let history = history(&mut connection, agent).await;
            lost += usize::from(history.iter().any(|status| status == "failed"));
        }
        assert_eq!(lost, 0, "agents of {AGENTS} were failed");
    }
}

/// Whoever comes first after a suspension, be it a heartbeat, a change or a read, finds that nobody is lost.
#[tokio::test]
async fn nobody_is_told_as_lost_after_a_suspension() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let crew = Crew::start(&server, true).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        server.signal("STOP");
        tokio::time::sleep(Duration::from_secs(4)).await;
        server.signal("CONT");
        server.wait_for("each lease runs anew");
    }
    crew.was_never_lost(&server).await;
}

/// The same where another process has held the write lock for longer than the leases.
#[tokio::test]
async fn nobody_is_failed_after_a_lock() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let crew = Crew::start(&server, false).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let foreign = Foreign::open(&path).unwrap();
        foreign.busy_timeout(DEADLINE).unwrap();
        foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        foreign.execute_batch("COMMIT").unwrap();
        server.wait_for("each lease runs anew");
    }
    crew.was_never_lost(&server).await;
}

/// Sets what the clock has said, as seen from where it is now.
fn move_times(path: &Path, by: &str) {
    let foreign = Foreign::open(path).unwrap();
    foreign.busy_timeout(DEADLINE).unwrap();
    for sql in [
        "UPDATE lease_epoch SET since = coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', since, ?1), since)",
        "UPDATE agents SET heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', heartbeat_at, ?1)",
    ] {
        foreign.execute(sql, [by]).unwrap();
    }
}

/// After a clock was set back, what was heard lies in the future.
#[tokio::test]
async fn no_agent_lives_for_ever_after_the_clock_was_set_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let agent = agent(&mut server.connect().await).await;
    drop(server);
    move_times(&path, "+1 hour");
    let server = Server::start(&path, &[]);
    has_its_whole_lease(&mut server.connect().await, &agent).await;
}

/// What was told as lost in the meantime is told as a change when it is not.
#[tokio::test]
async fn a_lost_agent_that_is_heard_again_has_both_in_its_history() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    let agent = agent(&mut connection).await;
    server.wait_for("heartbeat is lost");
    beat(&mut connection, &agent).await;
    assert_eq!(read(&mut connection, &agent).await["status"], "executing");
    assert_eq!(
        history(&mut connection, &agent).await,
        ["executing", "failed", "executing"]
    );
}
