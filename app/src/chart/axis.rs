//! Ticks of time and value.

use model::utc::Utc;

use super::{Frame, coordinate};

const MS_PER_MINUTE: i64 = 60_000;

/// Most ticks of the time axis.
const MAX_TIME_TICKS: i64 = 5;

/// Distances between ticks that clocks suggest, in minutes.
const TIME_STEPS_MIN: [i64; 12] = [1, 2, 3, 5, 10, 15, 30, 60, 180, 360, 720, 1_440];

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// SVG coordinate along the axis.
    pub at: String,
    pub label: String,
}

/// Returns the least round number from `value` up: 1, 2, 2.5 or 5 times a power of ten; 1 where there is nothing.
pub fn nice_max(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    // By multiplication, because logarithms differ between platforms in their last bit.
    let mut unit = 1.0;
    while unit < value && unit < 1e300 {
        unit *= 10.0;
    }
    while unit / 10.0 >= value && unit > 1e-9 {
        unit /= 10.0;
    }
    let rounds = [unit / 10.0, unit / 5.0, unit / 4.0, unit / 2.0];
    rounds
        .into_iter()
        .find(|round| *round >= value)
        .unwrap_or(unit)
}

/// Returns ticks at 0, a half and the whole of `max`, bottom first.
pub fn value_ticks(max: f64, frame: &Frame, label: impl Fn(f64) -> String) -> Vec<Tick> {
    let tick = |share: f64| Tick {
        at: coordinate(frame.y(max * share, max)),
        label: label(max * share),
    };
    [0.0, 0.5, 1.0].map(tick).to_vec()
}

/// Returns ticks at round minutes or hours UTC within the `span_ms` before `end_ms`, as `14:05`.
pub fn time_ticks(end_ms: i64, span_ms: i64, frame: &Frame) -> Vec<Tick> {
    if span_ms <= 0 {
        return Vec::new();
    }
    let few = |step: &&i64| span_ms / (**step * MS_PER_MINUTE) <= MAX_TIME_TICKS;
    let step = TIME_STEPS_MIN
        .iter()
        .find(few)
        .unwrap_or(&TIME_STEPS_MIN[11])
        * MS_PER_MINUTE;
    let start = end_ms - span_ms;
    let first = start.div_euclid(step) * step + step;
    let mut ticks = Vec::new();
    let mut at = first;
    // Ends after some ticks: spans beyond days get the longest step, and are cut.
    while at <= end_ms && ticks.len() < 60 {
        let share = (at - start) as f64 / span_ms as f64;
        ticks.push(Tick {
            at: coordinate(frame.left + frame.width * share),
            label: hour_and_minute(at),
        });
        at += step;
    }
    ticks
}

/// Returns `14:05`, UTC.
pub(super) fn hour_and_minute(ms: i64) -> String {
    let utc = Utc::from_ms(ms);
    format!("{:02}:{:02}", utc.hour, utc.minute)
}
