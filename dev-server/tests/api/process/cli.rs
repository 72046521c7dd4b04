//! The command line and the environment.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output};

use dev_server::config::VARIABLES;
use tempfile::tempdir;

use crate::support::client::Request;
use crate::support::server::{Server, bare, orchestrator};

fn stderr(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The one line that a command leaves which fails.
#[track_caller]
fn complaint(command: &mut Command) -> String {
    let output = command.env("RUST_LOG", "error").output().unwrap();
    assert!(!output.status.success());
    let lines = stderr(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().unwrap()
}

/// Writes spin.toml with other sources for the components, and gives its path.
fn manifest_with_sources(folder: &Path, source: &str) -> String {
    let path = folder.join("spin.toml");
    let text = std::fs::read_to_string(crate::support::server::manifest()).unwrap();
    let changed = text.replace("target/wasm32-wasip2/component/agents.wasm", source);
    assert_ne!(changed, text);
    std::fs::write(&path, changed).unwrap();
    path.display().to_string()
}

fn with_manifest(folder: &Path, manifest: &str) -> Command {
    let mut command = bare(folder);
    command
        .args(["--manifest", manifest])
        .env("WEBSOCKET_PORT", "0");
    command
}

#[test]
fn help_lists_every_variable() {
    let folder = tempdir().unwrap();
    let output = orchestrator(folder.path()).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for variable in VARIABLES {
        assert!(help.contains(variable.name), "{}: {help}", variable.name);
        assert!(help.contains(variable.default), "{}: {help}", variable.name);
    }
    for command in ["serve", "migrate", "--manifest"] {
        assert!(help.contains(command), "{command}: {help}");
    }
}

#[test]
fn an_unknown_command_is_refused() {
    let folder = tempdir().unwrap();
    let output = orchestrator(folder.path()).arg("dance").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output)[0].contains("dance"));
}

#[test]
fn a_bad_variable_stops_the_start_and_is_named() {
    for (name, value) in [
        ("WEBSOCKET_PORT", "80000"),
        ("WEBSOCKET_PORT", "http"),
        ("HOST", "no host"),
        ("ALLOW_INSECURE", "perhaps"),
        ("CORS_ORIGINS", "localhost"),
        ("MAX_BODY_BYTES", "2 MB"),
        ("MAX_BODY_BYTES", "0"),
        ("API_TOKEN", "two words"),
        ("API_TOKEN", "schl\u{fc}ssel"),
        ("API_READ_TOKEN", "alone"),
    ] {
        for command in ["serve", "migrate"] {
            let folder = tempdir().unwrap();
            let line = complaint(orchestrator(folder.path()).arg(command).env(name, value));
            assert!(
                line.starts_with(&format!("orchestrator: {name}: ")),
                "{line}"
            );
            assert!(!name.ends_with("TOKEN") || !line.contains(value), "{line}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}

#[test]
fn a_database_that_cannot_be_is_named() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let mut command = orchestrator(folder.path());
    let line = complaint(command.arg("migrate").env("DATABASE_PATH", "file/below.db"));
    assert!(line.starts_with("orchestrator: DATABASE_PATH: "), "{line}");
    let mut command = orchestrator(folder.path());
    let line = complaint(command.arg("migrate").env("DATABASE_PATH", "."));
    assert!(line.starts_with("orchestrator: DATABASE_PATH: "), "{line}");
}

#[test]
fn an_address_that_others_reach_has_to_be_asked_for() {
    let folder = tempdir().unwrap();
    for host in ["0.0.0.0", "::", "192.0.2.1"] {
        let line = complaint(orchestrator(folder.path()).env("HOST", host));
        assert!(line.starts_with("orchestrator: HOST: "), "{line}");
        assert!(line.contains("API_TOKEN"), "{line}");
        assert!(line.contains("ALLOW_INSECURE=1"), "{line}");
    }
    // Asked for, it is taken; `migrate` reads it and serves nothing.
    for permit in [("ALLOW_INSECURE", "1"), ("API_TOKEN", "secret")] {
        let taken = orchestrator(folder.path())
            .arg("migrate")
            .envs([("HOST", "0.0.0.0"), permit])
            .output()
            .unwrap();
        assert!(taken.status.success(), "{:?}", stderr(&taken));
    }
}

#[test]
fn a_token_that_is_no_text_is_not_taken_for_none() {
    let folder = tempdir().unwrap();
    let token = std::ffi::OsStr::from_bytes(b"secret\xff");
    let line = complaint(orchestrator(folder.path()).env("API_TOKEN", token));
    assert!(line.starts_with("orchestrator: API_TOKEN: "), "{line}");
    assert!(!line.contains("secret"), "{line}");
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let folder = tempdir().unwrap();
    let file = "WEBSOCKET_PORT=nowhere\nMAX_BODY_BYTES=\" 10 \"\nDATABASE_PATH=from/the/file.db\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let line = complaint(&mut orchestrator(folder.path()));
    assert!(line.starts_with("orchestrator: WEBSOCKET_PORT: "), "{line}");

    let from_environment = folder.path().join("environment.db");
    let server = Server::start(&from_environment, &[]);
    assert!(from_environment.exists());
    let mut connection = server.connect().await;
    let body = r#"{"name": "too long for the file"}"#;
    let request = Request::new("POST", "/api/agents").json(body);
    assert_eq!(connection.send(request).await.status, 413);

    let migrated = orchestrator(folder.path())
        .arg("migrate")
        .env("WEBSOCKET_PORT", "0")
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{:?}", stderr(&migrated));
    assert!(folder.path().join("from/the/file.db").exists());
}

#[test]
fn a_line_of_the_file_that_does_not_parse_is_named() {
    let folder = tempdir().unwrap();
    for wrong in ["WEBSOCKET_PORT 8000\n", "HOST=\"localhost\n"] {
        std::fs::write(folder.path().join(".env"), wrong).unwrap();
        let line = complaint(&mut orchestrator(folder.path()));
        assert!(line.starts_with("orchestrator: .env: "), "{line}");
    }
    // The line may be that of a token, so it is not shown.
    for wrong in ["API_TOKEN=top secret\n", "API_TOKEN='secret", "secret"] {
        for (before, place) in [("", "its beginning"), ("HOST=::1\n", "HOST")] {
            let file = format!("{before}{wrong}");
            std::fs::write(folder.path().join(".env"), file).unwrap();
            let line = complaint(&mut orchestrator(folder.path()));
            assert!(line.starts_with("orchestrator: .env: "), "{line}");
            assert!(line.contains(place), "{line}");
            assert!(!line.contains("secret"), "{line}");
        }
    }
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = orchestrator(folder.path());
    let line = complaint(command.env("WEBSOCKET_PORT", address.port().to_string()));
    assert!(line.starts_with("orchestrator: "), "{line}");
    assert!(line.contains("WEBSOCKET_PORT"), "{line}");
    assert!(line.contains(&address.to_string()), "{line}");
}

#[test]
fn a_missing_component_is_named() {
    let folder = tempdir().unwrap();
    let manifest = manifest_with_sources(folder.path(), "missing.wasm");
    let line = complaint(&mut with_manifest(folder.path(), &manifest));
    assert!(line.contains("missing.wasm"), "{line}");
    assert!(line.contains("make build"), "{line}");
}

#[test]
fn a_file_that_is_no_component_is_named() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("text.wasm"), "no wasm").unwrap();
    let manifest = manifest_with_sources(folder.path(), "text.wasm");
    let output = with_manifest(folder.path(), &manifest)
        .env("RUST_LOG", "error")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let lines = stderr(&output);
    assert!(
        lines[0].starts_with("orchestrator: ") && lines[0].contains("text.wasm"),
        "{lines:?}"
    );
}

#[test]
fn a_missing_manifest_is_named() {
    let folder = tempdir().unwrap();
    let line = complaint(&mut with_manifest(folder.path(), "nowhere/spin.toml"));
    assert!(line.contains("nowhere/spin.toml"), "{line}");
}

#[tokio::test]
async fn a_healthcheck_asks_the_server_of_the_same_settings() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let port = server.address().port().to_string();
    let ask = || {
        let mut command = orchestrator(folder.path());
        command.arg("healthcheck").env("WEBSOCKET_PORT", &port);
        command
    };
    let healthy = ask().output().unwrap();
    assert!(healthy.status.success(), "{:?}", stderr(&healthy));
    let said = String::from_utf8(healthy.stdout).unwrap();
    assert!(said.contains("\"status\":\"healthy\""), "{said}");

    drop(server);
    let line = complaint(&mut ask());
    assert!(
        line.starts_with("orchestrator: HOST, WEBSOCKET_PORT: "),
        "{line}"
    );
    assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
}
