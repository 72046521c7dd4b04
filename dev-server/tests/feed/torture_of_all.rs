//! The same with `include` everything: writers of every kind and of every table, clients on both transports that drop and
//! resume, a server that is killed; and each client has in the end what the tables have, and received each change once.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::support::{
    Database, Mirror, Random, Server, Stream, patiently, python, try_connect, try_events,
};

const INCLUDE: &str = "mode=delta&include=workflows,messages,logs,definitions";

/// Agents, workflows, messages and definitions of its own, some of them in longer transactions.
fn write(path: &Path, name: &str, seed: u64, changes: usize) {
    let database = Database::open_unsynced(path);
    let mut random = Random::new(seed);
    let definition = format!("{name}-d");
    database.define(&definition, &definition);
    let mut done = 1;
    while done < changes {
        let size = [1, 1, 1, 2, 5, 100][random.below(6)].min(changes - done);
        database
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .unwrap();
        for _ in 0..size {
            let id = format!("{name}-{}", random.below(50));
            let status = ["pending", "in_progress", "completed", "failed"][random.below(4)];
            let sql = match random.below(16) {
                0 => format!("DELETE FROM agents WHERE id = '{id}'"),
                1 => format!("DELETE FROM ai_developer_workflows WHERE id = '{id}'"),
                2 => format!("DELETE FROM orchestrator_chat WHERE id = '{id}'"),
                3 => format!(
                    "UPDATE orchestrator_agents SET description = '{done}', is_active = {} WHERE id = '{definition}'",
                    random.below(2)
                ),
                4 => format!(
                    "INSERT OR REPLACE INTO orchestrator_agents (id, name, agent_type, description) \
                     VALUES ('{id}', '{name} {}', 'tester', '{done}')",
                    random.below(9)
                ),
                5 => format!("DELETE FROM orchestrator_agents WHERE id = '{id}'"),
                6..8 => format!(
                    "INSERT OR REPLACE INTO ai_developer_workflows (id, adw_name, workflow_type, status, input_data) \
                     VALUES ('{id}', 'w', 'plan', '{status}', '{{\"n\": {done}}}')"
                ),
                8..10 => format!(
                    "UPDATE ai_developer_workflows SET status = '{status}', completed_steps = {done} WHERE id = '{id}'"
                ),
                10 => format!(
                    "UPDATE orchestrator_chat SET delivered_at = datetime('now'), message = '{done}' WHERE id = '{id}'"
                ),
                11..13 => format!(
                    "INSERT OR REPLACE INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message) \
                     VALUES ('{id}', '{definition}', 'user', 'agent', '{done}')"
                ),
                13 => format!("UPDATE agents SET cost_usd = {done} WHERE id = '{id}'"),
                _ => format!(
                    "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('{id}', '{definition}', '{name}') \
                     ON CONFLICT DO UPDATE SET cost_usd = {done}"
                ),
            };
            database.run(&sql, ());
            done += 1;
        }
        database.connection.execute_batch("COMMIT").unwrap();
    }
}

/// Log entries of an agent that stays, as fast as they go.
fn log(path: &Path, name: &str, seed: u64, entries: usize) {
    let database = Database::open_unsynced(path);
    let mut random = Random::new(seed);
    let mut done = 0;
    while done < entries {
        let size = [1, 2, 10, 50, 400][random.below(5)].min(entries - done);
        database.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
             INSERT INTO agent_logs (agent_id, log_level, log_type, message, details) \
             SELECT 'stays', 'DEBUG', 'tool_call', ?2 || (?3 + i), '{\"i\": ' || i || '}' FROM n",
            (
                i64::try_from(size).unwrap(),
                name,
                i64::try_from(done).unwrap(),
            ),
        );
        done += size;
    }
}

/// The sequence of today's workflow writer: a start that replaces, a change for each phase, an end.
const WRITER: &str = "
import sqlite3, sys, uuid
path, workflows = sys.argv[1], int(sys.argv[2])
connection = sqlite3.connect(path, timeout=60)
connection.execute('PRAGMA synchronous = OFF')
for number in range(workflows):
    id = str(uuid.uuid4())
    connection.execute('INSERT OR REPLACE INTO ai_developer_workflows (id, adw_name, workflow_type, status, total_steps) VALUES (?, ?, ?, ?, ?)',
        (id, 'python', 'plan_build_review', 'in_progress', 3))
    connection.commit()
    for step in range(3):
        connection.execute('UPDATE ai_developer_workflows SET current_step=?, completed_steps=? WHERE id=?', (f'step {step}', step + 1, id))
        connection.execute('INSERT INTO agent_logs (agent_id, log_type, message) VALUES (?, ?, ?)', ('stays', 'milestone', id))
        connection.commit()
    connection.execute(\"UPDATE ai_developer_workflows SET status='completed', completed_at=datetime('now') WHERE id=?\", (id,))
    connection.commit()
";

fn start_writers(
    database: &Path,
    round: u64,
    changes: usize,
    entries: usize,
) -> Vec<JoinHandle<()>> {
    let mut writers = Vec::new();
    for writer in 1..=3 {
        let path = database.to_owned();
        let seed = round * 10 + writer;
        writers.push(spawn_blocking(move || {
            write(&path, &format!("w{seed}"), seed, changes * 3 / 10);
        }));
    }
    for writer in 4..=5 {
        let path = database.to_owned();
        let seed = round * 10 + writer;
        writers.push(spawn_blocking(move || {
            log(&path, &format!("l{seed} "), seed, entries / 2);
        }));
    }
    let path = database.to_str().unwrap().to_owned();
    let workflows = (changes / 50).to_string();
    writers.push(spawn_blocking(move || python(WRITER, &[&path, &workflows])));
    writers
}

/// Connects, on either transport, where this client was.
async fn connect(server: SocketAddr, mirror: &Mirror, by_events: bool) -> Option<Stream> {
    if by_events {
        let last = match (mirror.seq, mirror.log_id) {
            (Some(seq), Some(log_id)) => format!("{seq}-{log_id}"),
            (Some(seq), None) => seq.to_string(),
            (None, _) => String::new(),
        };
        let events = try_events(server, INCLUDE, &[("last-event-id", &last)]).await?;
        events
            .status
            .is_success()
            .then(|| Stream::Events(Box::new(events)))
    } else {
        let query = format!("{INCLUDE}{}", mirror.query());
        let client = try_connect(TcpSocket::new_v4().unwrap(), server, &query).await;
        client.ok().map(|client| Stream::Socket(Box::new(client)))
    }
}

/// A client that drops its connection again and again and resumes, until it has everything.
async fn read(
    mut server: watch::Receiver<SocketAddr>,
    mut goal: watch::Receiver<Option<(i64, i64)>>,
    seed: u64,
) -> (Mirror, usize) {
    let mut random = Random::new(seed);
    let mut mirror = Mirror {
        seq: Some(0),
        log_id: Some(0),
        ..Mirror::default()
    };
    let mut connections = 0;
    loop {
        let address = *server.borrow_and_update();
        let by_events = seed.is_multiple_of(3);
        let Some(mut stream) = connect(address, &mirror, by_events).await else {
            patiently("another server", server.changed()).await.unwrap();
            continue;
        };
        connections += 1;
        for _ in 0..[1, 5, 20, 200][random.below(4)] {
            let is_there =
                |goal: (i64, i64)| mirror.seq >= Some(goal.0) && mirror.log_id >= Some(goal.1);
            if goal.borrow_and_update().is_some_and(is_there) {
                return (mirror, connections);
            }
            let received = tokio::select! {
                received = stream.try_next() => received,
                _ = goal.changed() => continue,
            };
            match received {
                Some((kind, data)) => mirror.take(&kind, &data),
                None => break,
            }
        }
    }
}

/// Sees that the mirror is what the tables are.
fn check(mirror: &Mirror, database: &Database, entries: &[Value]) {
    mirror.check(0, &database.whole_log());
    for (kind, sql) in [
        (
            0,
            "SELECT payload FROM agents JOIN feed_agents ON feed_agents.row = agents.rowid",
        ),
        (1, "SELECT json FROM workflow_json"),
        (2, "SELECT json FROM message_json"),
        (3, "SELECT json FROM definition_json"),
    ] {
        let mut statement = database.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0));
        let mut rows: Vec<Value> = rows
            .unwrap()
            .map(|json| serde_json::from_str(&json.unwrap()).unwrap())
            .collect();
        rows.sort_by_key(|row| row["id"].as_str().unwrap().to_owned());
        if kind == 0 || kind == 3 {
            // What was there before the log began.
            rows.retain(|row| row["id"] != "d");
        }
        let known: Vec<&Value> = mirror.rows[kind].values().collect();
        assert_eq!(known, rows.iter().collect::<Vec<_>>(), "{sql}");
    }
    // Each entry came, or was counted.
    let id = |entry: &Value| entry["id"].as_i64().unwrap();
    let mut missed = 0;
    let mut due = entries.to_vec();
    for gap in &mirror.gaps {
        let before = due.len();
        due.retain(|entry| !(gap.after < id(entry) && id(entry) <= gap.last));
        assert_eq!(i64::try_from(before - due.len()).unwrap(), gap.missed);
        missed += gap.missed;
    }
    assert_eq!(mirror.entries.len(), due.len(), "and {missed} missed");
    assert!(mirror.entries == due);
}

async fn torture(rounds: u64, changes: usize, entries: usize) {
    let database = Database::new();
    database.add("stays", "executing");
    let mut server = Server::serve(&database.path);
    let (published, address) = watch::channel(server.address);
    let (reached, goal) = watch::channel(None);
    let readers: Vec<_> = (1..=6)
        .map(|seed| tokio::spawn(read(address.clone(), goal.clone(), seed)))
        .collect();
    let parts = usize::try_from(rounds).unwrap();
    let start = std::time::Instant::now();
    for round in 1..=rounds {
        let writers = start_writers(&database.path, round, changes / parts, entries / parts);
        if round < rounds {
            let middle = database.seq() + i64::try_from(changes / parts / 4).unwrap();
            while database.seq() < middle {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            server.kill();
            server = Server::serve(&database.path);
            published.send_replace(server.address);
        }
        for writer in writers {
            writer.await.unwrap();
        }
    }
    let written = start.elapsed();
    let last = database.count("SELECT max(id) FROM agent_logs");
    reached.send_replace(Some((database.seq(), last)));
    let mut told = Vec::new();
    let mut url = "/api/runtime/logs?order=asc&limit=1000".to_owned();
    loop {
        let answer = server.get(&url).await;
        told.extend(answer.json().as_array().unwrap().clone());
        match answer.header("link").split_once('>') {
            Some((next, _)) => next[1..].clone_into(&mut url),
            None => break,
        }
    }
    assert!(told.len() >= entries / 2 * 2, "{}", told.len());
    let log = database.whole_log();
    let mut report = Vec::new();
    for reader in readers {
        let (mirror, connections) = reader.await.unwrap();
        check(&mirror, &database, &told);
        assert_eq!(mirror.resyncs, 0);
        assert!(connections > 1);
        let missed: i64 = mirror.gaps.iter().map(|gap| gap.missed).sum();
        report.push(
            json!({"connections": connections, "entries": mirror.entries.len(), "missed": missed}),
        );
    }
    println!(
        "{} changes and {} entries in {written:?}, all received after {:?}: {}",
        log.len(),
        told.len(),
        start.elapsed(),
        json!(report)
    );
    for entity in ["agent", "workflow", "message", "definition"] {
        assert!(
            log.iter()
                .any(|change| change.entity == entity && change.after.is_none())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_receives_exactly_everything() {
    torture(3, 3_000, 15_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo test --release --test feed torture_of_all -- --ignored --nocapture"]
async fn each_client_receives_exactly_everything_at_full_size() {
    torture(4, 28_000, 200_000).await;
}
