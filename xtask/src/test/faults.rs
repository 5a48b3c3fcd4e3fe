//! The fault suite: the tests that break things, with faults of full length, and a table of what they counted.

use std::fs;

use anyhow::Result;

use super::{
    Outcome, TestOptions,
    steps::{SharedClusters, run_cargo},
};
use crate::report;

/// Test targets of `server` whose tests report cases.
const TARGETS: &[&str] = &["faults", "kills"];

/// Runs the suite and prints its table, also when a test failed.
pub(super) fn run(options: &TestOptions) -> Result<Outcome> {
    let clusters = SharedClusters::start()?;
    let file = std::env::temp_dir().join(format!("causeway-faults-{}.jsonl", std::process::id()));
    let _ = fs::remove_file(&file);
    let mut environment = clusters.environment()?;
    environment.insert(report::REPORT.to_owned(), file.display().to_string());
    environment.insert(report::LONG.to_owned(), "1".to_owned());
    let mut arguments = vec!["test", "--workspace", "--no-fail-fast"];
    for target in TARGETS {
        arguments.extend(["--test", target]);
    }
    arguments.extend(options.filter.as_deref());
    // One at a time: a fault next door would be a second one.
    arguments.extend(["--", "--ignored", "--test-threads", "1"]);
    let outcome = run_cargo(&arguments, &environment)?;
    println!("\n{}", report::table(&report::read(&file)?));
    let _ = fs::remove_file(&file);
    Ok(outcome)
}
