//! Fails on an edge between crates, or a library named in a file, that docs/ARCHITECTURE.md does not allow.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Which of our crates each crate may use.
const EDGES: [(&str, &[&str]); 7] = [
    ("model", &[]),
    ("kafka", &["model"]),
    ("replication", &["kafka", "model"]),
    ("store", &["model"]),
    ("app", &["model", "store"]),
    ("server", &["app", "kafka", "model", "replication", "store"]),
    ("xtask", &[]),
];

/// Edges that only tests may have: the development commands start real brokers and a real
/// Postgres.
const DEV_EDGES: [(&str, &[&str]); 4] = [
    ("kafka", &["xtask"]),
    ("replication", &["xtask"]),
    ("server", &["xtask"]),
    ("store", &["xtask"]),
];

/// Libraries with a home: only these crates may depend on them.
const HOMES: [(&str, &[&str]); 21] = [
    ("kafka-protocol", &["kafka"]),
    ("rdkafka", &["kafka", "xtask"]),
    ("rdkafka-sys", &["kafka", "xtask"]),
    ("tokio-rustls", &["kafka"]),
    ("rustls-native-certs", &["kafka"]),
    ("hyper", &["kafka"]),
    ("hyper-util", &["kafka"]),
    ("http-body-util", &["kafka"]),
    ("x509-parser", &["model"]),
    ("sqlx", &["store"]),
    ("axum", &["server"]),
    ("tower", &["server"]),
    ("tower-http", &["server"]),
    ("leptos", &["app", "server"]),
    ("leptos_axum", &["app", "server"]),
    ("lettre", &["server"]),
    ("reqwest", &["server"]),
    ("web-sys", &["app"]),
    (
        "tokio",
        &["app", "kafka", "replication", "server", "store", "xtask"],
    ),
    (
        "tracing",
        &["app", "kafka", "replication", "server", "store", "xtask"],
    ),
    ("tokio-util", &["kafka", "replication", "server", "xtask"]),
];

/// Libraries that tests of these crates use besides: as an independent client, and to drive things.
const DEV_HOMES: [(&str, &[&str]); 3] = [
    ("rdkafka", &["kafka", "replication", "server"]),
    ("sqlx", &["server"]),
    ("tokio", &["model", "store"]),
];

/// Libraries that may be named only below these paths.
const PLACES: [(&str, &[&str]); 6] = [
    ("hyper::", &["crates/kafka/src/token/"]),
    ("kafka_protocol::", &["crates/kafka/"]),
    (
        "rdkafka::",
        &[
            "crates/kafka/src/group",
            "crates/kafka/src/browse",
            "xtask/",
        ],
    ),
    ("leptos_axum::", &["app/", "server/src/http"]),
    ("lettre::", &["server/src/alerts"]),
    ("reqwest::", &["server/src/alerts"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A dependency as a manifest declares it.
struct Edge {
    from: String,
    to: String,
    dev: bool,
}

fn declared() -> Vec<Edge> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            let dev = dependency["kind"] == "dev";
            edges.push(Edge {
                from: text(&package["name"]),
                to: text(&dependency["name"]),
                dev,
            });
        }
    }
    edges
}

fn allows(table: &[(&str, &[&str])], key: &str, value: &str) -> bool {
    table
        .iter()
        .any(|(name, allowed)| *name == key && allowed.contains(&value))
}

#[test]
fn our_crates_depend_on_each_other_only_as_the_table_allows() {
    let ours: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let forbidden: Vec<String> = declared()
        .iter()
        .filter(|edge| ours.contains(edge.to.as_str()))
        .filter(|edge| !allows(&EDGES, &edge.from, &edge.to))
        .filter(|edge| !(edge.dev && allows(&DEV_EDGES, &edge.from, &edge.to)))
        .map(|edge| format!("{} -> {}", edge.from, edge.to))
        .collect();
    assert!(
        forbidden.is_empty(),
        "edges outside the table: {forbidden:?}"
    );
}

#[test]
fn every_crate_of_the_workspace_is_in_the_table() {
    for edge in declared() {
        assert!(
            EDGES.iter().any(|(name, _)| *name == edge.from),
            "`{}` has no row",
            edge.from
        );
    }
}

#[test]
fn libraries_with_a_home_are_declared_nowhere_else() {
    let forbidden: Vec<String> = declared()
        .iter()
        .filter(|edge| HOMES.iter().any(|(library, _)| *library == edge.to))
        .filter(|edge| !allows(&HOMES, &edge.to, &edge.from))
        .filter(|edge| !(edge.dev && allows(&DEV_HOMES, &edge.to, &edge.from)))
        .map(|edge| format!("{} -> {}", edge.from, edge.to))
        .collect();
    assert!(
        forbidden.is_empty(),
        "libraries away from home: {forbidden:?}"
    );
}

#[test]
fn libraries_are_named_only_in_their_files() {
    let mut forbidden = Vec::new();
    for path in sources(&root()) {
        let relative = path
            .strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let text = code(&std::fs::read_to_string(&path).unwrap());
        for (library, places) in PLACES {
            let at_home = places.iter().any(|place| relative.starts_with(place));
            if text.contains(library) && !at_home && !is_test(&relative) {
                forbidden.push(format!("{library} in {relative}"));
            }
        }
    }
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

#[test]
fn the_search_sees_code_and_no_comments() {
    assert!(code("use rdkafka::x; // y").contains("rdkafka::"));
    assert!(!code("//! rdkafka::x\n  // rdkafka::y").contains("rdkafka::"));
    assert!(
        sources(&root())
            .iter()
            .any(|path| path.ends_with("server/src/main.rs"))
    );
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Returns the text without line comments.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns all Rust sources of the workspace.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![
        root.join("app"),
        root.join("server"),
        root.join("xtask"),
        root.join("crates"),
    ];
    // Ends when every folder below these was looked into.
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
