//! How late records are: times since acknowledgement, and their quantiles.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use serde::Serialize;

/// Moments of numbered records, in nanoseconds since one start.
#[derive(Debug)]
pub(super) struct Moments {
    began: Instant,
    /// 0 where it has not happened.
    at: Vec<AtomicU64>,
}

impl Moments {
    pub(super) fn new(began: Instant, records: usize) -> Self {
        Self {
            began,
            at: (0..records).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Notes that it happens now; the first time counts.
    pub(super) fn note(&self, number: usize) {
        if let Some(place) = self.at.get(number) {
            let now = (self.began.elapsed().as_nanos() as u64).max(1);
            // A record that is read twice was there the first time: nothing else to do where it is noted already.
            let _ = place.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Returns when it happened, or that it never did.
    pub(super) fn get(&self, number: usize) -> Option<u64> {
        let at = self.at.get(number)?.load(Ordering::Relaxed);
        (at > 0).then_some(at)
    }

    /// Returns for how many records it has happened.
    pub(super) fn count(&self) -> usize {
        let happened = |place: &&AtomicU64| place.load(Ordering::Relaxed) > 0;
        self.at.iter().filter(happened).count()
    }
}

/// Quantiles of a latency in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Latency {
    /// Returns the quantiles of latencies in nanoseconds; zeros where there are none.
    pub(super) fn of(mut nanoseconds: Vec<u64>) -> Self {
        nanoseconds.sort_unstable();
        let quantile = |q: f64| {
            let last = nanoseconds.len().saturating_sub(1);
            let place = (q * nanoseconds.len() as f64).ceil() as usize;
            let value = nanoseconds.get(place.saturating_sub(1).min(last));
            value.map_or(0.0, |ns| *ns as f64 / 1e6)
        };
        Self {
            p50_ms: quantile(0.50),
            p99_ms: quantile(0.99),
            max_ms: quantile(1.0),
        }
    }
}

/// Returns how long after `from` each of these records reached `to`; one that never did counts until `end`, so that a
/// copier which stands still cannot look quick.
pub(super) fn delays(
    numbers: std::ops::Range<usize>,
    from: &Moments,
    to: &Moments,
    end: u64,
) -> Vec<u64> {
    numbers
        .filter_map(|number| {
            let from = from.get(number)?;
            Some(to.get(number).unwrap_or(end).saturating_sub(from))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let latency = Latency::of((1..=1_000).map(|ms| ms * 1_000_000).collect());
        assert_eq!(
            (latency.p50_ms, latency.p99_ms, latency.max_ms),
            (500.0, 990.0, 1_000.0)
        );
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    #[test]
    fn a_record_that_never_came_counts_until_the_end() {
        let began = Instant::now();
        let (from, to) = (Moments::new(began, 2), Moments::new(began, 2));
        from.note(0);
        from.note(1);
        to.note(0);
        let end = from.get(1).unwrap() + 5_000;
        let delays = delays(0..2, &from, &to, end);
        assert_eq!(delays[1], 5_000);
        assert_eq!(to.count(), 1);
    }
}
