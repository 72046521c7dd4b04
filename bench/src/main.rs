//! The command `bench`: how fast the dev-server answers, beside the same handlers without WebAssembly.
//!
//! Two servers take turns on the same data, case by case, so that whatever else the machine does meets both: the
//! dev-server, and the ceiling, which is what hosting the components could at best reach. It measures and asserts
//! nothing; only an answer that is an error is pointed out.

mod batches;
mod cases;
mod ceiling;
mod client;
mod data;
mod feed;
mod pages;
mod report;
mod servers;
mod size;
mod table;
mod wrk;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};

use crate::report::Report;
use crate::servers::Servers;
use crate::wrk::Wrk;

/// The dev-server's, so that the ceiling has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many log entries the databases of the log cases have.
const LOG_ROWS: [u32; 3] = [10_000, 100_000, 1_000_000];

/// Measures the dev-server against the same handlers run natively, and writes the table down.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// For how long each case is measured on each server.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Where the table goes.
    #[arg(long, default_value = "docs/benchmark.md", value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Serve as the ceiling (the benchmark starts itself so).
    #[command(hide = true)]
    Ceiling,
    /// Measure the live feed alone, and print that.
    Feed,
    /// Measure what millions of agents take, and print that.
    Size,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Command::Ceiling) = arguments.command {
        return ceiling::serve().await;
    }
    // Whoever wins, the other is dropped: the servers end and their data goes.
    tokio::select! {
        biased;
        signal = tokio::signal::ctrl_c() => {
            signal?;
            bail!("interrupted");
        }
        result = run(&arguments) => result,
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    // Beside the binary rather than in the system's folder, which may be in memory: a commit has to reach a disk.
    let program = std::env::current_exe()?;
    let beside = program.parent().context("the binary is in no folder")?;
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(beside)?;
    if let Some(Command::Feed) = arguments.command {
        print!("{}", feed::measure(folder.path()).await?);
        return Ok(());
    }
    if let Some(Command::Size) = arguments.command {
        print!("{}", size::measure(folder.path()).await?);
        return Ok(());
    }
    let wrk = Wrk::new(folder.path(), arguments.seconds)?;
    let mut report = Report::default();

    let mut sizes = Vec::new();
    for rows in LOG_ROWS {
        let database = folder.path().join(format!("{rows}.db"));
        data::create(&database, rows).await?;
        sizes.push((rows, Servers::start(&database, &database).await?));
    }
    for case in cases::reads() {
        eprintln!("{}", case.name);
        report.add(None, sizes[0].1.measure(&case, &wrk).await?);
    }
    for case in cases::logs() {
        for (rows, servers) in &sizes {
            eprintln!("{} of {rows}", case.name);
            report.add(Some(*rows), servers.measure(&case, &wrk).await?);
        }
    }

    // Each server creates rows in a file of its own, as the one must not change what the other one has.
    let [own, other] = ["dev-server.db", "ceiling.db"].map(|name| folder.path().join(name));
    for database in [&own, &other] {
        data::create(database, LOG_ROWS[0]).await?;
    }
    let servers = Servers::start(&own, &other).await?;
    for case in cases::creates() {
        eprintln!("{}", case.name);
        report.add(None, servers.measure(&case, &wrk).await?);
    }

    drop(servers);
    let (_, servers) = sizes.pop().context("no database")?;
    drop(sizes);
    let mut questions = Vec::new();
    eprintln!("every page of the log");
    let walk = servers.walk(cases::FIRST_PAGE).await?;
    for case in cases::questions(&walk.last) {
        eprintln!("{}", case.name);
        questions.push((case.name, servers.latency(&case, &wrk).await?));
    }
    drop(servers);
    let batches = batches::measure(folder.path()).await?;
    let feed = feed::measure(folder.path()).await?;
    let size = size::measure(folder.path()).await?;

    let cases = report.to_markdown(arguments.seconds)?;
    let questions = report::questions(questions, &walk);
    let text = format!("{cases}\n{questions}\n{batches}\n{feed}\n{size}");
    print!("{text}");
    std::fs::write(&arguments.output, text)
        .with_context(|| format!("cannot write {}", arguments.output.display()))
}
