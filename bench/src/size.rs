//! What a server takes, and how soon it serves, with a few agents in its database and with millions that have finished.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use database::native;
use rusqlite::Connection;

use crate::data;
use crate::feed::{Told, connect, next_number};
use crate::servers::Server;
use crate::table::{table, thousands};

/// How many agents the larger database has.
const MANY: u32 = 5_000_000;
/// What a client asks the feed for, one after the other.
const CLIENTS: [&str; 3] = ["default", "delta", "delta&status=executing,failed"];
/// How many rows of each kind tell what a row takes, and how many statements what one costs.
const SAMPLE: u32 = 20_000;
/// How long a server is left alone before its memory is looked at.
const QUIET: Duration = Duration::from_secs(15);

/// Measures, and gives the text for the report.
pub(crate) async fn measure(folder: &Path) -> Result<String> {
    let mut rows = Vec::new();
    let mut writes = Vec::new();
    for agents in [0, MANY] {
        let database = folder.join(format!("{agents}-finished.db"));
        data::create(&database, 0).await?;
        data::finished_agents(&database, agents)?;
        writes.push(write_costs(&database, agents)?);
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
         {}\n\
         A statement of another process with all that the triggers make of it, without the commit: the mean of {}.\n\n\
         {}\n\
         What a row adds to the file with its indexes and all that is kept beside it, but for the change log.\n\n\
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
        ),
        thousands(SAMPLE),
        table(
            ["finished agents", "new agent", "change", "deletion"],
            writes
        ),
        table(["row", "bytes"], bytes(folder).await?),
    ))
}

/// What statements of another process cost.
fn write_costs(database: &Path, agents: u32) -> Result<[String; 4]> {
    let connection = native::open(database)?;
    let cost = |sql: &str| -> Result<String> {
        connection.execute_batch("BEGIN")?;
        let start = Instant::now();
        each(&connection, sql)?;
        let cost = start.elapsed().as_secs_f64() / f64::from(SAMPLE);
        connection.execute_batch("COMMIT")?;
        Ok(format!("{:.0} µs", cost * 1e6))
    };
    Ok([
        thousands(agents),
        cost(AGENT)?,
        cost("UPDATE agents SET status = 'completed' WHERE id = 'sample-' || ?1")?,
        cost("DELETE FROM agents WHERE id = 'sample-' || ?1")?,
    ])
}

const AGENT: &str = "INSERT INTO agents (id, orchestrator_agent_id, session_id, status, context) SELECT 'sample-' || ?1, \
     (SELECT min(id) FROM orchestrator_agents), 'sample-' || (?1 / 50), 'executing', '{\"task\": \"read the code\"}'";

fn each(connection: &Connection, sql: &str) -> Result<()> {
    let mut statement = connection.prepare(sql)?;
    for number in 0..SAMPLE {
        statement.execute([number])?;
    }
    Ok(())
}

/// What rows take in the file.
async fn bytes(folder: &Path) -> Result<Vec<[String; 2]>> {
    const PRUNE: &str = "DELETE FROM change_log";
    const USED: &str = "SELECT (SELECT page_size FROM pragma_page_size) * \
        ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count))";
    const ROWS: [(&str, &str); 3] = [
        ("an agent that changed once", AGENT),
        (
            "a log entry of 50 characters",
            "INSERT INTO agent_logs (agent_id, log_type, message) \
             SELECT 'sample-' || ?1, 'milestone', hex(zeroblob(25))",
        ),
        (
            "a prompt of 500 characters",
            "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, model_used, tokens_input, status) \
             SELECT 'sample-' || ?1, 'sample-' || ?1, 'adw', hex(zeroblob(250)), 'a-model', 1000, 'completed'",
        ),
    ];
    let database = folder.join("bytes.db");
    data::create(&database, 0).await?;
    let connection = native::open(&database)?;
    let used = || -> Result<i64> {
        connection.execute_batch(PRUNE)?;
        Ok(connection.query_row(USED, [], |row| row.get(0))?)
    };
    let mut rows = Vec::new();
    for (name, sql) in ROWS {
        let before = used()?;
        connection.execute_batch("BEGIN")?;
        each(&connection, sql)?;
        if sql == AGENT {
            connection.execute("UPDATE agents SET status = 'completed'", [])?;
        }
        connection.execute_batch("COMMIT")?;
        let bytes = (used()? - before) / i64::from(SAMPLE);
        rows.push([name.to_owned(), bytes.to_string()]);
    }
    Ok(rows)
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
