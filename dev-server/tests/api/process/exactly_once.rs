//! A POST that is sent again and again under one key happens once, whatever happens to the server meanwhile.

use std::path::Path;

use rusqlite::Connection as Sqlite;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::app::id;
use crate::support::client::Request;
use crate::support::server::{Connection, Server};

/// How many send each request, all at once.
const SENDERS: usize = 8;
/// How many requests there are in each life of the server.
const ROUNDS: usize = 12;
/// How many lives the server has; each but the last ends by `kill -9`.
const LIVES: usize = 3;

/// The POSTs of the API, whose effect is one row more, with the table that it is in.
fn posts(definition: &str, agent: &str, name: &str) -> Vec<(String, Value, &'static str)> {
    let entry = json!({"agent_id": agent, "log_type": "error", "message": name});
    let runtime = json!({"orchestrator_agent_id": definition, "session_id": name});
    let prompt = json!({"agent_id": agent, "prompt_type": "adw", "prompt_text": name});
    let system = json!({"component": "c", "message": name});
    let definition = json!({"name": name, "agent_type": "tester"});
    let path = |path: &str| format!("/api/{path}");
    vec![
        (path("agents"), definition, "orchestrator_agents"),
        (path("runtime/agents"), runtime, "agents"),
        (path("runtime/prompts"), prompt, "prompts"),
        (path("runtime/logs"), json!([entry]), "agent_logs"),
        (path("runtime/system-logs"), system, "system_logs"),
        (
            path(&format!("runtime/agents/{agent}/heartbeat")),
            json!({}),
            "",
        ),
    ]
}

fn request(path: &str, body: &Value, key: &str) -> Request {
    let request = Request::new("POST", path).json(body.to_string());
    request.header("idempotency-key", key)
}

fn count(path: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    let sqlite = Sqlite::open(path).unwrap();
    sqlite.query_row(&sql, [], |row| row.get(0)).unwrap()
}

async fn create(connection: &mut Connection, path: &str, body: Value) -> String {
    let request = Request::new("POST", path).json(body.to_string());
    id(&connection.send(request).await.json(201))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_server() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    let definition = json!({"name": "first", "agent_type": "tester"});
    let definition = create(&mut connection, "/api/agents", definition).await;
    let agent = json!({"orchestrator_agent_id": definition, "session_id": "s"});
    let agent = create(&mut connection, "/api/runtime/agents", agent).await;

    let mut sent = Vec::new();
    for life in 0..LIVES {
        let last = life + 1 == LIVES;
        let mut tasks = Vec::new();
        for round in 0..ROUNDS {
            let name = format!("{life}-{round}");
            for (post, body, table) in posts(&definition, &agent, &name) {
                let key = format!("{name} {table}");
                sent.push((post.clone(), body.clone(), key.clone(), table));
                for _ in 0..SENDERS {
                    let mut connection = server.connect().await;
                    let request = request(&post, &body, &key);
                    // Where the server is killed meanwhile there is no answer, and nobody knows what became of it.
                    tasks.push(tokio::spawn(async move {
                        connection
                            .try_send(request)
                            .await
                            .map(|response| response.status)
                    }));
                }
            }
            if !last && round == ROUNDS / 2 {
                server.signal("KILL");
                server.wait();
                break;
            }
        }
        for task in tasks {
            if let Ok(status) = task.await.unwrap() {
                assert!(matches!(status, 200 | 201), "{status}");
            }
        }
        if !last {
            server = Server::start(&path, &[]);
        }
    }

    // Whoever has no answer sends again; now each has one, and all of one key have the same.
    let mut connection = server.connect().await;
    for (post, body, key, _) in &sent {
        let first = connection.send(request(post, body, key)).await;
        assert!(matches!(first.status, 200 | 201), "{first:?}");
        let again = connection.send(request(post, body, key)).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.json(first.status), first.json(first.status));
    }
    for (table, before) in [
        ("orchestrator_agents", 1),
        ("agents", 1),
        ("prompts", 0),
        ("agent_logs", 0),
        ("system_logs", 0),
    ] {
        let expected = sent.iter().filter(|(_, _, _, of)| *of == table).count();
        assert_eq!(
            count(&path, table),
            i64::try_from(expected).unwrap() + before,
            "{table}"
        );
    }
}
