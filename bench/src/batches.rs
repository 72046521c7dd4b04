//! Many writers at once: agents that each send their log in batches of a thousand entries.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hyper::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::data;
use crate::servers::Server;
use crate::table::{table, thousands};

/// How many send at once.
const WRITERS: u32 = 8;
/// How many entries a batch has.
const BATCH: u32 = 1000;
/// For how long they send.
const TIME: Duration = Duration::from_secs(20);
/// How many entries the log has before.
const BEFORE: u32 = 10_000;

/// Measures, and gives the text for the report.
pub(crate) async fn measure(folder: &Path) -> Result<String> {
    eprintln!("{WRITERS} writers of {BATCH} log entries at a time");
    let database = folder.join("batches.db");
    data::create(&database, BEFORE).await?;
    let server = Server::start_dev_server("serve", &database).await?;
    let start = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let address = server.address.clone();
        writers.spawn(async move { write(&address, writer, start + TIME).await });
    }
    let mut latencies = Vec::new();
    let mut refused = 0;
    for writer in writers.join_all().await {
        let (taken, not) = writer?;
        latencies.extend(taken);
        refused += not;
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort();

    let batches = u32::try_from(latencies.len())?;
    let expected = i64::from(BEFORE) + i64::from(batches * BATCH);
    let stats = Client::connect(&server.address)
        .await?
        .get("/api/runtime/stats")
        .await?;
    let stats: Value = serde_json::from_slice(stats.body())?;
    let counted = stats["logs"]["total"].as_i64().context("no total")?;
    let stored: i64 =
        Connection::open(&database)?
            .query_row("SELECT count(*) FROM agent_logs", [], |row| row.get(0))?;
    let exact = if counted == expected && stored == expected {
        "The rows in the file and the sums of `/api/runtime/stats` are exactly what was answered with 201."
    } else {
        "THE ROWS OR THE SUMS ARE NOT WHAT WAS ANSWERED WITH 201."
    };
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let place = ((latencies.len() - 1) as f64 * share) as usize;
        let latency = latencies.get(place).copied().unwrap_or_default();
        format!("{:.0} ms", latency.as_secs_f64() * 1000.0)
    };
    let row = [
        format!("{WRITERS} writers, {} entries a batch", thousands(BATCH)),
        format!("{:.0}", f64::from(batches * BATCH) / seconds),
        at(0.5),
        at(0.99),
        refused.to_string(),
    ];
    let head = ["log entries", "rows/s", "p50", "p99", "not 201"];
    Ok(format!(
        "## Batches of log entries\n\n{}\n{:.0} s, every batch committed to disk before its answer. {exact}\n",
        table(head, vec![row]),
        TIME.as_secs_f64(),
    ))
}

/// Sends batches until `end`. Gives how long each took that was taken, and how many were not.
async fn write(address: &str, writer: u32, end: Instant) -> Result<(Vec<Duration>, usize)> {
    let entries: Vec<Value> = (0..BATCH)
        .map(|n| {
            json!({
                "agent_id": data::agent_id(writer * 10 + n % 10),
                "log_level": if n % 50 == 0 { "WARNING" } else { "INFO" },
                "log_type": "tool_call",
                "message": "Ran the test suite: 128 passed, 0 failed",
                "details": {"turn": n, "tool": "shell"},
            })
        })
        .collect();
    let body = Bytes::from(serde_json::to_vec(&entries)?);
    let mut client = Client::connect(address).await?;
    let mut latencies = Vec::new();
    let mut refused = 0;
    while Instant::now() < end {
        let start = Instant::now();
        let response = client.post("/api/runtime/logs", body.clone()).await?;
        if response.status() == StatusCode::CREATED {
            latencies.push(start.elapsed());
        } else {
            refused += 1;
        }
    }
    Ok((latencies, refused))
}
