//! Before the upgrade: who may connect, and with what.

use http::{Method, StatusCode};

use crate::support::{Answer, Database, Server};

fn detail(answer: &Answer) -> String {
    answer.json()["detail"]
        .as_str()
        .expect("a sentence")
        .to_owned()
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect() {
    let database = Database::new();
    let server = Server::start(
        &database.path,
        &["feed"],
        &[(
            "CORS_ORIGINS",
            "http://board.example, https://other.example:444",
        )],
    );
    let own = format!("http://localhost:{}", server.address.port());
    let allowed = [
        "http://board.example",
        "https://other.example:444",
        own.as_str(),
    ];
    for origin in allowed {
        let answer = server.upgrade("", &[("origin", origin)]).await;
        assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS, "{origin}");
    }
    let refused = [
        "http://evil.example",
        "https://board.example",
        "http://board.example:8080",
        "http://board.example.evil.example",
        "http://localhost:1",
        "null",
    ];
    for origin in refused {
        let answer = server.upgrade("", &[("origin", origin)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert!(!detail(&answer).is_empty());
    }
    // What is no browser sends none.
    assert_eq!(
        server.upgrade("", &[]).await.status,
        StatusCode::SWITCHING_PROTOCOLS
    );
}

#[tokio::test]
async fn the_default_origins_are_those_of_the_contract() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    for origin in ["http://localhost:5173", "http://127.0.0.1:5173"] {
        let answer = server.upgrade("", &[("origin", origin)]).await;
        assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS, "{origin}");
    }
}

#[tokio::test]
async fn parameters_are_validated_all_at_once() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let answer = server
        .upgrade("mode=all&since=-1&status=planning,lost", &[])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults = answer.json()["detail"].as_array().unwrap().clone();
    let places: Vec<&str> = faults
        .iter()
        .map(|fault| fault["loc"][1].as_str().unwrap())
        .collect();
    assert_eq!(places, ["mode", "since", "status"]);
    for fault in &faults {
        assert_eq!(fault["loc"][0], "query");
        assert!(
            fault["type"].is_string() && fault["msg"].is_string() && fault["input"].is_string(),
            "{fault}"
        );
    }
    for query in [
        "since=1.5",
        "since=9223372036854775808",
        "since=x",
        "mode=DELTA",
    ] {
        let answer = server.upgrade(query, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    for query in [
        "mode=&since=&session_id=&status=",
        "unknown=1",
        "mode=delta&since=007",
    ] {
        let answer = server.upgrade(query, &[]).await;
        assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS, "{query}");
    }
}

#[tokio::test]
async fn one_client_too_many_is_told_to_come_back() {
    let database = Database::new();
    let server = Server::start(&database.path, &["feed"], &[("MAX_WS_CLIENTS", "2")]);
    let first = server.client("").await;
    let mut second = server.client("").await;
    second.update().await;
    let answer = server.upgrade("", &[]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
    assert!(!detail(&answer).is_empty());
    assert_eq!(first.close().await, Some(1000));
    // The place is free a moment after the close frame.
    let third = async {
        while server.upgrade("", &[]).await.status != StatusCode::SWITCHING_PROTOCOLS {
            tokio::task::yield_now().await;
        }
    };
    crate::support::patiently("a free place", third).await;
    second.ping().await;
}

#[tokio::test]
async fn a_request_without_an_upgrade_is_told_so() {
    let database = Database::new();
    for server in [Server::feed(&database.path), Server::serve(&database.path)] {
        let answer = server.get("/ws/agent-status").await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
        assert!(!detail(&answer).is_empty());
        let answer = server
            .request(Method::POST, "/ws/agent-status", &[], "")
            .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn the_feed_alone_serves_nothing_else() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let answer = server.get("/api/agents").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(detail(&answer), "Not Found");
}

#[tokio::test]
async fn rest_alone_serves_no_feed() {
    let database = Database::new();
    let server = Server::rest(&database.path);
    assert_eq!(server.upgrade("", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/health").await.status, StatusCode::OK);
}
