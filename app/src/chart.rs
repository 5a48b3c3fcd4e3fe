//! Geometry of charts: from numbers to SVG paths, ticks and words (UX 4 and 8). Pure, so that server and browser draw
//! the same text: coordinates have one decimal, no locale, and only arithmetic that is exact everywhere.
//!
//! Values are evenly spaced, oldest first; `None` was not measured and leaves a gap.

mod axis;
mod band;
mod words;

pub use axis::{Tick, nice_max, time_ticks, value_ticks};
pub use band::{Band, BandChart, band_chart};
pub use words::{TableRow, describe, table};

/// Most points of a drawn series.
pub const MAX_POINTS: usize = 600;

/// The plot's box inside a drawing, in SVG units; what is around it holds the axes' words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    /// Returns a box that fills the drawing.
    pub fn filling(width: f64, height: f64) -> Self {
        Self {
            left: 0.0,
            top: 0.0,
            width,
            height,
        }
    }

    /// Returns the place of the entry `index` of `count`.
    fn x(&self, index: f64, count: usize) -> f64 {
        self.left + self.width * index / (count.max(2) - 1) as f64
    }

    fn y(&self, value: f64, max: f64) -> f64 {
        let share = if max > 0.0 {
            (value / max).clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.top + self.height * (1.0 - share)
    }
}

/// What a line chart is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'v> {
    pub values: &'v [Option<f64>],
    /// Time of the last value, milliseconds since the epoch UTC.
    pub end_ms: i64,
    /// Time between two values, milliseconds.
    pub step_ms: i64,
}

impl Lines<'_> {
    /// Returns the time from the first value to the last, milliseconds.
    fn span_ms(&self) -> i64 {
        self.step_ms * (self.values.len().max(2) as i64 - 1)
    }
}

/// A line chart ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// Path of the line.
    pub line: String,
    /// Path of the area below the line.
    pub area: String,
    /// Value at the upper edge of the plot.
    pub max: f64,
    pub x_ticks: Vec<Tick>,
    pub y_ticks: Vec<Tick>,
}

/// Lays out a line chart; `label` writes a value of the vertical axis.
pub fn line_chart(lines: &Lines<'_>, frame: &Frame, label: impl Fn(f64) -> String) -> LineChart {
    let all = lines.values.iter().filter_map(|value| finite(*value));
    let max = nice_max(all.fold(0.0, f64::max));
    let ground: Vec<_> = lines
        .values
        .iter()
        .map(|value| value.map(|_| 0.0))
        .collect();
    LineChart {
        line: line(&reduced(lines.values), lines.values.len(), frame, max),
        area: area(&ground, lines.values, frame, max),
        max,
        x_ticks: time_ticks(lines.end_ms, lines.span_ms(), frame),
        y_ticks: value_ticks(max, frame, label),
    }
}

/// Returns the path of a line through `values` from 0 at the bottom to the largest value at the top.
pub fn sparkline(values: &[Option<f64>], width: f64, height: f64) -> String {
    let max = values
        .iter()
        .filter_map(|value| finite(*value))
        .fold(0.0, f64::max);
    let frame = Frame::filling(width, height);
    line(&reduced(values), values.len(), &frame, max)
}

/// One bar of a bar chart, its attributes ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// Returns a bar of three quarters of its slot for each value, `None` where nothing was measured.
pub fn bars(values: &[Option<f64>], frame: &Frame, max: f64) -> Vec<Option<Bar>> {
    let slot = frame.width / values.len().max(1) as f64;
    let bar = |(index, value): (usize, &Option<f64>)| {
        let y = frame.y((*value)?, max);
        Some(Bar {
            x: coordinate(frame.left + slot * (index as f64 + 0.125)),
            y: coordinate(y),
            width: coordinate(slot * 0.75),
            height: coordinate(frame.top + frame.height - y),
        })
    };
    values.iter().enumerate().map(bar).collect()
}

/// Returns a number of SVG units with one decimal; never `-0.0`, `NaN` or `inf`.
pub fn coordinate(value: f64) -> String {
    let text = format!("{:.1}", if value.is_finite() { value } else { 0.0 });
    if text == "-0.0" {
        "0.0".to_owned()
    } else {
        text
    }
}

/// A value at its place in the series; `None` ends a run.
type Point = (f64, Option<f64>);

/// Returns at most [`MAX_POINTS`] points. Longer series keep the least and the largest value of each stretch; a stretch
/// without any value stays a gap.
fn reduced(values: &[Option<f64>]) -> Vec<Point> {
    if values.len() <= MAX_POINTS {
        let points = values.iter().enumerate();
        return points
            .map(|(index, value)| (index as f64, finite(*value)))
            .collect();
    }
    let length = values.len().div_ceil(MAX_POINTS / 2);
    let mut points = Vec::with_capacity(MAX_POINTS);
    for (number, stretch) in values.chunks(length).enumerate() {
        let start = number * length;
        let place = |found: Option<(usize, f64)>| found.map(|(i, v)| ((start + i) as f64, Some(v)));
        let known = || {
            stretch
                .iter()
                .enumerate()
                .filter_map(|(i, v)| Some((i, finite(*v)?)))
        };
        let least = place(known().min_by(|a, b| a.1.total_cmp(&b.1)));
        let largest = place(known().max_by(|a, b| a.1.total_cmp(&b.1)));
        match (least, largest) {
            (Some(a), Some(b)) if a.0 == b.0 => points.push(a),
            (Some(a), Some(b)) => points.extend(if a.0 < b.0 { [a, b] } else { [b, a] }),
            _ => points.push((start as f64, None)),
        }
    }
    points
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// Draws the runs of known points; a lone point becomes a dot by its round cap.
fn line(points: &[Point], count: usize, frame: &Frame, max: f64) -> String {
    let mut path = String::new();
    for run in runs(points) {
        for (index, (place, value)) in run.iter().enumerate() {
            path.push(if index == 0 { 'M' } else { 'L' });
            push_point(&mut path, frame.x(*place, count), frame.y(*value, max));
        }
        if run.len() == 1 {
            path.push_str("h0");
        }
    }
    path
}

/// Draws closed shapes between two series, where both are known.
fn area(lower: &[Option<f64>], upper: &[Option<f64>], frame: &Frame, max: f64) -> String {
    let count = lower.len();
    let both =
        |(lower, upper): (&Option<f64>, &Option<f64>)| Some((finite(*lower)?, finite(*upper)?));
    let edges: Vec<Option<(f64, f64)>> = lower.iter().zip(upper).map(both).collect();
    let edge = |of: fn((f64, f64)) -> f64| edges.iter().map(|e| e.map(of)).collect::<Vec<_>>();
    let (lower, upper) = (reduced(&edge(|e| e.0)), reduced(&edge(|e| e.1)));
    let mut path = String::new();
    for (below, above) in runs(&lower).into_iter().zip(runs(&upper)) {
        for (index, (place, value)) in above.iter().chain(below.iter().rev()).enumerate() {
            path.push(if index == 0 { 'M' } else { 'L' });
            push_point(&mut path, frame.x(*place, count), frame.y(*value, max));
        }
        path.push('Z');
    }
    path
}

fn push_point(path: &mut String, x: f64, y: f64) {
    path.push_str(&coordinate(x));
    path.push(' ');
    path.push_str(&coordinate(y));
}

/// Splits points at their gaps.
fn runs(points: &[Point]) -> Vec<Vec<(f64, f64)>> {
    let runs = points.split(|(_, value)| value.is_none());
    let known = |run: &[Point]| -> Vec<(f64, f64)> {
        run.iter()
            .filter_map(|(place, value)| Some((*place, (*value)?)))
            .collect()
    };
    runs.map(known).filter(|run| !run.is_empty()).collect()
}

#[cfg(test)]
mod tests;
