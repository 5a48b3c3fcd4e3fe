//! The chart of the last 15 minutes: records per second, and below it the latency, on one time axis.

use leptos::prelude::*;
use model::{format, sample::STEP_MS};

use super::{OverviewView, Series};
use crate::chart::{self, Band, BandChart, Frame, LineChart, Lines, TableRow, Tick};

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
    latency: BandChart,
    summary: String,
}

fn drawing(series: &Series) -> Drawing {
    let rates = Lines {
        values: &series.records_per_s,
        end_ms: series.end_ms,
        step_ms: STEP_MS,
    };
    let latencies = Band {
        low: &series.p5_ms,
        middle: &series.p50_ms,
        high: &series.p99_ms,
        rate: &series.records_per_s,
    };
    let milliseconds = |ms: f64| format::latency(Some(ms));
    let rate = "Records per second";
    let rate = chart::describe(rate, &series.records_per_s, STEP_MS, format::rate);
    let latency = chart::describe("Median latency", &series.p50_ms, STEP_MS, milliseconds);
    let history = chart::band_chart(&latencies, &LATENCY, axis_span);
    Drawing {
        rate: chart::line_chart(&rates, &RATE, axis_number),
        summary: format!("{rate} {latency}{}", in_words(&history)),
        latency: history,
    }
}

/// A number at the axis: short, and 0 without a decimal.
fn axis_number(value: f64) -> String {
    match value {
        value if value < 10.0 => format::rate(value),
        value => format::records(value as i64),
    }
}

/// A latency at the axis: a whole number of its largest unit.
fn axis_span(ms: f64) -> String {
    match ms as i64 {
        ms @ ..1_000 => format!("{ms} ms"),
        ms @ ..60_000 => format!("{} s", ms / 1_000),
        ms @ ..3_600_000 => format!("{} min", ms / 60_000),
        ms => format!("{} h", ms / 3_600_000),
    }
}

/// Says what the hatching says.
fn in_words(latency: &BandChart) -> &'static str {
    match latency.catching_up.as_str() {
        "" => "",
        _ => " A part of that time only history was copied, which has no latency.",
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
    let (band, median) = (path(|d| &d.latency.band), path(|d| &d.latency.line));
    let history = path(|d| &d.latency.catching_up);
    let caption_of_latency = move || {
        drawing.with(|drawing| match drawing.latency.catching_up.as_str() {
            "" => "Latency: p50, band p5 to p99",
            _ => "Latency p50, p5 to p99; hatched: catching up",
        })
    };
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
            <text class="caption" x=left y=caption(&LATENCY)>{caption_of_latency}</text>
            {move || drawing.with(|drawing| (
                levels(&drawing.rate.y_ticks, &RATE),
                levels(&drawing.latency.y_ticks, &LATENCY),
                times(&drawing.rate.x_ticks),
            ))}
            <path class="area" d=move || area.get() />
            <path class="line" d=move || line.get() />
            <defs>
                <pattern id="history" width="6" height="6" patternUnits="userSpaceOnUse">
                    <path class="hatch" d="M0 6L6 0M-1 1L1 -1M5 7L7 5" />
                </pattern>
            </defs>
            <path fill="url(#history)" d=move || history.get() />
            <path class="band" d=move || band.get() />
            <path class="line" d=move || median.get() />
        </svg>
    }
}

/// Draws the horizontal lines with their values. A phone has no room for those between the ends of a low plot.
fn levels(ticks: &[Tick], frame: &Frame) -> impl IntoView + use<> {
    let (from, to) = (
        chart::coordinate(frame.left),
        chart::coordinate(frame.left + frame.width),
    );
    let words_at = chart::coordinate(frame.left - 8.0);
    let level = |(index, tick): (usize, &Tick)| {
        let is_end = index == 0 || index + 1 == ticks.len();
        let class = match is_end || frame.height > LATENCY.height {
            true => "level",
            false => "level between",
        };
        let (at, label) = (tick.at.clone(), tick.label.clone());
        let (from, to, words_at) = (from.clone(), to.clone(), words_at.clone());
        view! {
            <line class="grid" x1=from x2=to y1=at.clone() y2=at.clone() />
            <text class=class x=words_at y=at dy="4">{label}</text>
        }
    };
    ticks.iter().enumerate().map(level).collect_view()
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
                            <th scope="col" class="num">"Latency p5"</th>
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
    let latencies = [&series.p5_ms, &series.p50_ms, &series.p99_ms].map(Vec::as_slice);
    let latencies = chart::table(&latencies, series.end_ms, STEP_MS, milliseconds);
    let joined = |(rate, latency): (TableRow, TableRow)| {
        let cells = rate.cells.into_iter().chain(latency.cells);
        (rate.time, cells.collect())
    };
    rates.into_iter().zip(latencies).map(joined).collect()
}
