//! What keeps a link from copying, as its pages show it: told once, while its counters go on.

use leptos::prelude::*;
use model::problem::Problem;
use serde::{Deserialize, Serialize};

use crate::components::notice::ProblemNotice;

/// Something that keeps a link from copying.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Without its counters, so that it stays the same while tries go on.
    pub problem: Problem,
    /// Since when, how often, when again.
    pub tries: String,
}

/// Shows what keeps a link from copying. A notice is an alert to screen readers, so one that stays is not made anew.
#[component]
pub fn Troubles(#[prop(into)] troubles: Signal<Vec<Trouble>>) -> impl IntoView {
    let problems = Memo::new(move |_| {
        troubles.with(|troubles| {
            let problems = troubles.iter().map(|trouble| trouble.problem.clone());
            problems.collect::<Vec<Problem>>()
        })
    });
    let tries = move |problem: Problem| {
        Memo::new(move |_| {
            troubles.with(|troubles| {
                let found = troubles.iter().find(|trouble| trouble.problem == problem);
                found
                    .map(|trouble| trouble.tries.clone())
                    .unwrap_or_default()
            })
        })
    };
    view! {
        <For each=move || problems.get() key=|problem| format!("{problem:?}") let:problem>
            <div class="trouble">
                <ProblemNotice problem=problem.clone() />
                <p class="muted small num-line">{tries(problem)}</p>
            </div>
        </For>
    }
}
