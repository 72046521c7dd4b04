//! The other side: processes that write to the file themselves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use domain::Timestamp;
use rusqlite::{Connection, Params};
use tempfile::TempDir;

use super::server;

/// A database with the schema, and the connection of a foreign writer.
pub(crate) struct Database {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
    _folder: Option<TempDir>,
}

/// A row of the change log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) seq: i64,
    pub(crate) id: String,
    /// The agent as a frame has it, but for a deletion.
    pub(crate) after: Option<serde_json::Value>,
}

/// A row of the change log, whatever it is of.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) seq: i64,
    pub(crate) entity: String,
    pub(crate) id: String,
    /// The row as a frame has it, but for a deletion.
    pub(crate) after: Option<serde_json::Value>,
}

/// `orchestrator migrate`: makes the database at `path`, or brings it up to date.
pub(crate) fn migrate(path: &Path) {
    let output = server::command(path).arg("migrate").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Runs a script with `python3`; `arguments` are its `sys.argv[1:]`.
pub(crate) fn python(script: &str, arguments: &[&str]) {
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(arguments)
        .output();
    let output = output.expect("python3 is needed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

impl Database {
    /// A new database in a folder of its own, with the definition `d`, named Planner.
    pub(crate) fn new() -> Self {
        let (folder, path) = server::free_path();
        migrate(&path);
        let database = Self {
            _folder: Some(folder),
            ..Self::open(&path)
        };
        database.define("d", "Planner");
        // The numbers of a test are those of its own changes.
        database.transaction(&[
            "DELETE FROM change_log",
            "DELETE FROM sqlite_sequence WHERE name = 'change_log'",
        ]);
        database
    }

    /// A connection to a database that is there.
    pub(crate) fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_mins(1)).unwrap();
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        Self {
            path: path.to_owned(),
            connection,
            _folder: None,
        }
    }

    /// The same, which waits for no disk: for tests that write much, and whose subject that is not.
    pub(crate) fn open_unsynced(path: &Path) -> Self {
        let database = Self::open(path);
        database
            .connection
            .pragma_update(None, "synchronous", "OFF")
            .unwrap();
        database
    }

    /// Runs one statement and commits it.
    pub(crate) fn run(&self, sql: &str, parameters: impl Params) -> usize {
        self.connection.execute(sql, parameters).unwrap()
    }

    /// Runs statements in one transaction.
    pub(crate) fn transaction(&self, statements: &[&str]) {
        let all = format!("BEGIN IMMEDIATE; {}; COMMIT", statements.join("; "));
        self.connection.execute_batch(&all).unwrap();
    }

    /// Adds a definition.
    pub(crate) fn define(&self, id: &str, name: &str) {
        let sql =
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES (?1, ?2, 'planner')";
        self.run(sql, (id, name));
    }

    /// Adds an agent of the definition `d` in the session `s`.
    pub(crate) fn add(&self, id: &str, status: &str) {
        self.add_to("s", id, status);
    }

    /// Adds an agent of the definition `d`.
    pub(crate) fn add_to(&self, session: &str, id: &str, status: &str) {
        let sql = "INSERT INTO agents (id, orchestrator_agent_id, session_id, status) VALUES (?1, 'd', ?2, ?3)";
        self.run(sql, (id, session, status));
    }

    /// Changes an agent's status.
    pub(crate) fn set(&self, id: &str, status: &str) {
        self.run("UPDATE agents SET status = ?2 WHERE id = ?1", (id, status));
    }

    /// Gives an agent a heartbeat and a lease.
    pub(crate) fn beat(&self, id: &str, heartbeat_at: &str, lease_seconds: Option<i64>) {
        let sql = "UPDATE agents SET heartbeat_at = ?2, lease_seconds = ?3 WHERE id = ?1";
        self.run(sql, (id, heartbeat_at, lease_seconds));
    }

    /// Gives an agent a heartbeat of now.
    pub(crate) fn beat_now(&self, id: &str, lease_seconds: Option<i64>) {
        self.beat(id, Timestamp::now().as_str(), lease_seconds);
    }

    /// Deletes an agent.
    pub(crate) fn delete(&self, id: &str) {
        self.run("DELETE FROM agents WHERE id = ?1", [id]);
    }

    /// The number of the last change.
    pub(crate) fn seq(&self) -> i64 {
        self.count("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'change_log'")
    }

    /// What a query gives that gives one number.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    /// All agents, as a board prints them.
    pub(crate) fn board(&self) -> String {
        let sql = "SELECT coalesce(group_concat(id || '=' || status, ' '), '') FROM (SELECT * FROM agents ORDER BY id)";
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    /// The whole change log.
    pub(crate) fn whole_log(&self) -> Vec<Logged> {
        let sql = "SELECT seq, entity, entity_id, op, payload FROM change_log ORDER BY seq";
        let mut statement = self.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let (op, payload): (String, String) = (row.get(3)?, row.get(4)?);
            Ok(Logged {
                seq: row.get(0)?,
                entity: row.get(1)?,
                id: row.get(2)?,
                after: (op != "delete").then(|| serde_json::from_str(&payload).unwrap()),
            })
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The changes of agents.
    pub(crate) fn log(&self) -> Vec<Change> {
        let sql = "SELECT seq, entity_id, op, payload FROM change_log WHERE entity = 'agent' ORDER BY seq";
        let mut statement = self.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let (op, payload): (String, String) = (row.get(2)?, row.get(3)?);
            Ok(Change {
                seq: row.get(0)?,
                id: row.get(1)?,
                after: (op != "delete").then(|| serde_json::from_str(&payload).unwrap()),
            })
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }
}
