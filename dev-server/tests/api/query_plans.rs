//! What SQLite does for each list: it goes through an index in the list's order, and sorts nothing.
//!
//! The statements are those that the handlers run, taken down at the database port.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use database::native::Native;
use database::{Backend, Connection, Database, Error, Row, Value};
use http_api::{Api, Origins, Settings, Tokens};

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
        tokens: Tokens::default(),
    };
    let routes = agents::routes(database.clone(), &settings)
        .merge(runtime::routes(database.clone(), &settings));
    let api = Api::new(routes, settings);
    let response = api.call(Request::new("GET", uri).build()).await;
    Response::read(response).await.unwrap().json(200);

    let (sql, parameters) = recorder.statements.lock().unwrap().last().unwrap().clone();
    let mut plan = Vec::new();
    recorder
        .native
        .with(&mut |connection| {
            let rows = connection.execute(&format!("EXPLAIN QUERY PLAN {sql}"), &parameters)?;
            plan = rows
                .into_iter()
                .map(|mut row| {
                    row.integer();
                    row.integer();
                    row.integer();
                    row.text()
                })
                .collect();
            Ok(())
        })
        .unwrap();
    plan.join("; ")
}

/// Many rows.
const ROWS: [&str; 4] = [
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 50) \
     INSERT INTO orchestrator_agents (id, name, agent_type) SELECT 'd' || n, n, 'tester' FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000) \
     INSERT INTO agents (id, orchestrator_agent_id, session_id) SELECT 'a' || n, 'd1', 's' || (n % 20) FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000) \
     INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) SELECT n, 'a' || (n % 50 + 1), 'adw', '' FROM n",
    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
     INSERT INTO agent_logs (agent_id, log_type, log_level, message) \
     SELECT 'a' || (n % 100 + 1), 'milestone', iif(n % 100, 'INFO', 'ERROR'), '' FROM n",
];

/// Each list with the index that it goes through.
const LISTS: [(&str, &str); 19] = [
    ("/api/agents?", "idx_orchestrator_agents_created"),
    ("/api/runtime/agents?", "idx_agents_started"),
    ("/api/runtime/prompts?", "idx_prompts_created"),
    ("/api/runtime/logs?", "SCAN agent_logs"),
    ("/api/runtime/logs?level=ERROR", "idx_agent_logs_level"),
    ("/api/runtime/logs?log_type=error", "idx_agent_logs_type"),
    ("/api/runtime/logs?agent_id=a1", "idx_agent_logs_agent"),
    ("/api/runtime/logs/agent/a1?", "idx_agent_logs_agent"),
    ("/api/runtime/logs/agent/a1?limit=1", "idx_agent_logs_agent"),
    ("/api/runtime/agents?limit=1", "idx_agents_started"),
    (
        "/api/runtime/agents?status=failed",
        "idx_agents_status_started",
    ),
    ("/api/runtime/agents?session_id=s1", "idx_agents_session"),
    (
        "/api/runtime/agents?orchestrator_agent_id=d1",
        "idx_agents_orch",
    ),
    (
        "/api/runtime/agents?parent_agent_id=a1",
        "idx_agents_parent",
    ),
    ("/api/runtime/prompts?agent_id=a1", "idx_prompts_agent"),
    (
        "/api/runtime/prompts?status=completed",
        "idx_prompts_status",
    ),
    (
        "/api/runtime/prompts?prompt_type=command",
        "idx_prompts_type",
    ),
    (
        "/api/runtime/system-logs?component=c",
        "idx_system_logs_component",
    ),
    (
        "/api/runtime/system-logs?level=ERROR",
        "idx_system_logs_level",
    ),
];

#[tokio::test]
async fn lists_go_through_an_index_and_sort_nothing() {
    for with_statistics in [false, true] {
        for (uri, index) in LISTS {
            for order in ["asc", "desc"] {
                let plan = plan(&format!("{uri}&order={order}"), with_statistics).await;
                assert!(plan.contains(index), "{uri} {order}: {plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{uri} {order}: {plan}");
            }
        }
    }
}

#[tokio::test]
async fn entries_of_a_short_time_are_found_by_the_time() {
    for with_statistics in [false, true] {
        for (uri, index) in [
            (
                "/api/runtime/logs?level=INFO&since=2026-01-01&until=2026-01-02",
                "idx_agent_logs_created",
            ),
            (
                "/api/runtime/logs/agent/a1?since=2026-01-01",
                "idx_agent_logs_created",
            ),
            (
                "/api/runtime/system-logs?level=INFO&since=2026-01-01",
                "idx_system_logs_created",
            ),
        ] {
            let plan = plan(uri, with_statistics).await;
            assert!(plan.contains(index), "{uri}: {plan}");
        }
    }
}
