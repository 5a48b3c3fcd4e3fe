//! The chart of the last 15 minutes: records per second, and below it the latency, on one time axis.

use leptos::prelude::*;
use model::{format, sample::STEP_MS};

use super::{OverviewView, Series};
use crate::chart::{self, Frame, LineChart, Lines, TableRow, Tick};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 268.0;
/// Left of it stand the values of the vertical axis.
const LEFT: f64 = 56.0;
const RATE: Frame = Frame {
    left: LEFT,
    top: 22.0,
    width: WIDTH - LEFT - 8.0,
    height: 128.0,
};
const LATENCY: Frame = Frame {
    left: LEFT,
    top: 182.0,
    width: WIDTH - LEFT - 8.0,
    height: 56.0,
};

/// Both halves, laid out.
#[derive(Clone, Debug, PartialEq)]
struct Drawing {
    rate: LineChart,
    latency: LineChart,
    summary: String,
}

fn drawing(series: &Series) -> Drawing {
    let lines = |values, upper, round| Lines {
        values,
        upper,
        round,
        end_ms: series.end_ms,
        step_ms: STEP_MS,
    };
    let milliseconds = |ms: f64| format::latency(Some(ms));
    let rate = "Records per second";
    let rate = chart::describe(rate, &series.records_per_s, STEP_MS, format::rate);
    let latency = chart::describe("Median latency", &series.p50_ms, STEP_MS, milliseconds);
    Drawing {
        rate: chart::line_chart(
            &lines(&series.records_per_s, &[], chart::nice_max),
            &RATE,
            axis_number,
        ),
        latency: chart::line_chart(
            &lines(&series.p50_ms, &series.p99_ms, chart::nice_max_ms),
            &LATENCY,
            axis_span,
        ),
        summary: format!("{rate} {latency}"),
    }
}

/// A number at the axis: short, and 0 without a decimal.
fn axis_number(value: f64) -> String {
    match value {
        value if value < 10.0 => format::rate(value),
        value => format::records(value as i64),
    }
}

/// A span at the axis: from a minute on in its largest unit alone.
fn axis_span(ms: f64) -> String {
    match ms {
        ms if ms < 60_000.0 => format::latency(Some(ms)),
        ms => format::span_short(ms as i64),
    }
}

/// The panel with the chart and its table.
#[component]
pub fn Minutes(view: ReadSignal<OverviewView>) -> impl IntoView {
    let series = Memo::new(move |_| view.with(|view| view.series.clone()));
    let measured = Memo::new(move |_| {
        view.with(|view| format!("measured at {} UTC", format::time(view.now.measured_at_ms)))
    });
    let nothing = move || series.with(|series| series.records_per_s.iter().all(Option::is_none));
    view! {
        <section class="card" aria-labelledby="minutes-title">
            <header>
                <h2 id="minutes-title">"Last 15 minutes"</h2>
                <span class="aside num">{measured}</span>
            </header>
            <Show
                when=move || !nothing()
                fallback=|| view! {
                    <p class="empty muted">
                        "Here stand records per second and latency, one value each 5 s. None was measured in the last 15 minutes."
                    </p>
                }
            >
                <div class="body minutes">
                    <Picture series />
                    <NumbersTable series />
                </div>
            </Show>
        </section>
    }
}

#[component]
fn Picture(series: Memo<Series>) -> impl IntoView {
    let drawing = Memo::new(move |_| series.with(drawing));
    let path = move |of: fn(&Drawing) -> &String| {
        Signal::derive(move || drawing.with(|drawing| of(drawing).clone()))
    };
    let (area, line) = (path(|d| &d.rate.area), path(|d| &d.rate.line));
    let (band, median) = (path(|d| &d.latency.area), path(|d| &d.latency.line));
    let left = chart::coordinate(LEFT);
    let caption = |frame: &Frame| chart::coordinate(frame.top - 8.0);
    view! {
        <svg
            class="chart"
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            role="img"
            aria-labelledby="minutes-name minutes-summary"
        >
            <title id="minutes-name">"Records per second and latency, last 15 minutes"</title>
            <desc id="minutes-summary">{move || drawing.with(|drawing| drawing.summary.clone())}</desc>
            <text class="caption" x=left.clone() y=caption(&RATE)>"Records/s"</text>
            <text class="caption" x=left y=caption(&LATENCY)>"Latency: p50, band up to p99"</text>
            {move || drawing.with(|drawing| (
                levels(&drawing.rate.y_ticks, &RATE),
                levels(&drawing.latency.y_ticks, &LATENCY),
                times(&drawing.rate.x_ticks),
            ))}
            <path class="area" d=move || area.get() />
            <path class="line" d=move || line.get() />
            <path class="band" d=move || band.get() />
            <path class="line" d=move || median.get() />
        </svg>
    }
}

/// Draws the horizontal lines with their values.
fn levels(ticks: &[Tick], frame: &Frame) -> impl IntoView + use<> {
    let (from, to) = (
        chart::coordinate(frame.left),
        chart::coordinate(frame.left + frame.width),
    );
    let words_at = chart::coordinate(frame.left - 8.0);
    let level = |tick: &Tick| {
        let (at, label) = (tick.at.clone(), tick.label.clone());
        let (from, to, words_at) = (from.clone(), to.clone(), words_at.clone());
        view! {
            <line class="grid" x1=from x2=to y1=at.clone() y2=at.clone() />
            <text class="level" x=words_at y=at dy="4">{label}</text>
        }
    };
    ticks.iter().map(level).collect_view()
}

fn times(ticks: &[Tick]) -> impl IntoView + use<> {
    let bottom = chart::coordinate(LATENCY.top + LATENCY.height + 20.0);
    let time = |tick: &Tick| {
        let (at, label) = (tick.at.clone(), tick.label.clone());
        view! { <text class="time" x=at y=bottom.clone()>{label}</text> }
    };
    ticks.iter().map(time).collect_view()
}

/// The chart's numbers by minute.
#[component]
fn NumbersTable(series: Memo<Series>) -> impl IntoView {
    let rows = move || {
        let rows = series.with(table);
        rows.into_iter()
            .map(|(time, cells)| {
                let cells = cells
                    .into_iter()
                    .map(|cell| view! { <td class="num">{cell}</td> });
                view! { <tr><th scope="row">{time} " UTC"</th>{cells.collect_view()}</tr> }
            })
            .collect_view()
    };
    view! {
        <details class="as-table">
            <summary>"Show as table"</summary>
            <div class="table-wrap" tabindex="0" role="region" aria-label="Numbers by minute">
                <table>
                    <caption class="unseen">"Records per second and latency by minute, newest first"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Minute"</th>
                            <th scope="col" class="num">"Records/s"</th>
                            <th scope="col" class="num">"Latency p50"</th>
                            <th scope="col" class="num">"Latency p99"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}

fn table(series: &Series) -> Vec<(String, Vec<String>)> {
    let milliseconds = |ms: f64| format::latency(Some(ms));
    let rates = chart::table(
        &[&series.records_per_s],
        series.end_ms,
        STEP_MS,
        format::rate,
    );
    let latencies = [series.p50_ms.as_slice(), series.p99_ms.as_slice()];
    let latencies = chart::table(&latencies, series.end_ms, STEP_MS, milliseconds);
    let joined = |(rate, latency): (TableRow, TableRow)| {
        let cells = rate.cells.into_iter().chain(latency.cells);
        (rate.time, cells.collect())
    };
    rates.into_iter().zip(latencies).map(joined).collect()
}
