//! Several processes on one libSQL server, which is the one truth.

mod backup;
mod cluster;
mod latency;
mod lease;
mod replica;

use std::collections::BTreeMap;
use std::path::Path;

use database::{Connection as _, Row, Value};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Change, Server, Sqld, command};

/// A process on the database of `sqld`, in a folder where it leaves nothing.
fn start(sqld: &Sqld, folder: &Path, arguments: &[&str]) -> Server {
    let settings = [
        ("DATABASE_URL", &*sqld.url()),
        ("CHANGE_LOG_MAX", "1000000"),
    ];
    Server::start(&folder.join("none.db"), arguments, &settings)
}

/// Runs a command on it, which has to succeed.
fn run(sqld: &Sqld, folder: &Path, arguments: &[&str]) {
    let mut command = command(&folder.join("none.db"));
    let output = command
        .args(arguments)
        .env("DATABASE_URL", sqld.url())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Makes the schema and the definition `d`. The numbers of a test are those of its own changes.
fn prepare(sqld: &Sqld, folder: &Path) {
    run(sqld, folder, &["migrate"]);
    for sql in [
        "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'Planner', 'planner')",
        "DELETE FROM change_log",
        "DELETE FROM sqlite_sequence WHERE name = 'change_log'",
    ] {
        query(sqld, sql, &[]);
    }
}

/// What a query gives.
fn query(sqld: &Sqld, sql: &str, parameters: &[Value]) -> Vec<Row> {
    sqld.session().execute(sql, parameters).expect(sql)
}

/// What a query gives that gives one number.
fn number(sqld: &Sqld, sql: &str) -> i64 {
    let row = query(sqld, sql, &[]).into_iter().next();
    row.expect(sql).integer("number").unwrap()
}

/// The number of the last change.
fn last_seq(sqld: &Sqld) -> i64 {
    let sql =
        "SELECT coalesce(max(seq), 0) AS number FROM sqlite_sequence WHERE name = 'change_log'";
    number(sqld, sql)
}

/// All changes of agents, some at a time, as an answer has at most 10 MB.
fn agent_log(sqld: &Sqld) -> Vec<Change> {
    const SQL: &str = "SELECT seq, entity_id, op, payload FROM change_log WHERE entity = 'agent' AND seq > ?1 \
        ORDER BY seq LIMIT 1000";
    let mut log: Vec<Change> = Vec::new();
    loop {
        let last = log.last().map_or(0, |change| change.seq);
        let rows = query(sqld, SQL, &[last.into()]);
        if rows.is_empty() {
            return log;
        }
        log.extend(rows.into_iter().map(|mut row| {
            let payload = row.text("payload").unwrap();
            Change {
                seq: row.integer("seq").unwrap(),
                id: row.text("entity_id").unwrap(),
                after: (row.text("op").unwrap() != "delete")
                    .then(|| serde_json::from_str(&payload).unwrap()),
            }
        }));
    }
}

/// Of each agent its status, and how many prompts and log entries it has.
fn agents(sqld: &Sqld) -> BTreeMap<String, (String, i64, i64)> {
    const SQL: &str = "SELECT id, status, (SELECT count(*) FROM prompts WHERE agent_id = agents.id) AS prompts, \
        (SELECT count(*) FROM agent_logs WHERE agent_id = agents.id) AS entries FROM agents";
    let rows = query(sqld, SQL, &[]).into_iter();
    rows.map(|mut row| {
        let told = (
            row.text("status").unwrap(),
            row.integer("prompts").unwrap(),
            row.integer("entries").unwrap(),
        );
        (row.text("id").unwrap(), told)
    })
    .collect()
}

impl Sqld {
    /// Ends it as a crash does, and starts it anew at the same address.
    fn crash(&mut self) {
        self.kill();
        self.run();
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }
}
