//! Where a lag is going (UX 4b): a word beside the number, from the samples of the last minute.

use model::{format, summary};

/// Samples that a trend looks back: one minute.
const BACK: usize = 12;
/// Change of the lag within that minute that is still called steady, in thousandths of it.
const STEADY_PER_MILLE: f64 = 50.0;
/// Records whose coming and going is no trend.
const NOISE: f64 = 50.0;

/// Says whether the lag (in records, oldest sample first) grows, shrinks and until when; nothing where it is not known.
pub fn words(lag: &[Option<f64>], step_ms: i64) -> String {
    let newest = lag.len().saturating_sub(1);
    let now = lag.last().copied().flatten();
    let before = newest.checked_sub(BACK).and_then(|index| lag[index]);
    let (Some(now), Some(before)) = (now, before) else {
        return String::new();
    };
    let change = now - before;
    let steady = change.abs() <= NOISE.max(before * STEADY_PER_MILLE / 1_000.0);
    if now == 0.0 && steady {
        return String::new();
    }
    if steady {
        return "steady".to_owned();
    }
    if change > 0.0 {
        return "growing".to_owned();
    }
    match summary::eta_of_lags(lag, step_ms) {
        Some(eta_ms) => format!("shrinking, ETA {}", format::span(eta_ms)),
        None => "shrinking".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lag(from: f64, to: f64) -> Vec<Option<f64>> {
        let step = (to - from) / BACK as f64;
        (0..=BACK).map(|i| Some(from + step * i as f64)).collect()
    }

    #[test]
    fn a_minute_tells_where_the_lag_goes() {
        let table = [
            (0.0, 0.0, ""),
            (20.0, 0.0, ""),
            (800.0, 812.0, "steady"),
            (800.0, 4_000.0, "growing"),
            (7_200_000.0, 3_600_000.0, "shrinking, ETA 1 min 00 s"),
            (1_000.0, 0.0, "shrinking"),
        ];
        for (from, to, expected) in table {
            assert_eq!(words(&lag(from, to), 5_000), expected, "{from} to {to}");
        }
    }

    #[test]
    fn without_a_minute_of_samples_nothing_is_said() {
        assert_eq!(words(&[], 5_000), "");
        assert_eq!(words(&lag(1.0, 9_000.0)[1..], 5_000), "");
        let mut gap = lag(1.0, 9_000.0);
        gap[0] = None;
        assert_eq!(words(&gap, 5_000), "");
    }
}
