//! Catching up: a preloaded topic is copied as fast as it goes.
//!
//! The source and its records stay for all rounds of a cell; each run gets a destination of its own, so that no copier
//! finds what another left. What comes before the first record stands at the destination is start-up, for every copier
//! alike: it is told apart, and no part of rates and costs.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::{
    Bench,
    cells::Cell,
    copier::{Copier, CopierKind, Setting},
    load, stand,
};
use crate::{admin::Admin, cluster::KafkaCluster, process::Usage, referee::Report, setup::seconds};

/// One copy of one cell. Sizes are stored bytes (compressed, as in the log), 1 MB = 10^6 bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub copier: CopierKind,
    pub cell: Cell,
    pub round: u32,
    pub records: u64,
    pub stored_bytes: u64,
    pub destination_bytes: u64,
    /// From the order to copy until the first record stands at the destination.
    pub start_up_seconds: f64,
    /// CPU of the copier until then, the start of its process included.
    pub start_up_cpu_seconds: f64,
    /// From the first record at the destination to the last.
    pub seconds: f64,
    pub mb_per_second: f64,
    pub records_per_second: f64,
    /// Of the copier alone, from the first record on, by the bytes copied since.
    pub cpu_seconds_per_gb: f64,
    /// The part of it spent outside the kernel.
    pub user_seconds_per_gb: f64,
    /// Of all brokers, from the order to copy to the last record.
    pub broker_cpu_seconds: f64,
    pub peak_rss_bytes: u64,
    /// The content comparison; a fast wrong copy is worth nothing.
    pub referee: Report,
}

/// Measures one cell with every copier in turn, as often as asked.
pub(super) fn measure(bench: &Bench<'_>, cell: &Cell, runs: &mut Vec<Run>) -> Result<()> {
    let east = stand::cluster("east", &bench.home, cell.brokers)?;
    let source = stand::topic(&east, cell)?;
    let began = Instant::now();
    let bytes = cell.share_of(bench.options.megabytes * 1_048_576);
    let records = load::preload(&east.bootstrap(), cell, bytes)?;
    let stored_bytes = stand::log_bytes(&east)?;
    eprintln!(
        "\n{cell}: {records} records, {:.0} MB stored, written in {}",
        stored_bytes as f64 / 1e6,
        seconds(began.elapsed())
    );
    let loaded = Loaded {
        cell,
        east,
        goal: stand::records(&source),
        records,
        stored_bytes,
    };
    for round in 1..=bench.rounds() {
        for kind in bench.kinds() {
            let run = loaded.copy(bench, kind, round)?;
            eprintln!(
                "{cell}, round {round}, {kind}: {:.1} MB/s, {:.2} CPU-s/GB",
                run.mb_per_second, run.cpu_seconds_per_gb
            );
            runs.push(run);
        }
    }
    Ok(())
}

/// A source that is full.
struct Loaded<'a> {
    cell: &'a Cell,
    east: KafkaCluster,
    /// Sum of the ends of its partitions.
    goal: i64,
    records: u64,
    stored_bytes: u64,
}

/// Where a copy stood at a moment.
struct Moment {
    at: Instant,
    records: i64,
    usage: Usage,
}

impl Loaded<'_> {
    fn copy(&self, bench: &Bench<'_>, kind: CopierKind, round: u32) -> Result<Run> {
        let west = stand::cluster("west", &bench.home, self.cell.brokers)?;
        let home = bench.home.copier()?;
        let mut copier = Copier::prepare(
            kind,
            &Setting {
                binary: &bench.binary,
                home: &home,
                east: &self.east.facts(),
                west: &west.facts(),
                cell: self.cell,
            },
        )?;
        let brokers_before = stand::broker_cpu(&[&self.east, &west])?;
        let ordered = Instant::now();
        copier.go()?;
        let destination = Admin::new(&west.bootstrap())?;
        let patience = Duration::from_secs(bench.options.patience);
        let mut moment = |wanted: &dyn Fn(i64) -> bool| -> Result<Moment> {
            let records = stand::wait_for_records(&destination, &mut copier, patience, wanted)?;
            Ok(Moment {
                at: Instant::now(),
                records,
                usage: copier.usage()?,
            })
        };
        let first = moment(&|there| there > 0)?;
        let last = moment(&|there| there >= self.goal)?;
        let broker_cpu_seconds = stand::broker_cpu(&[&self.east, &west])? - brokers_before;
        let destination_bytes = stand::log_bytes(&west)?;
        copier.stop()?;
        let referee = stand::compare(&self.east, &west)?;
        let run = Run {
            broker_cpu_seconds,
            destination_bytes,
            referee,
            start_up_seconds: first.at.duration_since(ordered).as_secs_f64(),
            ..self.figures(kind, &first, &last)
        };
        Ok(Run { round, ..run })
    }

    /// Returns what follows from the two moments; the rest is left at nothing.
    fn figures(&self, copier: CopierKind, first: &Moment, last: &Moment) -> Run {
        let share = (last.records - first.records) as f64 / self.goal.max(1) as f64;
        let gb = self.stored_bytes as f64 * share / 1e9;
        let took = last.at.duration_since(first.at).as_secs_f64();
        // A copy that was whole at the first look has no rate.
        let per = |amount: f64, by: f64| if by > 0.0 { amount / by } else { 0.0 };
        Run {
            copier,
            cell: self.cell.clone(),
            round: 0,
            records: self.records,
            stored_bytes: self.stored_bytes,
            destination_bytes: 0,
            start_up_seconds: 0.0,
            start_up_cpu_seconds: first.usage.cpu_seconds,
            seconds: took,
            mb_per_second: per(gb * 1e3, took),
            records_per_second: per(self.records as f64 * share, took),
            cpu_seconds_per_gb: per(last.usage.cpu_seconds - first.usage.cpu_seconds, gb),
            user_seconds_per_gb: per(last.usage.user_seconds - first.usage.user_seconds, gb),
            broker_cpu_seconds: 0.0,
            peak_rss_bytes: last.usage.peak_rss_bytes,
            referee: Report::default(),
        }
    }
}
