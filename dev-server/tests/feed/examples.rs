//! What `docs/feed.md` shows is so.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use crate::support::{Database, Server, free_folder, patiently};

const DOCUMENT: &str = include_str!("../../../docs/feed.md");

/// The blocks of the document in this language.
fn blocks(language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    let blocks = DOCUMENT.split(&start).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The only block in this language.
fn example(language: &str) -> String {
    let mut blocks = blocks(language);
    assert_eq!(blocks.len(), 1, "{language}");
    blocks.remove(0)
}

#[test]
fn every_frame_is_one_of_the_contract() {
    let mut kinds: Vec<String> = Vec::new();
    for block in blocks("json") {
        let frame: Value = serde_json::from_str(&block).expect(&block);
        assert!(frame["data"].is_object(), "{block}");
        kinds.push(frame["type"].as_str().expect("a type").to_owned());
    }
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "connection_ack",
            "agent_update",
            "heartbeat",
            "resync",
            "error",
            "definition_update",
            "workflow_update",
            "message",
            "definition_update",
            "log"
        ]
    );
}

/// The frames of the document have the fields that the real ones have.
#[tokio::test]
async fn every_frame_has_the_fields_of_the_real_one() {
    fn fields(data: &Value) -> Vec<&String> {
        data.as_object().expect("an object").keys().collect()
    }
    let database = Database::new();
    let server = Server::feed(&database.path);
    let mut list = server.client("").await;
    let mut client = server.client("mode=delta&since=77").await;
    let acknowledged = client.ack.clone();
    let resync = client.expect("resync").await;
    let snapshot = client.expect("agent_update").await;
    database.add("a", "planning");
    let changed = client.expect("agent_update").await;
    list.shows("a=planning").await;
    database.delete("a");
    let whole = list.expect("agent_update").await;
    client.expect("agent_update").await;
    let heartbeat = client.ping().await;
    client.send("?".into()).await;
    let error = client.expect("error").await;
    let [definitions, workflow, message, definition, log, missed] = beside_agents().await;
    let real = [
        acknowledged,
        whole,
        snapshot,
        changed.clone(),
        heartbeat,
        resync,
        error,
        definitions,
        workflow,
        message,
        definition,
        log,
        missed,
    ];
    let blocks = blocks("json");
    assert_eq!(blocks.len(), real.len());
    for (block, real) in blocks.iter().zip(&real) {
        let shown: Value = serde_json::from_str(block).unwrap();
        assert_eq!(fields(&shown["data"]), fields(real));
        if let Some(agent) = shown["data"]["agents"].get(0) {
            assert_eq!(fields(agent), fields(&changed["agents"][0]));
        }
        for rows in ["definitions", "workflows", "messages", "entries"] {
            let (shown, real) = (shown["data"][rows].get(0), real[rows].get(0));
            assert_eq!(shown.map(fields), real.map(fields), "{rows}");
        }
    }
}

/// The real frames of what is included, as the document has them.
async fn beside_agents() -> [Value; 6] {
    let database = Database::new();
    database.define("e", "Other");
    database.add_to("demo", "a", "planning");
    database.run("DELETE FROM orchestrator_agents WHERE id = 'e'", ());
    let server = Server::feed(&database.path);
    let query = "mode=delta&include=workflows,messages,logs,definitions";
    let mut client = server.client(query).await;
    client.expect("log").await;
    let definitions = client.expect("definition_update").await;
    client.wait_for("agent_update").await;
    database.run(
        "INSERT INTO ai_developer_workflows (id, adw_name, workflow_type) VALUES ('demo', 'Add pages', 'plan')",
        (),
    );
    let workflow = client.expect("workflow_update").await;
    database.run(
        "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, agent_id, sender_type, receiver_type, message, options) \
         VALUES ('m', 'd', 'a', 'agent', 'user', 'Which database?', '[\"SQLite\"]')",
        (),
    );
    let message = client.expect("message").await;
    database.define("e", "Other");
    client.expect("definition_update").await;
    database.run("DELETE FROM orchestrator_agents WHERE id = 'e'", ());
    let definition = client.expect("definition_update").await;
    database.run(
        "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('a', 'milestone', 'half way')",
        (),
    );
    let log = client.expect("log").await;
    database.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) \
         INSERT INTO agent_logs (agent_id, log_type, message) SELECT 'a', 'milestone', i FROM n",
        (),
    );
    let mut client = server.client(&format!("{query}&log_since=1")).await;
    client.wait_for("agent_update").await;
    let missed = client.expect("log").await;
    [definitions, workflow, message, definition, log, missed]
}

/// Passes connections on to wherever the server is, so that a restart keeps the address.
async fn relay(mut server: watch::Receiver<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = *server.borrow_and_update();
            tokio::spawn(async move {
                // A server that is gone ends the connection.
                if let Ok(mut upstream) = TcpStream::connect(server).await {
                    let _ = copy_bidirectional(&mut client, &mut upstream).await;
                }
            });
        }
    });
    address
}

/// A running example, which prints its agents' statuses whenever they have changed.
struct Example {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Example {
    fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            _process: process,
            lines,
        }
    }

    async fn prints(&mut self, text: &str) {
        let search = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line == text {
                    return;
                }
            }
            panic!("the example has ended");
        };
        patiently(text, search).await;
    }
}

/// Prints what a JavaScript example knows.
const PRINT: &str = "
let shown;
setInterval(() => {
    const sorted = [...agents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const text = sorted.map((agent) => `${agent.id}=${agent.status}`).join(' ');
    if (text !== shown) console.log(text);
    shown = text;
}, 10);
";

/// Starts an example with its server's address, and sees that it follows, also over a restart.
async fn follows(serve: fn(&Path) -> Server, start: impl FnOnce(SocketAddr) -> Example) {
    let database = Database::new();
    database.add("a", "planning");
    // Some clients take only short messages unless they are told otherwise.
    database.run(
        "UPDATE agents SET error_message = ?1",
        ["x".repeat(2_000_000)],
    );
    let server = serve(&database.path);
    let (moved, address) = watch::channel(server.address);
    let mut example = start(relay(address).await);
    example.prints("a=planning").await;
    database.add("b", "planning");
    example.prints("a=planning b=planning").await;
    database.delete("a");
    example.prints("b=planning").await;
    server.kill();
    database.set("b", "executing");
    database.add("c", "planning");
    let server = serve(&database.path);
    moved.send_replace(server.address);
    example.prints("b=executing c=planning").await;
    database.delete("c");
    example.prints("b=executing").await;
}

/// Runs a command that needs the network, and says where it fails.
async fn installs(command: &mut Command) -> bool {
    let output = command.kill_on_drop(true).output();
    match patiently("an installation", output).await {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            println!("skipped: {error}");
            false
        }
    }
}

fn in_folder(program: impl AsRef<std::ffi::OsStr>, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

#[tokio::test]
async fn the_python_example_runs() {
    let folder = free_folder();
    let folder = folder.path();
    let python = folder.join("venv/bin/python");
    if !installs(&mut in_folder("python3", folder, &["-m", "venv", "venv"])).await
        || !installs(&mut in_folder(
            &python,
            folder,
            &["-m", "pip", "install", "--quiet", "websockets"],
        ))
        .await
    {
        return;
    }
    std::fs::write(folder.join("example.py"), example("python")).unwrap();
    let script = "
import asyncio, sys
from example import watch

async def show(agents):
    shown = None
    while True:
        text = ' '.join(f'{id}={agent[\"status\"]}' for id, agent in sorted(agents.items()))
        if text != shown:
            print(text, flush=True)
            shown = text
        await asyncio.sleep(0.01)

async def main(agents):
    await asyncio.gather(watch(agents, sys.argv[1]), show(agents))

asyncio.run(main({}))
";
    follows(Server::feed, |address| {
        let url = format!("ws://{address}/ws/agent-status?mode=delta");
        Example::start(&mut in_folder(&python, folder, &["-c", script, &url]))
    })
    .await;
}

/// Node has what the example needs behind a switch, where it is new enough.
#[tokio::test]
async fn the_example_of_server_sent_events_runs() {
    let folder = free_folder();
    let switch = ["--experimental-eventsource", "-e", "EventSource"];
    if !installs(&mut in_folder("node", folder.path(), &switch)).await {
        return;
    }
    let code = example("javascript");
    assert!(code.contains("localhost:8000"));
    follows(Server::rest, |address| {
        let script = format!(
            "{}{PRINT}",
            code.replace("localhost:8000", &address.to_string())
        );
        let arguments = [switch[0], "-e", &script];
        Example::start(&mut in_folder("node", folder.path(), &arguments))
    })
    .await;
}

#[tokio::test]
async fn the_javascript_example_runs() {
    let folder = free_folder();
    let folder = folder.path();
    if !installs(&mut in_folder(
        "npm",
        folder,
        &["install", "--silent", "--prefix", ".", "ws"],
    ))
    .await
    {
        return;
    }
    let code = example("js");
    assert!(code.contains("localhost:8000"));
    follows(Server::feed, |address| {
        // Browsers have a WebSocket of their own.
        let script = format!(
            "globalThis.WebSocket = require('ws');
            const logged = console.error;
            process.on('uncaughtException', logged);
            {}{PRINT}",
            code.replace("localhost:8000", &address.to_string())
        );
        std::fs::write(folder.join("example.js"), script).unwrap();
        Example::start(&mut in_folder("node", folder, &["example.js"]))
    })
    .await;
}
