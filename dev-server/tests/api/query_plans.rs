//! What SQLite does for each list, with each filter and each two of them: it goes through an index that fits them, in the
//! list's order, and sorts nothing but rows of one time among themselves.
//!
//! The statements are those that the handlers run, taken down at the database port; the filters are those that the
//! resources declare.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use database::native::Native;
use database::{Backend, Connection, Database, Error, Row, Value};
use http_api::{Api, Origins, Settings};

use crate::support::client::{Request, Response};

type Statement = (String, Vec<Value>);

/// A database that remembers the statements.
#[derive(Clone)]
struct Recorder {
    native: Arc<Native>,
    statements: Arc<Mutex<Vec<Statement>>>,
}

impl Backend for Recorder {
    fn with(&self, job: &mut dyn FnMut(&dyn Connection) -> Result<(), Error>) -> Result<(), Error> {
        self.native.with(&mut |connection| {
            job(&Recording {
                connection,
                statements: &self.statements,
            })
        })
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.native.sleep(pause)
    }
}

struct Recording<'a> {
    connection: &'a dyn Connection,
    statements: &'a Mutex<Vec<Statement>>,
}

impl Connection for Recording<'_> {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let statement = (sql.to_owned(), parameters.to_vec());
        self.statements.lock().unwrap().push(statement);
        self.connection.execute(sql, parameters)
    }
}

/// The plan of the last statement that a GET of `uri` runs, once `ANALYZE` has looked at the rows, or before.
async fn plan(uri: &str, with_statistics: bool) -> String {
    let mut plans = plans(uri, with_statistics).await;
    plans.pop().unwrap().1
}

/// The statements that it runs, each with its plan.
async fn plans(uri: &str, with_statistics: bool) -> Vec<(String, String)> {
    let recorder = Recorder {
        native: Arc::new(Native::memory().unwrap()),
        statements: Arc::default(),
    };
    let database = Database::new(recorder.clone());
    database.prepare().await.unwrap();
    let statistics = with_statistics.then_some("ANALYZE");
    for sql in ROWS.into_iter().chain(statistics) {
        recorder
            .native
            .with(&mut |connection| connection.execute(sql, &[]).map(drop))
            .unwrap();
    }
    let settings = Settings {
        database_path: String::new(),
        cors_origins: Origins::default(),
        max_body_bytes: 1,
        feed_url: String::new(),
        admission: http_api::Admission::default(),
    };
    let routes = backend::routes(&database, &settings);
    let api = Api::new(routes, settings);
    recorder.statements.lock().unwrap().clear();
    let response = api.call(Request::new("GET", uri).build()).await;
    Response::read(response).await.unwrap().json(200);

    // Some lists are read in a transaction.
    let mut statements = recorder.statements.lock().unwrap().clone();
    statements.retain(|(sql, _)| sql.starts_with("SELECT") || sql.starts_with("WITH"));
    let plan = |(sql, parameters): (String, Vec<Value>)| {
        let mut plan = Vec::new();
        recorder
            .native
            .with(&mut |connection| {
                let rows = connection.execute(&format!("EXPLAIN QUERY PLAN {sql}"), &parameters)?;
                plan = rows
                    .into_iter()
                    .map(|mut row| {
                        let detail = row.text("detail")?;
                        let columns = index_columns(connection, &detail)?;
                        Ok(format!("{detail} [{columns}]"))
                    })
                    .collect::<Result<Vec<String>, Error>>()?;
                Ok(())
            })
            .unwrap();
        (sql, plan.join("; "))
    };
    statements.into_iter().map(plan).collect()
}

/// The columns of the index that a line of a plan names.
fn index_columns(connection: &dyn Connection, detail: &str) -> Result<String, Error> {
    const SQL: &str = "SELECT group_concat(name, ',') AS columns FROM pragma_index_info(?1)";
    let Some((_, index)) = detail.split_once(" INDEX ") else {
        return Ok(String::new());
    };
    let name = index.split(' ').next().unwrap_or_default();
    let mut rows = connection.execute(SQL, &[name.into()])?;
    Ok(rows.remove(0).optional_text("columns")?.unwrap_or_default())
}

/// Many rows.
const ROWS: [&str; 6] = [
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 50) \
     INSERT INTO orchestrator_agents (id, name, agent_type) SELECT 'd' || n, n, 'tester' FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000) \
     INSERT INTO agents (id, orchestrator_agent_id, session_id) SELECT 'a' || n, 'd' || (n % 50 + 1), 's' || (n % 20) FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000) \
     INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) SELECT n, 'a' || (n % 50 + 1), 'adw', '' FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
     INSERT INTO agent_logs (agent_id, log_type, log_level, message) \
     SELECT 'a' || (n % 100 + 1), 'milestone', iif(n % 100, 'INFO', 'ERROR'), '' FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000) \
     INSERT INTO ai_developer_workflows (id, adw_name, workflow_type, status) \
     SELECT n, n, 't' || (n % 5), iif(n % 10, 'completed', 'pending') FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000) \
     INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, agent_id, options) \
     SELECT n, 'd1', 'agent', 'user', '', 'a' || (n % 50 + 1), iif(n % 10, NULL, '[]') FROM n",
];

/// A value for each filter, and what the plan says where an index serves it.
const FILTERS: [(&str, &str, &str); 17] = [
    ("agent_type", "tester", "agent_type=?"),
    ("is_active", "true", "idx_definitions_"),
    ("session_id", "s1", "session_id=?"),
    ("status", "completed", "status=?"),
    ("orchestrator_agent_id", "d1", "orchestrator_agent_id=?"),
    ("parent_agent_id", "a1", "parent_agent_id=?"),
    ("agent_id", "a1", "agent_id=?"),
    ("prompt_type", "adw", "prompt_type=?"),
    ("level", "ERROR", "log_level=?"),
    ("log_type", "milestone", "log_type=?"),
    ("component", "c", "component=?"),
    ("workflow_type", "t1", "workflow_type=?"),
    ("waiting", "user", "receiver_type=?"),
    ("since", "2026-01-01", "rowid>?"),
    ("until", "2026-01-02", "rowid<?"),
    ("q", "xyz", ""),
    ("", "", ""),
];

/// Whether the plan shows that both filters are served: by an index that begins with one and has the other.
fn serves(plan: &str, list: &str, one: &str, other: &str) -> bool {
    let sign = |name: &str| {
        let found = FILTERS.iter().find(|(known, ..)| *known == name);
        found.unwrap_or_else(|| panic!("no value for {name}")).2
    };
    // The range of messages since a time is that of their times; agents of a time are looked for among the others.
    let is_messages = list.ends_with("messages");
    let sign = |name: &str| match name {
        "since" if is_messages => "created_time>?",
        "since" | "until" if list == "/api/runtime/agents" => "",
        name => sign(name),
    };
    let (one, other) = (sign(one), sign(other));
    let is_log = list.ends_with("logs");
    let line = |is_it: &dyn Fn(&str) -> bool| plan.split("; ").any(is_it);
    // Whether an index begins with the column of one filter and has that of the other.
    let has_both = |one: &str, other: &str| {
        let column = other.trim_end_matches(['=', '>', '?']);
        line(&|line| {
            let columns = line.split('[').nth(1).unwrap_or_default();
            line.contains(one)
                && (line.contains(other) || columns.split([',', ']']).any(|has| has == column))
        })
    };
    if list != "/api/runtime/agents" && [one, other].contains(&"session_id=?") {
        // The agents of the session, and of each of them what the other filter wants.
        let other = if one == "session_id=?" { other } else { one };
        // The range of a log is that of the index's own entries.
        let other = if other.starts_with("rowid") {
            ""
        } else {
            other
        };
        return line(&|line| line.contains("session_id=?")) && has_both("agent_id=?", other);
    }
    if is_log && [one, other].contains(&"agent_id=?") {
        return line(&|line| line.contains("idx_agent_logs_agent (agent_id=?"));
    }
    if is_log {
        return line(&|line| line.contains(one) && line.contains(other));
    }
    // Agents that one has started are all in its session and, but for a few, of few definitions.
    let of_parent = |line: &str| line.contains("parent_agent_id=?");
    [one, other].contains(&"parent_agent_id=?")
        && !one.starts_with("status")
        && !other.starts_with("status")
        && line(&of_parent)
        || has_both(one, other)
        || has_both(other, one)
}

#[tokio::test]
async fn each_two_filters_have_an_index() {
    let value = |name: &str| FILTERS.iter().find(|(known, ..)| *known == name).unwrap().1;
    for with_statistics in [false, true] {
        for declaration in backend::declarations() {
            let list = declaration.path;
            let mut names: Vec<&str> = declaration
                .filters
                .iter()
                .map(|filter| filter.field.name)
                .collect();
            names.push("");
            for (number, one) in names.iter().enumerate() {
                for other in &names[number + 1..] {
                    let filters: Vec<String> = [one, other]
                        .iter()
                        .filter(|name| !name.is_empty())
                        .map(|name| format!("{name}={}", value(name)))
                        .collect();
                    let uri = format!("{list}?{}", filters.join("&"));
                    let plan = plan(&uri, with_statistics).await;
                    assert!(serves(&plan, list, one, other), "{uri}: {plan}");
                    let sorts = plan.contains("TEMP B-TREE FOR ORDER BY");
                    let of_session =
                        list != "/api/runtime/agents" && [*one, *other].contains(&"session_id");
                    // Messages stand in the order of their numbers, and those since a time are found by it.
                    let since = list.ends_with("messages") && [*one, *other].contains(&"since");
                    assert!(!sorts || of_session || since, "{uri}: {plan}");
                }
            }
        }
    }
}

#[tokio::test]
async fn lists_sort_nothing_in_either_order() {
    for declaration in backend::declarations() {
        for order in ["asc", "desc"] {
            let plan = plan(&format!("{}?order={order}", declaration.path), false).await;
            assert!(
                !plan.contains("TEMP B-TREE FOR ORDER BY"),
                "{order}: {plan}"
            );
        }
    }
}

#[tokio::test]
async fn several_statuses_are_merged_and_not_sorted() {
    for uri in [
        "/api/runtime/agents?status=executing,completed",
        "/api/runtime/agents?status=planning,completed&session_id=s1",
    ] {
        let plan = plan(uri, false).await;
        assert!(plan.contains("MERGE"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{plan}");
    }
}

/// A text or a time of agents is looked for in rows that an index gives in the list's order, and in not more than so many.
#[tokio::test]
async fn what_no_index_finds_is_looked_for_in_the_order_of_one() {
    for (uri, index) in [
        ("/api/runtime/agents?q=xyz", "idx_agents_started_time"),
        (
            "/api/runtime/agents?since=2030-01-01&status=completed",
            "idx_agents_status_time",
        ),
        (
            "/api/runtime/agents?q=xyz&session_id=s1",
            "idx_agents_session",
        ),
        ("/api/runtime/sessions?q=xyz", "idx_sessions_started_time"),
    ] {
        let plans = plans(uri, false).await;
        for bound in ["LIMIT 10000)", "OFFSET 9999"] {
            let found = plans.iter().find(|(sql, _)| sql.contains(bound));
            let (sql, plan) = found.unwrap_or_else(|| panic!("{uri}: {plans:?}"));
            assert!(plan.contains(index), "{sql}: {plan}");
            assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{sql}: {plan}");
        }
    }
}
