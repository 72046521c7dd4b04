//! The documents at the root of the repository: what they name is there.
//!
//! A file that is moved or renamed makes this fail, and the document is then brought up to date. It looks at inline code
//! only: blocks of code show commands and answers.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 3] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"];

/// How the name of a file ends that is a path even where it names no folder.
const ENDINGS: [&str; 5] = [".rs", ".sql", ".md", ".toml", ".json"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pieces of inline code of a document.
fn spans(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut is_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Whether a piece of code is a path of the repository: below something at its root, or the name of a file. What begins
/// otherwise is a route, an address, an option or a media type; what has a mark of a pattern stands for several files.
fn is_path(span: &str) -> bool {
    let is_plain = !span.contains(|c: char| c.is_whitespace() || "*{<$:(".contains(c));
    let is_relative = !span.starts_with(['/', '-', '.']);
    let is_below = span
        .split_once('/')
        .is_some_and(|(first, _)| !first.is_empty() && root().join(first).exists());
    is_plain && is_relative && (is_below || ENDINGS.iter().any(|ending| span.ends_with(ending)))
}

#[test]
fn every_path_that_is_named_is_there() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let paths: Vec<String> = spans(document)
            .into_iter()
            .filter(|span| is_path(span))
            .collect();
        assert!(paths.len() >= 5, "{document} names {paths:?} only");
        let gone = paths.iter().filter(|path| !root().join(path).exists());
        missing.extend(gone.map(|path| format!("{document}: {path}")));
    }
    assert!(missing.is_empty(), "not in the repository: {missing:#?}");
}

#[test]
fn paths_are_told_from_other_code() {
    for path in [
        "sql/",
        "spin.toml",
        "dev-server/src/serve.rs",
        "components/gone.rs",
        "gone.rs",
    ] {
        assert!(is_path(path), "{path}");
    }
    for other in [
        "/api/agents",
        "http://localhost:8000/health",
        "application/json",
        "./data/orchestrator.db",
        "components/*/src/lib.rs",
        "http_api::spin::serve",
        "cargo test -p backend",
        "--repair",
    ] {
        assert!(!is_path(other), "{other}");
    }
}
