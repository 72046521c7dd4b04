//! The command `orchestrator`.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use dev_server::config::{self, Config, LogFormat};
use dev_server::{backup, check, healthcheck, migrate, proxy, serve, standalone};
use http::Uri;
use tracing_subscriber::EnvFilter;

/// The system's allocator takes a sixth more of the processor for a list (`make bench`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The Orchestrator Web Backend on this machine: REST from the components that spin.toml names, and the live feed.
#[derive(Parser)]
#[command(name = "orchestrator", version, after_help = config::help())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The Spin manifest: routes, components, variables.
    #[arg(long, global = true, default_value = "spin.toml", value_name = "FILE")]
    manifest: PathBuf,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Serve REST and the live feed until SIGINT or SIGTERM (the default).
    Serve {
        /// Leave the feed to another process.
        #[arg(long)]
        no_feed: bool,
    },
    /// Serve the live feed alone, beside a host of the components such as `spin up`.
    Feed {
        /// Pass every other path on to this server, such as `http://127.0.0.1:3000`.
        #[arg(long, value_name = "URL", value_parser = proxy::parse_upstream)]
        proxy: Option<Uri>,
    },
    /// Ask the server that runs with these settings for its `/health`; fails where it is not well.
    Healthcheck,
    /// Bring the database's schema up to date and stop.
    Migrate,
    /// Copy the database to a file while everything runs. It has all that was committed when the copy began.
    Backup {
        /// The copy, which must not be there yet.
        file: PathBuf,
    },
    /// Recount what is kept (tokens, cost, entries, sessions) and name what is not as the rows say; fails where something is.
    Check {
        /// Make it as the rows say. Holds the write lock for as long as the recount takes.
        #[arg(long)]
        repair: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = Config::load();
    let log_format = config.as_ref().ok().map(|config| config.log_format);
    match config.and_then(|config| run(&arguments, &config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if log_format == Some(LogFormat::Json) {
                tracing::error!("{error:#}");
            } else {
                eprintln!("orchestrator: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start_log(config: &Config) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.rust_log))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn run(arguments: &Arguments, config: &Config) -> Result<()> {
    start_log(config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let command = arguments.command.clone();
    match command.unwrap_or(Command::Serve { no_feed: false }) {
        Command::Serve { no_feed } => {
            runtime.block_on(serve::serve(config, &arguments.manifest, !no_feed))
        }
        Command::Feed { proxy } => runtime.block_on(standalone::feed(config, proxy)),
        Command::Healthcheck => runtime.block_on(healthcheck::healthcheck(config)),
        Command::Migrate => runtime.block_on(migrate::migrate(config)),
        Command::Backup { file } => backup::backup(config, &file),
        Command::Check { repair } => runtime.block_on(check::check(config, repair)),
    }
}
