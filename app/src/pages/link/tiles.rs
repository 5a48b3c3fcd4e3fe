//! The four numbers of a link, each with its last 15 minutes.

use leptos::prelude::*;
use model::format;

use super::{Now, OverviewView};
use crate::components::spark::Spark;

/// Records, bytes, lag and latency.
#[component]
pub fn Tiles(view: ReadSignal<OverviewView>) -> impl IntoView {
    let get = move |of: fn(&Now) -> String| Memo::new(move |_| view.with(|view| of(&view.now)));
    let series = move |of: fn(&super::Series) -> &Vec<Option<f64>>| {
        Signal::derive(move || view.with(|view| of(&view.series).clone()))
    };
    view! {
        <section class="card tiles" aria-label="Now">
            <Tile
                name="Records"
                value=get(|now| format::rate(now.records_per_s))
                unit="/s"
                note=get(|_| String::new())
                values=series(|series| &series.records_per_s)
                label="Records per second over the last 15 minutes"
            />
            <Tile
                name="Bytes"
                value=get(|now| format::megabytes(now.bytes_per_s))
                unit="MB/s"
                note=get(bytes_note)
                values=series(|series| &series.bytes_per_s)
                label="Bytes per second over the last 15 minutes"
            />
            <Tile
                name="Lag"
                value=get(|now| now.lag.time())
                unit=""
                note=get(lag_note)
                values=series(|series| &series.lag_time_ms)
                label="Lag in time over the last 15 minutes"
            />
            <Tile
                name="Latency"
                value=get(|now| format::latency(now.p50_ms))
                unit="p50"
                note=get(latency_note)
                values=series(|series| &series.p50_ms)
                label="Median latency over the last 15 minutes"
            />
        </section>
    }
}

fn bytes_note(now: &Now) -> String {
    match now.throttled.as_str() {
        "" => "as compressed".to_owned(),
        throttled => throttled.to_owned(),
    }
}

fn lag_note(now: &Now) -> String {
    let (lag, trend) = (&now.lag, now.trend.as_str());
    match (lag.records, trend) {
        (None, _) => String::new(),
        (_, "") => lag.records(),
        // Where it goes is known only while it is measured.
        (_, _) if lag.as_of_ms.is_some() => lag.records(),
        (_, trend) => format!("{} · {trend}", lag.records()),
    }
}

fn latency_note(now: &Now) -> String {
    match now.p99_ms {
        Some(_) => format!("p99 {}", format::latency(now.p99_ms)),
        None => "no live record in the last minute".to_owned(),
    }
}

#[component]
fn Tile(
    name: &'static str,
    value: Memo<String>,
    unit: &'static str,
    note: Memo<String>,
    values: Signal<Vec<Option<f64>>>,
    label: &'static str,
) -> impl IntoView {
    view! {
        <div class="tile">
            <p class="tile-name">{name}</p>
            <p class="tile-value">{move || value.get()} " " <small>{unit}</small></p>
            <p class="tile-note">{move || note.get()}</p>
            <Spark values label />
        </div>
    }
}
