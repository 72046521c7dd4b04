//! The two servers under measurement: each a process of its own, ended when dropped.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dev_server::config::VARIABLES;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::cases::Case;
use crate::pages::{self, Walk};
use crate::report::Outcome;
use crate::wrk::{Measurement, Wrk};

/// What either server says before its address, once it takes connections.
pub(crate) const READY: &str = "serving http://";
/// How long a server may take until then; the first start of the dev-server compiles the components.
const START_LIMIT: Duration = Duration::from_mins(2);

/// Both servers, up at once.
pub(crate) struct Servers {
    dev_server: Server,
    ceiling: Server,
}

impl Servers {
    /// Starts each on its database.
    pub(crate) async fn start(dev_server: &Path, ceiling: &Path) -> Result<Self> {
        let mut natively = Command::new(std::env::current_exe()?);
        natively.arg("ceiling");
        Ok(Self {
            dev_server: Server::start_dev_server("serve", dev_server).await?,
            ceiling: Server::start(natively, ceiling)
                .await
                .context("the ceiling")?,
        })
    }

    /// Measures one case, first on the dev-server, then on the ceiling.
    pub(crate) async fn measure(&self, case: &Case, wrk: &Wrk) -> Result<Outcome> {
        Ok(Outcome {
            case: case.name,
            dev_server: wrk.measure(&self.dev_server.address, case).await?,
            ceiling: wrk.measure(&self.ceiling.address, case).await?,
        })
    }

    /// Measures one case on the dev-server, with one request at a time.
    pub(crate) async fn latency(&self, case: &Case, wrk: &Wrk) -> Result<Measurement> {
        wrk.latency(&self.dev_server.address, case).await
    }

    /// Follows a list of the dev-server from its first page to its last.
    pub(crate) async fn walk(&self, first: &str) -> Result<Walk> {
        pages::walk(&self.dev_server.address, first).await
    }
}

/// One server.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: String,
    /// It is killed on drop.
    process: Child,
}

impl Server {
    /// Starts the dev-server by one of its commands on its database.
    pub(crate) async fn start_dev_server(command: &str, database: &Path) -> Result<Self> {
        let mut program = Command::new(std::env::current_exe()?.with_file_name("orchestrator"));
        program.arg(command);
        Self::start(program, database)
            .await
            .context("the dev-server (`make build` makes it)")
    }

    /// The processor time that it has used, in hundredths of a second.
    pub(crate) fn processor_ticks(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        // After the name, which ends with the last parenthesis, the 12th and 13th fields.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| Ok(ticks.parse::<f64>()?)).sum()
    }

    /// The memory that it has, in MiB.
    pub(crate) fn memory_mib(&self) -> Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.context("no VmRSS")?.parse::<f64>()? / 1024.0)
    }

    fn proc(&self, file: &str) -> Result<String> {
        let id = self.process.id().context("the server has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }

    async fn start(mut command: Command, database: &Path) -> Result<Self> {
        // Every setting has its default, whatever the environment and `.env` say.
        command.envs(
            VARIABLES
                .iter()
                .map(|variable| (variable.name, variable.default)),
        );
        let mut process = command
            .env("DATABASE_PATH", database)
            .env("WEBSOCKET_PORT", "0")
            .env("RUST_LOG", "info,access=warn")
            // The data is older than what is kept.
            .env("RETENTION_DAYS", "0")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start")?;
        let stderr = process.stderr.take().context("no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = async {
            while let Some(line) = lines.next_line().await? {
                match line.split_once(READY) {
                    Some((_, address)) => return Ok(address.trim().to_owned()),
                    None => eprintln!("{line}"),
                }
            }
            bail!("ended before it served")
        };
        let address = tokio::time::timeout(START_LIMIT, address)
            .await
            .context("does not serve")??;
        // What else it has to say is passed on.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{line}");
            }
        });
        Ok(Self { address, process })
    }
}
