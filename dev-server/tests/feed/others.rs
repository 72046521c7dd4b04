//! Changes of workflows and messages, which the log has too: clients that want agents notice nothing.

use crate::support::{Database, Server};

const OTHERS: [&str; 5] = [
    // Under the id of an agent, as nothing keeps it from that.
    "INSERT INTO ai_developer_workflows (id, adw_name, workflow_type) VALUES ('a', 'n', 't'), ('w', 'n', 't')",
    "UPDATE ai_developer_workflows SET status = 'in_progress'",
    "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, agent_id) \
     VALUES ('a', 'd', 'user', 'agent', 'x', 'a'), ('m', 'd', 'user', 'agent', 'x', 'a')",
    "UPDATE orchestrator_chat SET delivered_at = '2026-02-05T10:00:00.000Z'",
    "DELETE FROM ai_developer_workflows",
];

fn others(database: &Database) {
    for sql in OTHERS {
        database.run(sql, ());
    }
}

#[tokio::test]
async fn changes_of_others_do_not_show() {
    let queries = [
        "mode=delta",
        "mode=delta&session_id=s",
        "mode=delta&status=planning",
    ];
    for query in queries {
        let database = Database::new();
        database.add("a", "planning");
        let server = Server::serve(&database.path);
        let status = if query.contains("status") {
            "planning"
        } else {
            "executing"
        };
        let mut socket = server.client(query).await;
        assert_eq!(socket.update().await.to_string(), "all: a=planning");
        let mut events = server.events(query).await;
        assert_eq!(events.update().await.to_string(), "all: a=planning");
        others(&database);
        database.run(
            "UPDATE agents SET status = ?1, cost_usd = cost_usd + 1",
            [status],
        );
        let seq = database.seq();
        let expected = (format!("a={status}"), seq);
        let update = socket.update().await;
        assert_eq!((update.to_string(), update.seq), expected, "{query}");
        let update = events.update().await;
        assert_eq!((update.to_string(), update.seq), expected, "{query}");
        // Also in what is made good.
        let mut socket = server.client(&format!("{query}&since={}", seq - 9)).await;
        let update = socket.update().await;
        assert_eq!((update.to_string(), update.seq), expected, "{query}");
    }
}

#[tokio::test]
async fn a_whole_list_is_not_sent_again_for_others() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::serve(&database.path);
    let mut socket = server.client("").await;
    let first = socket.update().await;
    others(&database);
    // The position moves, and nothing else comes.
    while socket.ping().await["seq"] != database.seq() {}
    database.set("a", "executing");
    let next = socket.update().await;
    assert_eq!(
        (first.to_string(), next.to_string()),
        ("a=planning".to_owned(), "a=executing".to_owned())
    );
}
