//! `cargo xtask bench`: how fast records are copied, at what cost and how late, with MirrorMaker 2 beside us on the same
//! brokers. A benchmark, never a timed test: absolute times on a shared machine mean little, ratios within one run and CPU
//! seconds per gigabyte mean much. docs/BENCHMARK.md tells the method.

use std::{fs, path::PathBuf};

use anyhow::{Result, bail};
use serde::Serialize;

use crate::{causeway, setup};

mod catch_up;
mod cells;
mod copier;
mod crash;
mod idle;
mod latency;
mod load;
mod machine;
mod mirror_maker;
mod observers;
mod relay;
mod stand;
mod steady;
mod summary;
mod tables;

use catch_up::Run;
use cells::{BASE, Cell};
use copier::CopierKind;
use crash::Crashes;
use idle::Idle;
use machine::Machine;
use stand::Home;
use steady::Steady;
use summary::Summary;

/// Options of `cargo xtask bench`.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("set").required(true))]
pub struct BenchOptions {
    /// The smallest set, a few minutes: 1 KB records, codecs none and lz4, 6 partitions; MirrorMaker 2 tuned only.
    #[arg(long, group = "set")]
    pub smoke: bool,
    /// One cell for each thing that may cost something, about an hour and a half.
    #[arg(long, group = "set")]
    pub core: bool,
    /// All sizes, codecs, partition counts and batches with each other, more than a day.
    #[arg(long, group = "set")]
    pub full: bool,
    /// What is measured.
    #[arg(long, value_enum, default_value_t = Mode::CatchUp)]
    pub mode: Mode,
    /// How often each cell is measured with each copier, in turn; 3, with --smoke 1.
    #[arg(long)]
    pub rounds: Option<u32>,
    /// Measure this side alone.
    #[arg(long, value_enum)]
    pub only: Option<Only>,
    /// Write the results there as well.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Size of a preloaded topic in MiB of record values, before compression; cells of many small records take a part of it.
    #[arg(long, default_value_t = 1_024)]
    pub megabytes: u64,
    /// Load of the steady mode in MB of values a second.
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// How long a steady load is measured, in seconds, after a third of it to warm up.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Partitions of the idle mode.
    #[arg(long, default_value_t = 10_000)]
    pub idle_partitions: i32,
    /// Kills of the crash mode.
    #[arg(long, default_value_t = 10)]
    pub kills: u32,
    /// Longest time for one copy, in seconds.
    #[arg(long, default_value_t = 900)]
    pub patience: u64,
    /// Use the development build of Causeway; its figures say nothing.
    #[arg(long)]
    pub dev: bool,
    /// Measure this executable of Causeway instead of building one: to compare two versions.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    pub binary: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Preloaded topics are copied as fast as it goes.
    CatchUp,
    /// A load that goes on whatever the copier does; how late are records?
    Steady,
    /// Many partitions without news; what do they cost?
    Idle,
    /// The copier is killed under load again and again; what is lost, repeated, out of order?
    Crash,
    All,
}

/// One side alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    Causeway,
    Mm2,
}

/// Everything that was measured in one call.
#[derive(Debug, Serialize)]
struct Results {
    machine: Machine,
    /// Every catch-up as it was, in order.
    runs: Vec<Run>,
    /// Medians of `runs`.
    summary: Vec<Summary>,
    steady: Vec<Steady>,
    idle: Vec<Idle>,
    crash: Vec<Crashes>,
}

/// What every measurement needs.
struct Bench<'a> {
    options: &'a BenchOptions,
    binary: PathBuf,
    home: Home,
}

/// Runs the benchmark and prints tables; the JSON goes to the named file.
///
/// # Errors
/// Fails when a part does not start, a copy does not end in time, or a copy by Causeway is not exact.
pub fn run(options: &BenchOptions) -> Result<()> {
    setup::prerequisites()?;
    let bench = Bench {
        options,
        binary: binary(options)?,
        home: Home::new()?,
    };
    let mut results = Results {
        machine: Machine::here()?,
        runs: Vec::new(),
        summary: Vec::new(),
        steady: Vec::new(),
        idle: Vec::new(),
        crash: Vec::new(),
    };
    let measured = bench.measure(&mut results);
    // What was measured before a failure is not lost.
    results.summary = summary::summarise(&results.runs);
    println!("\n{}", tables::all(&results));
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string_pretty(&results)?)?;
        eprintln!("The figures stand in {}.", file.display());
    }
    measured?;
    refuse_inexact(&results)
}

fn binary(options: &BenchOptions) -> Result<PathBuf> {
    match (&options.binary, options.dev, options.only) {
        (Some(binary), _, _) => Ok(binary.clone()),
        (None, _, Some(Only::Mm2)) => Ok(PathBuf::new()),
        (None, true, _) => causeway::build(causeway::Profile::Dev),
        (None, false, _) => causeway::build(causeway::Profile::Release),
    }
}

impl Bench<'_> {
    fn measure(&self, results: &mut Results) -> Result<()> {
        let mode = self.options.mode;
        let wanted = |one: Mode| mode == one || mode == Mode::All;
        if wanted(Mode::CatchUp) {
            for cell in self.cells() {
                catch_up::measure(self, &cell, &mut results.runs)?;
            }
        }
        if wanted(Mode::Steady) {
            for rate in self.rates(&results.runs) {
                for kind in self.kinds() {
                    results.steady.push(steady::measure(self, kind, rate)?);
                }
            }
        }
        if wanted(Mode::Idle) {
            for kind in self.kinds() {
                results.idle.push(idle::measure(self, kind)?);
            }
        }
        if wanted(Mode::Crash) {
            for kind in self.kinds() {
                results.crash.push(crash::measure(self, kind)?);
            }
        }
        Ok(())
    }

    fn cells(&self) -> Vec<Cell> {
        match (self.options.smoke, self.options.core) {
            (true, _) => cells::smoke(),
            (_, true) => cells::core(),
            _ => cells::full(),
        }
    }

    fn rounds(&self) -> u32 {
        let usual = if self.options.smoke { 1 } else { 3 };
        self.options.rounds.unwrap_or(usual)
    }

    /// Who is measured, in the order of a round.
    fn kinds(&self) -> Vec<CopierKind> {
        let mut kinds = vec![CopierKind::Causeway, CopierKind::MirrorMakerTuned];
        if !self.options.smoke {
            kinds.push(CopierKind::MirrorMakerDefault);
        }
        kinds.retain(|kind| match self.options.only {
            None => true,
            Some(Only::Causeway) => *kind == CopierKind::Causeway,
            Some(Only::Mm2) => *kind != CopierKind::Causeway,
        });
        kinds
    }

    /// The rate asked for, and half of what the slowest copier reached in the first cell, where that was measured.
    fn rates(&self, runs: &[Run]) -> Vec<f64> {
        let slowest = runs
            .iter()
            .filter(|run| run.cell == BASE)
            .map(|run| run.mb_per_second)
            .min_by(f64::total_cmp);
        let mut rates = vec![self.options.rate];
        rates.extend(slowest.map(|rate| (rate / 2.0).round()));
        rates
    }
}

/// A fast wrong copy is worth nothing. What MirrorMaker 2 does is told, and no failure of ours.
fn refuse_inexact(results: &Results) -> Result<()> {
    let runs = results.runs.iter().map(|run| (run.copier, &run.referee));
    let steady = results.steady.iter().map(|run| (run.copier, &run.referee));
    let crash = results.crash.iter().map(|run| (run.copier, &run.referee));
    let wrong = runs
        .chain(steady)
        .chain(crash)
        .find(|(copier, report)| *copier == CopierKind::Causeway && !report.is_exact());
    match wrong {
        Some((_, report)) => bail!("the copy is not exact: {report:?}"),
        None => Ok(()),
    }
}
