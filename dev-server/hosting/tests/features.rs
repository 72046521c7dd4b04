//! `make dev`, `make test` and `make bench` are made of the same: what one has compiled, the others do not compile again.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The platform of this machine.
fn host() -> String {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(rustc.stdout).unwrap();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

/// The features that each package of the workspace's native programs is built with, where `edges` are followed.
fn features(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--workspace",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}|{f}", "--edges", edges, "--target", &host()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{said}");
    let mut features: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        let Some((package, its)) = line.trim_end_matches(" (*)").split_once('|') else {
            continue;
        };
        let name = package.split(' ').take(2).collect::<Vec<_>>().join(" ");
        features.entry(name).or_default().insert(its.to_owned());
    }
    features
}

#[test]
fn tests_turn_on_nothing_that_programs_are_built_without() {
    let program = features("normal,build");
    assert!(
        program
            .keys()
            .any(|package| package.starts_with("wasmtime "))
    );
    let test = features("normal,build,dev");
    for (package, features) in program {
        assert_eq!(
            test.get(&package),
            Some(&features),
            "{package}: make them the same, as dev-server/hosting/Cargo.toml does"
        );
    }
}
