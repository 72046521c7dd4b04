//! Many writers of every kind, and clients that drop and resume at random: each receives exactly the changes.

use std::net::SocketAddr;
use std::path::Path;

use http::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::support::{
    Client, Database, History, Random, Received, Server, Update, patiently, python, request,
    try_connect,
};

/// Where the servers are now: REST, and each feed.
#[derive(Clone)]
pub(crate) struct Addresses {
    pub(crate) rest: Vec<SocketAddr>,
    pub(crate) feeds: Vec<SocketAddr>,
}

/// The servers of a test.
struct Servers(Vec<Server>);

#[derive(Clone, Copy)]
enum Arrangement {
    /// `serve`.
    Together,
    /// `serve --no-feed`, and `feed` beside it.
    Apart,
    /// `serve`, and `feed` beside it.
    Two,
}

impl Servers {
    fn start(arrangement: Arrangement, database: &Path) -> Self {
        Self(match arrangement {
            Arrangement::Together => vec![Server::serve(database)],
            Arrangement::Apart => vec![Server::rest(database), Server::feed(database)],
            Arrangement::Two => vec![Server::serve(database), Server::feed(database)],
        })
    }

    fn addresses(&self, arrangement: Arrangement) -> Addresses {
        let all: Vec<SocketAddr> = self.0.iter().map(|server| server.address).collect();
        Addresses {
            rest: vec![all[0]],
            feeds: match arrangement {
                Arrangement::Apart => all[1..].to_vec(),
                Arrangement::Together | Arrangement::Two => all,
            },
        }
    }
}

/// Inserts, updates and deletes agents of its own, some of them in longer transactions.
fn write(path: &Path, name: &str, seed: u64, changes: usize) {
    let database = Database::open_unsynced(path);
    let mut random = Random::new(seed);
    let mut agents: Vec<String> = Vec::new();
    let statuses = ["planning", "executing", "reviewing", "completed", "failed"];
    let mut done = 0;
    while done < changes {
        let size = [1, 1, 1, 2, 5, 100][random.below(6)].min(changes - done);
        database
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .unwrap();
        for _ in 0..size {
            done += 1;
            match random.below(10) {
                0 if !agents.is_empty() => {
                    let id = agents.swap_remove(random.below(agents.len()));
                    database.delete(&id);
                }
                1..8 if !agents.is_empty() => {
                    let id = &agents[random.below(agents.len())];
                    let sql = "UPDATE agents SET status = ?2, cost_usd = ?3 WHERE id = ?1";
                    database.run(
                        sql,
                        (id, statuses[random.below(5)], u32::try_from(done).unwrap()),
                    );
                }
                _ => {
                    let id = format!("{name}-{done}");
                    database.add_to(name, &id, "initializing");
                    agents.push(id);
                }
            }
        }
        database.connection.execute_batch("COMMIT").unwrap();
    }
}

/// The same in Python, as today's writers do it.
const WRITER: &str = "
import random, sqlite3, sys
path, name, seed, changes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
connection = sqlite3.connect(path, timeout=60)
connection.execute('PRAGMA synchronous = OFF')
random.seed(seed)
agents = []
for done in range(1, changes + 1):
    choice = random.randrange(10)
    if choice == 0 and agents:
        agent = agents.pop(random.randrange(len(agents)))
        connection.execute('DELETE FROM agents WHERE id=?', (agent,))
    elif choice < 8 and agents:
        status = random.choice(['planning', 'executing', 'completed', 'failed'])
        connection.execute('UPDATE agents SET status=?, cost_usd=? WHERE id=?', (status, done, random.choice(agents)))
    else:
        agents.append(f'{name}-{done}')
        connection.execute(
            'INSERT INTO agents (id, orchestrator_agent_id, session_id, status) VALUES (?, ?, ?, ?)',
            (agents[-1], 'd', name, 'initializing'))
    if random.randrange(3):
        connection.commit()
connection.commit()
";

/// POSTs agents until `changes` of them are stored, whatever happens to the server.
async fn post(mut addresses: watch::Receiver<Addresses>, name: String, changes: usize) {
    let body = json!({"orchestrator_agent_id": "d", "session_id": name}).to_string();
    let mut done = 0;
    while done < changes {
        let address = addresses.borrow_and_update().rest[0];
        let headers = [("content-type", "application/json")];
        match request(
            address,
            Method::POST,
            "/api/runtime/agents",
            &headers,
            body.clone(),
        )
        .await
        {
            Some(answer) if answer.status == StatusCode::CREATED => done += 1,
            Some(answer) => {
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
            }
            None => patiently("another server", addresses.changed())
                .await
                .unwrap(),
        }
    }
}

/// Starts every kind of writer, `changes` in all. `round` tells their agents from those of another round.
fn start_writers(
    database: &Path,
    addresses: &watch::Receiver<Addresses>,
    round: u64,
    changes: usize,
) -> Vec<JoinHandle<()>> {
    let posts = changes / 10;
    let [by_rust, by_python] = [changes / 4, changes - 2 * (changes / 4) - posts];
    let mut writers = Vec::new();
    for writer in 1..=2 {
        let path = database.to_owned();
        writers.push(spawn_blocking(move || {
            write(
                &path,
                &format!("rust{writer}-{round}"),
                round * 10 + writer,
                by_rust,
            );
        }));
    }
    let path = database.to_str().unwrap().to_owned();
    writers.push(spawn_blocking(move || {
        let name = format!("python-{round}");
        python(
            WRITER,
            &[&path, &name, &round.to_string(), &by_python.to_string()],
        );
    }));
    writers.push(tokio::spawn(post(
        addresses.clone(),
        format!("rest-{round}"),
        posts,
    )));
    writers
}

/// A client that drops its connection again and again and resumes, until it has the change `goal`.
pub(crate) async fn read(
    mut addresses: watch::Receiver<Addresses>,
    mut goal: watch::Receiver<Option<i64>>,
    seed: u64,
) -> (History, usize) {
    let mut random = Random::new(seed);
    let mut history = History::after(0);
    let mut connections = 0;
    loop {
        let feeds = addresses.borrow_and_update().feeds.clone();
        let feed = feeds[random.below(feeds.len())];
        let query = format!("mode=delta&since={}", history.seq());
        let Ok(mut client) = try_connect(TcpSocket::new_v4().unwrap(), feed, &query).await else {
            patiently("another feed", addresses.changed())
                .await
                .unwrap();
            continue;
        };
        connections += 1;
        let frames = [1, 5, 20, 50][random.below(4)];
        if receive(&mut client, &mut history, &mut goal, frames).await {
            return (history, connections);
        }
        // Else it just drops, and what was on its way is lost and has to come again.
        if random.below(2) == 0 {
            client.close().await;
        }
    }
}

/// Receives up to `frames` frames. Gives true at the goal.
async fn receive(
    client: &mut Client,
    history: &mut History,
    goal: &mut watch::Receiver<Option<i64>>,
    frames: usize,
) -> bool {
    for _ in 0..frames {
        if goal
            .borrow_and_update()
            .is_some_and(|goal| history.seq() >= goal)
        {
            return true;
        }
        let received = tokio::select! {
            received = client.receive() => received,
            _ = goal.changed() => continue,
        };
        match received {
            Received::Frame(kind, data) if kind == "agent_update" => {
                history.take(Update::read(&data));
            }
            Received::Frame(kind, data) => assert_eq!(kind, "heartbeat", "{data}"),
            Received::Closed(_) => return false,
        }
    }
    false
}

/// `rounds` rounds of writing. Between their starts and their ends, all servers are killed and started again, but in
/// the last round.
async fn torture(arrangement: Arrangement, rounds: u64, changes: usize) {
    let database = Database::new();
    let mut servers = Servers::start(arrangement, &database.path);
    let (published, addresses) = watch::channel(servers.addresses(arrangement));
    let (reached, goal) = watch::channel(None);
    let readers: Vec<_> = (1..=6)
        .map(|seed| tokio::spawn(read(addresses.clone(), goal.clone(), seed)))
        .collect();

    let per_round = changes / usize::try_from(rounds).unwrap();
    for round in 1..=rounds {
        let writers = start_writers(&database.path, &addresses, round, per_round);
        if round < rounds {
            let middle = database.seq() + i64::try_from(per_round / 4).unwrap();
            let watcher = published.borrow().feeds[0];
            let query = format!("mode=delta&since={}", database.seq());
            let mut client = try_connect(TcpSocket::new_v4().unwrap(), watcher, &query)
                .await
                .unwrap();
            while client.update().await.seq < middle {}
            servers.0.drain(..).for_each(Server::kill);
            servers = Servers::start(arrangement, &database.path);
            published.send_replace(servers.addresses(arrangement));
        }
        for writer in writers {
            writer.await.unwrap();
        }
    }

    reached.send_replace(Some(database.seq()));
    let log = database.log();
    assert!(log.len() >= changes, "{}", log.len());
    assert!(log.iter().any(|change| change.after.is_none()));
    for reader in readers {
        let (history, connections) = reader.await.unwrap();
        history.check(&log);
        assert!(connections > 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_receives_exactly_the_changes_of_serve() {
    torture(Arrangement::Together, 1, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_receives_exactly_the_changes_of_a_feed_alone() {
    torture(Arrangement::Apart, 1, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_receives_exactly_the_changes_of_two_feeds() {
    torture(Arrangement::Two, 1, 4_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_receives_exactly_the_changes_when_serve_is_killed() {
    torture(Arrangement::Together, 3, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_receives_exactly_the_changes_when_a_feed_alone_is_killed() {
    torture(Arrangement::Apart, 3, 3_000).await;
}
