//! Medians and spread of a cell's rounds, and how two copiers compare.

use serde::Serialize;

use super::{catch_up::Run, cells::Cell, copier::CopierKind};

/// A figure of several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Returns the spread of at least one figure.
    pub(super) fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let median = if figures.len() % 2 == 1 {
            figures[middle]
        } else {
            f64::midpoint(figures[middle - 1], figures[middle])
        };
        Self {
            median,
            least: figures[0],
            most: figures[figures.len() - 1],
        }
    }
}

/// How Causeway stands to another copier in one cell, by medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The other's CPU seconds a GB by ours.
    pub times_less_cpu: f64,
    /// Our MB/s by the other's.
    pub times_the_speed: f64,
}

/// One copier in one cell.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub copier: CopierKind,
    pub cell: Cell,
    pub rounds: usize,
    pub stored_bytes: u64,
    pub destination_bytes: u64,
    pub mb_per_second: Spread,
    pub records_per_second: Spread,
    pub cpu_seconds_per_gb: Spread,
    pub user_seconds_per_gb: Spread,
    pub start_up_seconds: Spread,
    pub start_up_cpu_seconds: Spread,
    pub broker_cpu_seconds: Spread,
    pub peak_rss_bytes: Spread,
    /// Whether every round's copy was exact.
    pub exact: bool,
    /// Against Causeway in the same cell; `None` for Causeway itself and where it was not measured.
    pub ratio: Option<Ratio>,
}

/// Returns one summary for each cell and copier, in the order of the runs.
pub(super) fn summarise(runs: &[Run]) -> Vec<Summary> {
    let mut places: Vec<(&Cell, CopierKind)> = Vec::new();
    for run in runs {
        if !places.contains(&(&run.cell, run.copier)) {
            places.push((&run.cell, run.copier));
        }
    }
    let mut all: Vec<Summary> = places
        .into_iter()
        .map(|(cell, copier)| {
            let of = runs
                .iter()
                .filter(|r| r.cell == *cell && r.copier == copier);
            summary(&of.collect::<Vec<_>>())
        })
        .collect();
    let ours: Vec<Summary> = all
        .iter()
        .filter(|s| s.copier == CopierKind::Causeway)
        .cloned()
        .collect();
    for other in &mut all {
        let ours = ours.iter().find(|s| s.cell == other.cell);
        other.ratio = ours
            .filter(|_| other.copier != CopierKind::Causeway)
            .map(|ours| Ratio {
                times_less_cpu: other.cpu_seconds_per_gb.median / ours.cpu_seconds_per_gb.median,
                times_the_speed: ours.mb_per_second.median / other.mb_per_second.median,
            });
    }
    all
}

/// Summarises at least one run of one copier in one cell.
fn summary(runs: &[&Run]) -> Summary {
    let spread = |figure: fn(&Run) -> f64| Spread::of(runs.iter().map(|run| figure(run)).collect());
    let first = runs[0];
    Summary {
        copier: first.copier,
        cell: first.cell.clone(),
        rounds: runs.len(),
        stored_bytes: first.stored_bytes,
        destination_bytes: first.destination_bytes,
        mb_per_second: spread(|run| run.mb_per_second),
        records_per_second: spread(|run| run.records_per_second),
        cpu_seconds_per_gb: spread(|run| run.cpu_seconds_per_gb),
        user_seconds_per_gb: spread(|run| run.user_seconds_per_gb),
        start_up_seconds: spread(|run| run.start_up_seconds),
        start_up_cpu_seconds: spread(|run| run.start_up_cpu_seconds),
        broker_cpu_seconds: spread(|run| run.broker_cpu_seconds),
        peak_rss_bytes: spread(|run| run.peak_rss_bytes as f64),
        exact: runs.iter().all(|run| run.referee.is_exact()),
        ratio: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bench::cells::BASE, referee::Report};

    fn run(copier: CopierKind, cpu: f64, speed: f64) -> Run {
        Run {
            copier,
            cell: BASE,
            round: 1,
            records: 1,
            stored_bytes: 1,
            destination_bytes: 1,
            start_up_seconds: 0.0,
            start_up_cpu_seconds: 0.0,
            seconds: 1.0,
            mb_per_second: speed,
            records_per_second: 1.0,
            cpu_seconds_per_gb: cpu,
            user_seconds_per_gb: cpu,
            broker_cpu_seconds: 1.0,
            peak_rss_bytes: 1,
            referee: Report::default(),
        }
    }

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let runs = [
            run(CopierKind::Causeway, 0.5, 400.0),
            run(CopierKind::MirrorMakerTuned, 10.0, 60.0),
            run(CopierKind::Causeway, 9.0, 1.0),
            run(CopierKind::MirrorMakerTuned, 20.0, 50.0),
            run(CopierKind::Causeway, 0.4, 500.0),
            run(CopierKind::MirrorMakerTuned, 30.0, 40.0),
        ];
        let all = summarise(&runs);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].ratio, None);
        let ratio = all[1].ratio.unwrap();
        assert!((ratio.times_less_cpu - 40.0).abs() < 1e-9, "{ratio:?}");
        assert!((ratio.times_the_speed - 8.0).abs() < 1e-9, "{ratio:?}");
        let cpu = all[0].cpu_seconds_per_gb;
        assert_eq!((cpu.least, cpu.most), (0.4, 9.0));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert!((spread.median - 2.5).abs() < 1e-9);
    }
}
