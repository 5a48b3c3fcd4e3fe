//! Beside the chart: what a failover would lose, what was found, what happened last.

use leptos::prelude::*;
use model::format;

use super::{Behind, OverviewView, findings::Findings};
use crate::{components::sentence::SentenceText, pages::events::LastEvents};

/// The right column of the overview.
#[component]
pub fn Aside(view: ReadSignal<OverviewView>) -> impl IntoView {
    let name = view.with_untracked(|view| view.head.name.clone());
    let events = Memo::new(move |_| view.with(|view| view.events.clone()));
    view! {
        <div class="stack">
            <FailOver view />
            <Findings view />
            <LastEvents events more=format!("/links/{name}/events") />
        </div>
    }
}

#[component]
fn FailOver(view: ReadSignal<OverviewView>) -> impl IntoView {
    let behind = Memo::new(move |_| view.with(|view| view.behind.clone()));
    let body = move || match behind.get() {
        Some(behind) => view! {
            <p class="amount">
                <strong>{amount(&behind)}</strong>
                " "
                <span class="muted">{verb(&behind)}</span>
            </p>
            <p class="small">
                <SentenceText sentence=behind.sentence />
            </p>
        }
        .into_any(),
        None => view! { <p class="small">"Nothing is mirrored yet: the link never started."</p> }
            .into_any(),
    };
    view! {
        <section class="card" aria-labelledby="failover-title">
            <header>
                <h2 id="failover-title">"If you fail over now"</h2>
            </header>
            <div class="body">{body}</div>
        </section>
    }
}

fn amount(behind: &Behind) -> String {
    match (behind.records, behind.at_least) {
        (Some(0), false) => "Nothing".to_owned(),
        (None, _) => "Unknown".to_owned(),
        (records, false) => format::records_or_unknown(records),
        (records, true) => format!("At least {}", format::records_or_unknown(records)),
    }
}

fn verb(behind: &Behind) -> String {
    match (behind.records, behind.lag_time_ms) {
        (Some(0), _) if !behind.at_least => "stays behind".to_owned(),
        (Some(1..), Some(ms)) => format!("({}) stay behind", format::span(ms)),
        (Some(_), _) => "stay behind".to_owned(),
        (None, _) => "what would stay behind".to_owned(),
    }
}
