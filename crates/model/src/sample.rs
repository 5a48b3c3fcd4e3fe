//! What the charts of the last minutes are drawn from.

use serde::{Deserialize, Serialize};

use crate::status::LinkStatus;

/// Time between two samples, milliseconds.
pub const STEP_MS: i64 = 5_000;
/// Samples kept of a link: 15 minutes.
pub const KEPT: usize = 180;

/// The numbers of a link at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Number of the step since the epoch: `at_ms / STEP_MS`.
    pub step: i64,
    pub records_per_s: f64,
    pub bytes_per_s: f64,
    pub lag_records: Option<i64>,
    pub lag_time_ms: Option<i64>,
    pub p5_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

impl Sample {
    /// Takes the sample of a step.
    pub fn of(status: &LinkStatus, step: i64) -> Self {
        Self {
            step,
            records_per_s: status.rates.records_per_s,
            bytes_per_s: status.rates.bytes_per_s,
            lag_records: status.lag_records,
            lag_time_ms: status.lag_time_ms,
            p5_ms: status.latency.map(|latency| latency.p5_ms),
            p50_ms: status.latency.map(|latency| latency.p50_ms),
            p99_ms: status.latency.map(|latency| latency.p99_ms),
        }
    }
}

/// Samples of a link in columns, one entry a step; `None` where nothing was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Step of the last entry.
    pub end_step: i64,
    pub records_per_s: Vec<Option<f64>>,
    pub bytes_per_s: Vec<Option<f64>>,
    pub lag_records: Vec<Option<f64>>,
    pub lag_time_ms: Vec<Option<f64>>,
    pub p5_ms: Vec<Option<f64>>,
    pub p50_ms: Vec<Option<f64>>,
    pub p99_ms: Vec<Option<f64>>,
}

impl History {
    /// Lays samples (oldest first) on the last [`KEPT`] steps up to `end_step`.
    pub fn of(samples: &[Sample], end_step: i64) -> Self {
        let first = end_step - KEPT as i64 + 1;
        let mut rows: Vec<Option<&Sample>> = vec![None; KEPT];
        for sample in samples {
            let index = usize::try_from(sample.step - first);
            if let Some(row) = index.ok().and_then(|index| rows.get_mut(index)) {
                *row = Some(sample);
            }
        }
        let column = |of: fn(&Sample) -> Option<f64>| {
            rows.iter()
                .map(|row| row.and_then(of).map(rounded))
                .collect()
        };
        Self {
            end_step,
            records_per_s: column(|s| Some(s.records_per_s)),
            bytes_per_s: column(|s| Some(s.bytes_per_s)),
            lag_records: column(|s| s.lag_records.map(|lag| lag as f64)),
            lag_time_ms: column(|s| s.lag_time_ms.map(|lag| lag as f64)),
            p5_ms: column(|s| s.p5_ms),
            p50_ms: column(|s| s.p50_ms),
            p99_ms: column(|s| s.p99_ms),
        }
    }

    /// Returns the time of the last entry, milliseconds since the epoch, UTC.
    pub fn end_ms(&self) -> i64 {
        self.end_step * STEP_MS
    }
}

/// Charts need no more than one decimal, and streams should be short.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_at_their_step_and_gaps_stay_empty() {
        let at = |step, rate| Sample {
            step,
            records_per_s: rate,
            ..Sample::default()
        };
        let history = History::of(&[at(1_000, 1.26), at(1_002, 3.0), at(5, 9.0)], 1_002);
        assert_eq!(history.records_per_s.len(), KEPT);
        assert_eq!(
            history.records_per_s[KEPT - 3..],
            [Some(1.3), None, Some(3.0)]
        );
        assert_eq!(history.records_per_s.iter().flatten().count(), 2);
        assert_eq!(history.lag_records[KEPT - 1], None);
        assert_eq!(history.end_ms(), 5_010_000);
    }
}
