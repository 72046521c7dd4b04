//! `orchestrator backup` of a server: an SQLite file that a process can go on with.

use rusqlite::Connection;
use serde_json::json;

use super::{number, prepare, query, run, start};
use crate::support::{Server, Sqld, free_folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_a_file_to_go_on_with() {
    let Some(sqld) = Sqld::start() else { return };
    let folder = free_folder();
    prepare(&sqld, folder.path());
    let agents = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200) \
        INSERT INTO agents (id, orchestrator_agent_id, session_id, status) \
        SELECT 'a' || n, 'd', 's' || n % 3, 'executing' FROM n ORDER BY n % 7";
    query(&sqld, agents, &[]);
    let prompts = "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_input, cost_usd) \
        SELECT 'p' || id, id, 'command', 'text', 5, 0.1 FROM agents";
    query(&sqld, prompts, &[]);
    query(&sqld, "DELETE FROM agents WHERE id = 'a7'", &[]);
    let server = start(&sqld, folder.path(), &["serve"]);

    let copy = folder.path().join("copy.db");
    run(&sqld, folder.path(), &["backup", copy.to_str().unwrap()]);
    let file = Connection::open(&copy).unwrap();
    for table in [
        "agents",
        "prompts",
        "change_log",
        "agent_usage",
        "sqlite_schema",
    ] {
        let sql = format!("SELECT count(*) AS number FROM {table} WHERE true");
        let copied: i64 = file.query_row(&sql, [], |row| row.get(0)).unwrap();
        let tables = "SELECT count(*) AS number FROM sqlite_schema WHERE name NOT LIKE 'libsql%'";
        let there = match table {
            "sqlite_schema" => number(&sqld, tables),
            _ => number(&sqld, &sql),
        };
        assert_eq!(copied, there, "{table}");
    }
    drop(file);

    // What is served of the copy is what is served of the server, in the same order.
    let of_file = Server::serve(&copy);
    let path = "/api/runtime/agents?limit=1000";
    let listed = of_file.get(path).await.json();
    assert_eq!(listed, server.get(path).await.json());
    assert_eq!(listed.as_array().map(Vec::len), Some(1000));
    let next = json!({"orchestrator_agent_id": "d", "session_id": "s"}).to_string();
    let headers = [("content-type", "application/json")];
    let posted = of_file
        .request(http::Method::POST, "/api/runtime/agents", &headers, next)
        .await;
    assert_eq!(posted.status, http::StatusCode::CREATED);
}
