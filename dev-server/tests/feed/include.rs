//! `include`: workflows, messages, log entries and definitions beside agents, over either transport.

use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::support::{Client, Database, KINDS, Mirror, Server, Stream, patiently, try_connect};

const ALL: &str = "mode=delta&include=workflows,messages,logs,definitions";

/// Whether by Server-Sent Events.
const TRANSPORTS: [bool; 2] = [false, true];

/// Connects over one of them.
async fn open(server: &Server, by_events: bool, query: &str) -> Stream {
    if by_events {
        Stream::Events(Box::new(server.events(query).await))
    } else {
        Stream::Socket(Box::new(server.client(query).await))
    }
}

/// Reads on until `done`.
async fn follow(stream: &mut Stream, mirror: &mut Mirror, done: impl Fn(&Mirror) -> bool) {
    let reading = async {
        while !done(mirror) {
            let (kind, data) = stream.try_next().await.expect("a frame");
            mirror.take(&kind, &data);
        }
    };
    patiently("the frames", reading).await;
}

/// Reads on until the mirror is where the database is.
async fn catch_up(stream: &mut Stream, mirror: &mut Mirror, database: &Database) {
    let (seq, log_id) = (database.seq(), database.count(LAST_LOG));
    follow(stream, mirror, |mirror| {
        !mirror.is_void && mirror.seq == Some(seq) && mirror.log_id == Some(log_id)
    })
    .await;
}

const LAST_LOG: &str =
    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'agent_logs'), 0)";

/// Rows of every kind, by writers who know nothing of us.
fn fill(database: &Database) {
    database.add("a", "planning");
    database.transaction(&[
        "UPDATE orchestrator_agents SET description = 'Plans \"all\"', metadata = '{\"team\": [1e2, null]}'",
        "INSERT OR REPLACE INTO ai_developer_workflows (id, orchestrator_agent_id, adw_name, workflow_type, status, input_data) \
         VALUES ('s', 'd', 'Add pages', 'plan_build', 'in_progress', '{\"a\": 1}'), ('t', NULL, 'Other', 'x', 'pending', 'no JSON')",
        "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, agent_id) \
         VALUES ('m', 'd', 'user', 'agent', 'Go on', 'a'), ('n', 'd', 'user', 'orchestrator', 'Hello', NULL)",
        "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('a', 'milestone', 'before')",
    ]);
}

/// A change of every kind.
fn change(database: &Database, step: usize) {
    database.transaction(&[
        &format!("UPDATE orchestrator_agents SET description = 'step {step}' WHERE id = 'd'"),
        &format!("UPDATE ai_developer_workflows SET completed_steps = {step} WHERE id = 's'"),
        &format!(
            "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, agent_id) \
             VALUES ('m{step}', 'd', 'agent', 'user', 'step {step}', 'a')"
        ),
        &format!("UPDATE agents SET cost_usd = {step} WHERE id = 'a'"),
        &format!(
            "INSERT INTO agent_logs (agent_id, log_level, log_type, message) \
             VALUES ('a', 'ERROR', 'milestone', 'step {step}')"
        ),
    ]);
}

/// The rows that REST has, by id.
async fn told(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}");
    answer.json().as_array().expect("rows").clone()
}

/// Sees that the mirror has what REST has.
async fn is_as_rest_tells(server: &Server, mirror: &Mirror) {
    for (kind, path) in [
        (0, "/api/runtime/agents"),
        (1, "/api/runtime/workflows"),
        (2, "/api/runtime/messages"),
        (3, "/api/agents"),
    ] {
        let mut rows = told(server, path).await;
        for row in &mut rows {
            if kind == 0 {
                row["name"] = "Planner".into();
            }
        }
        rows.sort_by_key(|row| row["id"].as_str().unwrap().to_owned());
        let known: Vec<Value> = mirror.rows[kind].values().cloned().collect();
        assert_eq!(known, rows, "{path}");
        // Members come in the same order too.
        assert_eq!(json!(known).to_string(), json!(rows).to_string(), "{path}");
    }
}

#[tokio::test]
async fn every_frame_has_what_rest_tells() {
    let database = Database::new();
    fill(&database);
    let server = Server::serve(&database.path);
    for by_events in TRANSPORTS {
        let mut stream = open(&server, by_events, ALL).await;
        let mut mirror = Mirror::default();
        catch_up(&mut stream, &mut mirror, &database).await;
        is_as_rest_tells(&server, &mirror).await;
        // A snapshot has no entries, only where the log is.
        assert_eq!(mirror.entries, Vec::<Value>::new());
        let start = mirror.seq.unwrap();
        for step in 1..4 {
            change(&database, step);
        }
        catch_up(&mut stream, &mut mirror, &database).await;
        is_as_rest_tells(&server, &mirror).await;
        database.transaction(&[
            "DELETE FROM orchestrator_chat WHERE id LIKE 'm_'",
            "DELETE FROM ai_developer_workflows WHERE id = 't'",
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('e', 'Other', 'tester')",
            "DELETE FROM orchestrator_agents WHERE id = 'e'",
            "INSERT INTO ai_developer_workflows (id, adw_name, workflow_type) VALUES ('t', 'Again', 'x')",
        ]);
        catch_up(&mut stream, &mut mirror, &database).await;
        is_as_rest_tells(&server, &mirror).await;
        let log = database.whole_log();
        let since = log.partition_point(|change| change.seq <= start);
        mirror.check(start, &log[since..]);
    }
}

/// Any value that a writer stores in an entry.
#[tokio::test]
async fn every_entry_is_told_as_rest_tells_it() {
    let database = Database::new();
    database.add("a", "planning");
    database.add_to("t", "x'y", "planning");
    let server = Server::serve(&database.path);
    for by_events in TRANSPORTS {
        let mut stream = open(&server, by_events, ALL).await;
        let mut mirror = Mirror::default();
        catch_up(&mut stream, &mut mirror, &database).await;
        for message in [
            "'one'",
            "x'ff00'",
            "17",
            "2.5",
            "char(8232, 127757) || '\"\\'",
            "''",
        ] {
            for details in [
                "NULL",
                "'{\"percent\": 50}'",
                "'no JSON'",
                "'[1e999]'",
                "5",
                "x'7b7d'",
                "' [1] '",
            ] {
                for created_at in [
                    "datetime('now')",
                    "'2026-02-05T10:00:00.123456'",
                    "'yesterday'",
                    "'2026-02-05T12:30:00+02:00'",
                    "7",
                ] {
                    database.run(
                        &format!(
                            "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
                             VALUES ('x''y', 'DEBUG', 'tool_call', {message}, {details}, {created_at})"
                        ),
                        (),
                    );
                }
            }
        }
        // More than a host hands over at once, and more than anybody is told.
        database.run(
            "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('a', 'error', ?1)",
            ["\u{1}".repeat(3_500_000)],
        );
        catch_up(&mut stream, &mut mirror, &database).await;
        let first = mirror.entries[0]["id"].as_i64().unwrap();
        let mut entries = told(&server, "/api/runtime/logs?limit=1000&order=asc").await;
        if entries.last().unwrap()["id"] != mirror.log_id.unwrap() {
            entries.extend(told(&server, "/api/runtime/logs?limit=1").await);
        }
        entries.retain(|entry| entry["id"].as_i64().unwrap() >= first);
        assert_eq!(mirror.entries.len(), 211);
        assert_eq!(
            json!(mirror.entries).to_string(),
            json!(entries).to_string()
        );
    }
}

#[tokio::test]
async fn a_client_that_includes_nothing_sees_no_difference() {
    async fn record(is_noisy: bool) -> Vec<String> {
        let database = Database::new();
        fill(&database);
        let server = Server::feed(&database.path);
        let mut clients = [
            server.client("").await,
            server.client("mode=delta").await,
            server
                .client("mode=delta&session_id=s&status=executing")
                .await,
        ];
        let mut frames = Vec::new();
        let mut note = |kind: &str, mut data: Value| {
            // Times and numbers are another's; that numbers go up is seen elsewhere.
            for key in ["timestamp", "seq", "database"] {
                if let Some(value) = data.get_mut(key) {
                    *value = Value::Null;
                }
            }
            let text = json!({"type": kind, "data": data}).to_string();
            let mut times = text.split("\"updated_at\":\"");
            let mut masked = times.next().unwrap_or_default().to_owned();
            for rest in times {
                masked.push_str(rest.split_once('"').unwrap_or_default().1);
            }
            let mut times = masked.split("\"started_at\":\"");
            let mut text = times.next().unwrap_or_default().to_owned();
            for rest in times {
                text.push_str(rest.split_once('"').unwrap_or_default().1);
            }
            frames.push(text);
        };
        for client in &mut clients {
            note("ack", client.ack.clone());
            let (kind, data) = client.next_frame().await;
            note(&kind, data);
        }
        for step in 0..20 {
            if is_noisy {
                database.transaction(&[
                    &format!("UPDATE orchestrator_agents SET description = 'step {step}'"),
                    &format!("UPDATE ai_developer_workflows SET completed_steps = {step}"),
                    &format!("UPDATE orchestrator_chat SET message = 'step {step}'"),
                    "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('a', 'milestone', 'noise')",
                ]);
            }
            database.set("a", ["executing", "reviewing"][step % 2]);
            for client in &mut clients {
                let (kind, data) = client.next_frame().await;
                note(&kind, data);
            }
        }
        for client in &mut clients[1..] {
            if is_noisy {
                database.run(
                    "UPDATE ai_developer_workflows SET completed_steps = 100",
                    (),
                );
                // The position goes on, though nothing is sent.
                let heard = async {
                    while client.ping().await["seq"] != database.seq() {
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    }
                };
                patiently("the position", heard).await;
            }
            note("heartbeat", client.ping().await);
        }
        frames
    }
    let (quiet, noisy) = (record(false).await, record(true).await);
    assert_eq!(quiet, noisy);
}

#[tokio::test]
async fn it_needs_the_delta_mode() {
    let database = Database::new();
    let server = Server::serve(&database.path);
    for (query, places) in [
        ("include=logs", vec!["include"]),
        ("mode=default&include=logs,workflows", vec!["include"]),
        (
            "include=logs&since=-1&level=loud",
            vec!["since", "level", "include"],
        ),
        (
            "mode=delta&include=logs,prompts&log_since=x",
            vec!["include", "log_since"],
        ),
    ] {
        let paths = [format!("/api/runtime/events?{query}")];
        for answer in [
            server.get(&paths[0]).await,
            server.upgrade(query, &[]).await,
        ] {
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
            let detail = answer.json()["detail"].clone();
            let faults: Vec<&str> = detail
                .as_array()
                .unwrap()
                .iter()
                .map(|fault| fault["loc"][1].as_str().unwrap())
                .collect();
            assert_eq!(faults, places, "{query}");
        }
    }
}

#[tokio::test]
async fn filters_narrow_what_is_included() {
    let database = Database::new();
    fill(&database);
    database.add_to("t", "b", "planning");
    let server = Server::serve(&database.path);
    let query = format!("{ALL}&session_id=s&level=error&agent_id=a");
    for by_events in TRANSPORTS {
        let mut stream = open(&server, by_events, &query).await;
        let mut mirror = Mirror::default();
        follow(&mut stream, &mut mirror, |mirror| mirror.seq.is_some()).await;
        let ids = |mirror: &Mirror, kind: usize| -> Vec<String> {
            mirror.rows[kind].keys().cloned().collect()
        };
        assert_eq!(ids(&mirror, 0), ["a"]);
        assert_eq!(ids(&mirror, 1), ["s"]);
        assert_eq!(ids(&mirror, 2), ["m"]);
        assert_eq!(ids(&mirror, 3), ["d"]);
        database.transaction(&[
            "UPDATE ai_developer_workflows SET completed_steps = completed_steps + 1",
            "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, agent_id) \
             VALUES ('o', 'd', 'user', 'agent', 'Stop', 'b'), ('p', 'd', 'user', 'agent', 'Stop', 'a'), ('q', 'd', 'user', 'user', '', NULL)",
            "INSERT INTO agent_logs (agent_id, log_level, log_type, message) \
             VALUES ('a', 'INFO', 'error', '1'), ('b', 'ERROR', 'error', '2'), ('a', 'ERROR', 'error', '3')",
        ]);
        follow(&mut stream, &mut mirror, |mirror| {
            mirror.rows[2].len() == 2 && mirror.entries.len() == 1
        })
        .await;
        assert_eq!(ids(&mirror, 1), ["s"]);
        assert_eq!(ids(&mirror, 2), ["m", "p"]);
        assert_eq!(mirror.entries[0]["message"], "3");
        database.run(
            "DELETE FROM orchestrator_chat WHERE id IN ('o', 'p', 'q')",
            (),
        );
        follow(&mut stream, &mut mirror, |mirror| mirror.rows[2].len() == 1).await;
    }
}

/// A stream drops again and again, and nothing is lost or comes twice.
#[tokio::test]
async fn everything_resumes() {
    let database = Database::new();
    fill(&database);
    let server = Server::serve(&database.path);
    for by_events in TRANSPORTS {
        let mut mirror = Mirror::default();
        let mut stream = open(&server, by_events, ALL).await;
        catch_up(&mut stream, &mut mirror, &database).await;
        let start = mirror.seq.unwrap();
        for step in 0..5 {
            let last = match &stream {
                Stream::Events(events) => events.last_id.clone(),
                Stream::Socket(_) => String::new(),
            };
            drop(stream);
            for part in 1..4 {
                change(
                    &database,
                    1000 * usize::from(by_events) + 10 * step + part + 10,
                );
            }
            stream = if by_events {
                let position = format!("{}-{}", mirror.seq.unwrap(), mirror.log_id.unwrap());
                assert_eq!(last, position);
                Stream::Events(Box::new(server.events_after(ALL, Some(&last)).await))
            } else {
                open(&server, false, &format!("{ALL}{}", mirror.query())).await
            };
            catch_up(&mut stream, &mut mirror, &database).await;
        }
        assert_eq!(mirror.resyncs, 0);
        assert_eq!(mirror.entries.len(), 15);
        is_as_rest_tells(&server, &mirror).await;
        let log = database.whole_log();
        let since = log.partition_point(|change| change.seq <= start);
        mirror.check(start, &log[since..]);
    }
}

#[tokio::test]
async fn what_is_too_much_is_counted_and_named() {
    let database = Database::new();
    fill(&database);
    let server = Server::serve(&database.path);
    database.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
         INSERT INTO agent_logs (agent_id, log_level, log_type, message) \
         SELECT 'a', iif(i % 4000, 'INFO', 'ERROR'), 'milestone', i FROM n",
        (),
    );
    for (filter, missed) in [
        ("", 12_000),
        ("&level=ERROR&session_id=s", 3),
        ("&agent_id=nobody", 0),
    ] {
        let query = format!("{ALL}&log_since=1{filter}");
        for by_events in TRANSPORTS {
            let mut stream = open(&server, by_events, &query).await;
            let mut mirror = Mirror {
                log_id: Some(1),
                ..Mirror::default()
            };
            follow(&mut stream, &mut mirror, |mirror| {
                mirror.seq.is_some() && (missed == 0 || !mirror.gaps.is_empty())
            })
            .await;
            database.run(
                "INSERT INTO agent_logs (agent_id, log_level, log_type, message) VALUES ('a', 'ERROR', 'milestone', 'live')",
                (),
            );
            if missed == 0 {
                assert_eq!(mirror.gaps.len(), 0);
                continue;
            }
            follow(&mut stream, &mut mirror, |mirror| {
                !mirror.entries.is_empty()
            })
            .await;
            assert_eq!(mirror.entries[0]["message"], "live");
            assert_eq!(mirror.gaps.len(), 1);
            let gap = &mirror.gaps[0];
            // Those of the turns before are among them.
            assert!((missed..missed + 8).contains(&gap.missed), "{gap:?}");
            let mut url = gap.url.clone();
            let mut read = Vec::new();
            loop {
                let answer = server.get(&url).await;
                assert_eq!(answer.status, StatusCode::OK, "{url}");
                read.extend(answer.json().as_array().unwrap().clone());
                let link = answer.header("link").to_owned();
                match link.split_once('>') {
                    Some((next, _)) => next[1..].clone_into(&mut url),
                    None => break,
                }
            }
            read.retain(|entry| entry["id"].as_i64().unwrap() <= gap.last);
            assert_eq!(i64::try_from(read.len()).unwrap(), gap.missed);
            assert!(read[0]["id"].as_i64().unwrap() > gap.after);
        }
    }
}

#[tokio::test]
async fn a_void_position_is_made_good() {
    let database = Database::new();
    fill(&database);
    for step in 1..4 {
        change(&database, step);
    }
    database.run("DELETE FROM change_log WHERE seq <= 3", ());
    let server = Server::serve(&database.path);
    for position in [
        "&since=2&log_since=1",
        "&since=99",
        "&since=7&log_since=99",
        "&since=7&log_since=1&database=other",
    ] {
        for by_events in TRANSPORTS {
            let mut stream = open(&server, by_events, &format!("{ALL}{position}")).await;
            let mut mirror = Mirror::default();
            if position.ends_with("since=1") {
                mirror.log_id = Some(1);
            }
            if position.starts_with("&since=7") {
                mirror.seq = Some(7);
            }
            follow(&mut stream, &mut mirror, |mirror| {
                mirror.resyncs == 1 && mirror.seq == Some(database.seq())
            })
            .await;
            catch_up(&mut stream, &mut mirror, &database).await;
            is_as_rest_tells(&server, &mirror).await;
            // A position in the log of entries that is good stays good.
            let expected = if mirror.entries.is_empty() { 0 } else { 3 };
            assert_eq!(mirror.entries.len(), expected);
            assert_eq!(position.ends_with("since=1"), expected == 3, "{position}");
        }
    }
}

/// Who was cut off in a snapshot has no position, and so begins anew.
#[tokio::test]
async fn a_snapshot_gives_its_position_at_its_end() {
    let database = Database::new();
    fill(&database);
    let server = Server::serve(&database.path);
    for by_events in TRANSPORTS {
        let mut stream = open(&server, by_events, ALL).await;
        for (kind, has_seq) in [
            ("log", false),
            ("definition_update", false),
            ("workflow_update", false),
            ("message", false),
            ("agent_update", true),
        ] {
            let (found, data) = stream.try_next().await.unwrap();
            assert_eq!(found, kind);
            assert_eq!(data["seq"].is_i64(), has_seq, "{data}");
            if let Some((_, list, _)) = KINDS.iter().find(|(frame, ..)| *frame == kind) {
                assert!(!data[list].as_array().unwrap().is_empty());
                assert_eq!(data["snapshot"], true);
            } else {
                assert_eq!((&data["entries"], &data["log_id"]), (&json!([]), &json!(1)));
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_cannot_follow_the_log_holds_up_nobody() {
    const COMMITS: usize = 1500;
    const ENTRIES: usize = COMMITS * 60;
    let database = Database::new();
    fill(&database);
    let server = Server::serve(&database.path);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stalled: Client = try_connect(socket, server.address, ALL).await.unwrap();
    let mut stalled = Stream::Socket(Box::new(stalled));
    let mut reads = Stream::Socket(Box::new(server.client(ALL).await));
    let mut plain = server.client("mode=delta").await;
    plain.update().await;
    let mut mirror = Mirror::default();
    catch_up(&mut reads, &mut mirror, &database).await;
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) \
        INSERT INTO agent_logs (agent_id, log_type, message) SELECT 'a', 'milestone', ?1 || i FROM n";
    for _ in 0..COMMITS {
        database.run(insert, ["x".repeat(200)]);
        catch_up(&mut reads, &mut mirror, &database).await;
    }
    assert_eq!((mirror.entries.len(), mirror.gaps.len()), (ENTRIES, 0));
    database.set("a", "completed");
    assert_eq!(plain.update().await.to_string(), "a=completed");
    let memory = server.memory();
    assert!(memory < 300 << 20, "{} MB", memory >> 20);
    let mut behind = Mirror::default();
    catch_up(&mut stalled, &mut behind, &database).await;
    assert_eq!(behind.gaps.len(), 1);
    let missed = usize::try_from(behind.gaps[0].missed).unwrap();
    assert_eq!(behind.entries.len() + missed, ENTRIES);
    assert_eq!(behind.rows[0]["a"]["status"], "completed");
}
