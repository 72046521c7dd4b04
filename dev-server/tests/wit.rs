//! The built components against wit/: this is what makes them portable.
#![expect(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wasmtime::component::Component;
use wasmtime::{Config, Engine, OptLevel};

/// The components, with the most bytes that each may have: a megabyte, but for `runtime`, which has most of the routes,
/// and `web`, which has Swagger UI and ReDoc in it.
const COMPONENTS: [(&str, u64); 5] = [
    // With what a definition's deletion takes with it, the migrations, and the unpacking of gzip.
    ("agents", 1_370_000),
    ("runtime", 2_060_000),
    ("ingest", 1_250_000),
    ("health", 1_000_000),
    ("web", 2_000_000),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn wasm(name: &str) -> PathBuf {
    root().join(format!("target/wasm32-wasip2/component/{name}.wasm"))
}

/// What a world of wit/world.wit imports and exports, in the words `import` or `export` and the interface.
fn world(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("wit/world.wit")).expect("wit/world.wit");
    let start = format!("world {name} {{");
    let body = text
        .split_once(&start)
        .and_then(|(_, rest)| rest.split_once('}'));
    let (body, _) = body.unwrap_or_else(|| panic!("there is no world {name}"));
    let mut interfaces = BTreeSet::new();
    for item in body
        .split(';')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        match item.split_once(' ') {
            Some(("include", other)) => interfaces.extend(world(other)),
            Some((word @ ("import" | "export"), interface)) => {
                interfaces.insert(format!("{word} {}", compatible(interface)));
            }
            _ => panic!("{item:?} is not understood"),
        }
    }
    interfaces
}

/// An interface's name with as much of its version as has to be the same: a host that has 0.2.12 offers 0.2.0 too.
fn compatible(interface: &str) -> String {
    let Some((name, version)) = interface.split_once('@') else {
        return interface.to_owned();
    };
    let numbers: Vec<&str> = version.split('.').collect();
    let same = match numbers[..] {
        ["0", minor, _] => format!("0.{minor}"),
        [major, ..] => major.to_owned(),
        [] => String::new(),
    };
    format!("{name}@{same}")
}

/// What a built component imports and exports.
fn built(name: &str) -> BTreeSet<String> {
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).expect("an engine");
    let component =
        Component::from_file(&engine, wasm(name)).expect("built: run `make components`");
    let types = component.component_type();
    let imports = types.imports(&engine);
    let imports = imports.map(|(name, _)| format!("import {}", compatible(name)));
    let exports = types.exports(&engine);
    let exports = exports.map(|(name, _)| format!("export {}", compatible(name)));
    imports.chain(exports).collect()
}

#[test]
fn components_stay_within_their_worlds() {
    for (name, _) in COMPONENTS {
        let (world, built) = (world(name), built(name));
        let beyond: Vec<_> = built.difference(&world).collect();
        assert!(
            beyond.is_empty(),
            "{name} goes beyond its world: {beyond:?}"
        );
        assert!(
            built.contains("export wasi:http/handler@0.3"),
            "{name}: {built:?}"
        );
        assert_eq!(
            built.contains("import spin:sqlite/sqlite@3"),
            name != "web",
            "{name}: {built:?}"
        );
    }
}

/// A world that offers more than anybody uses would prove nothing.
#[test]
fn worlds_have_nothing_that_no_component_uses() {
    let used: BTreeSet<String> = COMPONENTS
        .iter()
        .flat_map(|(name, _)| built(name))
        .collect();
    for (name, _) in COMPONENTS {
        let idle: Vec<_> = world(name)
            .into_iter()
            .filter(|interface| !used.contains(interface))
            .collect();
        assert!(idle.is_empty(), "{name}: nobody uses {idle:?}");
    }
}

#[test]
fn components_are_small() {
    for (name, largest) in COMPONENTS {
        let bytes = std::fs::metadata(wasm(name))
            .expect("built: run `make components`")
            .len();
        assert!(bytes < largest, "{name}.wasm has {bytes} bytes");
    }
}
