//! `orchestrator feed --proxy`: one port for a frontend.

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Database, Server};

const JSON: (&str, &str) = ("content-type", "application/json");
const ORIGIN: (&str, &str) = ("origin", "http://localhost:5173");
const EVIL: (&str, &str) = ("origin", "http://evil.example");
const PREFLIGHT: (&str, &str) = ("access-control-request-method", "POST");

fn through(database: &Database, rest: &Server) -> Server {
    let upstream = format!("http://{}", rest.address);
    Server::start(&database.path, &["feed", "--proxy", &upstream], &[])
}

#[tokio::test]
async fn rest_and_the_feed_share_a_port() {
    let database = Database::new();
    let rest = Server::rest(&database.path);
    let server = through(&database, &rest);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    let new = json!({"orchestrator_agent_id": "d", "session_id": "s"});
    let created = server.post("/api/runtime/agents", &new).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let agent = created.json();
    assert_eq!(
        created.header("location"),
        format!("/api/runtime/agents/{}", agent["id"].as_str().unwrap())
    );
    assert_eq!(client.update().await.agents[0]["id"], agent["id"]);
    let read = server.get(created.header("location")).await;
    assert_eq!((read.status, read.json()), (StatusCode::OK, agent));
    let listed = server
        .get("/api/runtime/agents?session_id=s&status=initializing")
        .await;
    assert_eq!(listed.json().as_array().map(Vec::len), Some(1));
    assert_eq!(
        server.get("/api/runtime/agents?session_id=t").await.json(),
        json!([])
    );
}

/// A method, a path, headers and a body.
type Sent = (
    Method,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// Every answer is the one that the REST server gives itself.
#[tokio::test]
async fn answers_pass_through_unchanged() {
    let database = Database::new();
    let rest = Server::rest(&database.path);
    let server = through(&database, &rest);
    let requests: &[Sent] = &[
        (Method::GET, "/", &[], ""),
        (Method::GET, "/health", &[ORIGIN], ""),
        (Method::GET, "/api/agents", &[ORIGIN], ""),
        (Method::GET, "/api/agents", &[EVIL], ""),
        (Method::GET, "/api/agents/", &[], ""),
        (
            Method::GET,
            "/api/agents?limit=0&is_active=perhaps",
            &[],
            "",
        ),
        (Method::GET, "/api/agents/none", &[ORIGIN], ""),
        (Method::GET, "/api/agents/%ff", &[], ""),
        (Method::GET, "/nowhere", &[], ""),
        (Method::HEAD, "/api/agents", &[], ""),
        (Method::HEAD, "/api/agents/none", &[], ""),
        (Method::OPTIONS, "/api/agents", &[], ""),
        (Method::OPTIONS, "/api/agents", &[ORIGIN, PREFLIGHT], ""),
        (Method::OPTIONS, "/api/agents", &[EVIL, PREFLIGHT], ""),
        (Method::DELETE, "/api/agents", &[], ""),
        (Method::POST, "/api/agents", &[JSON], "{"),
        (Method::POST, "/api/agents", &[JSON], r#"{"name":""}"#),
        (Method::POST, "/api/agents", &[], "{}"),
        (
            Method::PUT,
            "/api/agents/d",
            &[JSON],
            r#"{"agent_type":"cook"}"#,
        ),
    ];
    for (method, path, headers, body) in requests {
        let [direct, passed] =
            [&rest, &server].map(|server| server.request(method.clone(), path, headers, *body));
        let (direct, passed) = (direct.await, passed.await);
        let request = format!("{method} {path} {headers:?}");
        assert_eq!(passed.status, direct.status, "{request}");
        assert_eq!(passed.body, direct.body, "{request}");
        let rest = |answer: &crate::support::Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            headers.remove("x-request-id");
            headers
        };
        assert_eq!(rest(&passed), rest(&direct), "{request}");
    }
}

#[tokio::test]
async fn a_request_id_goes_all_the_way() {
    let database = Database::new();
    let rest = Server::rest(&database.path);
    let server = through(&database, &rest);
    let answer = server
        .request(Method::GET, "/health", &[("x-request-id", "from-afar")], "")
        .await;
    assert_eq!(
        answer
            .headers
            .get_all("x-request-id")
            .iter()
            .collect::<Vec<_>>(),
        ["from-afar"]
    );
    rest.logged("from-afar");
}

#[tokio::test]
async fn a_large_body_passes() {
    let database = Database::new();
    let rest = Server::rest(&database.path);
    let server = through(&database, &rest);
    let description = "x".repeat(1_000_000);
    let definition = json!({"name": "Long", "agent_type": "planner", "description": description});
    let created = server.post("/api/agents", &definition).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let read = server.get(created.header("location")).await.json();
    assert_eq!(read["description"].as_str().map(str::len), Some(1_000_000));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_every_time() {
    let database = Database::new();
    let rest = Server::rest(&database.path);
    let server = through(&database, &rest);
    let description = "x".repeat(3_000_000);
    let definition = json!({"name": "Long", "agent_type": "planner", "description": description});
    for _ in 0..40 {
        let refused = server.post("/api/agents", &definition).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn a_missing_upstream_is_said_and_comes_back() {
    let database = Database::new();
    let rest = Server::rest(&database.path);
    let server = through(&database, &rest);
    let port = rest.address.port().to_string();
    rest.kill();
    let answer = server
        .request(Method::GET, "/api/agents", &[ORIGIN], "")
        .await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.json()["detail"].is_string());
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN.1);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let answer = server
        .request(Method::GET, "/api/agents", &[EVIL], "")
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    // The feed does not need it.
    server.client("mode=delta").await.update().await;
    let _rest = Server::start(
        &database.path,
        &["serve", "--no-feed"],
        &[("WEBSOCKET_PORT", &port)],
    );
    assert_eq!(server.get("/api/agents").await.status, StatusCode::OK);
}
