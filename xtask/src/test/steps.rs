//! The steps that are a call of cargo, and those with real brokers.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use anyhow::Result;

use super::{Outcome, TestOptions};
use crate::{
    causeway::workspace,
    cluster::{ClusterOptions, KafkaCluster},
    setup::{self, seconds},
};

pub(super) fn formatting() -> Result<Outcome> {
    cargo(&["fmt", "--all", "--check"])
}

pub(super) fn clippy() -> Result<Outcome> {
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ])
}

pub(super) fn docs() -> Result<Outcome> {
    let denied = BTreeMap::from([(
        "RUSTDOCFLAGS".to_owned(),
        "--cfg erase_components --deny warnings".to_owned(),
    )]);
    run_cargo(
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ],
        &denied,
    )
}

pub(super) fn architecture() -> Result<Outcome> {
    if !workspace().join("server/tests/architecture.rs").exists() {
        return Ok(Outcome::Skipped(
            "there is no server/tests/architecture.rs".to_owned(),
        ));
    }
    cargo(&["test", "--workspace", "--test", "architecture"])
}

/// Tests without brokers: what needs them is marked `#[ignore]`. Every step builds the whole workspace: another choice of
/// packages would choose other features of the dependencies and build those anew.
pub(super) fn unit(options: &TestOptions) -> Result<Outcome> {
    let mut arguments = vec!["test", "--workspace", "--lib", "--bins"];
    for target in ["api", "process", "web", "look"] {
        arguments.extend(["--test", target]);
    }
    arguments.extend(options.filter.as_deref());
    cargo(&arguments)
}

/// The simulations are test targets of their own. Their output is shown: it tells the seeds.
pub(super) fn simulation(_: &TestOptions) -> Result<Outcome> {
    cargo(&[
        "test",
        "--workspace",
        "--test",
        "simulation",
        "--test",
        "transactions",
        "--",
        "--nocapture",
    ])
}

/// Starts `east` and `west` once and runs the tests marked `#[ignore]` against them. They go one crate after the other,
/// and few at a time: some start brokers of their own, and two cores are enough only for a handful.
pub(super) fn integration(options: &TestOptions, package: Option<&str>) -> Result<Outcome> {
    let clusters = SharedClusters::start()?;
    let environment = clusters.environment()?;
    let mut arguments = vec!["test"];
    match package {
        Some(package) => arguments.extend(["--package", package]),
        None => arguments.extend(["--workspace", "--no-fail-fast"]),
    }
    arguments.extend(["--lib", "--bins", "--tests"]);
    arguments.extend(options.filter.as_deref());
    arguments.push("--");
    // A named crate runs whole; in the full run the other tests have had their turn in `unit`.
    arguments.push(if package.is_some() {
        "--include-ignored"
    } else {
        "--ignored"
    });
    arguments.extend(["--skip", "simulation", "--test-threads", "2"]);
    run_cargo(&arguments, &environment)
}

/// The clusters that all tests of a run share; they end with this value.
pub(super) struct SharedClusters {
    east: KafkaCluster,
    west: KafkaCluster,
}

impl SharedClusters {
    pub(super) fn start() -> Result<Self> {
        for version in [setup::KAFKA_NEWEST, setup::KAFKA_OLDER] {
            setup::kafka_jars(version)?;
        }
        eprintln!("Starting the shared clusters east and west …");
        let east = KafkaCluster::start(ClusterOptions::new("east"))?;
        let west = KafkaCluster::start(ClusterOptions::new("west"))?;
        eprintln!(
            "east serves after {}, west after {}.",
            seconds(east.took()),
            seconds(west.took())
        );
        Ok(Self { east, west })
    }

    /// Returns the variables by which test processes find the clusters.
    pub(super) fn environment(&self) -> Result<BTreeMap<String, String>> {
        Ok(BTreeMap::from([
            (
                "CAUSEWAY_TEST_EAST".to_owned(),
                serde_json::to_string(&self.east.facts())?,
            ),
            (
                "CAUSEWAY_TEST_WEST".to_owned(),
                serde_json::to_string(&self.west.facts())?,
            ),
        ]))
    }
}

pub(super) fn deny() -> Result<Outcome> {
    let there = Command::new("cargo-deny")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !there {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    }
    cargo(&["deny", "check", "bans", "licenses", "sources"])
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    run_cargo(arguments, &BTreeMap::new())
}

pub(super) fn run_cargo(
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
) -> Result<Outcome> {
    eprintln!("$ cargo {}", arguments.join(" "));
    let status = Command::new("cargo")
        .args(arguments)
        .envs(environment)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .status()?;
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}
