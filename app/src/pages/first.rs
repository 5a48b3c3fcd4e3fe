//! `/links/{link}/first`: somebody has just started a link and waits for its first record.

use leptos::prelude::*;
use leptos_meta::Title;
use model::{
    format,
    status::{FirstRecord, State},
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub mod query;

use crate::{
    access::{Action, Resource},
    components::{
        allowed::{ButtonLink, lacking},
        badge::StateBadge,
        icon::{Glyph, Icon},
    },
    fns, live,
    pages::{
        address,
        link::trouble::{Trouble, Troubles},
        load::{load, shown},
    },
};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FirstView {
    pub name: String,
    pub source: String,
    pub destination: String,
    pub state: State,
    pub first: Option<FirstRecord>,
    /// Whole seconds since the link was started.
    pub waited_s: i64,
    pub topics: u32,
    /// Topics without a record so far, once that is worth knowing; at most a handful.
    pub silent: Vec<String>,
    pub silent_more: u32,
    /// Whether it began at the end, so that only records from now on are copied.
    pub from_end: bool,
    pub troubles: Vec<Trouble>,
}

/// The page.
#[component]
pub fn FirstPage() -> impl IntoView {
    let name = address::part("name");
    let view = load(move || fns::first::FirstRecord { name: name.get() });
    view! {
        <Title text="First record" />
        {shown(view, |view| view! { <First view /> }.into_any())}
    }
}

#[component]
fn First(view: FirstView) -> impl IntoView {
    let name = view.name.clone();
    let from_to = format!("{} → {}", view.source, view.destination);
    let view = live::follow(format!("/links/{name}/first"), view);
    let state = Memo::new(move |_| view.with(|view| view.state));
    let first = Memo::new(move |_| view.with(|view| view.first.clone()));
    let troubles = Memo::new(move |_| view.with(|view| view.troubles.clone()));
    let title = move || match first.get() {
        Some(_) => "The first record is there",
        None => "Waiting for the first record",
    };
    let link = format!("/links/{name}");
    view! {
        <p class="crumbs"><a href="/links">"Links"</a> " › " <a href=link.clone()>{name.clone()}</a></p>
        <header class="page-head">
            <h1>{title}</h1>
            <StateBadge state />
        </header>
        <p class="muted">{from_to}</p>
        <Troubles troubles />
        {move || match first.get() {
            Some(first) => view! { <Arrived first /> }.into_any(),
            None => view! { <Waiting view name=name.clone() /> }.into_any(),
        }}
        <p>
            <a class="button primary" href=link>"Go to the link"</a>
        </p>
    }
}

/// The record, with both offsets.
#[component]
fn Arrived(first: FirstRecord) -> impl IntoView {
    let latency_ms = (first.acknowledged_at_ms - first.timestamp_ms).max(0);
    let latency = match first.live {
        true => format!(
            "{} after it was written",
            format::latency(Some(latency_ms as f64))
        ),
        false => "older than the link: its age is no latency".to_owned(),
    };
    view! {
        <section class="card" aria-labelledby="first-title">
            <header>
                <span class="badge ok"><Icon glyph=Signal::stored(Glyph::Tick) /> "delivered"</span>
                <h2 id="first-title"><bdi>{first.topic.clone()}</bdi></h2>
            </header>
            <dl class="facts body">
                <dt>"Source"</dt>
                <dd><bdi class="mono">{first.topic}</bdi> {format!(", partition {}, offset {}", first.partition, format::grouped(first.source_offset))}</dd>
                <dt>"Destination"</dt>
                <dd><bdi class="mono">{first.mirror_topic}</bdi> {format!(", partition {}, offset {}", first.partition, format::grouped(first.destination_offset))}</dd>
                <dt>"Readable at the destination"</dt>
                <dd>
                    <time datetime=format::datetime(first.acknowledged_at_ms)>{format::moment(first.acknowledged_at_ms)}</time>
                    {format!(", {latency}")}
                </dd>
            </dl>
        </section>
    }
}

#[component]
fn Waiting(view: ReadSignal<FirstView>, name: String) -> impl IntoView {
    let topics = Memo::new(move |_| view.with(|view| view.topics));
    let waited = Memo::new(move |_| view.with(|view| view.waited_s));
    let silent = Memo::new(move |_| view.with(|view| (view.silent.clone(), view.silent_more)));
    let from_end = view.with_untracked(|view| view.from_end);
    let head = move || match topics.get() {
        0 => "The link looks for topics that match.".to_owned(),
        1 => "1 topic is followed.".to_owned(),
        topics => format!("{topics} topics are followed."),
    };
    let edit = format!("/links/{name}/edit");
    let lacking = lacking(Action::Change, Resource::Link(&name));
    view! {
        <section class="card" aria-labelledby="waiting-title">
            <header>
                <h2 id="waiting-title">{head}</h2>
                <span class="aside num">{move || format!("{} since the start", format::span(waited.get() * 1_000))}</span>
            </header>
            <div class="body form-body">
                <p>"It appears here by itself, with both offsets. Nothing is lost meanwhile."</p>
                {from_end.then(|| view! {
                    <p class="muted">
                        "This link began at the end: only records written from now on are copied. Where it began is fixed by its first start; to copy older ones, make a link that starts at the earliest record."
                    </p>
                })}
                {move || {
                    let (silent, more) = silent.get();
                    (!silent.is_empty()).then(|| view! { <Silent silent more /> })
                }}
                <p>
                    <ButtonLink href=edit word="Change the filter" lacking=lacking.clone() />
                    <span class="hint">{lacking}</span>
                    <noscript>" " <a class="button" href=format!("/links/{name}/first")>"Look again"</a></noscript>
                </p>
            </div>
        </section>
    }
}

#[component]
fn Silent(silent: Vec<String>, more: u32) -> impl IntoView {
    let names = silent
        .into_iter()
        .map(|name| view! { <li><bdi class="mono">{name}</bdi></li> });
    view! {
        <div>
            <p>"No record has come from these topics since the start:"</p>
            <ul class="silent">
                {names.collect_view()}
                {(more > 0).then(|| view! { <li>{format!("and {more} more")}</li> })}
            </ul>
        </div>
    }
}
