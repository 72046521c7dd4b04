//! A process of a test, with its log.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(2);

/// Ends with its owner, and with it what it has started.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    log: Vec<String>,
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Puts a program at `path`. Another process does, as what is open for writing here cannot be run while a thread forks.
pub(crate) fn install(program: &Path, path: &Path) {
    let mut install = Command::new("install");
    let installed = install.args(["-m", "755"]).args([program, path]).status();
    assert!(installed.unwrap().success());
}

/// Asks a process to end.
pub(crate) fn terminate(id: u32) {
    kill_process(pid(id), Signal::TERM).unwrap();
}

/// Whether a process is there.
pub(crate) fn is_there(id: u32) -> bool {
    rustix::process::test_kill_process(pid(id)).is_ok()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .process_group(0)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Reads to the end, so that nobody waits for the log to be read.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            lines,
            log: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log that has `text` in it.
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|error| panic!("{error}: no {text:?} in {:#?}", self.log));
            let is_it = line.contains(text);
            self.log.push(line);
            if is_it {
                return;
            }
        }
    }

    /// What it has logged up to the line that was waited for.
    pub(crate) fn log(&self) -> &[String] {
        &self.log
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process_group(pid(self.child.id()), Signal::KILL);
        let _ = self.child.wait();
    }
}
