//! What a client says, and how a connection ends.

use tokio_tungstenite::tungstenite::Message;

use crate::support::{Database, Received, Server};

#[tokio::test]
async fn what_makes_no_sense_is_answered_and_forgiven() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    let nonsense = [
        Message::text("nonsense"),
        Message::text(""),
        Message::text("[]"),
        Message::text("null"),
        Message::text("\"ping\""),
        Message::text(r#"{"type":1}"#),
        Message::text(r#"{"type":"subscribe"}"#),
        Message::text("[".repeat(4096)),
        Message::binary([0, 159, 146, 150].as_slice()),
    ];
    for message in nonsense {
        client.send(message).await;
        assert!(client.expect("error").await["detail"].is_string());
    }
    client.ping().await;
    database.add("a", "planning");
    assert_eq!(client.update().await.to_string(), "a=planning");
}

#[tokio::test]
async fn a_ping_may_say_more() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut client = server.client("mode=delta").await;
    client.update().await;
    client
        .send(Message::text(r#" {"at": 17, "type": "ping"} "#))
        .await;
    client.expect("heartbeat").await;
}

#[tokio::test]
async fn a_message_over_4_kib_ends_the_connection() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    for message in [
        Message::text("x".repeat(5000)),
        Message::binary(vec![0; 100_000]),
    ] {
        let mut client = server.client("").await;
        client.send(message).await;
        assert_eq!(client.closed().await, Some(1009));
    }
    let mut client = server.client("mode=delta").await;
    client.update().await;
    client.send(Message::text("x".repeat(4096))).await;
    client.expect("error").await;
}

#[tokio::test]
async fn a_close_is_answered() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    assert_eq!(server.client("").await.close().await, Some(1000));
    assert_eq!(server.client("mode=delta").await.close().await, Some(1000));
}

#[tokio::test]
async fn the_end_of_the_server_is_announced() {
    let database = Database::new();
    for mut server in [Server::feed(&database.path), Server::serve(&database.path)] {
        let mut clients = [server.client("").await, server.client("mode=delta").await];
        for client in &mut clients {
            client.update().await;
        }
        server.terminate();
        for client in &mut clients {
            let received = client.receive().await;
            assert!(
                matches!(received, Received::Closed(Some(1001))),
                "{received:?}"
            );
        }
        assert_eq!(server.ended().code(), Some(0));
    }
}

#[tokio::test]
async fn a_client_that_vanishes_troubles_nobody() {
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut stays = server.client("mode=delta").await;
    stays.update().await;
    for turn in 0..20 {
        let gone = server.client("mode=delta").await;
        database.add(&format!("a{turn}"), "planning");
        drop(gone);
        assert_eq!(
            stays.update().await.to_string(),
            format!("a{turn}=planning")
        );
    }
}
