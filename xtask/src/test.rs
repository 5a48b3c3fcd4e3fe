//! `cargo xtask test`: everything CI checks, in steps that can be run by name.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    causeway::workspace,
    setup::{self, seconds},
};

mod console;
mod faults;
mod steps;

/// Options of `cargo xtask test`.
#[derive(Clone, Debug, clap::Args)]
pub struct TestOptions {
    /// Steps to run, without any all but `faults`; a crate's name runs that crate's tests with brokers.
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

/// In this order: what fails quickly comes first, what needs brokers and a browser last.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "formatting",
        run: |_| steps::formatting(),
    },
    Step {
        name: "clippy",
        about: "lints, warnings denied",
        run: |_| steps::clippy(),
    },
    Step {
        name: "docs",
        about: "documentation builds without warnings",
        run: |_| steps::docs(),
    },
    Step {
        name: "architecture",
        about: "who may depend on whom",
        run: |_| steps::architecture(),
    },
    Step {
        name: "deny",
        about: "licences and sources of dependencies",
        run: |_| steps::deny(),
    },
    Step {
        name: "unit",
        about: "tests without brokers",
        run: steps::unit,
    },
    Step {
        name: "simulation",
        about: "10,000 random schedules of the protocol",
        run: steps::simulation,
    },
    Step {
        name: "wasm",
        about: "the browser's side: lints, build and size",
        run: |_| console::wasm(),
    },
    Step {
        name: "integration",
        about: "tests on real brokers",
        run: |o| steps::integration(o, None),
    },
    Step {
        name: "browser",
        about: "the console in Chromium, with real brokers",
        run: console::browser,
    },
];

/// These run by their names alone: they take long, or repeat in another form what the steps above hold.
const BY_NAME: &[Step] = &[Step {
    name: "faults",
    about: "the fault suite, with faults of full length and a table of its cases",
    run: faults::run,
}];

/// Runs the steps, prints a summary whose last line is `N passed, N failed`, and fails when a step failed.
///
/// # Errors
/// Fails when a step failed, is unknown, or a prerequisite is missing.
pub fn run(options: &TestOptions) -> Result<()> {
    setup::prerequisites()?;
    let chosen = chosen(options)?;
    if chosen.iter().any(|(name, _)| name == "browser") {
        // Now rather than after half an hour of other steps.
        setup::browser_prerequisites()?;
    }
    let mut results = Vec::new();
    for (name, run) in chosen {
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
        if let Some(step) = STEPS.iter().chain(BY_NAME).find(|s| s.name == name) {
            all.push((name.clone(), Box::new(step.run) as Box<_>));
        } else if crates.contains(name) {
            let package = name.clone();
            let run = move |o: &TestOptions| steps::integration(o, Some(&package));
            all.push((name.clone(), Box::new(run) as Box<_>));
        } else {
            let names: Vec<String> = STEPS
                .iter()
                .chain(BY_NAME)
                .map(|s| format!("  {:<13} {}", s.name, s.about))
                .collect();
            bail!(
                "no step `{name}`; there are:\n{}\nand the crates {}",
                names.join("\n"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_step_is_refused_with_the_list() {
        let options = TestOptions {
            steps: vec!["browsing".to_owned()],
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
