//! Requests that wait for the messages to an agent: how soon they hear, what they cost, and what survives a kill.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::app::id;
use crate::support::client::Request;
use crate::support::server::{Connection, DEADLINE, Server};

async fn post(connection: &mut Connection, path: &str, body: Value) -> Value {
    let request = Request::new("POST", path).json(body.to_string());
    connection.send(request).await.json(201)
}

async fn agents(connection: &mut Connection, count: usize) -> Vec<String> {
    let definition = json!({"name": "x", "agent_type": "tester"});
    let definition = id(&post(connection, "/api/agents", definition).await);
    let mut agents = Vec::new();
    for _ in 0..count {
        let agent = json!({"orchestrator_agent_id": definition, "session_id": "s"});
        agents.push(id(&post(connection, "/api/runtime/agents", agent).await));
    }
    agents
}

fn message(agent: &str, text: &str) -> Value {
    json!({"agent_id": agent, "sender_type": "user", "receiver_type": "agent", "message": text})
}

async fn wait(connection: &mut Connection, agent: &str) -> Value {
    let path = format!("/api/runtime/agents/{agent}/messages?wait=30");
    connection.send(Request::new("GET", path)).await.json(200)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// An agent asks, a person who sees the question answers, and the agent hears.
async fn from_answer_to_ear(server: &Server, path: &Path, by_sql: bool) -> Duration {
    const TURNS: usize = 40;
    let (mut agent_side, mut person) = (server.connect().await, server.connect().await);
    let agent = agents(&mut person, 1).await.remove(0);
    let sqlite = Sqlite::open(path).unwrap();
    sqlite.busy_timeout(Duration::from_secs(10)).unwrap();
    let mut times = Vec::new();
    for turn in 0..TURNS {
        let question = json!({
            "agent_id": agent, "sender_type": "agent", "receiver_type": "user", "message": "Go on?", "options": ["yes"],
        });
        let question = post(&mut agent_side, "/api/runtime/messages", question).await;
        let hears = async {
            let heard = wait(&mut agent_side, &agent).await;
            let at = Instant::now();
            let ack = json!({"up_to": heard[0]["number"]}).to_string();
            let path = format!("/api/runtime/agents/{agent}/messages/ack");
            let ack = Request::new("POST", path).json(ack);
            assert_eq!(
                agent_side.send(ack).await.json(200),
                json!({"acknowledged": 1})
            );
            (heard, at)
        };
        let answers = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let waiting = Request::new("GET", "/api/runtime/messages?waiting=user");
            let waiting = person.send(waiting).await.json(200);
            assert_eq!(waiting[0]["id"], question["id"]);
            let at = Instant::now();
            if by_sql {
                sqlite
                    .execute(
                        "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, \
                         agent_id, reply_to) SELECT ?1, orchestrator_agent_id, 'user', 'agent', 'yes', agent_id, id \
                         FROM orchestrator_chat WHERE id = ?2",
                        (format!("answer {turn}"), question["id"].as_str()),
                    )
                    .unwrap();
            } else {
                let answer =
                    json!({"sender_type": "user", "message": "yes", "reply_to": question["id"]});
                post(&mut person, "/api/runtime/messages", answer).await;
            }
            at
        };
        let ((told, ear), answered) = tokio::join!(hears, answers);
        assert_eq!(told.as_array().unwrap().len(), 1);
        assert_eq!(told[0]["reply_to"], question["id"]);
        times.push(ear.saturating_duration_since(answered));
    }
    sqlite
        .execute("DELETE FROM orchestrator_agents", [])
        .unwrap();
    median(times)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_heard_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[]);
    for by_sql in [false, true] {
        let median = from_answer_to_ear(&server, &path, by_sql).await;
        eprintln!(
            "answer by {}: heard after {median:?} (median)",
            if by_sql { "SQL" } else { "REST" }
        );
        assert!(median < Duration::from_millis(100), "{median:?}");
    }
}

/// Many wait, and nobody else has less for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_take_no_place_from_others() {
    const WAITING: usize = 400;
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut server = Server::start(&path, &[]);
    let mut person = server.connect().await;
    let agents = agents(&mut person, WAITING).await;
    let mut tasks = Vec::new();
    for agent in agents.clone() {
        let mut connection = server.connect().await;
        tasks.push(tokio::spawn(
            async move { wait(&mut connection, &agent).await },
        ));
    }
    // There are more than instances and places; other requests go on.
    let start = Instant::now();
    for _ in 0..50 {
        let request = Request::new("GET", "/api/runtime/agents?limit=1");
        person.send(request).await.json(200);
    }
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    // Who is written to hears, and nobody else.
    let said = post(
        &mut person,
        "/api/runtime/messages",
        message(&agents[7], "you"),
    )
    .await;
    let heard = tokio::time::timeout(DEADLINE, tasks.remove(7)).await;
    assert_eq!(heard.unwrap().unwrap(), json!([said]));
    assert!(tasks.iter().all(|task| !task.is_finished()));
    // And when the server stops, they hear that there is nothing.
    let start = Instant::now();
    server.signal("TERM");
    for task in tasks {
        let heard = tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
        assert_eq!(heard, json!([]));
    }
    assert!(server.wait().success());
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_its_place() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::start(&path, &[("MAX_WS_CLIENTS", "2")]);
    let mut person = server.connect().await;
    let agent = agents(&mut person, 1).await.remove(0);
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (mut connection, agent) = (server.connect().await, agent.clone());
        tasks.push(tokio::spawn(async move {
            // The place may be taken by who looks whether it is.
            let path = format!("/api/runtime/agents/{agent}/messages?wait=30");
            while connection.send(Request::new("GET", &path)).await.status == 503 {}
        }));
    }
    let wait = |seconds| {
        Request::new(
            "GET",
            format!("/api/runtime/agents/{agent}/messages?wait={seconds}"),
        )
    };
    let start = Instant::now();
    loop {
        let response = person.send(wait(1)).await;
        if response.status == 503 {
            assert_eq!(response.header("retry-after"), "10");
            break;
        }
        assert!(start.elapsed() < DEADLINE);
    }
    // Its task ends, and with it its connection.
    tasks.remove(0).abort();
    let start = Instant::now();
    while person.send(wait(1)).await.status == 503 {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the place is not free"
        );
    }
}

#[tokio::test]
async fn without_a_feed_they_hear_too() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::without_a_feed(&path, &[]);
    let (mut waiting, mut person) = (server.connect().await, server.connect().await);
    let agent = agents(&mut person, 1).await.remove(0);
    let said = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        post(&mut person, "/api/runtime/messages", message(&agent, "x")).await
    };
    let start = Instant::now();
    let (heard, said) = tokio::join!(wait(&mut waiting, &agent), said);
    assert_eq!(heard, json!([said]));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

const MESSAGES: usize = 150;

/// The person says each once, however often it has to be sent.
async fn says_all(address: Arc<Mutex<SocketAddr>>, agent: String) {
    for number in 0..MESSAGES {
        let body = message(&agent, &number.to_string()).to_string();
        loop {
            let now = *address.lock().unwrap();
            let request = Request::new("POST", "/api/runtime/messages").json(body.clone());
            let request = request.header("idempotency-key", &format!("message {number}"));
            if let Ok(mut connection) = Connection::open(now).await
                && let Ok(response) = connection.try_send(request).await
                && response.status == 201
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The server is killed again and again, and the agent forgets at any point what it has not acknowledged. It acts on every
/// message, in order, and never on one that it has acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_over_kills_and_nothing_acknowledged_comes_again() {
    const KILLS: usize = 5;
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut server = Server::start(&path, &[]);
    let agent = agents(&mut server.connect().await, 1).await.remove(0);
    let address = Arc::new(Mutex::new(server.address()));
    let person = tokio::spawn(says_all(Arc::clone(&address), agent.clone()));
    // The agent acts, acknowledges every other time at once, and forgets the rest, as one that is killed.
    let listener = tokio::spawn({
        let (address, agent) = (Arc::clone(&address), agent.clone());
        async move {
            let mut acted: Vec<usize> = Vec::new();
            let mut acknowledged = BTreeSet::new();
            let mut turn = 0;
            while acknowledged.len() < MESSAGES {
                turn += 1;
                let now = *address.lock().unwrap();
                let Ok(mut connection) = Connection::open(now).await else {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                let path = format!("/api/runtime/agents/{agent}/messages");
                let request = Request::new("GET", format!("{path}?wait=1"));
                let Ok(heard) = connection.try_send(request).await else {
                    continue;
                };
                if heard.status != 200 {
                    continue;
                }
                let heard = heard.json(200);
                let heard = heard.as_array().unwrap();
                let texts: Vec<usize> = heard
                    .iter()
                    .map(|one| one["message"].as_str().unwrap().parse().unwrap())
                    .collect();
                assert!(texts.is_sorted(), "{texts:?}");
                for text in &texts {
                    assert!(!acknowledged.contains(text), "{text} was acknowledged");
                    acted.push(*text);
                }
                let Some(last) = heard.last().filter(|_| turn % 2 == 0) else {
                    continue;
                };
                // An acknowledgement whose answer was lost may have been made: it is sent until it is answered.
                let body = json!({"up_to": last["number"]}).to_string();
                loop {
                    let now = *address.lock().unwrap();
                    let request = Request::new("POST", format!("{path}/ack")).json(body.clone());
                    if let Ok(mut connection) = Connection::open(now).await
                        && let Ok(answer) = connection.try_send(request).await
                        && answer.status == 200
                    {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                acknowledged.extend(texts);
            }
            (acted, acknowledged)
        }
    });
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(400)).await;
        server.signal("KILL");
        server.wait();
        server = Server::start(&path, &[]);
        *address.lock().unwrap() = server.address();
    }
    tokio::time::timeout(DEADLINE, person)
        .await
        .unwrap()
        .unwrap();
    let (acted, acknowledged) = tokio::time::timeout(DEADLINE, listener)
        .await
        .unwrap()
        .unwrap();
    let all: BTreeSet<usize> = (0..MESSAGES).collect();
    assert_eq!(acknowledged, all);
    assert_eq!(acted.into_iter().collect::<BTreeSet<_>>(), all);
    let sqlite = Sqlite::open(&path).unwrap();
    let (rows, delivered): (i64, i64) = sqlite
        .query_row(
            "SELECT count(*), count(delivered_at) FROM orchestrator_chat",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let all = i64::try_from(MESSAGES).unwrap();
    assert_eq!((rows, delivered), (all, all));
}
