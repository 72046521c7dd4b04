//! How soon a commit shows at a thousand clients of a feed on a server. Prints figures, and asserts none.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::{prepare, query, start};
use crate::support::{Sqld, free_folder};

const CLIENTS: usize = 1000;
const COMMITS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn latency_at_a_thousand_clients() {
    let Some(sqld) = Sqld::start() else { return };
    let folder = free_folder();
    prepare(&sqld, folder.path());
    let agent = "INSERT INTO agents (id, orchestrator_agent_id, session_id, status) VALUES ('a', 'd', 's', 'planning')";
    query(&sqld, agent, &[]);
    let feed = start(&sqld, folder.path(), &["feed"]);
    let begun: Arc<Vec<OnceLock<Instant>>> =
        Arc::new((0..COMMITS).map(|_| OnceLock::new()).collect());
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = feed.client("mode=delta").await;
        client.update().await;
        let begun = Arc::clone(&begun);
        clients.push(tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(COMMITS);
            while latencies.len() < COMMITS {
                let agents = client.update().await.agents;
                let now = Instant::now();
                for agent in agents {
                    let commit = agent["cost_usd"].as_f64().unwrap().to_string();
                    let commit: usize = commit.parse().unwrap();
                    latencies.push(now - *begun[commit - 1].get().unwrap());
                }
            }
            latencies
        }));
    }
    for commit in 1..=COMMITS {
        // Now and then so long that the feed looks less often.
        let pause = if commit % 50 == 0 { 7000 } else { 50 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let _ = begun[commit - 1].set(Instant::now());
        let sql = format!("UPDATE agents SET cost_usd = {commit} WHERE id = 'a'");
        query(&sqld, &sql, &[]);
    }
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await.unwrap());
    }
    latencies.sort_unstable();
    let at = |percent: usize| latencies[latencies.len() * percent / 100];
    println!(
        "{CLIENTS} clients, {COMMITS} commits: p50 {:?}, p99 {:?}, at most {:?}",
        at(50),
        at(99),
        latencies[latencies.len() - 1]
    );
}
