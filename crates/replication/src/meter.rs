//! What a link measures of itself: rates, lag in time, latency. Pure: time arrives as milliseconds.

use std::{collections::VecDeque, time::Duration};

use hdrhistogram::Histogram;
use model::status::{Latency, Rates, Throttled, ThrottledBy};

/// Totals of one partition or link, with their means over the last 10 s.
#[derive(Clone, Debug, Default)]
pub struct RateMeter {
    records: u64,
    bytes: u64,
    /// Totals once a second, oldest first, at most eleven.
    marks: VecDeque<(i64, u64, u64)>,
}

const RATE_MARKS: usize = 11;

impl RateMeter {
    /// Counts acknowledged records and stored bytes.
    pub fn count(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
    }

    /// Notes the totals; called once a second.
    pub fn mark(&mut self, now_ms: i64) {
        if self.marks.len() == RATE_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back((now_ms, self.records, self.bytes));
    }

    /// Returns the totals and their means between the oldest and the newest mark.
    pub fn rates(&self) -> Rates {
        let mut rates = Rates {
            records_total: self.records,
            bytes_total: self.bytes,
            ..Rates::default()
        };
        if let (Some(first), Some(last)) = (self.marks.front(), self.marks.back())
            && last.0 > first.0
        {
            let seconds = (last.0 - first.0) as f64 / 1000.0;
            rates.records_per_s = (last.1 - first.1) as f64 / seconds;
            rates.bytes_per_s = (last.2 - first.2) as f64 / seconds;
        }
        rates
    }
}

/// Why data waits although it could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brake {
    /// The link's own limit.
    Limit,
    /// The source broker's quota (KIP-219).
    Source,
    /// The destination broker's quota.
    Destination,
}

/// How long data had to wait, with the shares of the last 10 s.
#[derive(Clone, Debug, Default)]
pub struct ThrottleMeter {
    /// Milliseconds by brake: limit, source, destination.
    waited_ms: [u64; 3],
    /// Totals once a second, oldest first, at most eleven.
    marks: VecDeque<(i64, [u64; 3])>,
}

impl ThrottleMeter {
    /// Counts a wait of one connection.
    pub fn count(&mut self, brake: Brake, waited: Duration) {
        self.waited_ms[brake as usize] += u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    }

    /// Notes the totals; called once a second.
    pub fn mark(&mut self, now_ms: i64) {
        if self.marks.len() == RATE_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back((now_ms, self.waited_ms));
    }

    /// Returns the totals and the shares of time between the oldest and the newest mark. Connections wait side by side: what
    /// is more than all of the time is all of it.
    pub fn throttled(&self) -> Throttled {
        let side = |index: usize| {
            let share = match (self.marks.front(), self.marks.back()) {
                (Some(first), Some(last)) if last.0 > first.0 => {
                    (last.1[index] - first.1[index]) as f64 / (last.0 - first.0) as f64
                }
                _ => 0.0,
            };
            ThrottledBy {
                share: share.min(1.0),
                seconds_total: self.waited_ms[index] as f64 / 1000.0,
            }
        };
        Throttled {
            limit: side(Brake::Limit as usize),
            source: side(Brake::Source as usize),
            destination: side(Brake::Destination as usize),
        }
    }
}

/// Ends of a source partition over time, for its lag in time (SEMANTICS 9): every 10 s for 15 min, by minutes for 60
/// min, both ends of a plateau kept.
#[derive(Clone, Debug, Default)]
pub struct EndHistory {
    points: VecDeque<(i64, i64)>,
}

const FINE_STEP_MS: i64 = 10_000;
const FINE_SPAN_MS: i64 = 15 * 60_000;
const SPAN_MS: i64 = 60 * 60_000;

impl EndHistory {
    /// Notes that the source ended at `end` at `now_ms`.
    pub fn note(&mut self, now_ms: i64, end: i64) {
        let len = self.points.len();
        if len >= 2 && self.points[len - 1].1 == end && self.points[len - 2].1 == end {
            self.points[len - 1].0 = now_ms;
        } else if len >= 2
            && self.points[len - 1].1 != end
            && now_ms - self.points[len - 2].0 < FINE_STEP_MS
        {
            self.points[len - 1] = (now_ms, end);
        } else {
            self.points.push_back((now_ms, end));
        }
        self.thin(now_ms);
    }

    fn thin(&mut self, now_ms: i64) {
        while self.points.front().is_some_and(|p| now_ms - p.0 > SPAN_MS) && self.points.len() > 2 {
            self.points.pop_front();
        }
        // One old point per call keeps the cost flat: drop a point beyond 15 min when its neighbours are within a minute.
        let boundary = self.points.partition_point(|p| now_ms - p.0 > FINE_SPAN_MS);
        if boundary >= 3 {
            let (before, after) = (self.points[boundary - 3].0, self.points[boundary - 1].0);
            if after - before < 60_000 {
                self.points.remove(boundary - 2);
            }
        }
    }

    /// Returns how many records a second were produced between the last two points, `None` while unknown.
    pub fn rate_per_s(&self) -> Option<f64> {
        let newest = self.points.back()?;
        let before = self
            .points
            .iter()
            .rev()
            .find(|point| newest.0 - point.0 >= FINE_STEP_MS)?;
        Some((newest.1 - before.1) as f64 / ((newest.0 - before.0) as f64 / 1000.0))
    }

    /// Returns how old the oldest record at or after `position` is, in milliseconds; 0 when up to date, `None` while
    /// too little is known. `last_copied_ms` is the timestamp of the last copied record, for positions older than
    /// the history.
    pub fn lag_ms(&self, position: i64, now_ms: i64, last_copied_ms: Option<i64>) -> Option<i64> {
        let newest = self.points.back()?;
        if newest.1 <= position {
            return Some(0);
        }
        let after = self.points.partition_point(|p| p.1 <= position);
        if after == 0 {
            let oldest = self.points.front()?.0;
            let by_record = last_copied_ms.map(|t| now_ms - t);
            return by_record.or(Some(now_ms - oldest)).map(|lag| lag.max(0));
        }
        let (before, next) = (self.points[after - 1], self.points[after]);
        let share = (position - before.1) as f64 / (next.1 - before.1) as f64;
        let passed_ms = before.0 + ((next.0 - before.0) as f64 * share) as i64;
        Some((now_ms - passed_ms).max(0))
    }
}

/// Latency of live records over the last minute, in six windows of 10 s.
#[derive(Clone, Debug)]
pub struct LatencyMeter {
    windows: VecDeque<Histogram<u64>>,
    window_started_ms: i64,
    /// A record's timestamp was ahead of our clock when it was acknowledged.
    pub clock_skew: bool,
}

const WINDOWS: usize = 6;
const WINDOW_MS: i64 = 10_000;
const HIGHEST_MS: u64 = 3_600_000;

impl LatencyMeter {
    pub fn new(now_ms: i64) -> Self {
        Self {
            windows: VecDeque::from([Self::window()]),
            window_started_ms: now_ms,
            clock_skew: false,
        }
    }

    fn window() -> Histogram<u64> {
        Histogram::new_with_max(HIGHEST_MS, 2)
            .expect("bounds are constants that the histogram takes")
    }

    /// Records that `records` records took `latency_ms`; below 0 counts as 0 and notes clock skew.
    pub fn record(&mut self, latency_ms: i64, records: u64) {
        self.clock_skew |= latency_ms < 0;
        let value = (latency_ms.max(0) as u64).min(HIGHEST_MS);
        if let Some(window) = self.windows.back_mut() {
            window.saturating_record_n(value, records);
        }
    }

    /// Begins a new window when the current one is over; called once a second.
    pub fn mark(&mut self, now_ms: i64) {
        if now_ms - self.window_started_ms < WINDOW_MS {
            return;
        }
        self.window_started_ms = now_ms;
        if self.windows.len() == WINDOWS {
            self.windows.pop_front();
        }
        self.windows.push_back(Self::window());
    }

    /// Returns the percentiles of the last minute, `None` without a live record.
    pub fn latency(&self) -> Option<Latency> {
        let mut all = Self::window();
        for window in &self.windows {
            all.add(window).expect("all windows have the same bounds");
        }
        (!all.is_empty()).then(|| Latency {
            p5_ms: all.value_at_quantile(0.05) as f64,
            p50_ms: all.value_at_quantile(0.50) as f64,
            p99_ms: all.value_at_quantile(0.99) as f64,
            max_ms: all.max() as f64,
            records: all.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_over_the_last_ten_seconds() {
        let mut meter = RateMeter::default();
        for second in 0..30 {
            meter.mark(second * 1000);
            meter.count(if second < 15 { 1000 } else { 10 }, 100);
        }
        let rates = meter.rates();
        assert_eq!(rates.records_per_s, 10.0);
        assert_eq!(rates.bytes_per_s, 100.0);
        assert_eq!(rates.records_total, 15_150);
    }

    #[test]
    fn throttled_shares_are_of_the_last_ten_seconds() {
        let mut meter = ThrottleMeter::default();
        let ms = Duration::from_millis;
        for second in 0..30 {
            meter.mark(second * 1000);
            meter.count(Brake::Source, ms(if second < 10 { 900 } else { 250 }));
            meter.count(Brake::Limit, ms(1_800));
        }
        let throttled = meter.throttled();
        assert_eq!(throttled.source.share, 0.25);
        assert_eq!(throttled.source.seconds_total, 9.0 + 5.0);
        assert_eq!(throttled.limit.share, 1.0);
        assert_eq!(throttled.destination.share, 0.0);
    }

    #[test]
    fn lag_is_interpolated_between_two_ends() {
        let mut ends = EndHistory::default();
        ends.note(0, 0);
        ends.note(10_000, 1000);
        assert_eq!(ends.lag_ms(500, 12_000, None), Some(7_000));
        assert_eq!(ends.lag_ms(1000, 12_000, None), Some(0));
        assert_eq!(EndHistory::default().lag_ms(0, 0, None), None);
    }

    #[test]
    fn a_plateau_keeps_both_ends() {
        let mut ends = EndHistory::default();
        for second in 0..100 {
            ends.note(second * 10_000, 500);
        }
        ends.note(1_000_000, 600);
        assert_eq!(ends.points.len(), 3);
        assert_eq!(ends.lag_ms(500, 1_001_000, None), Some(11_000));
    }

    #[test]
    fn a_position_before_the_history_uses_the_last_copied_record() {
        let mut ends = EndHistory::default();
        ends.note(100_000, 1000);
        assert_eq!(ends.lag_ms(10, 100_000, Some(40_000)), Some(60_000));
        assert_eq!(ends.lag_ms(10, 101_000, None), Some(1_000));
    }

    #[test]
    fn history_stays_small_over_days() {
        let mut ends = EndHistory::default();
        for second in 0..200_000_i64 {
            ends.note(second * 1000, second * 10);
        }
        assert!(ends.points.len() < 400, "{} points", ends.points.len());
    }

    #[test]
    fn latency_forgets_after_a_minute_and_notes_clock_skew() {
        let mut meter = LatencyMeter::new(0);
        meter.record(5, 99);
        meter.record(-3, 1);
        assert!(meter.clock_skew);
        assert_eq!(meter.latency().unwrap().p50_ms, 5.0);
        meter.record(2, 10);
        let latency = meter.latency().unwrap();
        assert_eq!((latency.p5_ms, latency.p99_ms), (2.0, 5.0));
        for second in 1..=70 {
            meter.mark(second * 1000);
        }
        assert!(meter.latency().is_none());
    }
}
