//! Log entries go when they are old.

use std::time::Duration;

use crate::support::{Database, Server, eventually};

const OLD: &str = "SELECT (SELECT count(*) FROM agent_logs WHERE message = 'old') \
                   + (SELECT count(*) FROM system_logs WHERE message = 'old')";

/// Adds entries to both logs: `number` of them, so many hours old, with their time in this form.
fn log(database: &Database, message: &str, form: &str, hours: u32, number: u32) {
    let rows = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number}), \
         t(at) AS (SELECT strftime('{form}', 'now', '-{hours} hours'))"
    );
    let agent = "INSERT INTO agent_logs (agent_id, log_type, message, created_at) \
                 SELECT 'a', 'milestone', ?1, at FROM t, n";
    let system =
        "INSERT INTO system_logs (component, message, created_at) SELECT 'c', ?1, at FROM t, n";
    for insert in [agent, system] {
        database.run(&format!("{rows} {insert}"), [message]);
    }
}

fn retains(database: &Database, days: &str) -> Server {
    Server::start(&database.path, &["feed"], &[("RETENTION_DAYS", days)])
}

#[tokio::test]
async fn old_entries_are_deleted_and_no_others() {
    let database = Database::new();
    database.add("a", "planning");
    for form in [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%f000",
        "%Y-%m-%dT%H:%M:%fZ",
    ] {
        log(&database, "old", form, 49, 700);
        log(&database, "old", form, 9000, 1);
        log(&database, "new", form, 47, 10);
        log(&database, "new", form, 0, 1);
    }
    let server = retains(&database, "2");
    // Nothing goes before it was said for a while.
    assert_eq!(database.count(OLD), 4206);
    eventually("old entries to go", || database.count(OLD) == 0).await;
    assert_eq!(database.count("SELECT count(*) FROM agent_logs"), 33);
    assert_eq!(database.count("SELECT count(*) FROM system_logs"), 33);
    drop(server);
}

#[tokio::test]
async fn a_writer_is_not_disturbed() {
    let database = Database::new();
    database.add("a", "planning");
    log(&database, "old", "%Y-%m-%d %H:%M:%S", 9000, 20_000);
    database
        .connection
        .busy_timeout(Duration::from_secs(5))
        .unwrap();
    let server = retains(&database, "30");
    let reader = Database::open(&database.path);
    let mut written = 0;
    while reader.count(OLD) > 0 {
        // A panic where the lock cannot be had in that time.
        database.run(
            "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('a', 'milestone', 'new')",
            (),
        );
        written += 1;
    }
    assert_eq!(database.count("SELECT count(*) FROM agent_logs"), written);
    drop(server);
}
