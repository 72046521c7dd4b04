//! `session_id` and `status`.

use crate::support::{Board, Client, Database, Server};

async fn delta(server: &Server, query: &str, snapshot: &str) -> Client {
    let mut client = server.client(&format!("mode=delta&{query}")).await;
    assert_eq!(client.update().await.to_string(), snapshot);
    client
}

#[tokio::test]
async fn a_session_shows_alone() {
    let database = Database::new();
    database.add_to("s", "a", "planning");
    database.add_to("t", "b", "planning");
    let server = Server::feed(&database.path);
    let mut client = delta(&server, "session_id=s", "all: a=planning").await;
    let mut list = server.client("session_id=s").await;
    let first = list.update().await;
    assert_eq!(first.to_string(), "a=planning");
    database.set("b", "executing");
    database.delete("b");
    database.set("a", "executing");
    let next = client.update().await;
    assert_eq!(
        (next.to_string(), next.seq),
        ("a=executing".to_owned(), first.seq + 3)
    );
    assert_eq!(list.update().await.to_string(), "a=executing");
}

#[tokio::test]
async fn a_session_that_is_not_there_is_empty_until_it_is() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut client = delta(&server, "session_id=a%20b%26c", "all:").await;
    database.add_to("a b&c", "b", "planning");
    assert_eq!(client.update().await.to_string(), "b=planning");
}

#[tokio::test]
async fn statuses_show_alone() {
    let database = Database::new();
    database.add("a", "planning");
    database.add("b", "failed");
    let server = Server::feed(&database.path);
    let mut client = delta(&server, "status=planning,executing", "all: a=planning").await;
    let mut list = server.client("status=planning,executing").await;
    assert_eq!(list.update().await.to_string(), "a=planning");

    database.set("a", "executing");
    assert_eq!(client.update().await.to_string(), "a=executing");
    database.set("a", "completed");
    assert_eq!(client.update().await.to_string(), "-a");
    list.shows("").await;
    database.run("UPDATE agents SET cost_usd = 1", ());
    database.set("b", "planning");
    assert_eq!(client.update().await.to_string(), "b=planning");
    list.shows("b=planning").await;
    database.delete("a");
    database.delete("b");
    assert_eq!(client.update().await.to_string(), "-b");
    list.shows("").await;
}

#[tokio::test]
async fn the_names_that_todays_clients_use_are_statuses_too() {
    let database = Database::new();
    database.add("a", "initializing");
    database.add("b", "executing");
    database.add("c", "failed");
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta&status=pending,running").await;
    let mut board = Board::default();
    board.shows(&mut client, "a=initializing b=executing").await;
}

#[tokio::test]
async fn an_agent_that_changes_its_session_is_removed_from_the_old_one() {
    let database = Database::new();
    database.add_to("s", "a", "planning");
    let server = Server::feed(&database.path);
    let mut old = delta(&server, "session_id=s", "all: a=planning").await;
    let mut new = delta(&server, "session_id=t&status=planning", "all:").await;
    database.run("UPDATE agents SET session_id = 't'", ());
    assert_eq!(old.update().await.to_string(), "-a");
    assert_eq!(new.update().await.to_string(), "a=planning");
}

/// As foreign writers do it, for which SQLite runs no DELETE trigger. Nobody else hears of it.
#[tokio::test]
async fn an_agent_that_is_replaced_under_another_session_is_removed_from_the_old_one() {
    let database = Database::new();
    database.add_to("s", "a", "planning");
    let server = Server::feed(&database.path);
    let mut old = delta(&server, "session_id=s", "all: a=planning").await;
    let mut new = delta(&server, "session_id=t", "all:").await;
    let mut other = delta(&server, "session_id=u", "all:").await;
    database.run(
        "INSERT OR REPLACE INTO agents (id, orchestrator_agent_id, session_id, status) VALUES ('a', 'd', 't', 'executing')",
        (),
    );
    assert_eq!(old.update().await.to_string(), "-a");
    assert_eq!(new.update().await.to_string(), "a=executing");
    database.add_to("u", "b", "planning");
    assert_eq!(other.update().await.to_string(), "b=planning");
}

#[tokio::test]
async fn an_agent_in_a_filter_for_a_moment_comes_and_goes() {
    let database = Database::new();
    database.add("a", "initializing");
    let server = Server::feed(&database.path);
    let mut client = delta(&server, "status=executing", "all:").await;
    database.transaction(&[
        "UPDATE agents SET status = 'planning'",
        "UPDATE agents SET status = 'executing'",
        "UPDATE agents SET status = 'completed'",
        "UPDATE agents SET status = 'failed'",
    ]);
    assert_eq!(client.update().await.to_string(), "a=executing");
    let gone = client.update().await;
    assert_eq!((gone.to_string(), gone.seq), ("-a".to_owned(), 4));
}

#[tokio::test]
async fn a_resumed_client_learns_what_its_filter_lets_through_no_more() {
    let database = Database::new();
    for id in ["a", "b", "c"] {
        database.add(id, "planning");
    }
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta&status=planning").await;
    let mut board = Board::default();
    board
        .shows(&mut client, "a=planning b=planning c=planning")
        .await;
    drop(client);
    database.set("a", "executing");
    database.delete("b");
    database.add("d", "executing");
    database.add("e", "planning");
    let query = format!("mode=delta&status=planning&since={}", board.seq);
    let mut client = server.client(&query).await;
    board.shows(&mut client, "c=planning e=planning").await;
    assert_eq!(board.resyncs, 0);
}

#[tokio::test]
async fn a_heartbeats_position_counts_what_the_filter_hid() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = delta(&server, "session_id=s", "all:").await;
    database.add_to("t", "hidden", "planning");
    database.add_to("s", "shown", "planning");
    assert_eq!(client.update().await.to_string(), "shown=planning");
    database.transaction(&[
        "UPDATE agents SET status = 'executing' WHERE id = 'shown'",
        "UPDATE agents SET status = 'executing' WHERE id = 'hidden'",
    ]);
    assert_eq!(client.update().await.seq, 3);
    assert_eq!(client.ping().await["seq"], 4);
}
