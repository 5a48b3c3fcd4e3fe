//! A small line without axes.

use leptos::prelude::*;

use crate::chart;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 24.0;

/// Draws the values of the last 15 minutes; `label` says in words what they are.
#[component]
pub fn Spark(
    #[prop(into)] values: Signal<Vec<Option<f64>>>,
    #[prop(into)] label: String,
) -> impl IntoView {
    let size = format!("0 0 {WIDTH} {HEIGHT}");
    let path = Memo::new(move |_| values.with(|values| chart::sparkline(values, WIDTH, HEIGHT)));
    view! {
        <svg class="spark" viewBox=size role="img" aria-label=label>
            <path d=move || path.get() />
        </svg>
    }
}
