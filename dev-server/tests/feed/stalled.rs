//! What a client costs, above all one that does not read.

use tokio::net::TcpSocket;

use crate::support::{Board, Client, Database, History, Received, Server, try_connect};

const MEGABYTE: usize = 1 << 20;

async fn small(server: &Server, query: &str) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    try_connect(socket, server.address, query).await.unwrap()
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody() {
    let database = Database::new();
    database.add("a", "planning");
    let server = Server::feed(&database.path);
    let mut stalled = small(&server, "mode=delta").await;
    let mut stalled_list = small(&server, "").await;
    let mut reads = server.client("mode=delta").await;
    let mut history = History::after(reads.update().await.seq);

    // Each long message is more than the stalled clients' connections take.
    for step in 0..40 {
        let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) \
            INSERT INTO agents (id, orchestrator_agent_id, session_id, error_message) \
            SELECT ?1 || '-' || i, 'd', 's', ?2 FROM n";
        database.run(sql, (format!("x{step}"), "x".repeat(20_000)));
        history.follow(&mut reads, database.seq()).await;
    }
    // More batches of changes than the feed keeps for a client that is behind.
    database.run("DELETE FROM agents WHERE id <> 'a'", ());
    history.follow(&mut reads, database.seq()).await;
    for step in 0..1100 {
        database.run("UPDATE agents SET cost_usd = ?1", [step + 1]);
        history.follow(&mut reads, database.seq()).await;
    }
    history.check(&database.log());
    let memory = server.memory();
    assert!(memory < 300 * MEGABYTE, "{} MB", memory / MEGABYTE);

    database.set("a", "completed");
    let mut board = Board::default();
    board.shows(&mut stalled, "a=completed").await;
    assert_eq!(board.resyncs, 1);
    assert_eq!(board.agents["a"]["cost_usd"], 1100.0);
    stalled_list.shows("a=completed").await;
    database.set("a", "failed");
    board.shows(&mut stalled, "a=failed").await;
    history.follow(&mut reads, database.seq()).await;
    history.check(&database.log());
}

#[tokio::test]
async fn a_long_list_leaves_no_buffer_behind() {
    let database = Database::new();
    // A list of about a megabyte.
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
        INSERT INTO agents (id, orchestrator_agent_id, session_id, error_message) SELECT i, 'd', 's', ?1 FROM n";
    database.run(sql, ["x".repeat(600)]);
    let server = Server::feed(&database.path);
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = server.client("mode=delta").await;
        client.update().await;
        clients.push(client);
    }
    let memory = server.memory();
    assert!(memory < 60 * MEGABYTE, "{} MB", memory / MEGABYTE);
}

#[tokio::test]
async fn clients_that_do_not_read_what_they_missed_hold_up_nobody() {
    let database = Database::new();
    for id in 0..100 {
        database.add(&id.to_string(), "planning");
    }
    for step in 0..10 {
        let long = step.to_string().repeat(20_000);
        database.run("UPDATE agents SET error_message = ?1", [long]);
    }
    let server = Server::feed(&database.path);
    let mut stalled = Vec::new();
    for _ in 0..10 {
        let mut client = small(&server, "mode=delta&since=0").await;
        let mut history = History::after(0);
        history.take(client.update().await);
        stalled.push((client, history));
    }
    let log = database.log();
    let mut reads = server.client("mode=delta&since=0").await;
    let mut history = History::after(0);
    history.follow(&mut reads, database.seq()).await;
    history.check(&log);
    // Nobody had to go for that.
    for (client, history) in &mut stalled {
        history.follow(client, database.seq()).await;
        history.check(&log);
    }
}

#[tokio::test]
async fn a_client_that_never_reads_again_is_let_go() {
    let database = Database::new();
    let server = Server::start(&database.path, &["feed"], &[("MAX_WS_CLIENTS", "1")]);
    let mut stalled = small(&server, "mode=delta").await;
    assert!(matches!(stalled.receive().await, Received::Frame(kind, _) if kind == "agent_update"));
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
        INSERT INTO agents (id, orchestrator_agent_id, session_id, error_message) SELECT i, 'd', 's', ?1 FROM n";
    database.run(sql, ["x".repeat(20_000)]);
    let freed = async {
        while server.upgrade("", &[]).await.status != http::StatusCode::SWITCHING_PROTOCOLS {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    crate::support::patiently("the place of the stalled client", freed).await;
    // What was on its way arrives, and then the end.
    stalled.closed().await;
}
