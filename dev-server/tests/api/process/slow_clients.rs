//! Clients that send or read slowly, or not at all.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::{DEADLINE, Server};

/// A connection that has sent `bytes`.
fn send(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

fn status(stream: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

const BEGUN: &[u8] =
    b"POST /api/agents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";

#[tokio::test]
async fn unfinished_requests_stop_nobody() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let mut connection = server.connect().await;
    let heads = b"POST /api/agents HTTP/1.1\r\nHost: loc";
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let clients: Vec<TcpStream> = (0..2000)
        .map(|number| send(&server, if number % 2 == 0 { BEGUN } else { heads }))
        .collect();
    for number in 0..50 {
        let body = json!({"name": number.to_string(), "agent_type": "tester"}).to_string();
        let asked = Instant::now();
        let request = Request::new("POST", "/api/agents").json(body);
        connection.send(request).await.json(201);
        connection
            .send(Request::new("GET", "/api/agents"))
            .await
            .json(200);
        assert!(asked.elapsed() < Duration::from_secs(4));
    }
    // In the end they are told to go.
    assert!(status(&clients[0]).starts_with("HTTP/1.1 408 "));
    let mut rest = Vec::new();
    let mut head = &clients[1];
    head.read_to_end(&mut rest).expect("the connection ends");
}

/// A body that comes in time, if slowly, is taken.
#[tokio::test]
async fn a_slow_body_is_waited_for() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let mut stream = send(&server, BEGUN);
    let rest = format!("{:99}", r#""name": "slow", "agent_type": "tester"}"#);
    for part in rest.as_bytes().chunks(20) {
        std::thread::sleep(Duration::from_millis(500));
        stream.write_all(part).unwrap();
    }
    assert!(status(&stream).starts_with("HTTP/1.1 201 "));
}

#[tokio::test]
async fn who_has_no_token_is_told_before_the_body_comes() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[("API_TOKEN", "secret")]);
    let asked = Instant::now();
    assert!(status(&send(&server, BEGUN)).starts_with("HTTP/1.1 401 "));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

/// More than the sockets' buffers hold, read over longer than a request may take.
#[tokio::test]
async fn who_reads_slowly_gets_all() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    let mut connection = server.connect().await;
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.busy_timeout(DEADLINE).unwrap();
    foreign
        .execute_batch(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'd', 'tester');
             INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's');
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 7)
             INSERT INTO agent_logs (agent_id, log_level, log_type, message)
             SELECT 'a', 'INFO', 'milestone', hex(zeroblob(500000)) FROM n",
        )
        .unwrap();
    let mut stream = send(
        &server,
        b"GET /api/runtime/logs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    let mut got = 0;
    let mut buffer = vec![0; 220_000];
    let start = Instant::now();
    loop {
        let read = stream.read(&mut buffer).expect("it goes on");
        if read == 0 {
            break;
        }
        got += read;
        if start.elapsed() < Duration::from_secs(33) {
            std::thread::sleep(Duration::from_secs(1));
        }
        // Meanwhile others are served.
        if got % 7 == 0 {
            connection
                .send(Request::new("GET", "/api/agents"))
                .await
                .json(200);
        }
    }
    assert!(start.elapsed() > Duration::from_secs(30), "it was not slow");
    assert!(got > 7_000_000, "{got} bytes");
}
