//! deploy/ and scripts/up against what they deploy: as far as that goes without a container engine, a cluster or Spin.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod compose;
mod container;
mod kubernetes;
mod process;
mod systemd;
mod up;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use dev_server::config::VARIABLES;
use serde_json::Value;

const ORCHESTRATOR: &str = env!("CARGO_BIN_EXE_orchestrator");
/// The image's name in every file, which users replace.
const IMAGE: &str = "registry.example.com/orchestrator";
/// Variables that are those of other programs.
const OF_OTHERS: [&str; 1] = ["HOME"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a YAML file.
fn yaml(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn spin_toml() -> toml::Table {
    read("spin.toml").parse().unwrap()
}

/// The default of a variable of `orchestrator`; fails where there is no such variable.
#[track_caller]
fn default(name: &str) -> &'static str {
    let variable = VARIABLES.iter().find(|variable| variable.name == name);
    let variable = variable.unwrap_or_else(|| panic!("{name} is no variable"));
    variable.default
}

#[track_caller]
fn assert_is_variable(name: &str) {
    if !OF_OTHERS.contains(&name) {
        default(name);
    }
}

/// Fails where `spin.toml` has no such variable, or only one that the dev-server sets itself.
#[track_caller]
fn assert_is_spin_variable(name: &str) {
    assert!(spin_toml()["variables"].get(name).is_some(), "{name}");
    default(&name.to_uppercase());
}

/// Fails where `orchestrator` has no such subcommand.
#[track_caller]
fn assert_is_subcommand(name: &str) {
    let mut command = Command::new(ORCHESTRATOR);
    let help = command.args([name, "--help"]).output().unwrap();
    assert!(help.status.success(), "{name} is no subcommand");
}

/// The paths of the API.
fn paths() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&read("components/backend/openapi.json")).unwrap();
    document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

/// The lines of a file of directives that are no comments, with those that go on on the next one put together.
fn lines(text: &str) -> Vec<String> {
    let text = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let text: Vec<&str> = text.collect();
    let text = text.join("\n").replace("\\\n", " ");
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}

/// What follows a directive's name, at each place where it is.
fn directives<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    let of_name = |line: &'a String| line.strip_prefix(name)?.strip_prefix([' ', '=']);
    lines.iter().filter_map(of_name).collect()
}
