//! spin.toml against what is built and what the dev-server knows.

use std::collections::{BTreeMap, BTreeSet};

use dev_server::config::VARIABLES;
use toml::{Table, Value};

use crate::support::server::manifest;

fn spin_toml() -> Table {
    std::fs::read_to_string(manifest())
        .unwrap()
        .parse()
        .unwrap()
}

fn components(toml: &Table) -> &Table {
    toml["component"].as_table().unwrap()
}

#[test]
fn every_component_is_built_and_has_a_route() {
    let toml = spin_toml();
    let routes = toml["trigger"]["http"].as_array().unwrap();
    let by_route: BTreeMap<&str, &str> = routes
        .iter()
        .map(|route| {
            (
                route["route"].as_str().unwrap(),
                route["component"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("/api/agents/...", "agents"),
        ("/api/runtime/...", "runtime"),
        ("/v1/...", "ingest"),
        ("/dashboard/...", "web"),
        ("/docs/...", "web"),
        ("/redoc/...", "web"),
        ("/openapi.json", "web"),
        ("/metrics", "health"),
        ("/...", "health"),
    ];
    assert_eq!(by_route, BTreeMap::from(expected));
    let reached: BTreeSet<&str> = by_route.into_values().collect();
    let folder = manifest().parent().unwrap().to_owned();
    for (name, component) in components(&toml) {
        assert!(reached.contains(name.as_str()), "{name} has no route");
        let source = component["source"].as_str().unwrap();
        assert!(
            folder.join(source).exists(),
            "{source} is not there: run `make components`"
        );
        let command = component["build"]["command"].as_str().unwrap();
        assert!(command.ends_with(&format!("-p {name}")), "{command}");
        let databases = (name != "web").then(|| Value::from(vec!["default"]));
        assert_eq!(
            component.get("sqlite_databases"),
            databases.as_ref(),
            "{name}"
        );
    }
    assert_eq!(components(&toml).len(), reached.len());
}

/// What the dev-server says by variables that nobody sets, and what only `/health` tells.
const SAID_BY_THE_HOST: [&str; 2] = ["write_blocked_seconds", "old_log_entries"];
const OF_HEALTH: [&str; 3] = ["retention_days", SAID_BY_THE_HOST[0], SAID_BY_THE_HOST[1]];

#[test]
fn every_variable_is_one_of_the_environment_with_the_same_default() {
    let toml = spin_toml();
    let declared = toml["variables"].as_table().unwrap();
    for (name, variable) in declared {
        if SAID_BY_THE_HOST.contains(&name.as_str()) {
            assert_eq!(variable["default"].as_str(), Some(""), "{name}");
            continue;
        }
        let known = VARIABLES
            .iter()
            .find(|known| known.name == name.to_uppercase());
        let known = known.unwrap_or_else(|| panic!("{name} is no variable of the dev-server"));
        let default = match name.as_str() {
            // Where Spin has its database; the dev-server says where it has its own.
            "database_path" => ".spin/sqlite_db.db",
            _ => known.default,
        };
        assert_eq!(variable["default"].as_str(), Some(default), "{name}");
        let secret = variable
            .get("secret")
            .is_some_and(|secret| secret == &Value::from(true));
        assert_eq!(secret, name.ends_with("token"), "{name}");
    }
    let names: BTreeSet<&str> = declared.keys().map(String::as_str).collect();
    for (id, component) in components(&toml) {
        let given = component["variables"].as_table().unwrap();
        let given: BTreeSet<&str> = given
            .iter()
            .map(|(name, value)| {
                assert_eq!(value.as_str(), Some(&*format!("{{{{ {name} }}}}")), "{id}");
                name.as_str()
            })
            .collect();
        let of_health = |name: &&str| OF_HEALTH.contains(name);
        let mut wanted = names.clone();
        wanted.retain(|name| id == "health" || !of_health(name));
        assert_eq!(given, wanted, "{id}");
    }
}

#[test]
fn every_source_is_watched() {
    let toml = spin_toml();
    let folder = manifest().parent().unwrap().to_owned();
    for (id, component) in components(&toml) {
        let watch = component["build"]["watch"].as_array().unwrap();
        let watch: Vec<&str> = watch.iter().map(|glob| glob.as_str().unwrap()).collect();
        for glob in [
            "components/**/*.rs",
            "sql/*.sql",
            "wit/**/*.wit",
            "Cargo.lock",
        ] {
            assert!(watch.contains(&glob), "{id} does not watch {glob}");
        }
        for glob in watch {
            let start = glob.split('*').next().unwrap();
            assert!(
                folder.join(start).exists(),
                "{id} watches {glob}, which is not there"
            );
        }
    }
}
