//! `X-Request-Id`, in answers and in the log.

use crate::app::is_id;
use crate::support::client::Request;
use crate::support::server::Server;

#[tokio::test]
async fn a_request_id_is_given_back_or_made() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let mut connection = server.connect().await;
    for path in ["/health", "/api/agents", "/nowhere"] {
        let given = Request::new("GET", path).header("x-request-id", "from-the-client");
        let response = connection.send(given).await;
        assert_eq!(response.header("x-request-id"), "from-the-client");
        let line = server.wait_for("from-the-client");
        assert!(line.contains(path), "{line}");

        let made = connection.send(Request::new("GET", path)).await;
        assert!(is_id(made.header("x-request-id")), "{:?}", made.headers);
    }
    let long = "x".repeat(1000);
    let response = connection
        .send(Request::new("GET", "/").header("x-request-id", &long))
        .await;
    assert!(
        is_id(response.header("x-request-id")),
        "{:?}",
        response.headers
    );
}

/// A component prints a line of its own, which has the time and the level once.
#[tokio::test]
async fn what_goes_wrong_is_logged_with_the_id() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("test.db");
    std::fs::write(
        &database,
        "This is text, and no database at all. ".repeat(200),
    )
    .unwrap();
    let server = Server::start(&database, &[]);
    let mut connection = server.connect().await;
    for (path, component) in [
        ("/health", "health"),
        ("/metrics", "health"),
        ("/api/agents", "agents"),
    ] {
        let id = format!("of-{path}");
        connection
            .send(Request::new("GET", path).header("x-request-id", &id))
            .await;
        let line = server.wait_for(&format!("not a database request_id={id:?}"));
        assert!(line.contains(&format!("component={component:?}")), "{line}");
        assert_eq!(line.matches("WARN").count(), 1, "{line}");
        assert_eq!(line.matches("Z ").count(), 1, "{line}");
    }
}
