//! `X-Request-Id`.

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
