//! deploy/compose.yaml, deploy/compose.several.yaml and deploy/Caddyfile.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    IMAGE, assert_is_spin_variable, assert_is_subcommand, assert_is_variable, default, lines, read,
    root, yaml,
};

const FILES: [&str; 2] = ["deploy/compose.yaml", "deploy/compose.several.yaml"];
/// What the files take from the environment besides settings.
const NAMES: [&str; 5] = [
    "IMAGE",
    "VERSION",
    "PORT",
    "SPIN_IMAGE",
    "SQLD_AUTH_JWT_KEY",
];

fn compose(path: &str) -> Value {
    let [file] = &yaml(path)[..] else {
        panic!("{path} is not one document")
    };
    file.clone()
}

/// `${NAME:-default}`, `${NAME:?complaint}` and `${NAME}` in a text: the name, the mark, and what follows it.
fn references(text: &str) -> Vec<(&str, &str, &str)> {
    let inner = text
        .split("${")
        .skip(1)
        .map(|rest| rest.split_once('}').unwrap().0);
    inner
        .map(|inner| {
            let end = inner.find(|c: char| !c.is_ascii_uppercase() && c != '_');
            let (name, rest) = inner.split_at(end.unwrap_or(inner.len()));
            let (mark, rest) = rest.split_at(rest.len().min(2));
            (name, mark, rest)
        })
        .collect()
}

/// The text with every reference as it is where nothing is set.
fn resolved(text: &str) -> String {
    references(text)
        .into_iter()
        .fold(text.to_owned(), |text, (name, mark, rest)| {
            text.replace(&format!("${{{name}{mark}{rest}}}"), rest)
        })
}

/// The environment of a service.
fn environment(service: &Value) -> BTreeMap<&str, &str> {
    match &service["environment"] {
        Value::Object(pairs) => pairs
            .iter()
            .map(|(name, value)| {
                (
                    &**name,
                    value
                        .as_str()
                        .unwrap_or_else(|| panic!("{name} is no text")),
                )
            })
            .collect(),
        Value::Array(pairs) => pairs
            .iter()
            .map(|pair| pair.as_str().unwrap())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn is_ours(service: &Value) -> bool {
    let image = service["image"].as_str().unwrap();
    resolved(image) == format!("{IMAGE}:{}", env!("CARGO_PKG_VERSION"))
}

#[test]
fn what_is_taken_from_the_environment_is_known_and_has_its_default() {
    for path in FILES {
        for (name, mark, rest) in references(&read(path)) {
            match (name, mark) {
                (_, ":?") => assert_eq!(name, "API_TOKEN", "{path}"),
                ("DATABASE_URL", ":-") => assert_eq!(rest, "http://libsql:8080"),
                ("IMAGE", ":-") => assert_eq!(rest, IMAGE),
                ("VERSION", ":-") => assert_eq!(rest, env!("CARGO_PKG_VERSION")),
                ("PORT", ":-") => assert_eq!(rest, default("WEBSOCKET_PORT")),
                (name, ":-") if NAMES.contains(&name) => {}
                (name, ":-") => assert_eq!(rest, default(name), "{path}: {name}"),
                _ => panic!("{path}: {name}{mark}{rest}"),
            }
        }
    }
}

#[test]
fn every_variable_of_a_service_is_one_of_its_program() {
    let mut ours = 0;
    for path in FILES {
        for (name, service) in compose(path)["services"].as_object().unwrap() {
            for (variable, value) in environment(service) {
                if is_ours(service) {
                    assert_is_variable(variable);
                } else if name == "spin" {
                    let spin = variable.strip_prefix("SPIN_VARIABLE_").unwrap();
                    assert_is_spin_variable(&spin.to_lowercase());
                } else {
                    assert!(variable.starts_with("SQLD_"), "{path}: {name}: {variable}");
                }
                let is_taken = value.starts_with("${") || value.is_empty();
                assert!(
                    is_taken || !variable.contains("TOKEN"),
                    "{path}: {variable} has a value"
                );
            }
            if is_ours(service) {
                ours += 1;
                let context = root()
                    .join("deploy")
                    .join(service["build"]["context"].as_str().unwrap());
                assert!(
                    context
                        .join(service["build"]["dockerfile"].as_str().unwrap())
                        .exists()
                );
                assert!(environment(service)["API_TOKEN"].starts_with("${API_TOKEN:?"));
                assert_eq!(
                    environment(service)["WEBSOCKET_PORT"],
                    default("WEBSOCKET_PORT")
                );
                for word in service["command"].as_array().into_iter().flatten() {
                    assert_is_subcommand(word.as_str().unwrap());
                }
            }
        }
    }
    assert_eq!(ours, 2);
}

#[test]
fn one_machine_keeps_its_database_in_a_volume() {
    let file = compose(FILES[0]);
    let service = &file["services"]["orchestrator"];
    let volume = service["volumes"][0].as_str().unwrap();
    let (name, path) = volume.split_once(':').unwrap();
    assert!(file["volumes"].get(name).is_some());
    assert!(environment(service)["DATABASE_PATH"].starts_with(&format!("{path}/")));
    let published = service["ports"][0].as_str().unwrap();
    assert!(
        published.ends_with(&format!("}}:{}", default("WEBSOCKET_PORT"))),
        "{published}"
    );
}

#[test]
fn replicas_have_one_database() {
    let file = compose(FILES[1]);
    let [spin, feed] = ["spin", "feed"].map(|name| &file["services"][name]);
    let url = environment(feed)["DATABASE_URL"];
    assert_eq!(environment(spin)["SPIN_VARIABLE_DATABASE_PATH"], url);
    let config = resolved(
        file["configs"]["runtime-config"]["content"]
            .as_str()
            .unwrap(),
    );
    let config: toml::Table = config.parse().unwrap();
    let database = config["sqlite_database"]["default"].as_table().unwrap();
    assert_eq!(database["type"].as_str(), Some("libsql"));
    assert_eq!(database["url"].as_str(), Some(&*resolved(url)));
    assert_eq!(database["token"].as_str(), Some(""));
    let host = resolved(url).replace("http://", "");
    let (host, port) = host.split_once(':').unwrap();
    let test = file["services"][host]["healthcheck"]["test"].to_string();
    assert!(test.contains(&format!("/{port}")), "{test}");
    // Spin is told the file, and the application that the image belongs to.
    let command: Vec<&str> = spin["command"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    let [up, from, app, listen, _, option, path] = command[..] else {
        panic!("{command:?}")
    };
    assert_eq!(
        [up, from, listen, option],
        ["up", "--from", "--listen", "--runtime-config-file"]
    );
    assert_eq!(
        resolved(app),
        format!("{IMAGE}-spin:{}", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(spin["configs"][0]["target"].as_str(), Some(path));
    for service in [spin, feed] {
        assert!(service["deploy"]["replicas"].as_u64().unwrap() >= 2);
    }
}

#[test]
fn the_proxy_sends_the_feeds_paths_to_the_feeds() {
    let file = compose(FILES[1]);
    let listen = file["services"]["spin"]["command"][4].as_str().unwrap();
    let rest = listen.rsplit_once(':').unwrap().1;
    let of_file = lines(&read("deploy/Caddyfile"));
    let mut routes = Vec::new();
    let mut path = "";
    for line in &of_file {
        if let Some(matched) = line.strip_prefix("handle ") {
            path = matched.trim_end_matches('{').trim();
        } else if let Some(upstream) = line.strip_prefix("dynamic a ") {
            routes.push((path, upstream.to_owned()));
        }
    }
    let feed = format!("feed {}", default("WEBSOCKET_PORT"));
    assert_eq!(routes, [("/ws/*", feed), ("", format!("spin {rest}"))]);
    let published = file["services"]["proxy"]["ports"][0].as_str().unwrap();
    let port = published.rsplit_once(':').unwrap().1;
    assert!(of_file.contains(&format!(":{port} {{")), "{of_file:?}");
    let mounted = file["services"]["proxy"]["volumes"][0].as_str().unwrap();
    assert!(
        root()
            .join("deploy")
            .join(mounted.split(':').next().unwrap())
            .exists()
    );
}
