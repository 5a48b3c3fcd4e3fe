//! What fault tests tell of their cases: one line of JSON for each, for the table of `cargo xtask test faults`.
//!
//! Outside of that command nothing is written, and faults are short.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::referee::Report;

/// Names the file to which cases are written.
pub const REPORT: &str = "CAUSEWAY_FAULT_REPORT";
/// Set where faults last as long as the design asks for.
pub const LONG: &str = "CAUSEWAY_LONG_FAULTS";

/// Returns how long a fault lasts: `long` in the fault suite, `short` wherever else its test runs.
pub fn length(short: Duration, long: Duration) -> Duration {
    if std::env::var_os(LONG).is_some() {
        long
    } else {
        short
    }
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Passed,
    Failed,
    /// The machine cannot make this fault.
    Skipped,
}

/// What a case counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Such as `F08 black hole before the destination`.
    pub case: String,
    pub ending: Ending,
    /// Faults injected.
    pub faults: u32,
    /// Records that the referee expected at the destination.
    pub records: u64,
    pub missing: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    /// Longest time from the end of a fault until records arrived again, where it was measured.
    pub recovery_seconds: Option<f64>,
    /// Why it was skipped, or what else to know.
    pub note: String,
}

/// A case while its test runs. When the test ends, its line is written: as failed when it panicked.
#[derive(Debug)]
pub struct Case {
    outcome: Outcome,
    file: Option<PathBuf>,
}

impl Case {
    /// Begins a case; the name begins with the number of FAULTS.md that it stands for.
    pub fn new(case: &str) -> Self {
        Self::to_file(case, std::env::var_os(REPORT).map(PathBuf::from))
    }

    fn to_file(case: &str, file: Option<PathBuf>) -> Self {
        let outcome = Outcome {
            case: case.to_owned(),
            ending: Ending::Passed,
            faults: 0,
            records: 0,
            missing: 0,
            duplicated: 0,
            out_of_order: 0,
            recovery_seconds: None,
            note: String::new(),
        };
        Self { outcome, file }
    }

    /// Counts faults.
    pub fn faults(&mut self, count: u32) {
        self.outcome.faults += count;
    }

    /// Notes how long it took after a fault; the longest stays.
    pub fn recovered(&mut self, after: Duration) {
        let seconds = after.as_secs_f64();
        let longest = self.outcome.recovery_seconds.unwrap_or(0.0).max(seconds);
        self.outcome.recovery_seconds = Some(longest);
    }

    /// Adds what the referee counted.
    pub fn compared(&mut self, report: &Report) {
        self.outcome.records += report.expected;
        self.outcome.missing += report.missing;
        self.outcome.duplicated += report.duplicated;
        self.outcome.out_of_order += report.out_of_order;
    }

    /// Adds words for the reader of the table.
    pub fn note(&mut self, words: &str) {
        words.clone_into(&mut self.outcome.note);
    }

    /// Ends a case that this machine cannot make.
    pub fn skip(mut self, reason: &str) {
        eprintln!("skipped: {}: {reason}", self.outcome.case);
        self.outcome.ending = Ending::Skipped;
        self.note(reason);
    }

    fn write(&self, file: &Path) -> Result<()> {
        let mut line = serde_json::to_string(&self.outcome)?;
        line.push('\n');
        // One write: tests of several processes append to the same file.
        let mut file = File::options().create(true).append(true).open(file)?;
        Ok(file.write_all(line.as_bytes())?)
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.outcome.ending = Ending::Failed;
        }
        if let Some(file) = &self.file
            && let Err(error) = self.write(file)
        {
            eprintln!("cannot write to {}: {error:#}", file.display());
        }
    }
}

/// Reads the cases of a run, in the order of their names.
///
/// # Errors
/// Fails when a line is no case.
pub fn read(file: &Path) -> Result<Vec<Outcome>> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().map(serde_json::from_str);
    let mut all: Vec<Outcome> = lines
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} holds a line that is no case", file.display()))?;
    all.sort_by(|a, b| a.case.cmp(&b.case));
    Ok(all)
}

/// Returns the table that people read.
pub fn table(cases: &[Outcome]) -> String {
    let mut lines = vec![format!(
        "{:<58} {:<8} {:>6} {:>9} {:>8} {:>11} {:>13} {:>9}",
        "case", "result", "faults", "records", "missing", "duplicated", "out of order", "recovery"
    )];
    for case in cases {
        let recovery = case
            .recovery_seconds
            .map_or_else(|| "–".to_owned(), |s| format!("{s:.1} s"));
        let ending = match case.ending {
            Ending::Passed => "passed",
            Ending::Failed => "FAILED",
            Ending::Skipped => "skipped",
        };
        lines.push(format!(
            "{:<58} {ending:<8} {:>6} {:>9} {:>8} {:>11} {:>13} {recovery:>9}  {}",
            case.case,
            case.faults,
            case.records,
            case.missing,
            case.duplicated,
            case.out_of_order,
            case.note
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_written_when_its_test_ends_and_failed_when_that_panicked() {
        let file = std::env::temp_dir().join(format!("cases-{}", uuid::Uuid::new_v4()));
        let begin = |name: &str| Case::to_file(name, Some(file.clone()));
        let panicked = std::thread::scope(|scope| {
            let test = scope.spawn(|| {
                let _case = begin("F02 the second");
                panic!("as a test that fails");
            });
            test.join().is_err()
        });
        assert!(panicked);
        let mut case = begin("F01 the first");
        case.faults(3);
        case.recovered(Duration::from_secs(2));
        case.recovered(Duration::from_secs(1));
        case.compared(&Report {
            expected: 7,
            duplicated: 1,
            ..Report::default()
        });
        drop(case);
        begin("F11 the third").skip("no rights");

        let cases = read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let endings: Vec<Ending> = cases.iter().map(|case| case.ending).collect();
        assert_eq!(endings, [Ending::Passed, Ending::Failed, Ending::Skipped]);
        let first = &cases[0];
        assert_eq!((first.faults, first.records, first.duplicated), (3, 7, 1));
        assert_eq!(first.recovery_seconds, Some(2.0));
        assert!(table(&cases).contains("no rights"));
    }
}
