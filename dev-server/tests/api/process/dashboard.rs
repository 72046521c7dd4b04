//! deploy/grafana/dashboard.json against `/metrics`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use super::metrics::{all, names};
use crate::support::server::Server;

fn dashboard() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/dashboard.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    let text = value[name].as_str();
    text.unwrap_or_else(|| panic!("no {name}: {value}"))
}

/// What is asked of Prometheus.
fn expressions(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    targets
        .flatten()
        .map(|target| text(target, "expr"))
        .collect()
}

/// The words of an expression that begin as the names of metrics do.
fn metrics_in(expression: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = expression.split(move |character| !is_of_name(character));
    words.filter(|word| word.starts_with("orchestrator_"))
}

#[tokio::test]
async fn it_asks_for_what_there_is() {
    let folder = tempdir().unwrap();
    let server = Server::start(&folder.path().join("test.db"), &[]);
    let told = all(&server).await;
    let families = names(&told);
    // Each sample with its labels, such as `orchestrator_agents{status="failed"}`.
    let samples: Vec<&str> = told.lines().filter(|line| !line.starts_with('#')).collect();
    let dashboard = dashboard();
    let mut asked = BTreeSet::new();
    for expression in expressions(&dashboard) {
        let metrics: Vec<&str> = metrics_in(expression).collect();
        assert!(!metrics.is_empty(), "{expression}");
        for name in &metrics {
            let of_name: Vec<&&str> = samples
                .iter()
                .filter(|sample| {
                    sample
                        .strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with(['{', ' ']))
                })
                .collect();
            assert!(
                !of_name.is_empty(),
                "nothing is told of {name}: {expression}"
            );
            // What it groups by are labels of that metric, or those that Prometheus adds.
            let groups = expression
                .split("by (")
                .skip(1)
                .filter_map(|rest| rest.split(')').next());
            for label in groups.flat_map(|labels| labels.split(", ")) {
                let is_label = |sample: &&&str| sample.contains(&format!("{label}=\""));
                assert!(
                    label == "instance" || of_name.iter().any(is_label),
                    "{label}: {expression}"
                );
            }
            let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| {
                name.strip_suffix(end)
                    .filter(|family| families.contains(family))
            });
            asked.insert(family.unwrap_or(name));
        }
    }
    // So do the rules beside it.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/README.md");
    let document = std::fs::read_to_string(file).unwrap();
    let in_rules: Vec<&str> = metrics_in(&document).collect();
    assert!(in_rules.len() > 3);
    for name in in_rules {
        assert!(
            samples.iter().any(|sample| sample.starts_with(name)),
            "{name}"
        );
    }
    // And what should be on it is.
    for name in [
        "orchestrator_http_request_duration_seconds",
        "orchestrator_agents",
        "orchestrator_feed_clients",
        "orchestrator_feed_lag_seconds",
        "orchestrator_database_up",
        "orchestrator_database_busy_seconds_total",
        "orchestrator_log_entries",
        "orchestrator_tokens",
    ] {
        assert!(asked.contains(name), "{name} is not asked for");
    }
}

#[test]
fn it_has_the_shape_of_a_dashboard() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_i64().unwrap() >= 39);
    for name in ["uid", "title"] {
        assert!(!text(&dashboard, name).is_empty());
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: BTreeSet<&str> = variables
        .iter()
        .map(|variable| text(variable, "name"))
        .collect();
    let source = variables
        .iter()
        .find(|variable| variable["type"] == "datasource")
        .unwrap();
    assert_eq!(
        (text(source, "name"), text(source, "query")),
        ("datasource", "prometheus")
    );

    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels
        .iter()
        .map(|panel| panel["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(!text(panel, "title").is_empty());
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{panel}");
        for cell in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{} lies on another one", panel["title"]);
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(matches!(text(panel, "type"), "stat" | "timeseries"));
        let targets = panel["targets"].as_array().unwrap();
        let ids: BTreeSet<&str> = targets.iter().map(|target| text(target, "refId")).collect();
        assert!(!ids.is_empty() && ids.len() == targets.len(), "{panel}");
        for asking in targets.iter().chain([panel]) {
            assert_eq!(asking["datasource"]["type"], "prometheus");
            assert_eq!(asking["datasource"]["uid"], "${datasource}");
        }
    }
    for expression in expressions(&dashboard) {
        let used = expression.split('$').skip(1).map(|rest| {
            let end = rest
                .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
            &rest[..end.unwrap_or(rest.len())]
        });
        for name in used {
            assert!(
                name == "__rate_interval" || names.contains(name),
                "{name}: {expression}"
            );
        }
        for pair in ["()", "{}", "[]"] {
            let count = |index: usize| expression.matches(&pair[index..=index]).count();
            assert_eq!(count(0), count(1), "{expression}");
        }
    }
}
