//! Three REST hosts and two feeds on one server, writers and clients of all of them, and one after the other is killed.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::{agent_log, agents, last_seq, prepare, run, start};
use crate::support::{Random, Server, Sqld, free_folder, request};
use crate::torture::{Addresses, read};

const WRITERS: u64 = 8;
const READERS: u64 = 20;
const REST: &[&str] = &["serve", "--no-feed"];
const FEED: &[&str] = &["feed"];
/// The pause before a request is sent again that had no answer, or a 503.
const RETRY: Duration = Duration::from_millis(20);

/// The processes on one server.
struct Cluster {
    folder: TempDir,
    sqld: Sqld,
    rest: Vec<Server>,
    feeds: Vec<Server>,
}

impl Cluster {
    fn start(sqld: Sqld) -> Self {
        let folder = free_folder();
        prepare(&sqld, folder.path());
        let of = |arguments, count| {
            (0..count)
                .map(|_| start(&sqld, folder.path(), arguments))
                .collect()
        };
        Self {
            rest: of(REST, 3),
            feeds: of(FEED, 2),
            folder,
            sqld,
        }
    }

    fn addresses(&self) -> Addresses {
        let of = |servers: &[Server]| servers.iter().map(|server| server.address).collect();
        Addresses {
            rest: of(&self.rest),
            feeds: of(&self.feeds),
        }
    }

    /// Kills one of them and starts it anew.
    fn crash(&mut self, turn: usize) {
        let (servers, arguments) = match turn % 3 {
            0 => (&mut self.rest, REST),
            1 => (&mut self.feeds, FEED),
            _ => return self.sqld.crash(),
        };
        let place = turn / 3 % servers.len();
        servers.remove(place).kill();
        servers.insert(place, start(&self.sqld, self.folder.path(), arguments));
    }
}

/// Somebody who writes through whichever host answers, and sends again what was not acknowledged.
struct Writer {
    addresses: watch::Receiver<Addresses>,
    random: Random,
    name: String,
    requests: usize,
}

impl Writer {
    fn address(&mut self) -> SocketAddr {
        let addresses = self.addresses.borrow_and_update();
        addresses.rest[self.random.below(addresses.rest.len())]
    }

    async fn send(&mut self, method: Method, path: &str, body: &Value) -> Value {
        self.requests += 1;
        let key = format!("{}-{}", self.name, self.requests);
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", &*key),
        ];
        loop {
            let address = self.address();
            match request(address, method.clone(), path, &headers, body.to_string()).await {
                Some(answer) if answer.status.is_success() => return answer.json(),
                Some(answer) => {
                    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
                }
                None => {}
            }
            sleep(RETRY).await;
        }
    }

    /// Lets agents live until `stop`. Gives those whose last write was acknowledged.
    async fn write(mut self, stop: watch::Receiver<bool>) -> Vec<String> {
        let mut acknowledged = Vec::new();
        while !*stop.borrow() {
            let agent = json!({"orchestrator_agent_id": "d", "session_id": self.name});
            let agent = self.send(Method::POST, "/api/runtime/agents", &agent).await;
            let id = agent["id"].as_str().unwrap().to_owned();
            let path = format!("/api/runtime/agents/{id}");
            let executing = json!({"status": "executing"});
            self.send(Method::PATCH, &path, &executing).await;
            let prompt = json!({"agent_id": id, "prompt_type": "command", "prompt_text": "p", "status": "completed",
                "tokens_input": 7, "tokens_output": 3, "cost_usd": 0.1});
            self.send(Method::POST, "/api/runtime/prompts", &prompt)
                .await;
            let entry = json!({"agent_id": id, "log_level": "INFO", "log_type": "milestone", "message": "m"});
            self.send(
                Method::POST,
                "/api/runtime/logs",
                &json!([entry, entry, entry]),
            )
            .await;
            let completed = json!({"status": "completed"});
            self.send(Method::PATCH, &path, &completed).await;
            acknowledged.push(id);
        }
        acknowledged
    }
}

/// Lets everybody write and read while `trouble` is made so many times, `pause` apart.
async fn torture(pause: Duration, turns: usize, mut trouble: impl FnMut(&mut Cluster, usize)) {
    let Some(sqld) = Sqld::start() else { return };
    let mut cluster = Cluster::start(sqld);
    let (published, addresses) = watch::channel(cluster.addresses());
    let (stopping, stop) = watch::channel(false);
    let (reached, goal) = watch::channel(None);
    let readers: Vec<_> = (1..=READERS)
        .map(|seed| tokio::spawn(read(addresses.clone(), goal.clone(), seed)))
        .collect();
    let writers: Vec<_> = (1..=WRITERS)
        .map(|seed| {
            let writer = Writer {
                addresses: addresses.clone(),
                random: Random::new(seed),
                name: format!("writer-{seed}"),
                requests: 0,
            };
            tokio::spawn(writer.write(stop.clone()))
        })
        .collect();
    for turn in 0..turns {
        sleep(pause).await;
        block_in_place(|| trouble(&mut cluster, turn));
        published.send_replace(cluster.addresses());
    }
    sleep(pause).await;
    stopping.send_replace(true);

    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    reached.send_replace(Some(last_seq(&cluster.sqld)));
    let log = agent_log(&cluster.sqld);
    let mut connections = 0;
    for reader in readers {
        let (history, times) = reader.await.unwrap();
        history.check(&log);
        connections += times;
    }
    let stored = agents(&cluster.sqld);
    assert!(!acknowledged.is_empty());
    for id in &acknowledged {
        // Once each, however often it was sent.
        assert_eq!(
            stored.get(id),
            Some(&("completed".to_owned(), 1, 3)),
            "{id}"
        );
    }
    assert_eq!(stored.len(), acknowledged.len());
    run(&cluster.sqld, cluster.folder.path(), &["check"]);
    println!(
        "{} agents in {} changes, each received by {READERS} clients over {connections} connections, {turns} times of trouble",
        acknowledged.len(),
        log.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_one_after_the_other_is_killed() {
    torture(Duration::from_secs(2), 6, Cluster::crash).await;
}

/// The full size: 60 seconds, a kill every 5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes over a minute"]
async fn nothing_is_lost_in_a_minute_of_kills() {
    torture(Duration::from_secs(5), 12, Cluster::crash).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_server_stands_still() {
    let stand_still = |cluster: &mut Cluster, _| {
        cluster.sqld.signal(Signal::STOP);
        // Longer than a feed waits for an answer.
        std::thread::sleep(Duration::from_secs(4));
        cluster.sqld.signal(Signal::CONT);
    };
    torture(Duration::from_secs(1), 2, stand_still).await;
}
