//! The agents of `examples/`, as they show at a client of the feed.

use std::net::SocketAddr;
use std::process::{Output, Stdio};

use http::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::support::{Client, Database, Server, patiently};

/// The seconds of a lease.
const LEASE: i64 = 3;

#[derive(Clone, Copy)]
enum Example {
    Python,
    Shell,
}

impl Example {
    /// Starts it in the session `s`, with so many seconds for each piece of its work.
    fn start(self, server: SocketAddr, work: &str) -> Agent {
        self.start_with(server, work, &[])
    }

    fn start_with(self, server: SocketAddr, work: &str, settings: &[(&str, &str)]) -> Agent {
        let (program, file) = match self {
            Self::Python => ("python3", "agent.py"),
            Self::Shell => ("sh", "agent.sh"),
        };
        let child = Command::new(program)
            .arg(format!("{}/../examples/{file}", env!("CARGO_MANIFEST_DIR")))
            .arg("s")
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "HOME" || name == "PATH"))
            .env("ORCHESTRATOR_URL", format!("http://{server}"))
            .env("LEASE_SECONDS", LEASE.to_string())
            .env("WORK_SECONDS", work)
            .env("ANSWER_SECONDS", "0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3, sh and curl are needed");
        Agent(child)
    }
}

/// A running example.
struct Agent(Child);

impl Agent {
    fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id().expect("it runs")).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    async fn output(self) -> Output {
        let output = patiently("the agent's end", self.0.wait_with_output());
        output.await.unwrap()
    }
}

/// Reads on until an agent has the status `last`, and gives all that agents had, and the last one.
async fn statuses(client: &mut Client, last: &str) -> (Vec<String>, Value) {
    patiently(&format!("the status {last}"), read_statuses(client, last)).await
}

async fn read_statuses(client: &mut Client, last: &str) -> (Vec<String>, Value) {
    let mut seen = Vec::new();
    loop {
        for agent in client.update().await.agents {
            let status = agent["status"].as_str().unwrap().to_owned();
            // A change of something else is none of the status.
            if seen.last() != Some(&status) {
                seen.push(status);
            }
            if seen.last().is_some_and(|status| status == last) {
                return (seen, agent);
            }
        }
    }
}

async fn list(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json().as_array().unwrap().clone()
}

async fn patch(server: &Server, agent: &Value, body: Value) -> StatusCode {
    let path = format!("/api/runtime/agents/{}", agent["id"].as_str().unwrap());
    let json = [("content-type", "application/json")];
    let answer = server.request(Method::PATCH, &path, &json, body.to_string());
    answer.await.status
}

/// What the whole run of an agent leaves behind.
async fn has_run_once(server: &Server, output: &Output) {
    assert!(output.status.success(), "{output:?}");
    let agents = list(server, "/api/runtime/agents?session_id=s").await;
    assert_eq!(agents.len(), 1);
    let agent = &agents[0];
    let expected = json!({
        "status": "completed", "tokens_input": 1200, "tokens_output": 340, "cost_usd": 0.0087,
        "lease_seconds": LEASE, "error_message": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&agent[name], value, "{name}");
    }
    let prompts = list(server, "/api/runtime/prompts?session_id=s").await;
    assert_eq!(prompts.len(), 1);
    assert_eq!(prompts[0]["status"], "completed");
    assert!(prompts[0]["latency_ms"].is_u64());
    let logs = list(server, "/api/runtime/logs?session_id=s&order=asc").await;
    let messages: Vec<&str> = logs
        .iter()
        .filter_map(|log| log["message"].as_str())
        .collect();
    assert_eq!(messages, ["started", "read", "a slow read", "done"]);
    assert_eq!(logs[1]["details"], json!({"file": "README.md"}));
    let printed = String::from_utf8_lossy(&output.stdout);
    let id = agent["id"].as_str().unwrap();
    let lines = format!("agent {id} in session s\nplanning\nexecuting\nreviewing\ncompleted\n");
    assert_eq!(printed, lines);
}

async fn shows_each_step(example: Example) {
    let database = Database::new();
    let server = Server::serve(&database.path);
    for _ in 0..2 {
        let mut client = server.client("mode=delta&session_id=s").await;
        assert_eq!(client.update().await.to_string(), "all:");
        let agent = example.start(server.address, "0.1");
        let (seen, shown) = statuses(&mut client, "completed").await;
        assert_eq!(
            seen,
            [
                "initializing",
                "planning",
                "executing",
                "reviewing",
                "completed"
            ]
        );
        assert_eq!(shown["cost_usd"], 0.0087);
        has_run_once(&server, &agent.output().await).await;
        // It finds its definition the next time.
        let definitions = list(&server, "/api/agents?q=example").await;
        assert_eq!(definitions.len(), 1);
        database.run("DELETE FROM agents", ());
        while client.update().await.removed.is_empty() {}
    }
}

#[tokio::test]
async fn each_step_of_the_python_agent_shows() {
    shows_each_step(Example::Python).await;
}

#[tokio::test]
async fn each_step_of_the_shell_agent_shows() {
    shows_each_step(Example::Shell).await;
}

#[tokio::test]
async fn the_agents_bring_a_token() {
    let database = Database::new();
    let token = [("API_TOKEN", "secret")];
    let server = Server::start(&database.path, &["serve"], &token);
    for example in [Example::Python, Example::Shell] {
        let refused = example.start(server.address, "0").output().await;
        assert!(!refused.status.success());
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains("401"),
            "{refused:?}"
        );
        let output = example
            .start_with(server.address, "0", &token)
            .output()
            .await;
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(
        database.count("SELECT count(*) FROM agents WHERE status = 'completed'"),
        2
    );
}

/// Starts an agent and has it cancelled while it waits for a prompt's answer.
async fn ends_as_cancelled(example: Example, cancel: impl AsyncFnOnce(&Server, &Agent, Value)) {
    let database = Database::new();
    let server = Server::serve(&database.path);
    let mut client = server.client("mode=delta").await;
    let agent = example.start(server.address, "20");
    let (_, shown) = statuses(&mut client, "planning").await;
    let asked = async {
        while database.count("SELECT count(*) FROM prompts WHERE status = 'streaming'") == 0 {
            tokio::task::yield_now().await;
        }
    };
    patiently("a prompt", asked).await;
    cancel(&server, &agent, shown).await;
    let (seen, shown) = statuses(&mut client, "cancelled").await;
    assert_eq!(*seen.last().unwrap(), "cancelled");
    assert!(shown["completed_at"].is_string());
    let output = agent.output().await;
    assert!(output.status.success(), "{output:?}");
    let prompts = list(&server, "/api/runtime/prompts").await;
    assert_eq!(prompts[0]["status"], "cancelled");
}

async fn is_cancelled_by_a_client(example: Example) {
    ends_as_cancelled(example, async |server, _, shown| {
        let status = patch(server, &shown, json!({"cancel_requested": true})).await;
        assert_eq!(status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_client_cancels_the_python_agent() {
    is_cancelled_by_a_client(Example::Python).await;
}

#[tokio::test]
async fn a_client_cancels_the_shell_agent() {
    is_cancelled_by_a_client(Example::Shell).await;
}

/// Whether this process, and so a shell that it starts, does not hear SIGINT: so it is in a background job.
fn interrupts_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (Signal::INT.as_raw() - 1)) != 0)
}

async fn is_cancelled_by_a_signal(example: Example) {
    for signal in [Signal::INT, Signal::TERM] {
        if signal == Signal::INT && interrupts_are_ignored() {
            continue;
        }
        ends_as_cancelled(example, async |_, agent, _| agent.send(signal)).await;
    }
}

#[tokio::test]
async fn a_signal_cancels_the_python_agent() {
    is_cancelled_by_a_signal(Example::Python).await;
}

#[tokio::test]
async fn a_signal_cancels_the_shell_agent() {
    is_cancelled_by_a_signal(Example::Shell).await;
}

async fn is_lost_when_killed(example: Example) {
    let database = Database::new();
    let server = Server::serve(&database.path);
    let mut client = server.client("mode=delta").await;
    let agent = example.start(server.address, "20");
    statuses(&mut client, "planning").await;
    agent.send(Signal::KILL);
    assert!(!agent.output().await.status.success());
    let (_, shown) = statuses(&mut client, "failed").await;
    assert_eq!(shown["error_message"], "heartbeat lost");
    // From the last heartbeat on, which may have been on its way.
    let silence = database.count(
        "SELECT CAST(round((julianday(completed_at) - julianday(heartbeat_at)) * 86400000) AS INTEGER) FROM agents",
    );
    assert!(
        (LEASE * 1000..=(LEASE + 2) * 1000).contains(&silence),
        "{silence} ms"
    );
    // Had it only been silent, it would come back.
    let late = patch(&server, &shown, json!({"status": "completed"})).await;
    assert_eq!(late, StatusCode::OK);
}

#[tokio::test]
async fn the_python_agent_is_lost_when_it_is_killed() {
    is_lost_when_killed(Example::Python).await;
}

#[tokio::test]
async fn the_shell_agent_is_lost_when_it_is_killed() {
    is_lost_when_killed(Example::Shell).await;
}

/// Runs the person's side.
async fn steer(server: &Server, arguments: &[&str]) -> Output {
    let steer = Command::new("python3")
        .arg(format!(
            "{}/../examples/steer.py",
            env!("CARGO_MANIFEST_DIR")
        ))
        .args(arguments)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "HOME" || name == "PATH"))
        .env("ORCHESTRATOR_URL", format!("http://{}", server.address))
        .output();
    patiently("steer.py", steer).await.unwrap()
}

/// Steers until there is a line, and gives it.
async fn question(server: &Server) -> String {
    let asked = async {
        loop {
            let output = steer(server, &[]).await;
            assert!(output.status.success(), "{output:?}");
            let lines = String::from_utf8(output.stdout).unwrap();
            if let Some(line) = lines.lines().next() {
                return line.to_owned();
            }
        }
    };
    patiently("a question", asked).await
}

/// A person writes to an agent, which answers, and answers its question.
async fn is_steered(example: Example, answer: &str, last: &str) {
    let database = Database::new();
    let server = Server::serve(&database.path);
    let mut client = server.client("mode=delta").await;
    let agent = example.start_with(server.address, "0.1", &[("ANSWER_SECONDS", "60")]);
    let line = question(&server).await;
    assert!(
        line.ends_with(": Shall I carry out the plan? (yes, no)"),
        "{line}"
    );
    let id = line.split(' ').next().unwrap();
    let agents = list(&server, "/api/runtime/agents").await;
    let agent_id = agents[0]["id"].as_str().unwrap();
    let told = steer(&server, &["tell", agent_id, "Hurry \"up\""]).await;
    assert!(told.status.success(), "{told:?}");
    let wrong = steer(&server, &["answer", id, "perhaps"]).await;
    assert_eq!(String::from_utf8_lossy(&wrong.stderr), "one of: yes, no\n");
    let answered = steer(&server, &["answer", id, answer]).await;
    assert!(answered.status.success(), "{answered:?}");
    let second = steer(&server, &["answer", id, answer]).await;
    let second = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.starts_with("409: "), "{second}");
    statuses(&mut client, last).await;
    let output = agent.output().await;
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.contains(&format!("answer: {answer}\n")),
        "{printed}"
    );
    let messages = list(&server, "/api/runtime/messages?order=asc").await;
    let heard = messages
        .iter()
        .filter(|one| one["message"] == "Heard: Hurry \"up\"");
    assert_eq!(heard.count(), 1, "{messages:?}");
    let waiting = list(&server, "/api/runtime/messages?waiting=user").await;
    assert_eq!(waiting.len(), 0);
}

#[tokio::test]
async fn a_person_steers_the_python_agent() {
    is_steered(Example::Python, "yes", "completed").await;
    is_steered(Example::Python, "no", "cancelled").await;
}

#[tokio::test]
async fn a_person_steers_the_shell_agent() {
    is_steered(Example::Shell, "yes", "completed").await;
    is_steered(Example::Shell, "no", "cancelled").await;
}

/// Passes requests on to the server, but loses the answers to some and turns others away.
async fn bad_network(server: SocketAddr) -> SocketAddr {
    const BUSY: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\n\
        connection: close\r\n\r\n{}";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut count = 0;
        while let Ok((mut client, _)) = listener.accept().await {
            count += 1;
            match count % 5 {
                1 => tokio::spawn(async move {
                    let mut upstream = TcpStream::connect(server).await.unwrap();
                    let (mut read, mut write) = upstream.split();
                    let (mut from, _) = client.split();
                    tokio::select! {
                        // The request was done when the first byte comes back.
                        _ = read.read_u8() => {}
                        () = async {
                            let _ = tokio::io::copy(&mut from, &mut write).await;
                            std::future::pending::<()>().await;
                        } => {}
                    }
                }),
                3 => tokio::spawn(async move {
                    client.write_all(BUSY).await.unwrap();
                    // Until the client has it all.
                    let _ = tokio::io::copy(&mut client, &mut sink()).await;
                }),
                _ => tokio::spawn(async move {
                    let mut upstream = TcpStream::connect(server).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut upstream).await;
                }),
            };
        }
    });
    address
}

async fn runs_once_over_a_bad_network(example: Example) {
    let database = Database::new();
    let server = Server::serve(&database.path);
    let agent = example.start(bad_network(server.address).await, "0.1");
    has_run_once(&server, &agent.output().await).await;
}

#[tokio::test]
async fn the_python_agent_runs_once_over_a_bad_network() {
    runs_once_over_a_bad_network(Example::Python).await;
}

#[tokio::test]
async fn the_shell_agent_runs_once_over_a_bad_network() {
    runs_once_over_a_bad_network(Example::Shell).await;
}
