//! One measurement, by wrk: 32 connections, each of which sends its next request when it has the answer.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

use crate::cases::Case;

/// How many connections send at once.
const CONNECTIONS: u32 = 32;
/// For how long a server gets a case before it is measured.
const WARM_UP_SECONDS: u32 = 1;

/// What a server achieved in one case.
#[derive(Deserialize)]
pub(crate) struct Measurement {
    pub(crate) requests: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// How many answers had another status.
    pub(crate) not_2xx: u64,
    /// How many requests failed, or had no answer within the 2 s that wrk waits.
    pub(crate) failed_or_slow: u64,
}

/// wrk with our script.
pub(crate) struct Wrk {
    script: PathBuf,
    seconds: u32,
    runs: AtomicU32,
}

impl Wrk {
    /// Measures for `seconds`; the script is put into `folder`.
    pub(crate) fn new(folder: &Path, seconds: u32) -> Result<Self> {
        let script = folder.join("wrk.lua");
        std::fs::write(&script, include_str!("wrk.lua"))?;
        Ok(Self {
            script,
            seconds,
            runs: AtomicU32::new(0),
        })
    }

    /// Measures `case` on the server at `address`, once it is warm.
    pub(crate) async fn measure(&self, address: &str, case: &Case) -> Result<Measurement> {
        self.run(address, case, CONNECTIONS, WARM_UP_SECONDS)
            .await?;
        self.run(address, case, CONNECTIONS, self.seconds).await
    }

    /// Measures `case` with one connection, so that no request waits for another.
    pub(crate) async fn latency(&self, address: &str, case: &Case) -> Result<Measurement> {
        self.run(address, case, 1, WARM_UP_SECONDS).await
    }

    async fn run(
        &self,
        address: &str,
        case: &Case,
        connections: u32,
        seconds: u32,
    ) -> Result<Measurement> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new("wrk");
        command
            .args([
                "-t1",
                &format!("-c{connections}"),
                "--latency",
                &format!("-d{seconds}s"),
                "-s",
            ])
            .arg(&self.script)
            .arg(format!("http://{address}{}", case.path))
            .kill_on_drop(true);
        if let Some(body) = &case.body {
            command.args(["--", body, &format!("{run}-")]);
        }
        let output = command
            .output()
            .await
            .context("cannot run wrk: install it, for example by `apt-get install wrk`")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!(
                "wrk failed: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let last = text.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| format!("wrk said: {text}"))
    }
}
