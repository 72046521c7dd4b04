//! Clients with different addresses, of which one wants all.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::channel;

use tempfile::tempdir;
use tokio::net::TcpSocket;

use crate::support::server::{DEADLINE, Server};

const GREEDY: [u8; 4] = [127, 0, 0, 2];
const OTHER: [u8; 4] = [127, 0, 0, 3];

/// A server that other machines reach.
fn start(path: &Path, more: &[(&str, &str)]) -> Server {
    let open = [("HOST", "0.0.0.0"), ("ALLOW_INSECURE", "1")];
    Server::start(path, &[&open, more].concat())
}

/// A connection from an address, that has sent `bytes`.
async fn send(server: &Server, from: [u8; 4], bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    let stream = socket.connect(to).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // One that is refused may be closed already.
    let _ = (&stream).write_all(bytes);
    stream
}

/// The status that a request is answered with.
fn status(stream: &TcpStream) -> String {
    let mut line = String::new();
    let _ = BufReader::new(stream).read_line(&mut line);
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

const UPGRADE: &[u8] =
    b"GET /ws/agent-status HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const EVENTS: &[u8] = b"GET /api/runtime/events HTTP/1.1\r\nHost: x\r\n\r\n";

/// What stays open: as many as half, then no more, but for others.
async fn half(server: &Server, request: &[u8], all: usize) {
    let mut held = Vec::new();
    for _ in 0..all / 2 {
        let stream = send(server, GREEDY, request).await;
        assert!(matches!(&*status(&stream), "101" | "200"));
        held.push(stream);
    }
    assert_eq!(status(&send(server, GREEDY, request).await), "503");
    for _ in 0..all / 8 {
        let stream = send(server, OTHER, request).await;
        assert!(matches!(&*status(&stream), "101" | "200"));
        held.push(stream);
    }
    assert_eq!(status(&send(server, OTHER, request).await), "503");
}

#[tokio::test]
async fn one_address_leaves_places_in_the_feed() {
    let folder = tempdir().unwrap();
    let server = start(&folder.path().join("test.db"), &[("MAX_WS_CLIENTS", "32")]);
    half(&server, UPGRADE, 32).await;
    half(&server, EVENTS, 256).await;
}

/// Sends `request` so often, from an address that wants all, and gives the status of the first answer, whichever it is to.
/// The connections stay open with what comes back.
async fn first_answer(server: &Server, request: &[u8], times: usize) -> (String, Vec<TcpStream>) {
    let (sender, answers) = channel();
    let mut held = Vec::new();
    for _ in 0..times {
        let stream = send(server, GREEDY, b"").await;
        let (mut writing, reading) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let (sender, request) = (sender.clone(), request.to_owned());
        std::thread::spawn(move || {
            // Who is refused may find the connection closed.
            let _ = writing.write_all(&request);
            let _ = sender.send(status(&reading));
        });
        held.push(stream);
    }
    let first = answers.recv_timeout(DEADLINE).expect("an answer");
    (first, held)
}

#[tokio::test]
async fn one_address_leaves_room_for_bodies() {
    let folder = tempdir().unwrap();
    let largest = http_api::LARGEST_BODY.to_string();
    let server = start(
        &folder.path().join("test.db"),
        &[("MAX_BODY_BYTES", &largest)],
    );
    let post = |length: usize, body: &str| {
        let head = "POST /api/agents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json";
        format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    // Twelve that do not end are more than half of the room.
    let begun = post((12 << 20) + 1, &" ".repeat(12 << 20));
    let (first, _held) = first_answer(&server, begun.as_bytes(), 12).await;
    assert_eq!(first, "503");
    let body = r#"{"name": "x", "agent_type": "tester"}"#.to_owned() + &" ".repeat(4 << 20);
    let whole = post(body.len(), &body);
    assert_eq!(status(&send(&server, OTHER, whole.as_bytes()).await), "201");
}

#[tokio::test]
async fn one_address_leaves_places_among_those_that_wait_for_messages() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = start(&path, &[("MAX_WS_CLIENTS", "32")]);
    let database = rusqlite::Connection::open(&path).unwrap();
    database.busy_timeout(DEADLINE).unwrap();
    database
        .execute_batch(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'd', 'tester');
             INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's')",
        )
        .unwrap();
    let wait = |seconds: u8| {
        format!("GET /api/runtime/agents/a/messages?wait={seconds} HTTP/1.1\r\nHost: x\r\n\r\n")
    };
    let (first, _held) = first_answer(&server, wait(30).as_bytes(), 17).await;
    assert_eq!(first, "503");
    assert_eq!(
        status(&send(&server, OTHER, wait(1).as_bytes()).await),
        "200"
    );
}
