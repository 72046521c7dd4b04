//! The feed where tokens are set.

use http::{Method, StatusCode};

use crate::support::{Answer, Database, Server};

const FULL: &str = "the-whole-of-it";
const READ: &str = "half-of-it";
const TOKENS: [(&str, &str); 2] = [("API_TOKEN", FULL), ("API_READ_TOKEN", READ)];

const PROTOCOL: &str = "sec-websocket-protocol";

/// Every way to run the feed, with what it stands on.
fn servers(database: &Database, settings: &[(&str, &str)]) -> Vec<(Server, Option<Server>)> {
    let start = |arguments: &[&str]| Server::start(&database.path, arguments, settings);
    let rest = start(&["serve", "--no-feed"]);
    let upstream = format!("http://{}", rest.address);
    vec![
        (start(&["serve"]), None),
        (start(&["feed"]), None),
        (start(&["feed", "--proxy", &upstream]), Some(rest)),
    ]
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[track_caller]
fn assert_refused(answer: &Answer, challenge: &str) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.json()["detail"].is_string());
    assert_eq!(answer.header("www-authenticate"), challenge);
    assert_eq!(answer.header(PROTOCOL), "");
}

#[tokio::test]
async fn a_client_brings_a_token_in_one_of_two_ways() {
    let database = Database::new();
    for (server, _rest) in servers(&database, &TOKENS) {
        for token in [FULL, READ] {
            for scheme in ["Bearer", "bearer"] {
                let value = format!("{scheme} {token}");
                let answer = server.upgrade("", &[("authorization", &value)]).await;
                assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
                assert_eq!(answer.header(PROTOCOL), "");
            }
            for offered in [
                format!("bearer, {token}"),
                format!("bearer,{token}"),
                format!("other, bearer, {token}"),
            ] {
                let answer = server.upgrade("", &[(PROTOCOL, &offered)]).await;
                assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS, "{offered}");
                assert_eq!(answer.header(PROTOCOL), "bearer");
                assert!(!format!("{:?}", answer.headers).contains(token));
            }
            let lines = [(PROTOCOL, "bearer"), (PROTOCOL, token)];
            let answer = server.upgrade("", &lines).await;
            assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
            // What a browser sends to a server behind another kind of log-in.
            let offered = format!("bearer, {token}");
            let both = [("authorization", "Basic eDp5"), (PROTOCOL, &offered)];
            let answer = server.upgrade("", &both).await;
            assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
        }
    }
}

#[tokio::test]
async fn the_servers_own_pages_may_connect_under_any_name() {
    let database = Database::new();
    let offered = format!("bearer, {READ}");
    for (server, _rest) in servers(&database, &TOKENS) {
        for (host, origin, status) in [
            ("agents.example", "http://agents.example", 101),
            ("agents.example:8000", "https://Agents.example:8000", 101),
            ("agents.example", "http://agents.example:8000", 403),
            ("agents.example", "http://other.example", 403),
            ("agents.example", "agents.example", 403),
            ("agents.example", "null", 403),
        ] {
            let headers = [("host", host), ("origin", origin), (PROTOCOL, &offered)];
            let answer = server.upgrade("", &headers).await;
            assert_eq!(answer.status.as_u16(), status, "{host} {origin}");
        }
    }
    // Without a token, whoever has a domain could let it mean this machine.
    for (server, _rest) in servers(&database, &[]) {
        let headers = [
            ("host", "agents.example"),
            ("origin", "http://agents.example"),
        ];
        let answer = server.upgrade("", &headers).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    }
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    let database = Database::new();
    for (server, _rest) in servers(&database, &TOKENS) {
        for query in ["", "mode=delta", "mode=perhaps", &format!("token={FULL}")] {
            assert_refused(&server.upgrade(query, &[]).await, "Bearer");
        }
        for offered in ["bearer", "bearer,", FULL, &format!("{FULL}, bearer")] {
            let answer = server.upgrade("", &[(PROTOCOL, offered)]).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{offered}");
        }
        let wrong = "Bearer error=\"invalid_token\"";
        for token in ["wrong", &FULL[1..], &format!("{FULL}x")] {
            let answer = server
                .upgrade("", &[("authorization", &bearer(token))])
                .await;
            assert_refused(&answer, wrong);
            let offered = format!("bearer, {token}");
            let answer = server.upgrade("", &[(PROTOCOL, &offered)]).await;
            assert_refused(&answer, wrong);
        }
        let path = "/ws/agent-status";
        assert_refused(&server.get(path).await, "Bearer");
        let posted = server.request(Method::POST, path, &[], "").await;
        assert_refused(&posted, "Bearer");
    }
}

#[tokio::test]
async fn a_browser_that_offers_a_token_connects_where_none_is_needed() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let answer = server.upgrade("", &[(PROTOCOL, "bearer, any")]).await;
    assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.header(PROTOCOL), "bearer");
}

#[tokio::test]
async fn a_client_with_a_token_sees_the_changes() {
    let database = Database::new();
    let server = Server::start(&database.path, &["feed"], &TOKENS);
    let offered = format!("bearer, {READ}");
    let mut client = server.client_offering("mode=delta", &offered).await;
    client.shows("all:").await;
    database.add("a", "planning");
    client.shows("a=planning").await;
}

#[tokio::test]
async fn the_proxy_passes_tokens_on() {
    let database = Database::new();
    let rest = Server::start(&database.path, &["serve", "--no-feed"], &TOKENS);
    let upstream = format!("http://{}", rest.address);
    let server = Server::start(&database.path, &["feed", "--proxy", &upstream], &TOKENS);
    assert_refused(&server.get("/api/agents").await, "Bearer");
    for (token, status) in [(FULL, 422), (READ, 403), ("wrong", 401)] {
        let (json, token) = ("application/json", bearer(token));
        let headers = [("content-type", json), ("authorization", &*token)];
        let answer = server.request(Method::POST, "/api/agents", &headers, "{}");
        assert_eq!(answer.await.status.as_u16(), status, "{token}");
    }
    assert_eq!(server.get("/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_log_has_a_token() {
    let database = Database::new();
    // A query is no place for a token, and the finest log shows it.
    for (level, query) in [("trace", ""), ("debug", "token=")] {
        let mut settings = TOKENS.to_vec();
        settings.push(("RUST_LOG", level));
        for (server, rest) in servers(&database, &settings) {
            for token in [FULL, READ, "wrong-secret"] {
                let query = match query {
                    "" => String::new(),
                    name => format!("{name}{token}"),
                };
                let headers = [("authorization", &*bearer(token))];
                server.upgrade(&query, &headers).await;
                let offered = format!("bearer, {token}");
                server.upgrade(&query, &[(PROTOCOL, &offered)]).await;
                for method in [Method::GET, Method::POST] {
                    let path = format!("/api/agents?{query}");
                    server.request(method, &path, &headers, "").await;
                }
            }
            for mut server in [Some(server), rest].into_iter().flatten() {
                server.terminate();
                assert!(server.ended().success());
                let log: Vec<String> = server.log().collect();
                assert!(log.iter().any(|line| line.contains("stopped")));
                for line in log {
                    for token in [FULL, READ, "wrong-secret"] {
                        assert!(!line.contains(token), "{line}");
                    }
                }
            }
        }
    }
}
