//! The latency band (UX 4a): a median within the band of what most records took, on a logarithmic axis that is the same for
//! every link, so that a few slow records do not flatten the rest and two links compare at a glance.

use super::{Frame, Tick, area, coordinate, finite, line, reduced};

/// Lower end of the axis, milliseconds; what was quicker stands there.
const LOWEST_MS: f64 = 1.0;
/// Upper end of the axis, milliseconds: 1 h, which is as far as latencies are told apart.
const HIGHEST_MS: f64 = 3_600_000.0;
/// What the axis may name, milliseconds.
const LEVELS_MS: [f64; 8] = [
    LOWEST_MS, 10.0, 100.0, 1_000.0, 10_000.0, 60_000.0, 600_000.0, HIGHEST_MS,
];
/// Least distance between two names at the axis, SVG units.
const LEAST_GAP: f64 = 14.0;

/// What a latency band is drawn from: series of equal length, milliseconds, evenly spaced, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Band<'v> {
    /// Lower edge of the band, such as the 5th percentile.
    pub low: &'v [Option<f64>],
    pub middle: &'v [Option<f64>],
    /// Upper edge of the band, such as the 99th percentile.
    pub high: &'v [Option<f64>],
    /// Whether records went through at all, each records per second: where they did and have no latency, they were history.
    pub rate: &'v [Option<f64>],
}

/// A latency band ready to be drawn; times stand at the axis of the chart that it is drawn below.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BandChart {
    /// Path of the median.
    pub line: String,
    /// Path of the filled band.
    pub band: String,
    /// Path of the spans in which only history was copied.
    pub catching_up: String,
    pub y_ticks: Vec<Tick>,
}

/// Lays out a latency band; `label` writes a latency in milliseconds.
pub fn band_chart(of: &Band<'_>, frame: &Frame, label: impl Fn(f64) -> String) -> BandChart {
    let (low, middle, high) = (heights(of.low), heights(of.middle), heights(of.high));
    let count = middle.len();
    BandChart {
        line: line(&reduced(&middle), count, frame, 1.0),
        band: area(&low, &high, frame, 1.0),
        catching_up: catching_up(of, frame),
        y_ticks: levels(frame, label),
    }
}

/// Returns names at the axis, bottom first: its ends, and of what lies between as many as have room.
fn levels(frame: &Frame, label: impl Fn(f64) -> String) -> Vec<Tick> {
    let top = frame.height;
    let mut last = -LEAST_GAP;
    let mut ticks = Vec::new();
    for ms in LEVELS_MS {
        let above = height(ms) * frame.height;
        let is_end = ms == HIGHEST_MS;
        if above - last < LEAST_GAP || (!is_end && top - above < LEAST_GAP) {
            continue;
        }
        last = above;
        ticks.push(Tick {
            at: coordinate(frame.top + frame.height - above),
            label: label(ms),
        });
    }
    ticks
}

/// Draws a box over each run of values that have a rate and no latency. A box reaches half a step to both sides.
fn catching_up(of: &Band<'_>, frame: &Frame) -> String {
    let count = of.middle.len();
    let is_history = |index: usize| {
        let moved = of
            .rate
            .get(index)
            .copied()
            .flatten()
            .is_some_and(|rate| rate > 0.0);
        moved && of.middle[index].is_none()
    };
    let edge = |place: f64| {
        let x = frame.x(place, count);
        coordinate(x.clamp(frame.left, frame.left + frame.width))
    };
    let (top, height) = (coordinate(frame.top), coordinate(frame.height));
    let mut path = String::new();
    let mut index = 0;
    while index < count {
        let length = (index..count)
            .take_while(|index| is_history(*index))
            .count();
        if length > 0 {
            let (from, to) = (
                edge(index as f64 - 0.5),
                edge((index + length) as f64 - 0.5),
            );
            path.push_str(&format!("M{from} {top}V"));
            path.push_str(&coordinate(frame.top + frame.height));
            path.push_str(&format!("H{to}v-{height}Z"));
        }
        index += length.max(1);
    }
    path
}

fn heights(values_ms: &[Option<f64>]) -> Vec<Option<f64>> {
    values_ms
        .iter()
        .map(|value| finite(*value).map(height))
        .collect()
}

/// Returns how high a latency stands on the axis, 0 to 1.
fn height(ms: f64) -> f64 {
    log2(ms.clamp(LOWEST_MS, HIGHEST_MS) / LOWEST_MS) / log2(HIGHEST_MS / LOWEST_MS)
}

/// Returns the logarithm of a number from 1 up to the base 2, good to six digits. It is made of basic arithmetic alone, since
/// the logarithms of platforms differ in their last bit.
fn log2(value: f64) -> f64 {
    let (mut whole, mut rest) = (0.0, value);
    while rest >= 2.0 {
        rest /= 2.0;
        whole += 1.0;
    }
    // The series of the inverse hyperbolic tangent: ln x = 2 artanh((x - 1) / (x + 1)).
    let step = (rest - 1.0) / (rest + 1.0);
    let (mut power, mut sum) = (step, 0.0);
    for odd in [1.0, 3.0, 5.0, 7.0, 9.0, 11.0] {
        sum += power / odd;
        power *= step * step;
    }
    whole + 2.0 * sum / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        left: 0.0,
        top: 10.0,
        width: 100.0,
        height: 56.0,
    };

    fn known(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    fn band<'v>(
        low: &'v [Option<f64>],
        middle: &'v [Option<f64>],
        high: &'v [Option<f64>],
    ) -> Band<'v> {
        Band {
            low,
            middle,
            high,
            rate: &[],
        }
    }

    #[test]
    fn logarithms_are_those_of_the_platform_to_six_digits() {
        for value in [1.0, 1.1, 1.999, 2.0, 3.0, 1_000.0, 1_048_576.0, HIGHEST_MS] {
            let (ours, theirs) = (log2(value), f64::log2(value));
            assert!((ours - theirs).abs() < 1e-6, "{value}: {ours} {theirs}");
        }
    }

    #[test]
    fn the_axis_runs_from_a_millisecond_to_an_hour_whatever_was_measured() {
        let names = |height| -> Vec<(String, String)> {
            let frame = Frame { height, ..FRAME };
            let ticks = levels(&frame, |ms| format!("{ms}"));
            ticks
                .into_iter()
                .map(|tick| (tick.at, tick.label))
                .collect()
        };
        let pair = |at: &str, label: &str| (at.to_owned(), label.to_owned());
        assert_eq!(
            names(56.0),
            [
                pair("66.0", "1"),
                pair("48.9", "100"),
                pair("31.8", "10000"),
                pair("10.0", "3600000"),
            ]
        );
        assert_eq!(names(160.0).len(), LEVELS_MS.len(), "all have room");
        assert_eq!(names(10.0).len(), 1);
    }

    #[test]
    fn one_slow_record_does_not_flatten_the_rest() {
        let (low, high) = (known(&[5.0; 3]), known(&[20.0, 3_600_000.0, 20.0]));
        let middle = known(&[10.0, 10.0, 10.0]);
        let chart = band_chart(&band(&low, &middle, &high), &FRAME, |ms| format!("{ms}"));
        assert_eq!(chart.line, "M0.0 57.5L50.0 57.5L100.0 57.5");
        assert_eq!(
            chart.band,
            "M0.0 54.9L50.0 10.0L100.0 54.9L100.0 60.0L50.0 60.0L0.0 60.0Z"
        );
    }

    #[test]
    fn what_lies_outside_stands_at_the_edge_and_gaps_stay_gaps() {
        let middle = [Some(0.0), None, Some(1e12), Some(f64::NAN)];
        let chart = band_chart(&band(&middle, &middle, &middle), &FRAME, |_| String::new());
        assert_eq!(chart.line, "M0.0 66.0h0M66.7 10.0h0");
        assert_eq!(chart.catching_up, "");
    }

    #[test]
    fn slots_with_records_and_without_latency_are_catching_up() {
        let middle = [None, None, Some(10.0), None, None];
        let rate = [Some(5.0), Some(5.0), Some(5.0), Some(0.0), Some(5.0)];
        let of = Band {
            rate: &rate,
            ..band(&middle, &middle, &middle)
        };
        let chart = band_chart(&of, &FRAME, |_| String::new());
        assert_eq!(
            chart.catching_up,
            "M0.0 10.0V66.0H37.5v-56.0ZM87.5 10.0V66.0H100.0v-56.0Z"
        );
    }
}
