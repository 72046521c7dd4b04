//! deploy/Containerfile and .dockerignore.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{Running, free_port, install, terminate};
use crate::{
    ORCHESTRATOR, assert_is_subcommand, assert_is_variable, default, directives, lines, read, root,
    spin_toml,
};

/// The user of the image.
pub(crate) const USER: u32 = 10001;

fn containerfile() -> Vec<String> {
    lines(&read("deploy/Containerfile"))
}

#[track_caller]
fn only<'a>(lines: &'a [String], name: &str) -> &'a str {
    let found = directives(lines, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]
}

/// The words of a directive that is a JSON array.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The image's `ENV`.
fn environment() -> Vec<(String, String)> {
    let of_file = containerfile();
    let pairs = only(&of_file, "ENV").split(' ');
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_build_sees_what_it_needs_and_no_more() {
    let of_file = lines(&read(".dockerignore"));
    assert_eq!(of_file[0], "*");
    for line in &of_file[1..] {
        let path = line.strip_prefix('!').unwrap();
        assert!(root().join(path).exists(), "{path} is not there");
    }
    // What cargo and the Makefile read.
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let first = member.as_str().unwrap().split('/').next().unwrap();
        assert!(of_file.contains(&format!("!{first}")), "{first}");
    }
    for path in [
        "Cargo.lock",
        "Cargo.toml",
        "Makefile",
        "spin.toml",
        "sql",
        "wit",
        ".cargo",
    ] {
        assert!(of_file.contains(&format!("!{path}")), "{path}");
    }
}

#[test]
fn the_image_has_what_the_binary_looks_for() {
    let of_file = containerfile();
    let run = only(&of_file, "RUN");
    let target = read("Makefile");
    assert!(run.contains("make build ") && target.contains("\nbuild: components "));
    let copied = "cp --parents spin.toml target/wasm32-wasip2/component/*.wasm /app ";
    assert!(run.contains(copied), "{run}");
    assert!(
        run.ends_with(" cp target/release/orchestrator /app"),
        "{run}"
    );
    for component in spin_toml()["component"].as_table().unwrap().values() {
        let source = component["source"].as_str().unwrap();
        let file = source.strip_prefix("target/wasm32-wasip2/component/");
        let name = file.and_then(|file| file.strip_suffix(".wasm"));
        assert!(name.is_some_and(|name| !name.contains('/')), "{source}");
    }
    for copied in directives(&of_file, "COPY") {
        let made = copied
            .strip_prefix("--from=build ")
            .map(|rest| rest.split(' ').rev().nth(1).unwrap());
        assert!(
            copied == ". ." || made.is_some_and(|path| run.contains(&format!(" {path} "))),
            "{copied}"
        );
    }
    assert_eq!(directives(&of_file, "WORKDIR").last(), Some(&"/app"));
    assert_eq!(words(only(&of_file, "ENTRYPOINT")), ["/app/orchestrator"]);
    // A binary runs on the libc that it was linked to.
    let images: Vec<&str> = directives(&of_file, "FROM")
        .into_iter()
        .map(|from| from.split(' ').next().unwrap())
        .collect();
    assert!(
        images[0].ends_with("-trixie") && images[1].ends_with(":trixie-slim"),
        "{images:?}"
    );
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let rust = workspace["workspace"]["package"]["rust-version"]
        .as_str()
        .unwrap();
    assert!(images[0].contains(&format!("rust:{rust}-")), "{images:?}");
}

#[test]
fn what_the_image_starts_is_there() {
    let of_file = containerfile();
    for (name, value) in environment() {
        assert_is_variable(&name);
        assert!(
            !value.starts_with("/data") || only(&of_file, "VOLUME") == "/data",
            "{name}"
        );
    }
    assert_eq!(only(&of_file, "EXPOSE"), default("WEBSOCKET_PORT"));
    assert_eq!(only(&of_file, "USER"), format!("{USER}:{USER}"));
    let copied = format!("--from=build --chown={USER}:{USER} /data /data");
    assert!(directives(&of_file, "COPY").contains(&&*copied));
    let (_, check) = only(&of_file, "HEALTHCHECK").split_once("CMD ").unwrap();
    let [binary, subcommand] = &words(check)[..] else {
        panic!("{check}")
    };
    assert_eq!(binary, "/app/orchestrator");
    assert_is_subcommand(subcommand);
    for subcommand in words(only(&of_file, "CMD")) {
        assert_is_subcommand(&subcommand);
    }
}

/// Starts what the image starts, from its layout and as its user, where this process may become another one.
#[test]
fn the_image_serves() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let [app, data] = ["app", "data"].map(|name| folder.path().join(name));
    std::fs::create_dir(&data).unwrap();
    for component in spin_toml()["component"].as_table().unwrap().values() {
        let source = component["source"].as_str().unwrap();
        std::fs::create_dir_all(app.join(source).parent().unwrap()).unwrap();
        std::fs::copy(root().join(source), app.join(source)).expect("run `make components`");
    }
    std::fs::copy(root().join("spin.toml"), app.join("spin.toml")).unwrap();
    install(Path::new(ORCHESTRATOR), &app.join("orchestrator"));
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&data, Some(USER), Some(USER)).unwrap();
    }

    let port = free_port().to_string();
    let image = |arguments: &[String]| {
        let mut command = Command::new(app.join("orchestrator"));
        command.current_dir(&app).args(arguments).env_clear();
        for (name, value) in environment() {
            let value = value.replace("/data", data.to_str().unwrap());
            command.env(name, value);
        }
        if is_root {
            command.uid(USER).gid(USER);
        }
        command.env("WEBSOCKET_PORT", &port);
        command
    };
    let of_file = containerfile();
    let serve = words(only(&of_file, "CMD"));

    let refused = image(&serve).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("API_TOKEN"),
        "{said}"
    );

    let mut command = image(&serve);
    command.env("API_TOKEN", "secret").stdin(Stdio::null());
    let mut server = Running::start(&mut command);
    server.wait_for(&format!("serving http://0.0.0.0:{port}"));
    let (_, check) = only(&of_file, "HEALTHCHECK").split_once("CMD ").unwrap();
    let asked = image(&words(check)[1..])
        .env("API_TOKEN", "secret")
        .output()
        .unwrap();
    assert!(
        asked.status.success(),
        "{}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let health: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let database = data.join("orchestrator.db");
    assert_eq!(health["database_path"], database.display().to_string());
    assert!(
        data.join(".cache/orchestrator").is_dir(),
        "compiled components are not kept"
    );
    if is_root {
        assert_eq!(std::fs::metadata(database).unwrap().uid(), USER);
    }
    terminate(server.id());
    assert!(server.ended().success());
}
