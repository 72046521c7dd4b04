//! `/api/runtime/events`: the feed as Server-Sent Events, from the component itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Database, History, Piece, Random, Server, migrate, patiently, try_events};

/// `orchestrator serve --no-feed`, and the same behind `orchestrator feed --proxy`, which is the last.
fn direct_and_proxied(database: &Database) -> [Server; 2] {
    let rest = Server::rest(&database.path);
    let upstream = format!("http://{}", rest.address);
    let proxy = Server::start(&database.path, &["feed", "--proxy", &upstream], &[]);
    [rest, proxy]
}

#[tokio::test]
async fn every_writer_s_changes_arrive() {
    let database = Database::new();
    database.add("a", "planning");
    for server in &direct_and_proxied(&database) {
        let mut events = server.events("mode=delta").await;
        assert_eq!(events.headers["content-type"], "text/event-stream");
        assert_eq!(events.headers["cache-control"], "no-cache, no-transform");
        assert_eq!(events.headers["x-accel-buffering"], "no");
        assert_eq!(events.update().await.to_string(), "all: a=planning");
        database.set("a", "executing");
        assert_eq!(events.update().await.to_string(), "a=executing");
        let new = json!({"orchestrator_agent_id": "d", "session_id": "s"});
        let created = server.post("/api/runtime/agents", &new).await.json();
        let update = events.update().await;
        assert_eq!(update.agents[0]["id"], created["id"]);
        let id = created["id"].as_str().unwrap();
        database.delete(id);
        assert_eq!(events.update().await.to_string(), format!("-{id}"));
        database.set("a", "planning");
        assert_eq!(events.update().await.to_string(), "a=planning");
    }
}

#[tokio::test]
async fn statuses_that_follow_each_other_quickly_all_arrive() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    let mut events = server.events("mode=delta").await;
    let mut history = History::after(0);
    assert_eq!(events.update().await.to_string(), "all:");
    database.transaction(&[
        "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's')",
        "UPDATE agents SET status = 'planning'",
        "UPDATE agents SET status = 'executing'",
        "DELETE FROM agents",
    ]);
    while history.seq() < 4 {
        history.take(events.update().await);
    }
    history.check(&database.log());
}

/// However many they are: here nobody writes down that they are lost.
#[tokio::test]
async fn all_agents_that_are_lost_at_once_are_told() {
    const AGENTS: usize = 2500;
    let database = Database::new();
    database.run(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
         INSERT INTO agents (id, orchestrator_agent_id, session_id, status) SELECT 'a' || n, 'd', 's', 'executing' FROM n",
        [i64::try_from(AGENTS).unwrap()],
    );
    let server = Server::rest(&database.path);
    let mut events = server.events("mode=delta&session_id=s").await;
    events.update().await;
    database.run(
        "UPDATE agents SET heartbeat_at = '2026-02-05T10:00:00.000Z', lease_seconds = 1",
        (),
    );
    let mut told = std::collections::BTreeMap::new();
    while told.len() < AGENTS {
        for agent in events.update().await.agents {
            assert_eq!(agent["error_message"], "heartbeat lost");
            *told.entry(agent["id"].to_string()).or_insert(0) += 1;
        }
    }
    assert!(told.values().all(|times| *times == 1));
}

/// The frames of the WebSocket, but for their times.
#[tokio::test]
async fn lists_are_those_of_the_websocket() {
    let database = Database::new();
    for (id, started_at) in [
        ("a", "2026-02-05 10:00:00"),
        ("b", "2026-02-05T10:00:00Z"),
        ("c", "2026-02-06"),
    ] {
        database.add(id, "planning");
        database.run(
            "UPDATE agents SET started_at = ?2 WHERE id = ?1",
            (id, started_at),
        );
    }
    database.add_to("t", "e", "failed");
    let server = Server::serve(&database.path);
    for query in [
        "",
        "session_id=s",
        "status=failed,reviewing",
        "session_id=s&status=failed",
        "mode=delta",
    ] {
        // The other feed may be some milliseconds behind the last change.
        let mut client = server.client(query).await;
        while client.ack["seq"] != database.seq() {
            client = server.client(query).await;
        }
        let mut events = server.events(query).await;
        assert_eq!(events.update().await, client.update().await, "{query}");
        database.set("a", "reviewing");
        if query != "session_id=s&status=failed" {
            assert_eq!(events.update().await, client.update().await, "{query}");
        }
        database.set("a", "planning");
    }
}

#[tokio::test]
async fn filters_narrow_and_remove() {
    let database = Database::new();
    database.add("a", "planning");
    database.add_to("t", "b", "planning");
    let server = Server::rest(&database.path);
    let mut events = server
        .events("mode=delta&session_id=s&status=planning,executing")
        .await;
    assert_eq!(events.update().await.to_string(), "all: a=planning");
    database.set("a", "executing");
    assert_eq!(events.update().await.to_string(), "a=executing");
    database.set("a", "completed");
    assert_eq!(events.update().await.to_string(), "-a");
    // What the client does not have is not removed.
    database.set("b", "executing");
    database.set("a", "failed");
    database.delete("a");
    database.add("c", "planning");
    assert_eq!(events.update().await.to_string(), "c=planning");
    database.delete("c");
    assert_eq!(events.update().await.to_string(), "-c");
}

#[tokio::test]
async fn a_stream_resumes_with_exactly_what_was_missed() {
    let database = Database::new();
    database.add("a", "planning");
    database.add("b", "planning");
    for server in &direct_and_proxied(&database) {
        let mut events = server.events("mode=delta").await;
        let seq = events.update().await.seq;
        let last = events.last_id.clone();
        drop(events);
        database.set("a", "executing");
        database.set("a", "completed");
        database.add("c", "planning");
        database.delete("c");
        // The browser keeps the URL of the first time.
        for query in ["mode=delta", "mode=delta&since=0"] {
            let mut events = server.events_after(query, Some(&last)).await;
            let mut history = History::after(seq);
            while history.seq() < database.seq() {
                history.take(events.update().await);
            }
            history.check(&database.log());
        }
        let query = format!("mode=delta&since={}", database.seq());
        let mut events = server.events(&query).await;
        database.set("b", "executing");
        assert_eq!(events.update().await.to_string(), "b=executing");
        database.set("b", "planning");
    }
}

#[tokio::test]
async fn a_position_that_is_void_is_made_good() {
    let database = Database::new();
    database.add("a", "planning");
    for cost in 1..=5 {
        database.run("UPDATE agents SET cost_usd = ?1", [cost]);
    }
    database.run("DELETE FROM change_log WHERE seq <= 3", ());
    let server = Server::rest(&database.path);
    let cases = [
        ("mode=delta", "2"),
        ("mode=delta", "7"),
        ("mode=delta", "9223372036854775807"),
        ("mode=delta", "-1"),
        ("mode=delta", "an id of somebody else"),
        ("mode=delta&database=0123456789abcdef", "6"),
        ("mode=delta&since=2", ""),
    ];
    for (query, last) in cases {
        let mut events = server.events_after(query, Some(last)).await;
        assert!(
            events.expect("resync").await["reason"].is_string(),
            "{query} {last}"
        );
        assert_eq!(events.last_id, "", "{query} {last}");
        assert_eq!(
            events.update().await.to_string(),
            "all: a=planning",
            "{query} {last}"
        );
    }
    // Everything after the third is there.
    let mut events = server.events_after("mode=delta", Some("3")).await;
    assert_eq!(events.update().await.seq, 4);
}

#[tokio::test]
async fn another_file_in_the_database_s_place_is_noticed() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::rest(&database.path);
    let mut events = server.events("mode=delta").await;
    assert_eq!(events.update().await.to_string(), "all: a=planning");
    let path = database.path.clone();
    let other = path.with_file_name("other.db");
    migrate(&other);
    let new = Database::open(&other);
    new.define("d", "Planner");
    new.add("b", "planning");
    new.connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(new);
    for end in ["-wal", "-shm"] {
        // Where all connections were closed, there is none.
        let _ = std::fs::remove_file(PathBuf::from(format!("{}{end}", path.display())));
    }
    std::fs::rename(&other, &path).unwrap();
    assert!(events.expect("resync").await["reason"].is_string());
    assert_eq!(events.update().await.to_string(), "all: b=planning");
    Database::open(&path).set("b", "executing");
    assert_eq!(events.update().await.to_string(), "b=executing");
}

/// A long row is more than the host hands over at once, together with others.
#[tokio::test]
async fn long_rows_pass() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    for id in 0..20 {
        database.add(&format!("a{id}"), "planning");
    }
    database.run(
        "UPDATE agents SET error_message = ?1",
        ["x".repeat(1_500_000)],
    );
    let mut events = server.events("mode=delta&since=0").await;
    let mut history = History::after(0);
    while history.seq() < 40 {
        history.take(events.update().await);
    }
    history.check(&database.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_arrives_once_while_connections_come_and_go() {
    const CHANGES: i64 = 2000;
    let database = Database::new();
    let servers = direct_and_proxied(&database);
    let path = database.path.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let database = Database::open_unsynced(&path);
        let mut random = Random::new(1);
        let statuses = ["planning", "executing", "reviewing", "completed"];
        while database.seq() < CHANGES {
            let id = format!("a{}", random.below(10));
            match random.below(10) {
                0 => database.delete(&id),
                status => {
                    let sql = "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES (?1, 'd', 's') \
                        ON CONFLICT DO UPDATE SET status = ?2";
                    database.run(sql, (&id, statuses[status % 4]));
                }
            }
        }
    });
    let mut random = Random::new(2);
    let mut history = History::after(0);
    let mut connections = 0;
    while history.seq() < CHANGES {
        connections += 1;
        let last = history.seq().to_string();
        let server = &servers[random.below(2)];
        let mut events = server.events_after("mode=delta", Some(&last)).await;
        for _ in 0..=random.below(40) {
            if history.seq() < CHANGES {
                history.take(events.update().await);
            }
        }
    }
    writer.await.unwrap();
    let mut events = servers[0]
        .events_after("mode=delta", Some(&history.seq().to_string()))
        .await;
    while history.seq() < database.seq() {
        history.take(events.update().await);
    }
    history.check(&database.log());
    assert!(connections > 10, "{connections}");
}

/// A stream of which nothing is to be told says that it is alive: by comments, and by frames that a page sees.
#[tokio::test]
async fn a_silent_stream_is_kept_alive() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    let mut events = server.events("mode=delta").await;
    events.update().await;
    let mut comments = 0;
    loop {
        match events.piece().await {
            Piece::Other(text) if text.starts_with(':') => comments += 1,
            Piece::Frame(kind, data) if kind == "heartbeat" => {
                assert_eq!((&data["seq"], &data["live"]), (&json!(0), &json!(true)));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(comments > 0);
    database.add("a", "planning");
    assert_eq!(events.update().await.to_string(), "a=planning");
}

#[tokio::test]
async fn head_starts_no_stream() {
    let database = Database::new();
    for server in &direct_and_proxied(&database) {
        let answer = server
            .request(Method::HEAD, "/api/runtime/events", &[], "")
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "text/event-stream");
        assert!(answer.body.is_empty());
        let answer = server
            .request(Method::POST, "/api/runtime/events", &[], "")
            .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn parameters_are_validated_all_at_once() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    let answer = server
        .get("/api/runtime/events?mode=all&since=-1&status=planning,lost")
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults = answer.json()["detail"].as_array().unwrap().clone();
    let places: Vec<&str> = faults
        .iter()
        .map(|fault| fault["loc"][1].as_str().unwrap())
        .collect();
    assert_eq!(places, ["mode", "since", "status"]);
    for query in [
        "mode=&since=&session_id=&status=",
        "unknown=1",
        "mode=delta&since=007",
    ] {
        server.events(query).await;
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_it() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    for (origin, allowed) in [
        ("http://localhost:5173", true),
        ("http://evil.example", false),
    ] {
        let events = try_events(server.address, "", &[("origin", origin)])
            .await
            .unwrap();
        let header = events.headers.get("access-control-allow-origin");
        assert_eq!(header.is_some_and(|value| value == origin), allowed);
    }
}

#[tokio::test]
async fn others_are_served_beside_many_streams() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut events = server.events("mode=delta").await;
        events.update().await;
        streams.push(events);
    }
    for number in 0..50 {
        let new = json!({"orchestrator_agent_id": "d", "session_id": number.to_string()});
        let created = server.post("/api/runtime/agents", &new).await;
        assert_eq!(created.status, StatusCode::CREATED);
        let read = server.get(created.header("location")).await;
        assert_eq!(read.status, StatusCode::OK);
    }
    for events in &mut streams {
        while events.update().await.seq < 50 {}
    }
}

#[tokio::test]
async fn one_stream_too_many_is_told_to_come_back() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    let mut streams = Vec::new();
    let refused = loop {
        let events = try_events(server.address, "mode=delta", &[]).await.unwrap();
        if events.status != StatusCode::OK {
            break events;
        }
        streams.push(events);
    };
    assert_eq!(streams.len(), 256);
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(
        server.get("/api/runtime/agents").await.status,
        StatusCode::OK
    );
    drop(streams.pop());
    let free = async {
        while try_events(server.address, "", &[]).await.unwrap().status != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    patiently("a free place", free).await;
    let mut first = streams.swap_remove(0);
    first.expect("connection_ack").await;
    first.update().await;
    database.add("a", "planning");
    assert_eq!(first.update().await.to_string(), "a=planning");
}

/// Long before the grace that other requests have.
#[tokio::test]
async fn streams_end_at_once_when_the_server_stops() {
    let database = Database::new();
    let [mut rest, mut proxy] = direct_and_proxied(&database);
    for through in [&mut proxy, &mut rest] {
        let mut streams = Vec::new();
        for _ in 0..20 {
            let mut events = through.events("mode=delta").await;
            events.update().await;
            streams.push(events);
        }
        let start = Instant::now();
        through.terminate();
        for events in &mut streams {
            let whole = loop {
                if let Piece::End(whole) = events.piece().await {
                    break whole;
                }
            };
            assert!(whole, "the body ends as a complete one");
        }
        assert!(through.ended().success());
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }
}

/// Neither a lock nor a state of the database is held between two looks at the log.
#[tokio::test]
async fn an_idle_stream_holds_nothing() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    let mut streams = [server.events("mode=delta").await, server.events("").await];
    for events in &mut streams {
        events.update().await;
    }
    for status in ["planning", "executing", "failed"] {
        database.run("DELETE FROM agents", ());
        database.add("a", status);
        // Busy only for the length of a query.
        let emptied = async {
            loop {
                let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
                let (busy, left): (i64, i64) = database
                    .connection
                    .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                    .unwrap();
                if (busy, left) == (0, 0) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        patiently("an empty write-ahead log", emptied).await;
        for events in &mut streams {
            while !events
                .update()
                .await
                .to_string()
                .ends_with(&format!("a={status}"))
            {}
        }
    }
}
