//! deploy/orchestrator.service.

use crate::{assert_is_subcommand, assert_is_variable, directives, lines, read};

#[test]
fn the_unit_starts_what_there_is_where_it_may_write() {
    let of_file = lines(&read("deploy/orchestrator.service"));
    let only = |name: &str| match directives(&of_file, name)[..] {
        [value] => value,
        ref values => panic!("{name}: {values:?}"),
    };
    let folder = only("WorkingDirectory");
    let (binary, subcommand) = only("ExecStart").split_once(' ').unwrap();
    assert_eq!(binary, format!("{folder}/orchestrator"));
    assert_is_subcommand(subcommand);
    for pair in directives(&of_file, "Environment") {
        let (name, value) = pair.split_once('=').unwrap();
        assert_is_variable(name);
        // The only folders that it may write to.
        let [state, cache] = ["StateDirectory", "CacheDirectory"].map(only);
        let below = [format!("%S/{state}"), format!("%C/{cache}")];
        assert!(
            below.iter().any(|folder| value.starts_with(&**folder)),
            "{pair}"
        );
    }
    // An empty or missing one will do.
    assert!(only("EnvironmentFile").starts_with("-/"));
    // With it wasmtime cannot run what it compiles.
    assert_eq!(only("MemoryDenyWriteExecute"), "no");
    for (name, value) in [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("Restart", "on-failure"),
    ] {
        assert_eq!(only(name), value, "{name}");
    }
}
