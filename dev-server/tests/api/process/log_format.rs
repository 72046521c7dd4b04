//! `LOG_FORMAT=json`: the log for machines.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{ChildStderr, Stdio};

use serde_json::Value;

use crate::support::client::Request;
use crate::support::server::{Connection, bare, orchestrator};

/// The next line, as what it has to be.
fn next(lines: &mut Lines<BufReader<ChildStderr>>) -> Option<Value> {
    let line = lines.next()?.unwrap();
    let event: Value = serde_json::from_str(&line).expect(&line);
    for name in ["timestamp", "level", "message", "target"] {
        let text = event[name].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{name}: {line}");
    }
    assert!(
        domain::Timestamp::parse(event["timestamp"].as_str().unwrap()).is_some(),
        "{line}"
    );
    Some(event)
}

#[tokio::test]
async fn every_line_is_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("test.db");
    // Something that a component has to say.
    std::fs::write(
        &database,
        "This is text, and no database at all. ".repeat(200),
    )
    .unwrap();
    let mut server = orchestrator(folder.path())
        .env("DATABASE_PATH", &database)
        .env("WEBSOCKET_PORT", "0")
        .env("LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let address = loop {
        let event = next(&mut lines).expect("it starts");
        let message = event["message"].as_str().unwrap();
        if let Some(address) = message.strip_prefix("serving http://") {
            break address.parse().unwrap();
        }
    };
    let mut connection = Connection::open(address).await.unwrap();
    let id = r#"a "quoted\ id"#;
    let request = Request::new("GET", "/api/agents").header("x-request-id", id);
    let status = connection.send(request).await.status;
    drop(connection);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&server),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let mut of_request = Vec::new();
    while let Some(event) = next(&mut lines) {
        if event["request_id"] == id {
            of_request.push(event);
        }
    }
    server.wait().unwrap();
    let [printed, answered] = &of_request[..] else {
        panic!("{of_request:?}");
    };
    assert_eq!(printed["level"], "WARN");
    assert_eq!(printed["component"], "agents");
    assert!(
        printed["message"]
            .as_str()
            .unwrap()
            .ends_with("not a database"),
        "{printed}"
    );
    assert_eq!(answered["level"], "INFO");
    assert_eq!(answered["target"], "access");
    assert_eq!(answered["method"], "GET");
    assert_eq!(answered["path"], "/api/agents");
    assert_eq!(answered["status"], status);
    assert!(answered["milliseconds"].is_number());
}

/// Also where it ends at once.
#[test]
fn a_start_that_fails_is_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let output = bare(folder.path())
        .args(["serve", "--manifest", "nowhere.toml"])
        .env("DATABASE_PATH", folder.path().join("test.db"))
        .env("LOG_FORMAT", "json")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
    assert_eq!(last["level"], "ERROR");
    assert!(
        last["message"].as_str().unwrap().contains("nowhere.toml"),
        "{text}"
    );
}
