//! `openapi.json`, which the component serves: it is what the route tables say.
//!
//! After a change of the API, `UPDATE=1 cargo test --release --workspace --test openapi` writes the file anew.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod document;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use database::Database;
use database::native::Native;
use document::document;
use http_api::{Api, Origins, Settings};
use serde_json::Value;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json")
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods
            .iter()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    operations.collect()
}

#[test]
fn the_file_is_in_step() {
    let text = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file(), &text).unwrap();
    }
    let stored = std::fs::read_to_string(file()).unwrap();
    assert!(
        stored == text,
        "openapi.json is out of date: see the head of this test"
    );
}

#[test]
fn every_operation_is_described() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{name}"
        );
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{name}"
        );
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{name}"
        );
        for answer in ["200", "201"].map(|status| {
            &responses.get(status).unwrap_or(&Value::Null)["content"]["application/json"]["schema"]
        }) {
            let named = answer.get("items").unwrap_or(answer).get("$ref");
            let Some(named) = named.and_then(Value::as_str) else {
                continue;
            };
            let schema = document.pointer(named.trim_start_matches('#')).unwrap();
            if schema.get("anyOf").is_some() {
                // One of several that are described themselves.
                continue;
            }
            assert!(schema["examples"][0].is_object(), "{name}: {named}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
        }
        if let Some(body) = operation.get("requestBody") {
            assert!(
                !body["content"]["application/json"]["example"].is_null(),
                "{name}"
            );
        }
    }
    assert!(ids.len() > 25);
}

fn api() -> Api {
    let settings = Settings {
        database_path: String::new(),
        cors_origins: Origins::default(),
        max_body_bytes: 1 << 20,
        feed_url: String::new(),
        admission: http_api::Admission::default(),
    };
    let database = Database::new(Native::memory().unwrap());
    let routes = backend::routes(&database, &settings);
    Api::new(routes, settings)
}

/// Each path has the methods that the document says, and no others.
#[tokio::test]
async fn what_is_described_is_served() {
    let document = document();
    let api = api();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let request = http::Request::builder()
            .method("OPTIONS")
            .uri(path.replace("{id}", "x"))
            .body(axum::body::Body::empty())
            .unwrap();
        let response = api.call(request).await;
        let allow = response.headers()["allow"].to_str().unwrap().to_lowercase();
        let served: BTreeSet<&str> = allow
            .split(',')
            .map(str::trim)
            .filter(|method| !matches!(*method, "head" | "options"))
            .collect();
        let described: BTreeSet<&str> = methods
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(served, described, "{path}");
    }
}

/// Only an id that is not there, or none, may be wrong with the example of a body.
#[tokio::test]
async fn examples_are_taken() {
    let document = document();
    let api = api();
    for (path, method, operation) in operations(&document) {
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        if example.is_null() {
            continue;
        }
        let request = http::Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(path.replace("{id}", "x"))
            .header("content-type", "application/json")
            .body(axum::body::Body::from(example.to_string()))
            .unwrap();
        let status = api.call(request).await.status().as_u16();
        assert!(
            matches!(status, 200 | 201 | 404),
            "{method} {path}: {status}"
        );
    }
}

#[test]
fn the_document_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("venv/bin/python");
    let runs = |program: &Path, arguments: &[&str]| {
        let status = Command::new(program)
            .args(arguments)
            .current_dir(folder.path())
            .status();
        status.is_ok_and(|status| status.success())
    };
    let package = "openapi-spec-validator==0.9.*";
    if !runs(Path::new("python3"), &["-m", "venv", "venv"])
        || !runs(&python, &["-m", "pip", "install", "--quiet", package])
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "{package} is not to be had"
        );
        eprintln!("skipped: {package} is not to be had");
        return;
    }
    let file = file();
    let arguments = [
        "-m",
        "openapi_spec_validator",
        "--schema",
        "3.1",
        file.to_str().unwrap(),
    ];
    assert!(runs(&python, &arguments));
    assert!(runs(&python, &["-c", EXAMPLES_FIT, file.to_str().unwrap()]));
}

/// The examples of answers fit their schemas, and leave out only what an answer may leave out.
const EXAMPLES_FIT: &str = r##"
import json, sys
from jsonschema import Draft202012Validator
document = json.load(open(sys.argv[1]))
for name, schema in document["components"]["schemas"].items():
    whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    for example in schema.get("examples", []):
        Draft202012Validator(whole).validate(example)
        assert set(example) <= set(schema.get("properties", example)), name
"##;
