//! scripts/up, with a script in Spin's place that says what it was told and serves by `orchestrator`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::process::{Running, free_port, install, is_there, terminate};
use crate::{ORCHESTRATOR, read, root};

/// Says what it is told, in the current folder.
const SPIN: &str = r#"#!/bin/sh
set -eu
echo $$ > spin.pid
echo "$*" > spin.arguments
env | grep ^SPIN_VARIABLE_ > spin.variables
"#;
/// Serves what spin.toml has, as the runtime config says.
const SERVES: &str = r#"
value() { sed -n "s/^$1 = \"\(.*\)\"$/\1/p" .spin/runtime-config.toml; }
listen=${5##*:}
export DATABASE_PATH="$(value path)" WEBSOCKET_PORT="$listen"
exec "$ORCHESTRATOR" --manifest "$MANIFEST" serve --no-feed
"#;

/// A folder where scripts/up runs.
struct Project(TempDir);

impl Project {
    fn new(settings: &str, spin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), settings).unwrap();
        let project = Self(folder);
        project.script("spin", spin);
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        let source = path.with_extension("text");
        std::fs::write(&source, text).unwrap();
        install(&source, &path);
    }

    fn up(&self, orchestrator: &Path, port: u16) -> Command {
        let mut command = Command::new(root().join("scripts/up").canonicalize().unwrap());
        let path = std::env::var("PATH").unwrap();
        command
            .arg(orchestrator)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path().display()))
            .env("ORCHESTRATOR", ORCHESTRATOR)
            .env("MANIFEST", root().join("spin.toml"))
            .env("SPIN_HTTP_LISTEN_ADDR", format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn spin(&self) -> u32 {
        self.read("spin.pid").trim().parse().unwrap()
    }
}

/// Starts it on a file, and waits until the feed serves.
fn serving() -> (Project, Running, u16) {
    let [rest, feed] = [free_port(), free_port()];
    let settings =
        format!("WEBSOCKET_PORT={feed}\nDATABASE_PATH='./da ta/agents.db'\nRETENTION_DAYS=7\n");
    let project = Project::new(&settings, &(SPIN.to_owned() + SERVES));
    let mut up = Running::start(&mut project.up(Path::new(ORCHESTRATOR), rest));
    up.wait_for(&format!("serving http://127.0.0.1:{feed}"));
    let log = up.log();
    assert!(
        log.iter()
            .any(|line| line.contains(&format!("serving http://127.0.0.1:{rest}"))),
        "{log:#?}"
    );
    assert!(!log.iter().any(|line| line.contains(" WARN ")), "{log:#?}");
    (project, up, feed)
}

#[test]
fn rest_and_the_feed_are_on_one_port_and_end_together() {
    let (project, mut up, feed) = serving();
    let asked = Command::new(ORCHESTRATOR)
        .arg("healthcheck")
        .current_dir(project.path())
        .env("WEBSOCKET_PORT", feed.to_string())
        .output()
        .unwrap();
    let health: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    // The feed has no such member itself.
    assert_eq!(health["writable"], true);
    let path = project
        .path()
        .join("da ta/agents.db")
        .canonicalize()
        .unwrap();
    let config: toml::Table = project.read(".spin/runtime-config.toml").parse().unwrap();
    let database = &config["sqlite_database"]["default"];
    assert_eq!(database["type"].as_str(), Some("spin"));
    assert_eq!(
        Path::new(database["path"].as_str().unwrap())
            .canonicalize()
            .unwrap(),
        path
    );
    let variables = project.read("spin.variables");
    for line in [
        "SPIN_VARIABLE_DATABASE_PATH=./da ta/agents.db",
        "SPIN_VARIABLE_RETENTION_DAYS=7",
    ] {
        assert!(variables.lines().any(|said| said == line), "{variables}");
    }

    let spin = project.spin();
    terminate(up.id());
    assert!(up.ended().success());
    assert!(!is_there(spin));
}

#[test]
fn it_ends_where_spin_does() {
    let (project, mut up, feed) = serving();
    terminate(project.spin());
    assert_eq!(up.ended().code(), Some(1));
    let listener = std::net::TcpListener::bind(("127.0.0.1", feed));
    assert!(listener.is_ok(), "the feed is still there");
}

#[test]
fn every_variable_of_spin_toml_is_passed_on() {
    let script = read("scripts/up");
    for name in crate::spin_toml()["variables"].as_table().unwrap().keys() {
        let is_ours = dev_server::config::VARIABLES
            .iter()
            .any(|known| known.name == name.to_uppercase());
        let passed = format!("\nSPIN_VARIABLE_{}=", name.to_uppercase());
        assert_eq!(script.contains(&passed), is_ours, "{name}");
    }
}

#[test]
fn a_setting_that_does_not_parse_stops_it() {
    let project = Project::new("DATABASE_TOKEN=alone\n", SPIN);
    let output = project
        .up(Path::new(ORCHESTRATOR), free_port())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("DATABASE_TOKEN: "), "{said}");
    assert!(!project.path().join("spin.pid").exists());
}

/// Neither program runs, as a server of this name is nowhere. The feed starts once Spin answers.
#[test]
fn a_libsql_server_takes_the_place_of_the_file() {
    let settings = "DATABASE_URL=libsql://db.example\nDATABASE_TOKEN='se\"cret\\'\n";
    let project = Project::new(
        settings,
        &(SPIN.to_owned() + "touch spin.ready && exec sleep 600"),
    );
    let any = r"#!/bin/sh
case $1 in
healthcheck) exec test -e spin.ready ;;
feed) echo it feeds >&2 && exec sleep 600 ;;
esac
";
    project.script("any", any);
    // There is one of a run before, which everybody may read.
    std::fs::create_dir(project.path().join(".spin")).unwrap();
    let path = project.path().join(".spin/runtime-config.toml");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let mut up = Running::start(&mut project.up(&project.path().join("any"), 1));
    up.wait_for("it feeds");
    let config: toml::Table = project.read(".spin/runtime-config.toml").parse().unwrap();
    let expected = r#"
        [sqlite_database.default]
        type = "libsql"
        url = "https://db.example"
        token = 'se"cret\'
    "#;
    assert_eq!(config, expected.parse().unwrap());
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let arguments = project.read("spin.arguments");
    assert_eq!(
        arguments.trim(),
        "up --runtime-config-file .spin/runtime-config.toml --listen 127.0.0.1:1"
    );
    let variables = project.read("spin.variables");
    assert!(
        variables
            .lines()
            .any(|said| said == "SPIN_VARIABLE_DATABASE_PATH=https://db.example"),
        "{variables}"
    );
    assert!(!variables.contains("cret"), "{variables}");
    terminate(up.id());
    assert!(up.ended().success());
}
