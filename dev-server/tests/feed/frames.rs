//! What the feed says, and when.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Database, Server, Update, python};

fn milliseconds(timestamp: &Value) -> i64 {
    let timestamp = timestamp.as_str().unwrap();
    let number = |range: std::ops::Range<usize>| timestamp[range].parse::<i64>().unwrap();
    ((number(11..13) * 60 + number(14..16)) * 60 + number(17..19)) * 1000 + number(20..23)
}

#[tokio::test]
async fn an_acknowledgement_comes_first() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    for (query, mode) in [
        ("", "default"),
        ("mode=default", "default"),
        ("mode=delta", "delta"),
    ] {
        let ack = server.client(query).await.ack;
        assert_eq!(ack["seq"], 1);
        assert_eq!(ack["mode"], mode);
        assert_eq!(ack["heartbeat_seconds"], 15);
        assert_eq!(ack["database"].as_str().map(str::len), Some(32));
    }
}

/// In a snapshot, in a change and in a list an agent is what REST says, and its name besides.
#[tokio::test]
async fn an_agent_is_told_as_rest_tells_it() {
    let database = Database::new();
    database.run(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, status, started_at, completed_at, cost_usd, \
         error_message, context, metadata) \
         VALUES ('a', 'd', 's', 'failed', '2026-02-05 10:00:00', '2026-02-05T10:00:01.123456', 0.25, 'no \"luck\"', \
         '{\"task\": [1e2, null]}', 'no JSON')",
        (),
    );
    let server = Server::serve(&database.path);
    let told = async || {
        let mut agent = server.get("/api/runtime/agents/a").await.json();
        agent["name"] = "Planner".into();
        agent
    };
    let first = told().await;
    assert_eq!(first["completed_at"], "2026-02-05T10:00:01.123Z");
    assert_eq!(first["context"], json!({"task": [100.0, null]}));
    assert_eq!(first["metadata"], "no JSON");
    let mut lists = server.client("").await;
    let mut changes = server.client("mode=delta").await;
    assert_eq!(lists.update().await.agents, vec![first.clone()]);
    assert_eq!(changes.update().await.agents, [first]);
    database.run(
        "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_input, cost_usd) \
         VALUES ('p', 'a', 'adw', 'x', 7, 0.5)",
        (),
    );
    let change = changes.update().await.agents;
    let second = told().await;
    assert_eq!(second["tokens_input"], 7);
    assert_eq!(change, vec![second.clone()]);
    assert_eq!(lists.update().await.agents, [second]);
}

#[tokio::test]
async fn the_default_mode_sends_the_whole_list_on_each_change() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("").await;
    let first = client.update().await;
    assert_eq!(
        (first.to_string(), first.seq, first.snapshot),
        ("a=planning".to_owned(), 1, false)
    );
    database.set("a", "executing");
    assert_eq!(client.update().await.to_string(), "a=executing");
    database.run(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, started_at) VALUES ('b', 'd', 't', '2026-01-01')",
        (),
    );
    assert_eq!(
        client.update().await.to_string(),
        "a=executing b=initializing"
    );
    database.delete("a");
    assert_eq!(client.update().await.to_string(), "b=initializing");
}

#[tokio::test]
async fn the_default_mode_sends_at_most_one_list_each_250_ms() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("").await;
    let mut sent = milliseconds(&client.expect("agent_update").await["timestamp"]);
    for cost in 1..=200 {
        database.run("UPDATE agents SET cost_usd = ?1", [cost]);
    }
    let mut lists = 0;
    loop {
        let data = client.expect("agent_update").await;
        let now = milliseconds(&data["timestamp"]);
        // Times are cut to milliseconds; midnight may lie between.
        assert!((now - sent).rem_euclid(86_400_000) >= 249, "{sent} {now}");
        sent = now;
        lists += 1;
        if data["agents"][0]["cost_usd"] == 200.0 {
            break;
        }
    }
    assert!(lists < 200);
}

#[tokio::test]
async fn the_default_mode_has_the_newest_1000() {
    let database = Database::new();
    database.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) \
         INSERT INTO agents (id, orchestrator_agent_id, session_id, started_at) \
         SELECT 'a' || i, 'd', 's', datetime('2026-01-01', i || ' seconds') FROM n",
        (),
    );
    let server = Server::feed(&database.path);
    let list = server.client("").await.update().await;
    let ids: Vec<&str> = list
        .agents
        .iter()
        .map(|agent| agent["id"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (2..=1001).rev().map(|i| format!("a{i}")).collect();
    assert_eq!(ids, expected);
}

/// Knows nothing of parameters, of `seq` or of `removed`.
#[tokio::test]
async fn yesterdays_client_works() {
    let database = Database::new();
    let server = Server::serve(&database.path);
    let mut client = server.client("").await;
    assert_eq!(client.expect("agent_update").await["agents"], json!([]));
    let new = json!({"orchestrator_agent_id": "d", "session_id": "s", "status": "pending"});
    let id = server.post("/api/runtime/agents", &new).await.json()["id"].clone();
    let data = client.expect("agent_update").await;
    assert_eq!(data["agents"][0]["id"], id);
    assert_eq!(data["agents"][0]["status"], "initializing");
    assert!(client.ping().await["timestamp"].is_string());
    database.run(
        "UPDATE agents SET status = 'completed', completed_at = datetime('now')",
        (),
    );
    assert_eq!(
        client.expect("agent_update").await["agents"][0]["status"],
        "completed"
    );
    assert_eq!(client.close().await, Some(1000));
}

#[tokio::test]
async fn the_delta_mode_starts_with_a_snapshot_and_goes_on_with_changes() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    let first = client.update().await;
    assert_eq!(
        (first.to_string(), first.seq),
        ("all: a=planning".to_owned(), 1)
    );
    database.add("b", "planning");
    let second = client.update().await;
    assert_eq!(
        (second.to_string(), second.seq),
        ("b=planning".to_owned(), 2)
    );
    database.transaction(&[
        "UPDATE agents SET status = 'failed' WHERE id = 'b'",
        "UPDATE agents SET cost_usd = 0.5 WHERE id = 'a'",
    ]);
    let third = client.update().await;
    assert_eq!(
        (third.to_string(), third.seq),
        ("b=failed a=planning".to_owned(), 4)
    );
    assert_eq!(third.agents[1]["cost_usd"], 0.5);
}

#[tokio::test]
async fn a_request_shows() {
    let database = Database::new();
    let server = Server::serve(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    let new = json!({"orchestrator_agent_id": "d", "session_id": "s"});
    let id = server.post("/api/runtime/agents", &new).await.json()["id"].clone();
    assert_eq!(client.update().await.agents[0]["id"], id);
    server
        .request(Method::DELETE, "/api/agents/d", &[], "")
        .await;
    assert_eq!(json!(client.update().await.removed), json!([id]));
}

#[tokio::test]
async fn a_python_process_shows() {
    const SCRIPT: &str = "
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute(
    'INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, started_at, cost_usd)'
    ' VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ('a', 'd', 's', None, 'initializing', '{}', '{}', '2026-02-05T10:00:00.123456', 0.0))
connection.commit()
connection.execute('UPDATE agents SET status=?, completed_at=?, error_message=? WHERE id=?',
    ('failed', '2026-02-05T10:00:09.5', 'broken', 'a'))
connection.commit()
connection.execute('DELETE FROM agents')
connection.commit()
";
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    python(SCRIPT, &[database.path.to_str().unwrap()]);
    assert_eq!(client.update().await.to_string(), "a=initializing");
    let failed = client.update().await;
    assert_eq!(failed.to_string(), "a=failed");
    assert_eq!(failed.agents[0]["started_at"], "2026-02-05T10:00:00.123Z");
    assert_eq!(failed.agents[0]["completed_at"], "2026-02-05T10:00:09.500Z");
    assert_eq!(failed.agents[0]["error_message"], "broken");
    assert_eq!(client.update().await.to_string(), "-a");
}

#[tokio::test]
async fn statuses_that_follow_each_other_quickly_all_arrive() {
    let database = Database::new();
    database.add("a", "initializing");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    database.transaction(&[
        "UPDATE agents SET status = 'planning'",
        "UPDATE agents SET status = 'executing'",
        "UPDATE agents SET status = 'completed'",
        "DELETE FROM agents",
        "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's')",
    ]);
    for expected in [
        "a=planning",
        "a=executing",
        "a=completed",
        "-a",
        "a=initializing",
    ] {
        assert_eq!(client.update().await.to_string(), expected);
    }
}

#[tokio::test]
async fn a_deleted_definition_takes_its_agents_along() {
    let database = Database::new();
    database.add("a", "planning");
    database.add("b", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    database.run("DELETE FROM orchestrator_agents WHERE id = 'd'", ());
    let mut removed = client.update().await.removed;
    removed.sort();
    assert_eq!(removed, ["a", "b"]);
}

#[tokio::test]
async fn a_deleted_parent_leaves_its_children_without_one() {
    let database = Database::new();
    database.add("parent", "planning");
    database.add("child", "planning");
    database.run(
        "UPDATE agents SET parent_agent_id = 'parent' WHERE id = 'child'",
        (),
    );
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    database.delete("parent");
    let update = client.update().await;
    assert_eq!(update.to_string(), "child=planning -parent");
    assert_eq!(update.agents[0]["parent_agent_id"], Value::Null);
}

#[tokio::test]
async fn a_renamed_definition_renames_its_agents() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    assert_eq!(client.update().await.agents[0]["name"], "Planner");
    database.run("UPDATE orchestrator_agents SET name = 'Thinker'", ());
    assert_eq!(client.update().await.agents[0]["name"], "Thinker");
}

#[tokio::test]
async fn what_changes_nothing_gives_no_frame() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    let mut list = server.client("").await;
    let seq = client.update().await.seq;
    let first = list.update().await;
    database.run("UPDATE agents SET status = status, cost_usd = 0.0", ());
    database.run(
        "UPDATE orchestrator_agents SET name = name, description = 'changed'",
        (),
    );
    database.run(
        "INSERT INTO system_logs (log_level, component, message) VALUES ('INFO', 'c', 'm')",
        (),
    );
    database.set("a", "executing");
    // The change of the definition has a number too.
    let next = client.update().await;
    assert_eq!(
        (next.to_string(), next.seq),
        ("a=executing".to_owned(), seq + 2)
    );
    let second = list.update().await;
    assert_eq!(
        (second.to_string(), second.seq),
        ("a=executing".to_owned(), first.seq + 2)
    );
}

#[tokio::test]
async fn a_replaced_row_is_one_change() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    database.run(
        "INSERT OR REPLACE INTO agents (id, orchestrator_agent_id, session_id, status) VALUES ('a', 'd', 's', 'failed')",
        (),
    );
    assert_eq!(client.update().await.to_string(), "a=failed");
    database.delete("a");
    assert_eq!(client.update().await.to_string(), "-a");
}

#[tokio::test]
async fn values_of_the_wrong_type_do_not_stop_the_feed() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    database.run(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, started_at, cost_usd, error_message) \
         VALUES ('a', 'd', 's', 'yesterday', 'much', x'ff00')",
        (),
    );
    let update = client.update().await;
    assert_eq!(update.agents[0]["started_at"], "yesterday");
    assert_eq!(update.agents[0]["cost_usd"], 0.0);
    database.run(
        "UPDATE agents SET cost_usd = 9e999, error_message = char(8232, 0, 127757) || '\"\\'",
        (),
    );
    assert_eq!(client.update().await.agents[0]["cost_usd"], 0.0);
    database.run(
        "UPDATE agents SET cost_usd = NULL, error_message = NULL",
        (),
    );
    assert_eq!(client.update().await.to_string(), "a=initializing");
}

#[tokio::test]
async fn a_ping_is_answered_with_the_position() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    database.add("a", "planning");
    let seq = client.update().await.seq;
    let heartbeat = client.ping().await;
    assert_eq!(heartbeat["seq"], seq);
    assert_eq!(heartbeat["live"], true);
}

#[tokio::test]
async fn a_heartbeat_ends_a_silence() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut clients = [server.client("").await, server.client("mode=delta").await];
    for client in &mut clients {
        client.update().await;
    }
    for client in &mut clients {
        client.expect("heartbeat").await;
    }
}

#[tokio::test]
async fn clients_with_the_same_filter_get_the_same_frames() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = server.client("mode=delta").await;
        client.update().await;
        clients.push(client);
    }
    database.add("a", "planning");
    database.set("a", "executing");
    let mut seen: Vec<Vec<Update>> = Vec::new();
    for client in &mut clients {
        seen.push(vec![client.update().await, client.update().await]);
    }
    assert!(seen.iter().all(|updates| *updates == seen[0]));
    assert_eq!(seen[0][1].to_string(), "a=executing");
}
