//! What `/metrics` says of the feed, on each of its hosts.

use crate::support::{Database, Server, patiently};

const CLIENTS: &str = "orchestrator_feed_clients";
const LAG: &str = "orchestrator_feed_lag_seconds_count";
const RESYNCS: &str = "orchestrator_feed_resyncs_total";

async fn sample(server: &Server, name: &str) -> i64 {
    let answer = server.get("/metrics").await;
    let text = std::str::from_utf8(&answer.body).unwrap();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect(name).parse().unwrap()
}

/// Waits until a sample has a value: a client has its frame before it is counted.
async fn becomes(server: &Server, name: &str, wanted: i64) {
    let asking = async { while sample(server, name).await != wanted {} };
    patiently(name, asking).await;
}

#[tokio::test]
async fn clients_their_lag_and_their_new_beginnings_are_counted() {
    for start in [Server::serve, Server::feed] {
        let database = Database::new();
        database.add("a", "planning");
        let server = start(&database.path);
        for name in [CLIENTS, LAG, RESYNCS] {
            assert_eq!(sample(&server, name).await, 0, "{name}");
        }
        let mut client = server.client("mode=delta").await;
        client.update().await;
        becomes(&server, CLIENTS, 1).await;
        database.set("a", "executing");
        client.update().await;
        becomes(&server, LAG, 1).await;
        assert_eq!(sample(&server, RESYNCS).await, 0);
        let mut lost = server.client("mode=delta&since=1000000").await;
        lost.wait_for("resync").await;
        becomes(&server, RESYNCS, 1).await;
        becomes(&server, CLIENTS, 2).await;
        lost.close().await;
        client.close().await;
        becomes(&server, CLIENTS, 0).await;
    }
}
