//! `since`.

use crate::support::{Client, Database, History, Server, eventually, migrate};

async fn expect_resync(client: &mut Client, snapshot: &str) {
    assert!(client.expect("resync").await["reason"].is_string());
    let update = client.update().await;
    assert_eq!(update.to_string(), snapshot);
}

#[tokio::test]
async fn exactly_what_was_missed_arrives() {
    let database = Database::new();
    database.add("a", "planning");
    database.add("b", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    let seq = client.update().await.seq;
    drop(client);
    database.set("a", "executing");
    database.set("a", "completed");
    database.delete("b");
    let mut client = server.client(&format!("mode=delta&since={seq}")).await;
    let mut history = History::after(seq);
    history.follow(&mut client, seq + 3).await;
    history.check(&database.log());
    database.add("c", "planning");
    assert_eq!(client.update().await.to_string(), "c=planning");
}

#[tokio::test]
async fn nothing_arrives_where_nothing_was_missed() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta&since=1").await;
    assert_eq!(client.ping().await["seq"], 1);
    database.set("a", "executing");
    let update = client.update().await;
    assert_eq!(
        (update.to_string(), update.seq),
        ("a=executing".to_owned(), 2)
    );
}

#[tokio::test]
async fn a_long_absence_is_made_good() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
        INSERT INTO agents (id, orchestrator_agent_id, session_id) SELECT 'x' || i, 'd', 's' FROM n";
    database.transaction(&[
        insert,
        "UPDATE agents SET cost_usd = 1",
        "DELETE FROM agents WHERE id LIKE 'x%'",
    ]);
    let mut client = server.client("mode=delta&since=0").await;
    let mut history = History::after(0);
    history.follow(&mut client, 3002).await;
    history.check(&database.log());
}

#[tokio::test]
async fn a_position_outlives_the_server() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    let seq = client.update().await.seq;
    let query = format!(
        "mode=delta&since={seq}&database={}",
        client.ack["database"].as_str().unwrap()
    );
    server.kill();
    database.set("a", "executing");
    let server = Server::feed(&database.path);
    let mut client = server.client(&query).await;
    let update = client.update().await;
    assert_eq!(
        (update.to_string(), update.seq),
        ("a=executing".to_owned(), seq + 1)
    );
}

#[tokio::test]
async fn a_position_in_the_future_is_void() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    for since in ["2", "9223372036854775807"] {
        let mut client = server.client(&format!("mode=delta&since={since}")).await;
        expect_resync(&mut client, "all: a=planning").await;
    }
}

#[tokio::test]
async fn a_position_in_another_database_is_void() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = server
        .client("mode=delta&since=1&database=0123456789abcdef")
        .await;
    expect_resync(&mut client, "all: a=planning").await;
    database.set("a", "executing");
    assert_eq!(client.update().await.to_string(), "a=executing");
}

#[tokio::test]
async fn a_pruned_position_is_void() {
    let database = Database::new();
    database.add("a", "planning");
    for cost in 1..=5 {
        database.run("UPDATE agents SET cost_usd = ?1", [cost]);
    }
    let server = Server::feed(&database.path);
    database.run("DELETE FROM change_log WHERE seq <= 3", ());
    let mut client = server.client("mode=delta&since=2").await;
    expect_resync(&mut client, "all: a=planning").await;
    // Everything after the third is there.
    let mut client = server.client("mode=delta&since=3").await;
    assert_eq!(client.update().await.seq, 4);
    database.run("DELETE FROM change_log", ());
    let mut client = server.client("mode=delta&since=5").await;
    expect_resync(&mut client, "all: a=planning").await;
    let mut client = server.client("mode=delta&since=6").await;
    database.set("a", "executing");
    let update = client.update().await;
    assert_eq!(
        (update.to_string(), update.seq),
        ("a=executing".to_owned(), 7)
    );
}

#[tokio::test]
async fn the_log_is_pruned_to_its_limit() {
    let database = Database::new();
    database.add("a", "planning");
    for cost in 2..=50 {
        database.run("UPDATE agents SET cost_usd = ?1", [cost]);
    }
    let server = Server::start(&database.path, &["feed"], &[("CHANGE_LOG_MAX", "10")]);
    eventually("the log to be pruned", || database.log().len() <= 10).await;
    assert_eq!(database.log()[0].seq, 41);
    let mut client = server.client("mode=delta&since=39").await;
    expect_resync(&mut client, "all: a=planning").await;
    let mut client = server.client("mode=delta&since=40").await;
    let mut history = History::after(40);
    history.follow(&mut client, 50).await;
    history.check(&database.log());
}

#[tokio::test]
async fn a_client_moves_between_two_feeds() {
    let database = Database::new();
    let feeds = [Server::feed(&database.path), Server::feed(&database.path)];
    let mut history = History::after(0);
    for turn in 0..10 {
        database.add(&format!("a{turn}"), "planning");
        database.set(&format!("a{turn}"), "executing");
        let query = format!("mode=delta&since={}", history.seq());
        let mut client = feeds[turn % 2].client(&query).await;
        history.follow(&mut client, database.seq()).await;
    }
    history.check(&database.log());
}

#[tokio::test]
async fn a_migration_of_a_current_database_keeps_positions() {
    let database = Database::new();
    database.add("a", "planning");
    migrate(&database.path);
    let server = Server::serve(&database.path);
    let mut client = server.client("mode=delta&since=0").await;
    assert_eq!(client.update().await.to_string(), "a=planning");
}
