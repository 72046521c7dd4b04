//! `orchestrator migrate`

use std::process::Stdio;

use database::SCHEMA_VERSION;
use rusqlite::Connection;
use tempfile::tempdir;

use crate::support::server::orchestrator;

#[test]
fn makes_the_database_and_its_folder() {
    let folder = tempdir().unwrap();
    for _ in 0..2 {
        let output = orchestrator(folder.path()).arg("migrate").output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains(&format!("version {SCHEMA_VERSION}")),
            "{text}"
        );
        assert!(folder.path().join("data/orchestrator.db").exists());
    }
}

#[test]
fn a_newer_schema_is_left_alone_and_named() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let sqlite = Connection::open(&path).unwrap();
    sqlite.pragma_update(None, "user_version", 99).unwrap();
    let output = orchestrator(folder.path())
        .arg("migrate")
        .env("DATABASE_PATH", &path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("version 99"), "{text}");
    let tables: i64 = sqlite
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0);
}

#[test]
fn eight_at_once_take_turns() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("test.db");
    let children: Vec<_> = (0..8)
        .map(|_| {
            orchestrator(folder.path())
                .arg("migrate")
                .env("DATABASE_PATH", &path)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
    }
    let sqlite = Connection::open(&path).unwrap();
    let version: i64 = sqlite
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, SCHEMA_VERSION);
}
