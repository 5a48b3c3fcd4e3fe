//! What a chart says to who does not see it: a sentence, and the rows of *Show as table*.

use super::axis::hour_and_minute;

const MS_PER_MINUTE: i64 = 60_000;

/// Returns a chart's summary: "Records per second over the last 15 minutes: lowest 12, highest 61,204, now 24,310."
///
/// `now` is told as not measured where the last value is missing.
pub fn describe(
    what: &str,
    values: &[Option<f64>],
    step_ms: i64,
    write: impl Fn(f64) -> String,
) -> String {
    let span = span_in_words(step_ms * values.len() as i64);
    let known = || values.iter().flatten().copied().filter(|v| v.is_finite());
    let (Some(lowest), Some(highest)) = (known().reduce(f64::min), known().reduce(f64::max)) else {
        return format!("{what} over the last {span}: nothing was measured.");
    };
    let now = match values.last().copied().flatten() {
        Some(now) if now.is_finite() => format!("now {}", write(now)),
        _ => "now not measured".to_owned(),
    };
    let (lowest, highest) = (write(lowest), write(highest));
    format!("{what} over the last {span}: lowest {lowest}, highest {highest}, {now}.")
}

fn span_in_words(ms: i64) -> String {
    match ms / MS_PER_MINUTE {
        ..1 => format!("{} seconds", ms / 1_000),
        1 => "minute".to_owned(),
        60 => "hour".to_owned(),
        minutes if minutes > 60 && minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    }
}

/// One row of a chart's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// Milliseconds since the epoch UTC.
    pub at_ms: i64,
    /// `14:05`, UTC.
    pub time: String,
    /// One text per series; "not measured" where nothing is known.
    pub cells: Vec<String>,
}

/// Returns a chart's numbers by minute, newest first: the last known value of each minute and series.
///
/// All series end at `end_ms`.
pub fn table(
    series: &[&[Option<f64>]],
    end_ms: i64,
    step_ms: i64,
    write: impl Fn(f64) -> String,
) -> Vec<TableRow> {
    let length = series.iter().map(|values| values.len()).max().unwrap_or(0);
    let mut minutes: Vec<(i64, Vec<Option<f64>>)> = Vec::new();
    for back in 0..length {
        let minute = (end_ms - step_ms * back as i64).div_euclid(MS_PER_MINUTE);
        if minutes.last().is_none_or(|(known, _)| *known != minute) {
            minutes.push((minute, vec![None; series.len()]));
        }
        let (_, cells) = minutes.last_mut().expect("a minute was pushed");
        for (cell, values) in cells.iter_mut().zip(series) {
            let value = values.iter().rev().nth(back).copied().flatten();
            *cell = cell.or(value.filter(|v| v.is_finite()));
        }
    }
    let cell = |value: Option<f64>| value.map_or_else(|| "not measured".to_owned(), &write);
    let row = |(minute, cells): (i64, Vec<Option<f64>>)| TableRow {
        at_ms: minute * MS_PER_MINUTE,
        time: hour_and_minute(minute * MS_PER_MINUTE),
        cells: cells.into_iter().map(cell).collect(),
    };
    minutes.into_iter().map(row).collect()
}
