//! `cargo xtask test`: everything CI checks, in steps that can be run by name.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    causeway::workspace,
    cluster::{ClusterOptions, KafkaCluster},
    setup::{self, seconds},
};

/// Options of `cargo xtask test`.
#[derive(Clone, Debug, clap::Args)]
pub struct TestOptions {
    /// Steps to run, all without any; a crate's name runs that crate's tests with brokers.
    #[arg(value_name = "STEP")]
    pub steps: Vec<String>,
    /// Only tests whose name contains this text.
    #[arg(long)]
    pub filter: Option<String>,
}

/// One named step.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&TestOptions) -> Result<Outcome>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// With the reason.
    Skipped(String),
}

const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "formatting",
        run: |_| cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "clippy",
        about: "lints, warnings denied",
        run: |_| clippy(),
    },
    Step {
        name: "docs",
        about: "documentation builds without warnings",
        run: |_| docs(),
    },
    Step {
        name: "architecture",
        about: "who may depend on whom",
        run: |_| architecture(),
    },
    Step {
        name: "unit",
        about: "tests without brokers",
        run: unit,
    },
    Step {
        name: "simulation",
        about: "10,000 random schedules of the protocol",
        run: simulation,
    },
    Step {
        name: "integration",
        about: "tests on real brokers",
        run: |o| integration(o, None),
    },
    Step {
        name: "wasm",
        about: "the browser's crate compiles",
        run: |_| wasm(),
    },
    Step {
        name: "deny",
        about: "licences and sources of dependencies",
        run: |_| deny(),
    },
];

/// Runs the steps, prints a summary whose last line is `N passed, N failed`, and fails when a step failed.
///
/// # Errors
/// Fails when a step failed, is unknown, or a prerequisite is missing.
pub fn run(options: &TestOptions) -> Result<()> {
    setup::prerequisites()?;
    let mut results = Vec::new();
    for (name, run) in chosen(options)? {
        eprintln!("\n── {name} ──");
        let began = Instant::now();
        let outcome = run(options).unwrap_or_else(|error| {
            eprintln!("{error:#}");
            Outcome::Failed
        });
        results.push((name, outcome, began.elapsed()));
    }
    summarise(&results)
}

type Chosen = (String, Box<dyn Fn(&TestOptions) -> Result<Outcome>>);

fn chosen(options: &TestOptions) -> Result<Vec<Chosen>> {
    if options.steps.is_empty() {
        return Ok(STEPS
            .iter()
            .map(|s| (s.name.to_owned(), Box::new(s.run) as Box<_>))
            .collect());
    }
    let crates = crates()?;
    let mut all = Vec::new();
    for name in &options.steps {
        if let Some(step) = STEPS.iter().find(|s| s.name == name) {
            all.push((name.clone(), Box::new(step.run) as Box<_>));
        } else if crates.contains(name) {
            let package = name.clone();
            let run = move |o: &TestOptions| integration(o, Some(&package));
            all.push((name.clone(), Box::new(run) as Box<_>));
        } else {
            let steps: Vec<String> = STEPS
                .iter()
                .map(|s| format!("  {:<13} {}", s.name, s.about))
                .collect();
            bail!(
                "no step `{name}`; there are:\n{}\nand the crates {}",
                steps.join("\n"),
                crates.join(", ")
            );
        }
    }
    Ok(all)
}

fn summarise(results: &[(String, Outcome, Duration)]) -> Result<()> {
    println!("\n{:<14} {:<9} {:>9}", "step", "result", "time");
    for (name, outcome, took) in results {
        let (word, reason) = match outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Failed => ("FAILED", String::new()),
            Outcome::Skipped(reason) => ("skipped", format!("  {reason}")),
        };
        println!("{name:<14} {word:<9} {:>9}{reason}", seconds(*took));
    }
    let count = |wanted: &Outcome| results.iter().filter(|(_, o, _)| o == wanted).count();
    let failed = count(&Outcome::Failed);
    println!("{} passed, {failed} failed", count(&Outcome::Passed));
    if failed > 0 {
        bail!("{failed} of {} steps failed", results.len());
    }
    Ok(())
}

fn clippy() -> Result<Outcome> {
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ])
}

fn docs() -> Result<Outcome> {
    let denied = BTreeMap::from([("RUSTDOCFLAGS".to_owned(), "--deny warnings".to_owned())]);
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

fn architecture() -> Result<Outcome> {
    if !workspace().join("server/tests/architecture.rs").exists() {
        return Ok(Outcome::Skipped(
            "there is no server/tests/architecture.rs".to_owned(),
        ));
    }
    cargo(&["test", "--workspace", "--test", "architecture"])
}

/// Tests without brokers: what needs them is marked `#[ignore]`. Every step builds the whole workspace: another choice of
/// packages would choose other features of the dependencies and build those anew.
fn unit(options: &TestOptions) -> Result<Outcome> {
    let mut arguments = vec!["test", "--workspace", "--lib", "--bins"];
    arguments.extend(["--test", "api", "--test", "process"]);
    arguments.extend(options.filter.as_deref());
    cargo(&arguments)
}

/// The simulation is a test target of its own. Its output is shown: it tells the seeds.
fn simulation(_: &TestOptions) -> Result<Outcome> {
    cargo(&[
        "test",
        "--workspace",
        "--test",
        "simulation",
        "--",
        "--nocapture",
    ])
}

/// Starts `east` and `west` once and runs the tests marked `#[ignore]` against them. They go one crate after the other,
/// and few at a time: some start brokers of their own, and two cores are enough only for a handful.
fn integration(options: &TestOptions, package: Option<&str>) -> Result<Outcome> {
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
    let environment = BTreeMap::from([
        (
            "CAUSEWAY_TEST_EAST".to_owned(),
            serde_json::to_string(&east.facts())?,
        ),
        (
            "CAUSEWAY_TEST_WEST".to_owned(),
            serde_json::to_string(&west.facts())?,
        ),
    ]);
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

fn wasm() -> Result<Outcome> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let out = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()?;
    let root = PathBuf::from(String::from_utf8_lossy(&out.stdout).trim());
    if !root.join("lib/rustlib").join(TARGET).exists() {
        return Ok(Outcome::Skipped(format!("this toolchain has no {TARGET}")));
    }
    cargo(&["check", "--package", "model", "--target", TARGET])
}

fn deny() -> Result<Outcome> {
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

/// Returns the names of the workspace's crates.
fn crates() -> Result<Vec<String>> {
    let out = Command::new("cargo")
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(workspace())
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout)?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    Ok(packages
        .iter()
        .filter_map(|p| Some(p["name"].as_str()?.to_owned()))
        .collect())
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    run_cargo(arguments, &BTreeMap::new())
}

fn run_cargo(arguments: &[&str], environment: &BTreeMap<String, String>) -> Result<Outcome> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_step_is_refused_with_the_list() {
        let options = TestOptions {
            steps: vec!["browsers".to_owned()],
            filter: None,
        };
        let refusal = run_names(&options).unwrap_err().to_string();
        assert!(
            refusal.contains("integration") && refusal.contains("crates"),
            "{refusal}"
        );
    }

    #[test]
    fn steps_and_crates_are_known_by_name() {
        let steps = vec!["fmt".to_owned(), "kafka".to_owned()];
        let names = run_names(&TestOptions {
            steps,
            filter: None,
        })
        .unwrap();
        assert_eq!(names, ["fmt", "kafka"]);
    }

    fn run_names(options: &TestOptions) -> Result<Vec<String>> {
        Ok(chosen(options)?.into_iter().map(|(name, _)| name).collect())
    }
}
