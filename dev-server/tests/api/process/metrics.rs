//! `/metrics`: what a process says of itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::tempdir;

use crate::metrics::sample;
use crate::support::client::Request;
use crate::support::server::{Connection, Server};

async fn metrics(connection: &mut Connection) -> String {
    let response = connection.send(Request::new("GET", "/metrics")).await;
    assert_eq!(response.status, 200);
    response.text().to_owned()
}

/// The names of all metrics in a text.
pub(super) fn names(text: &str) -> BTreeSet<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).collect()
}

const REQUESTS: &str = "orchestrator_http_request_duration_seconds";

#[tokio::test]
async fn requests_and_statements_are_counted() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let mut connection = server.connect().await;
    for number in 0..3 {
        let body = json!({"name": number.to_string(), "agent_type": "tester"}).to_string();
        let request = Request::new("POST", "/api/agents").json(body);
        connection.send(request).await.json(201);
    }
    for path in ["/api/agents/nobody", "/api/agents/x", "/nowhere"] {
        connection.send(Request::new("GET", path)).await.json(404);
    }
    let text = metrics(&mut connection).await;
    for (labels, count) in [
        ("group=\"agents\",status=\"2xx\"", 3.0),
        ("group=\"agents\",status=\"4xx\"", 2.0),
        ("group=\"other\",status=\"4xx\"", 1.0),
    ] {
        let name = format!("{REQUESTS}_count{{{labels}}}");
        assert_eq!(sample(&text, &name), Some(count), "{text}");
    }
    for name in [
        "orchestrator_database_statements_total",
        "orchestrator_database_busy_seconds_total",
        "orchestrator_write_ahead_log_bytes",
    ] {
        assert!(sample(&text, name).unwrap() > 0.0, "{name}");
    }
    // Both parts are there, and no metric twice.
    assert_eq!(sample(&text, "orchestrator_database_up"), Some(1.0));
    let types = text.matches("# TYPE ").count();
    assert_eq!(names(&text).len(), types);
}

/// A scrape is a question, and reads like one.
#[tokio::test]
async fn a_look_is_no_write() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::without_a_feed(&path, &[]);
    let mut connection = server.connect().await;
    metrics(&mut connection).await;
    let before = metrics(&mut connection).await;
    let after = metrics(&mut connection).await;
    let log = "orchestrator_write_ahead_log_bytes";
    assert_eq!(sample(&before, log), sample(&after, log));
    let statements = "orchestrator_database_statements_total";
    assert!(sample(&before, statements) < sample(&after, statements));
}

#[tokio::test]
async fn a_process_says_what_it_knows_where_the_database_is_gone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    metrics(&mut connection).await;
    std::fs::rename(&path, folder.path().join("elsewhere.db")).unwrap();
    let text = metrics(&mut connection).await;
    assert_eq!(sample(&text, "orchestrator_database_up"), Some(0.0));
    assert_eq!(sample(&text, "orchestrator_feed_clients"), Some(0.0));
}

/// `orchestrator feed` has its own, also where it passes everything else on.
#[tokio::test]
async fn the_feed_has_its_own() {
    let folder = tempdir().unwrap();
    let environment = [("API_TOKEN", "whole"), ("API_READ_TOKEN", "part")];
    let server = Server::behind_a_feed(&folder.path().join("test.db"), &environment);
    let mut connection = server.connect().await;
    for path in ["/metrics", "/metrics/"] {
        let refused = connection.send(Request::new("GET", path)).await;
        refused.json(401);
        let request = Request::new("GET", path).header("authorization", "Bearer part");
        let answer = connection.send(request).await;
        assert_eq!(answer.status, 200);
        let text = answer.text();
        assert_eq!(sample(text, "orchestrator_feed_clients"), Some(0.0));
        for name in [
            "orchestrator_database_up",
            "orchestrator_write_blocked_seconds",
        ] {
            assert_eq!(sample(text, name), None, "{name}");
        }
    }
}

/// Asks for all metrics of a server on which everything was used once.
pub(super) async fn all(server: &Server) -> String {
    let mut connection = server.connect().await;
    let body = r#"{"name": "d", "agent_type": "tester"}"#;
    let request = Request::new("POST", "/api/agents").json(body);
    connection.send(request).await.json(201);
    metrics(&mut connection).await
}

#[tokio::test]
async fn the_document_names_all_of_them() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let text = all(&server).await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let document = std::fs::read_to_string(file).unwrap();
    let described: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
        .collect();
    assert_eq!(described, names(&text));
}

/// What Prometheus' own library for Python makes of it.
#[tokio::test]
async fn a_real_parser_takes_it() {
    const PARSE: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
families = {family.name: family for family in text_string_to_metric_families(sys.stdin.read())}
for name, kind in [('orchestrator_agents', 'gauge'), ('orchestrator_database_statements', 'counter'),
                   ('orchestrator_http_request_duration_seconds', 'histogram'), ('orchestrator_feed_lag_seconds', 'histogram')]:
    assert families[name].type == kind, (name, families[name])
for family in families.values():
    assert family.samples and family.documentation and family.type != 'unknown', family
";
    let folder = tempdir().unwrap();
    let python = folder.path().join("venv/bin/python");
    let runs = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        let status = command.args(arguments).current_dir(&folder).status();
        status.is_ok_and(|status| status.success())
    };
    let package = "prometheus-client==0.23.*";
    if !runs(Path::new("python3"), &["-m", "venv", "venv"])
        || !runs(&python, &["-m", "pip", "install", "--quiet", package])
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "{package} is not to be had"
        );
        eprintln!("skipped: {package} is not to be had");
        return;
    }
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let text = all(&server).await;
    let mut parser = Command::new(python);
    let mut parser = parser
        .args(["-c", PARSE])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut parser.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(parser.wait().unwrap().success(), "{text}");
}
