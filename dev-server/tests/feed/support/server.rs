//! A process of the real binary.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Client, PATIENCE, client};

/// A server on a port of its own choice. Ends with its owner.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// A folder for one test.
pub(crate) fn free_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The path of a database that is not there yet, in a folder for one test.
pub(crate) fn free_path() -> (TempDir, PathBuf) {
    let folder = free_folder();
    let path = folder.path().join("orchestrator.db");
    (folder, path)
}

/// The binary, with settings for a test and none of the surroundings'.
pub(crate) fn command(database: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command
        .args([
            "--manifest",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml"),
        ])
        // There is no .env in the database's folder.
        .current_dir(database.parent().unwrap())
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "HOME" || name == "PATH"))
        .env("DATABASE_PATH", database)
        .env("WEBSOCKET_PORT", "0");
    command
}

impl Server {
    /// `orchestrator serve`: REST and the feed.
    pub(crate) fn serve(database: &Path) -> Self {
        Self::start(database, &["serve"], &[])
    }

    /// `orchestrator feed`: the feed alone.
    pub(crate) fn feed(database: &Path) -> Self {
        Self::start(database, &["feed"], &[])
    }

    /// `orchestrator serve --no-feed`: REST alone.
    pub(crate) fn rest(database: &Path) -> Self {
        Self::start(database, &["serve", "--no-feed"], &[])
    }

    /// `orchestrator` with any arguments and settings. Returns once it listens.
    pub(crate) fn start(database: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut child = command(database)
            .args(arguments)
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Reads to the end, so that the server never waits for its log to be read.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut server = Self {
            address: ([0, 0, 0, 0], 0).into(),
            child,
            lines,
        };
        let line = server.logged("serving http://");
        let (_, address) = line.split_once("serving http://").unwrap();
        server.address = address.trim().parse().unwrap();
        server
    }

    /// Waits for a line of the log that has `text` in it.
    pub(crate) fn logged(&self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push_str(&(line + "\n")),
                Err(error) => panic!("{error}: the server does not log {text:?}, but\n{seen}"),
            }
        }
    }

    /// What is left of the log of a process that has ended.
    pub(crate) fn log(&self) -> impl Iterator<Item = String> {
        self.lines.iter()
    }

    /// Connects to the feed with this query, and offers these subprotocols.
    pub(crate) async fn client_offering(&self, query: &str, subprotocols: &str) -> Client {
        client::connect(self.address, query, subprotocols).await
    }

    /// Connects to the feed with this query.
    pub(crate) async fn client(&self, query: &str) -> Client {
        client::connect(self.address, query, "").await
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it stand still, and go on.
    pub(crate) fn stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    pub(crate) fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for its end, which somebody asked for.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Whether it is still there.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * rustix::param::page_size()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let warnings = self.lines.iter().filter(|line| !line.contains(" INFO "));
            warnings.for_each(|line| println!("{line}"));
        }
    }
}
