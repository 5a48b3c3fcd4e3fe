//! `/`: three sentences, what needs attention, one row per link, worst first.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_meta::Title;
use model::{finding::Finding, problem::Problem, status::State, summary::Sentence};
use serde::{Deserialize, Serialize};

pub mod rows;

#[cfg(feature = "ssr")]
pub mod query;

use crate::{
    components::{notice::ProblemNotice, sentence::SentenceText},
    error::UiError,
    fns, live,
    pages::{
        lag::Lag,
        load::{load, shown},
    },
};
use rows::LinksTable;

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OverviewView {
    /// The three sentences of UX 1, as many as there are.
    pub sentences: Vec<Sentence>,
    pub attention: Vec<Attention>,
    /// Names of all links, worst first.
    pub order: Vec<String>,
    pub links: BTreeMap<String, LinkRow>,
    /// There is no link, and there are no two clusters to make one between.
    pub clusters_missing: bool,
}

/// Something that needs a person, or soon may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attention {
    pub link: String,
    pub state: State,
    pub title: String,
    pub detail: String,
    pub next_step: String,
    /// Whether somebody must choose.
    pub decide: bool,
}

impl Attention {
    /// Tells what keeps a link from copying.
    pub fn of_problem(link: &str, state: State, problem: &Problem) -> Self {
        let more = problem.and_more();
        let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
        Self {
            link: link.to_owned(),
            state,
            title: problem.title.clone(),
            detail: format!("{}{more}", problem.detail),
            next_step: problem.next_step.clone().unwrap_or_default(),
            decide: false,
        }
    }

    /// Tells what is held until somebody chooses.
    pub fn of_finding(link: &str, finding: &Finding) -> Self {
        Self {
            link: link.to_owned(),
            state: State::NeedsDecision,
            title: finding.detail.clone(),
            detail: format!("{}, partition {}", finding.topic, finding.partition),
            next_step: "Choose how it goes on.".to_owned(),
            decide: true,
        }
    }
}

/// One link in a list of links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkRow {
    pub source: String,
    pub destination: String,
    pub state: State,
    /// What the state's word leaves open, such as "11 of 12 go on".
    pub note: String,
    pub lag: Lag,
    pub records_per_s: f64,
    pub bytes_per_s: f64,
    pub p99_ms: Option<f64>,
    /// Records per second over the last 15 minutes.
    pub rate: Vec<Option<f64>>,
}

/// The first page.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let view = load(|| fns::pages::Overview {});
    view! {
        <Title text="Map" />
        {shown(view, |view| view! { <Overview view /> }.into_any())}
    }
}

/// Stands where a page could not be made.
#[component]
pub fn Failed(error: UiError) -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::caller::set_status(error.problem.status);
    view! {
        <h1>"This page cannot be shown now."</h1>
        <ProblemNotice problem=error.problem />
    }
}

#[component]
fn Overview(view: OverviewView) -> impl IntoView {
    let view = live::follow("/".to_owned(), view);
    let sentences = Memo::new(move |_| view.with(|view| view.sentences.clone()));
    let attention = Memo::new(move |_| view.with(|view| view.attention.clone()));
    view! {
        <header class="sentences">
            {move || {
                let mut sentences = sentences.get().into_iter();
                let first = sentences.next().map(|first| view! { <h1><SentenceText sentence=first /></h1> });
                let others = sentences.map(|other| view! { <p><SentenceText sentence=other /></p> });
                (first, others.collect_view())
            }}
        </header>
        <Show when=move || !attention.with(Vec::is_empty)>
            <section class="card attention" aria-labelledby="attention-title">
                <h2 id="attention-title">"Needs attention"</h2>
                <ul>
                    <For each=move || attention.get() key=|item| format!("{item:?}") let:item>
                        <AttentionItem item />
                    </For>
                </ul>
            </section>
        </Show>
        <LinksTable view />
    }
}

#[component]
fn AttentionItem(item: Attention) -> impl IntoView {
    use crate::components::{badge, coded::coded, icon::Icon};
    let href = format!("/links/{}", item.link);
    let word = if item.decide { "Decide" } else { "Open" };
    view! {
        <li>
            <span class=badge::tone(item.state)>
                <Icon glyph=Signal::stored(badge::glyph(item.state)) />
            </span>
            <div>
                <p class="strong">{coded(&item.title)}</p>
                <p class="muted">{item.link.clone()} " · " {coded(&item.detail)}</p>
                <p>{coded(&item.next_step)}</p>
            </div>
            <a class="button" href=href>{word} <span class="unseen">{item.link}</span></a>
        </li>
    }
}
