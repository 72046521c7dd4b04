//! A Python process that writes to the database itself, as agents do.

use std::path::Path;
use std::process::Command;

/// Runs `statements`, which have `db`, a connection, and functions that insert a row. Gives the time after the commit, in
/// milliseconds.
pub(crate) fn python(database: &Path, statements: &str) -> f64 {
    let script = format!(
        r#"
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=30)
db.execute("PRAGMA foreign_keys = ON")
def agent(id, name, session="demo", status="planning", parent=None, **more):
    db.execute("INSERT OR IGNORE INTO orchestrator_agents (id, name, agent_type) VALUES (?, ?, 'builder')", (name, name))
    row = dict(id=id, orchestrator_agent_id=name, session_id=session, status=status, parent_agent_id=parent, **more)
    insert("agents", row)
def insert(table, row):
    db.execute(f"INSERT INTO {{table}} ({{', '.join(row)}}) VALUES ({{', '.join('?' * len(row))}})", list(row.values()))
def log(message, level="INFO", agent="a1", type="milestone", **more):
    insert("agent_logs", dict(agent_id=agent, log_level=level, log_type=type, message=message, **more))
def prompt(id, text, agent="a1", type="command", **more):
    insert("prompts", dict(id=id, agent_id=agent, prompt_type=type, prompt_text=text, **more))
def message(id, text, sender="agent", receiver="user", agent="a1", **more):
    definition, = db.execute("SELECT orchestrator_agent_id FROM agents WHERE id = ?", (agent,)).fetchone()
    insert("orchestrator_chat", dict(id=id, orchestrator_agent_id=definition, agent_id=agent, sender_type=sender,
        receiver_type=receiver, message=text, **more))
{statements}
db.commit()
print(time.time() * 1000)
"#
    );
    let output = Command::new("python3")
        .args(["-c", &script])
        .arg(database)
        .output()
        .expect("python3 runs");
    let (out, error) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&out)
        .trim()
        .parse()
        .expect("a time")
}
