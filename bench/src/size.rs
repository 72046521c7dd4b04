//! What a server takes, and how soon it serves, with a few agents in its database and with millions that have finished.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::data;
use crate::feed::{Told, connect, next_number};
use crate::servers::Server;
use crate::table::{table, thousands};

/// How many agents the larger database has.
const MANY: u32 = 5_000_000;
/// What a client asks the feed for, one after the other.
const CLIENTS: [&str; 3] = ["default", "delta", "delta&status=executing,failed"];
/// How long a server is left alone before its memory is looked at.
const QUIET: Duration = Duration::from_secs(15);

/// Measures, and gives the text for the report.
pub(crate) async fn measure(folder: &Path) -> Result<String> {
    let mut rows = Vec::new();
    for agents in [0, MANY] {
        let database = folder.join(format!("{agents}-finished.db"));
        data::create(&database, 0).await?;
        data::finished_agents(&database, agents)?;
        for command in ["feed", "serve"] {
            eprintln!("{command} with {agents} finished agents");
            rows.push(row(command, agents, &database).await?);
        }
        std::fs::remove_file(&database)?;
    }
    Ok(format!(
        "## Agents that have finished\n\n\
         From the start of the process to the first whole list at a client, and then how long a client waits for its first frame that \
         asks for all agents, and for those with two statuses. The memory is that after {} s of silence. The rows are \
         put in without the triggers that count them.\n\n\
         {}",
        QUIET.as_secs(),
        table(
            [
                "command",
                "finished agents",
                "first list after",
                "all",
                "by status",
                "memory"
            ],
            rows
        )
    ))
}

async fn row(command: &str, agents: u32, database: &Path) -> Result<[String; 6]> {
    let started = Instant::now();
    let server = Server::start_dev_server(command, database).await?;
    let mut waits = Vec::new();
    for client in CLIENTS {
        let asked = if waits.is_empty() {
            started
        } else {
            Instant::now()
        };
        let mut client = connect(&server.address, client, None).await?;
        next_number(&mut client, Told::Agents).await?;
        waits.push(format!("{:.0} ms", asked.elapsed().as_secs_f64() * 1e3));
    }
    tokio::time::sleep(QUIET).await;
    let memory = server.memory_mib()?;
    let mut waits = waits.into_iter();
    let mut wait = || waits.next().unwrap_or_default();
    Ok([
        command.to_owned(),
        thousands(agents),
        wait(),
        wait(),
        wait(),
        format!("{memory:.0} MiB"),
    ])
}
