//! The command `orchestrator`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use dev_server::config::{self, Config};
use dev_server::{migrate, serve};
use tracing_subscriber::EnvFilter;

/// The Orchestrator Web Backend on this machine: REST from the components that spin.toml names.
#[derive(Parser)]
#[command(name = "orchestrator", version, after_help = config::help())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The Spin manifest: routes, components, variables.
    #[arg(long, global = true, default_value = "spin.toml", value_name = "FILE")]
    manifest: PathBuf,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Serve REST until SIGINT or SIGTERM (the default).
    Serve,
    /// Bring the database's schema up to date and stop.
    Migrate,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orchestrator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let config = Config::load()?;
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.rust_log))
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => runtime.block_on(serve::serve(&config, &arguments.manifest)),
        Command::Migrate => runtime.block_on(migrate::migrate(&config)),
    }
}
