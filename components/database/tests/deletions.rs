//! Deletions of what other processes have written.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use database::deletions::{self, Owner};
use database::native::Native;
use database::{Database, Error};
use rusqlite::Connection;

/// Goes on with the deletions, at most so often.
async fn finish(database: &Database) {
    for _ in 0..50 {
        let step = database.write_unchecked(|db| deletions::step(db, 10));
        let result: Result<bool, Error> = step.await;
        if !result.unwrap() {
            return;
        }
    }
    assert!(!database.one(deletions::are_pending).await.unwrap());
}

/// Ids that are no UTF-8, no text, or none at all end no other deletion.
#[tokio::test]
async fn agents_of_any_id_go_with_their_definition() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let database = Database::new(Native::file(&path));
    database.prepare().await.unwrap();
    let writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "foreign_keys", false).unwrap();
    writer
        .execute_batch(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'of any id', 'tester'), ('e', 'other', 'tester');
             INSERT INTO agents (id, orchestrator_agent_id, session_id, status) VALUES
                (CAST(x'61ff62' AS TEXT), 'd', 's', 'executing'), (x'0102', 'd', 's', 'executing'),
                (NULL, 'd', 's', 'executing'), (17, 'd', 's', 'executing'), ('of e', 'e', 's', 'executing');
             INSERT INTO agent_logs (agent_id, log_level, log_type, message) VALUES
                (CAST(x'61ff62' AS TEXT), 'INFO', 'milestone', 'm'), ('17', 'INFO', 'milestone', 'm'),
                ('of e', 'INFO', 'milestone', 'm');",
        )
        .unwrap();
    for id in ["d", "e"] {
        database
            .write_unchecked(|db| deletions::begin(db, Owner::Definition, &id.into()))
            .await
            .unwrap();
    }
    finish(&database).await;
    for table in ["agents", "agent_logs", "deletions", "counted_agents"] {
        let count: i64 = writer
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
}
