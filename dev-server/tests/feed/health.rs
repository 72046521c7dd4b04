//! `/health` of `orchestrator feed`, and `orchestrator healthcheck`, which asks for it.

use std::path::Path;
use std::process::Output;

use http::StatusCode;

use crate::support::{Server, command, patiently};

fn healthcheck(database: &Path, server: &Server) -> Output {
    command(database)
        .arg("healthcheck")
        .env("WEBSOCKET_PORT", server.address.port().to_string())
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_feed_says_whether_it_has_its_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("later.db");
    let server = Server::start(&database, &["feed"], &[("API_TOKEN", "secret")]);
    let answer = server.get("/health").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(answer.header("retry-after"), "");
    assert_eq!(answer.json()["database"], "disconnected");
    let asked = healthcheck(&database, &server);
    assert_eq!(asked.status.code(), Some(1));
    let said = String::from_utf8(asked.stderr).unwrap();
    assert!(
        said.contains("503") && said.contains("disconnected"),
        "{said}"
    );

    let made = command(&database).arg("migrate").output().unwrap();
    assert!(made.status.success());
    let becomes_healthy = async { while server.get("/health").await.status != StatusCode::OK {} };
    patiently("a healthy feed", becomes_healthy).await;
    let health = server.get("/health/").await.json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["database"], "connected");
    assert_eq!(health["database_path"], database.display().to_string());
    let asked = healthcheck(&database, &server);
    assert!(asked.status.success());
    assert_eq!(
        String::from_utf8(asked.stdout).unwrap().trim(),
        health.to_string()
    );
}
