//! A database that the existing service made.

use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;

use crate::support::{Board, Database, Server, free_path, python};

/// As the existing service makes its tables (columns, rules, indexes, trigger), with the two that are not ours.
const LEGACY: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE orchestrator_agents (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT,
    agent_type TEXT NOT NULL CHECK (agent_type IN ('planner', 'builder', 'reviewer', 'tester', 'orchestrator', 'utility')),
    capabilities TEXT, default_model TEXT,
    created_at TEXT NOT NULL DEFAULT (datetime('now')), updated_at TEXT NOT NULL DEFAULT (datetime('now')));
CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    orchestrator_agent_id TEXT NOT NULL REFERENCES orchestrator_agents(id) ON DELETE CASCADE,
    session_id TEXT NOT NULL, parent_agent_id TEXT REFERENCES agents(id) ON DELETE SET NULL,
    status TEXT NOT NULL DEFAULT 'initializing' CHECK (status IN
        ('initializing', 'planning', 'executing', 'reviewing', 'completed', 'failed', 'cancelled')),
    context TEXT, config TEXT, started_at TEXT NOT NULL DEFAULT (datetime('now')), completed_at TEXT,
    cost_usd REAL DEFAULT 0.0, error_message TEXT);
CREATE TABLE prompts (
    id TEXT PRIMARY KEY, agent_id TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    prompt_type TEXT NOT NULL CHECK (prompt_type IN ('adw', 'command', 'followup', 'correction', 'tool_call')),
    prompt_name TEXT, prompt_text TEXT NOT NULL, response_text TEXT,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'streaming', 'completed', 'failed', 'cancelled')),
    model_used TEXT, tokens_input INTEGER DEFAULT 0, tokens_output INTEGER DEFAULT 0, cost_usd REAL DEFAULT 0.0,
    latency_ms INTEGER, created_at TEXT NOT NULL DEFAULT (datetime('now')), completed_at TEXT, error_message TEXT);
CREATE TABLE agent_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    log_level TEXT NOT NULL DEFAULT 'INFO' CHECK (log_level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    log_type TEXT NOT NULL CHECK (log_type IN
        ('state_change', 'milestone', 'error', 'performance', 'tool_call', 'cost_update')),
    message TEXT NOT NULL, details TEXT, created_at TEXT NOT NULL DEFAULT (datetime('now')));
CREATE TABLE system_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    log_level TEXT NOT NULL DEFAULT 'INFO' CHECK (log_level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    component TEXT NOT NULL, message TEXT NOT NULL, details TEXT, created_at TEXT NOT NULL DEFAULT (datetime('now')));
CREATE TABLE orchestrator_chat (id INTEGER PRIMARY KEY, message TEXT);
CREATE TABLE ai_developer_workflows (id TEXT PRIMARY KEY, state TEXT);
CREATE INDEX idx_agents_session ON agents(session_id);
CREATE INDEX idx_agents_orch ON agents(orchestrator_agent_id);
CREATE INDEX idx_prompts_agent ON prompts(agent_id);
CREATE INDEX idx_prompts_status ON prompts(status);
CREATE INDEX idx_agent_logs_agent ON agent_logs(agent_id);
CREATE INDEX idx_system_logs_level ON system_logs(log_level);
CREATE TRIGGER update_orchestrator_agents_timestamp AFTER UPDATE ON orchestrator_agents
BEGIN UPDATE orchestrator_agents SET updated_at = datetime('now') WHERE id = NEW.id; END;
INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'Planner', 'planner');
INSERT INTO orchestrator_chat (message) VALUES ('hello');
INSERT INTO ai_developer_workflows VALUES ('w', 'plan');
INSERT INTO agents (id, orchestrator_agent_id, session_id, status, started_at) VALUES
    ('a', 'd', 's', 'planning', '2026-02-05 10:00:00'),
    ('b', 'd', 's', 'completed', '2026-02-05T10:00:00.123456');
INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id) VALUES ('c', 'd', 't', 'a');
INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) VALUES ('p', 'a', 'adw', 'Do it');
INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('a', 'milestone', 'begun');
";

/// Writes as today's writers do until it is told on its standard input to end.
const WRITER: &str = "
import datetime, itertools, select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60)
print('begun', flush=True)
for i in itertools.count():
    connection.execute(
        'INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, started_at, cost_usd)'
        ' VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        (f'w{i:06}', 'd', 's', None, 'planning', '{}', '{}', datetime.datetime.utcnow().isoformat(), 0.0))
    connection.commit()
    connection.execute('UPDATE agents SET status=?, completed_at=?, error_message=? WHERE id=?',
        ('completed', datetime.datetime.utcnow().isoformat(), None, f'w{i:06}'))
    connection.commit()
    if select.select([sys.stdin], [], [], 0.001)[0]:
        break
";

fn legacy(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(LEGACY).unwrap();
}

async fn is_adopted(start: fn(&Path) -> Server) {
    let (_folder, path) = free_path();
    legacy(&path);
    let server = start(&path);
    let mut client = server.client("mode=delta").await;
    let mut board = Board::default();
    board
        .shows(&mut client, "a=planning b=completed c=initializing")
        .await;
    assert_eq!(board.agents["a"]["started_at"], "2026-02-05T10:00:00.000Z");
    assert_eq!(board.agents["a"]["updated_at"], "2026-02-05T10:00:00.000Z");
    assert_eq!(board.agents["b"]["started_at"], "2026-02-05T10:00:00.123Z");
    assert_eq!(board.agents["c"]["parent_agent_id"], "a");

    let script = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute('UPDATE agents SET status=? WHERE id=?', ('executing', 'a'))
connection.commit()";
    python(script, &[path.to_str().unwrap()]);
    let update = client.update().await;
    assert_eq!(update.to_string(), "a=executing");

    let database = Database::open(&path);
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        database
            .connection
            .query_row(&sql, [], |row| row.get(0))
            .unwrap()
    };
    for (table, rows) in [
        ("orchestrator_agents", 1),
        ("agents", 3),
        ("prompts", 1),
        ("agent_logs", 1),
        ("orchestrator_chat", 1),
        ("ai_developer_workflows", 1),
    ] {
        assert_eq!(count(table), rows, "{table}");
    }
    database.run("UPDATE orchestrator_agents SET name = 'Thinker'", ());
    let agents = client.update().await.agents;
    let names: Vec<_> = agents.iter().map(|agent| agent["name"].clone()).collect();
    assert_eq!(names, ["Thinker", "Thinker", "Thinker"]);
}

async fn is_adopted_while_written_to(start: fn(&Path) -> Server) {
    let (_folder, path) = free_path();
    legacy(&path);
    let mut writer = Command::new("python3")
        .args(["-c", WRITER, path.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It writes from here on.
    let mut begun = [0; 6];
    std::io::Read::read_exact(writer.stdout.as_mut().unwrap(), &mut begun).unwrap();
    let server = start(&path);
    let mut client = server.client("mode=delta").await;
    let mut board = Board::default();
    board
        .follow(&mut client, |board| board.agents.len() >= 3)
        .await;
    let (found, seq) = (board.agents.len(), board.seq);
    board
        .follow(&mut client, |board| {
            board.agents.len() > found && board.seq > seq + 20
        })
        .await;
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    let end = Database::open(&path).board();
    board.shows(&mut client, &end).await;
    assert_eq!(board.resyncs, 0);
}

#[tokio::test]
async fn serve_adopts_it() {
    is_adopted(Server::serve).await;
}

#[tokio::test]
async fn the_feed_alone_adopts_it() {
    is_adopted(Server::feed).await;
}

#[tokio::test]
async fn serve_adopts_it_while_it_is_written_to() {
    is_adopted_while_written_to(Server::serve).await;
}

#[tokio::test]
async fn the_feed_alone_adopts_it_while_it_is_written_to() {
    is_adopted_while_written_to(Server::feed).await;
}
