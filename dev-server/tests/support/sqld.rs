//! A libSQL server of a test's own, which `scripts/sqld` fetches.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use database::libsql::{Server, Session};
use tempfile::TempDir;

/// How long it may take to listen.
const START: Duration = Duration::from_mins(1);

/// A server with a database in a folder of its own. Ends with its owner.
pub(crate) struct Sqld {
    pub(crate) address: SocketAddr,
    pub(crate) child: Option<Child>,
    command: Command,
    /// Kept, as its clones share their connections.
    server: Server,
    _folder: TempDir,
}

/// The program; `None` where it cannot be had, which is said, and is a fault in CI.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/sqld");
        let output = Command::new(script).stderr(Stdio::inherit()).output();
        let output = output.expect("scripts/sqld runs");
        if output.status.success() {
            let path = String::from_utf8(output.stdout).expect("a path");
            return Some(path.trim().into());
        }
        assert!(std::env::var_os("CI").is_none(), "there is no sqld");
        println!("SKIPPED: there is no libSQL server; see scripts/sqld");
        None
    });
    program.as_deref()
}

/// An address that nobody has at this moment.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

impl Sqld {
    /// A server with an empty database; `None` where there is none to be had.
    pub(crate) fn start() -> Option<Self> {
        Self::with(Vec::new())
    }

    /// The same with more arguments.
    pub(crate) fn with(arguments: Vec<String>) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let mut command = Command::new(program);
        command
            .args(["--no-welcome", "--db-path"])
            .arg(folder.path().join("data"))
            .args(["--http-listen-addr", &address.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let url = format!("http://{address}");
        let mut sqld = Self {
            server: Server::new(&url, "").expect("an address"),
            address,
            child: None,
            command,
            _folder: folder,
        };
        sqld.run();
        Some(sqld)
    }

    /// Starts the program, and waits until it listens.
    pub(crate) fn run(&mut self) {
        self.child = Some(self.command.spawn().expect("sqld starts"));
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "sqld does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Where it is, for `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        self.server.to_string()
    }

    /// A connection of somebody else.
    pub(crate) fn session(&self) -> RefCell<Session> {
        RefCell::new(Session::new(self.server.clone()))
    }
}

impl Drop for Sqld {
    fn drop(&mut self) {
        self.kill();
    }
}
