//! A feed that reads a replica.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{agent_log, last_seq, prepare, query, start};
use crate::support::{Server, Sqld, free_address, free_folder};
use crate::torture::{Addresses, read};

/// A primary and its replica.
fn pair() -> Option<(Sqld, Sqld)> {
    let address = free_address();
    let listen = ["--grpc-listen-addr".to_owned(), address.to_string()];
    let primary = Sqld::with(listen.into())?;
    let follow = ["--primary-grpc-url".to_owned(), format!("http://{address}")];
    Some((primary, Sqld::with(follow.into())?))
}

/// Makes an agent.
async fn post(server: &Server, agent: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    let path = "/api/runtime/agents";
    let answer = server.request(Method::POST, path, &headers, agent.to_string());
    let answer = answer.await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_on_a_replica_tells_each_change_in_order() {
    let Some((primary, replica)) = pair() else {
        return;
    };
    let folder = free_folder();
    prepare(&primary, folder.path());
    let servers = [
        start(&primary, folder.path(), &["serve"]),
        start(&replica, folder.path(), &["feed"]),
    ];
    let addresses = Addresses {
        rest: vec![servers[0].address],
        feeds: servers.iter().map(|server| server.address).collect(),
    };
    let (_published, addresses) = watch::channel(addresses);
    let (reached, goal) = watch::channel(None);
    let readers: Vec<_> = (1..=6)
        .map(|seed| tokio::spawn(read(addresses.clone(), goal.clone(), seed)))
        .collect();
    let agent = json!({"orchestrator_agent_id": "d", "session_id": "s"});
    for _ in 0..200 {
        let agent = post(&servers[0], &agent).await;
        let id = agent["id"].as_str().unwrap();
        let sql = "UPDATE agents SET status = 'completed' WHERE id = ?1";
        query(&primary, sql, &[id.into()]);
    }
    reached.send_replace(Some(last_seq(&primary)));
    let log = agent_log(&primary);
    assert_eq!(log.len(), 400);
    for reader in readers {
        let (history, _) = reader.await.unwrap();
        history.check(&log);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_ahead_of_a_replica_waits_for_it() {
    let Some((primary, replica)) = pair() else {
        return;
    };
    let folder = free_folder();
    prepare(&primary, folder.path());
    let rest = start(&primary, folder.path(), &["serve", "--no-feed"]);
    let feed = start(&replica, folder.path(), &["feed"]);
    let agent = json!({"orchestrator_agent_id": "d", "session_id": "s"});
    for _ in 0..20 {
        post(&rest, &agent).await;
        // As one that had this from another feed, a moment ago.
        let since = last_seq(&primary);
        let mut client = feed.client(&format!("mode=delta&since={since}")).await;
        let next = post(&rest, &agent).await;
        let update = client.update().await;
        assert!(!update.snapshot);
        assert_eq!(update.agents[0]["id"], next["id"]);
    }
}
