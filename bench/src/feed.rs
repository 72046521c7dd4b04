//! The live feed: how soon a frame follows a commit, and what clients cost.
//!
//! The writer is this process, so to the server a foreign one. It commits one change at a time with a pause between;
//! each client notes when the frame with that change's number comes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use rusqlite::Connection;
use serde::Deserialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::data;
use crate::servers::Server;
use crate::table::table;

/// How many clients are connected in the runs, one run after the other.
const CLIENTS: [usize; 3] = [1, 100, 1000];
/// How many changes a run has.
const CHANGES: usize = 200;
/// The pause between two of them.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the server's use of the processor is watched.
const IDLE: Duration = Duration::from_secs(20);
/// How many updates tell what the triggers cost.
const UPDATES: u32 = 2000;
/// The kernel counts processor time in hundredths of a second.
const TICKS: f64 = 100.0;

/// Measures, and gives the text for the report.
pub(crate) async fn measure(folder: &Path) -> Result<String> {
    let database = folder.join("feed.db");
    data::create(&database, 10_000).await?;
    let server = Server::start_dev_server("serve", &database).await?;
    let mut rows = Vec::new();
    for clients in CLIENTS {
        eprintln!("feed with {clients} clients");
        let latencies = latencies(&server, &database, clients, Told::Agents, false).await?;
        rows.push(row(&clients.to_string(), &latencies));
    }
    eprintln!("feed with 100 clients that include log entries");
    let logs = latencies(&server, &database, 100, Told::Logs, false).await?;
    rows.push(row("100, of log entries", &logs));
    eprintln!("feed with 100 clients and one that does not read");
    let before = server.memory_mib()?;
    let stalled = latencies(&server, &database, 100, Told::Agents, true).await?;
    let after = server.memory_mib()?;
    rows.push(row("100, and one that does not read", &stalled));

    let alone = idle(&server).await?;
    let connected = connect_all(&server, 1000, Told::Agents).await?;
    let with_clients = idle(&server).await?;
    drop(connected);
    drop(server);

    eprintln!("cost of the change log");
    let cost = trigger_cost(&folder.join("cost.db")).await?;
    Ok(format!(
        "## The live feed\n\n\
         From the commit in another process to the frame at a client in delta mode, over {CHANGES} changes and all \
         clients.\n\n\
         {}\n\
         Beside the client that does not read, the server's memory went from {before:.0} to {after:.0} MiB. With no \
         client it used {alone:.1}% of a core, with 1000 that are idle {with_clients:.1}%.\n\n\
         An update of an agent took {:.0} µs with the triggers that log, tell and count, and {:.0} µs without any \
         (a transaction each, median of {UPDATES}): a ratio of {:.2}.\n",
        table(["clients", "p50", "p99"], rows),
        cost.logged * 1e6,
        cost.plain * 1e6,
        cost.logged / cost.plain,
    ))
}

fn row(name: &str, latencies: &[Duration]) -> [String; 3] {
    let of = |percent: usize| {
        let at = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
        let latency = latencies.get(at).copied().unwrap_or_default();
        format!("{:.1} ms", latency.as_secs_f64() * 1e3)
    };
    [name.to_owned(), of(50), of(99)]
}

/// What is written and told.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Told {
    Agents,
    Logs,
}

impl Told {
    fn mode(self) -> &'static str {
        match self {
            Self::Agents => "delta",
            Self::Logs => "delta&include=logs",
        }
    }
}

pub(crate) type Client = WebSocketStream<TcpStream>;

pub(crate) async fn connect(address: &str, mode: &str, buffer: Option<u32>) -> Result<Client> {
    let socket = TcpSocket::new_v4()?;
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer)?;
    }
    let stream = socket.connect(address.parse()?).await?;
    let url = format!("ws://{address}/ws/agent-status?mode={mode}");
    let (client, _) = tokio_tungstenite::client_async(url, stream).await?;
    Ok(client)
}

async fn connect_all(server: &Server, clients: usize, told: Told) -> Result<Vec<Client>> {
    let mut connected = Vec::new();
    for _ in 0..clients {
        let mut client = connect(&server.address, told.mode(), None).await?;
        next_number(&mut client, Told::Agents).await?;
        connected.push(client);
    }
    Ok(connected)
}

/// The number of the next `agent_update`, or of the last entry in the next `log`.
pub(crate) async fn next_number(client: &mut Client, told: Told) -> Result<i64> {
    #[derive(Deserialize)]
    struct Frame {
        r#type: String,
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        seq: Option<i64>,
        log_id: Option<i64>,
    }
    let kind = match told {
        Told::Agents => "agent_update",
        Told::Logs => "log",
    };
    loop {
        let message = client.next().await.context("the feed closed")??;
        if let Message::Text(text) = message {
            let frame: Frame = serde_json::from_str(&text)?;
            if frame.r#type == kind {
                let number = frame.data.log_id.or(frame.data.seq);
                return number.context("a frame without its number");
            }
        }
    }
}

/// All latencies at all clients, sorted.
async fn latencies(
    server: &Server,
    database: &Path,
    clients: usize,
    told: Told,
    with_stalled: bool,
) -> Result<Vec<Duration>> {
    let stalled = if with_stalled {
        Some(connect(&server.address, "default", Some(4096)).await?)
    } else {
        None
    };
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let ready = Arc::new(Barrier::new(clients + 1));
    let mut tasks = JoinSet::new();
    for mut client in connect_all(server, clients, told).await? {
        let arrivals = Arc::clone(&arrivals);
        let ready = Arc::clone(&ready);
        tasks.spawn(async move {
            ready.wait().await;
            let mut own = Vec::with_capacity(CHANGES);
            while own.len() < CHANGES {
                let seq = next_number(&mut client, told).await?;
                own.push((seq, Instant::now()));
            }
            if let Ok(mut all) = arrivals.lock() {
                all.extend(own);
            }
            anyhow::Ok(())
        });
    }
    ready.wait().await;
    let database = database.to_owned();
    let commits = tokio::task::spawn_blocking(move || write(&database, told)).await??;
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    drop(stalled);
    let arrivals = arrivals.lock().map(|all| all.clone()).unwrap_or_default();
    let mut latencies: Vec<Duration> = arrivals
        .iter()
        .filter_map(|(seq, at)| Some(at.saturating_duration_since(*commits.get(seq)?)))
        .collect();
    latencies.sort_unstable();
    Ok(latencies)
}

/// Changes an agent again and again, or adds log entries, and gives when each change was committed.
fn write(database: &Path, told: Told) -> Result<HashMap<i64, Instant>> {
    let [statement, last] = match told {
        Told::Agents => [
            "UPDATE agents SET cost_usd = cost_usd + 0.01 WHERE id = ?1",
            "SELECT max(seq) FROM change_log",
        ],
        Told::Logs => [
            "INSERT INTO agent_logs (agent_id, log_type, message) VALUES (?1, 'milestone', 'x')",
            "SELECT max(id) FROM agent_logs",
        ],
    };
    let connection = Connection::open(database)?;
    let agent = data::agent_id(data::BUSIEST);
    let mut commits = HashMap::new();
    for _ in 0..CHANGES {
        connection.execute(statement, [&agent])?;
        let at = Instant::now();
        commits.insert(connection.query_row(last, [], |row| row.get(0))?, at);
        std::thread::sleep(PAUSE);
    }
    Ok(commits)
}

/// The share of a core, in percent, that the server uses while nothing happens.
async fn idle(server: &Server) -> Result<f64> {
    let before = server.processor_ticks()?;
    tokio::time::sleep(IDLE).await;
    let used = server.processor_ticks()? - before;
    Ok(used / TICKS / IDLE.as_secs_f64() * 100.0)
}

struct Cost {
    logged: f64,
    plain: f64,
}

/// What an update costs with the table's triggers, which log, tell and count, and without, in seconds. The two take turns.
async fn trigger_cost(database: &Path) -> Result<Cost> {
    const TRIGGERS: &str =
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'agents'";
    data::create(database, 0).await?;
    let connection = database::native::open(database)?;
    let triggers: Vec<(String, String)> = connection
        .prepare(TRIGGERS)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..20 {
        let logged = turn % 2 == 0;
        for (name, sql) in &triggers {
            match logged {
                true if turn > 0 => connection.execute_batch(sql)?,
                true => {}
                false => connection.execute_batch(&format!("DROP TRIGGER {name}"))?,
            }
        }
        // Prepared once, as by the hosts and by Python's sqlite3.
        let mut statement =
            connection.prepare("UPDATE agents SET cost_usd = cost_usd + 0.01 WHERE id = ?1")?;
        for update in 0..UPDATES / 10 {
            let start = Instant::now();
            statement.execute([data::agent_id(update % 100)])?;
            times[usize::from(!logged)].push(start.elapsed().as_secs_f64());
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_unstable_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    let [logged, plain] = &mut times;
    Ok(Cost {
        logged: median(logged),
        plain: median(plain),
    })
}
