//! The real thing: the binary `orchestrator` with the built components, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;

use super::client::{Body, Request, Response};

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// `orchestrator` in the folder `folder`, with nothing of this process's environment that it would read.
pub(crate) fn bare(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    for variable in dev_server::config::VARIABLES {
        command.env_remove(variable.name);
    }
    command.current_dir(folder).env("NO_COLOR", "1");
    command
}

/// The same with the spin.toml of this repository.
pub(crate) fn orchestrator(folder: &Path) -> Command {
    let mut command = bare(folder);
    command.arg("--manifest").arg(manifest());
    command
}

/// The spin.toml of this repository.
pub(crate) fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spin.toml")
}

/// A running server. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    lines: Mutex<Receiver<String>>,
    address: SocketAddr,
    /// The server that this one passes requests on to.
    _upstream: Option<Box<Self>>,
}

impl Server {
    /// Starts a server on a free port.
    pub(crate) fn start(database: &Path, environment: &[(&str, &str)]) -> Self {
        Self::run(database, environment, &["serve"], None)
    }

    /// Starts a server without the feed.
    pub(crate) fn without_a_feed(database: &Path, environment: &[(&str, &str)]) -> Self {
        Self::run(database, environment, &["serve", "--no-feed"], None)
    }

    /// Starts a server without the feed, and the feed by itself in front of it.
    pub(crate) fn behind_a_feed(database: &Path, environment: &[(&str, &str)]) -> Self {
        let rest = Self::without_a_feed(database, environment);
        let url = format!("http://{}", rest.address);
        Self::run(
            database,
            environment,
            &["feed", "--proxy", &url],
            Some(rest),
        )
    }

    fn run(
        database: &Path,
        environment: &[(&str, &str)],
        arguments: &[&str],
        upstream: Option<Self>,
    ) -> Self {
        let mut child = orchestrator(database.parent().expect("a folder"))
            .args(arguments)
            .env("DATABASE_PATH", database)
            .env("WEBSOCKET_PORT", "0")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody may be listening any more, but the pipe has to be emptied.
                let _ = sender.send(line);
            }
        });
        let mut server = Self {
            child,
            lines: Mutex::new(lines),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            _upstream: upstream.map(Box::new),
        };
        let line = server.wait_for("serving http://");
        let address = line.rsplit("http://").next().expect("an address");
        server.address = address.trim().parse().expect("an address");
        server
    }

    /// The next line of the log that contains `text`.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        let lines = self.lines.lock().expect("not poisoned");
        let mut log = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => log.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no {text:?} in the log:\n{}", log.join("\n"))
                }
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await.expect("connects")
    }

    /// Sends `signal` (`TERM`, `KILL`).
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.child.id().to_string())
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// How many bytes of memory of its own the process has.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes
            .expect("a number")
            .parse::<u64>()
            .expect("a number")
            << 10
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP/1.1 connection, kept alive.
pub(crate) struct Connection(SendRequest<Body>);

impl Connection {
    /// Opens a connection to `address`.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request; an error where the server goes away meanwhile.
    pub(crate) async fn try_send(&mut self, request: Request) -> hyper::Result<Response> {
        self.0.ready().await?;
        Response::read(self.0.send_request(request.build()).await?).await
    }

    /// Sends a request, and gives the answer once it has begun.
    pub(crate) async fn begin(mut self, request: Request) -> http::Response<Incoming> {
        self.0.ready().await.expect("a connection");
        let answer = tokio::time::timeout(DEADLINE, self.0.send_request(request.build()));
        answer.await.expect("in time").expect("answers")
    }

    /// Sends a request.
    pub(crate) async fn send(&mut self, request: Request) -> Response {
        let answer = tokio::time::timeout(DEADLINE, self.try_send(request));
        answer.await.expect("in time").expect("answers")
    }
}
