//! The head of a link's tabs: where one is, what state it is in, what may be done, the tabs.

use leptos::prelude::*;
use model::{format, link::Phase, status::State};

use super::{
    Head,
    actions::{Actions, Done},
};
use crate::{
    components::{badge::StateBadge, post::Post},
    fns::links::RunLink,
};

/// Crumbs, name, state, actions and tabs; `tab` is the last part of the tab's address, empty for the overview.
#[component]
pub fn LinkHead(#[prop(into)] head: Signal<Head>, tab: &'static str) -> impl IntoView {
    let run = Post::to::<RunLink>();
    let first = head.get_untracked();
    let name = first.name.clone();
    let state: Memo<State> = Memo::new(move |_| head.with(|head| head.state));
    let facts = Memo::new(move |_| head.with(facts));
    let title = (!first.title.is_empty())
        .then(|| view! { <p class="muted link-title"><bdi>{first.title.clone()}</bdi></p> });
    view! {
        <div class="link-head">
            <nav class="crumbs" aria-label="Where you are">
                <a href="/links">"Links"</a>
                " / "
                <span>{name.clone()}</span>
            </nav>
            <div class="page-head">
                <h1>{name.clone()}</h1>
                <StateBadge state />
                <span class="muted">
                    <bdi>{first.source.clone()}</bdi>
                    " → "
                    <bdi>{first.destination.clone()}</bdi>
                    {move || facts.get()}
                </span>
                <Actions head run />
            </div>
            {title}
        </div>
        <Done name=name.clone() run />
        <Tabs name topics=Signal::derive(move || head.with(|head| head.topics)) tab />
    }
}

fn facts(head: &Head) -> String {
    match head.phase {
        Phase::Draft => " · never started".to_owned(),
        _ => format!(" · since {} · exactly once", head.since),
    }
}

#[component]
fn Tabs(name: String, topics: Signal<u32>, tab: &'static str) -> impl IntoView {
    let tabs = [
        ("", "Overview"),
        ("topics", "Topics"),
        ("config", "Config"),
        ("events", "Events"),
    ];
    let tabs = tabs.map(|(to, word)| {
        let href = match to {
            "" => format!("/links/{name}"),
            _ => format!("/links/{name}/{to}"),
        };
        let count = move || match (to, topics.get()) {
            ("topics", count) if count > 0 => format!(" {}", format::grouped(i64::from(count))),
            _ => String::new(),
        };
        let current = (to == tab).then_some("page");
        view! { <a href=href aria-current=current>{word} {count}</a> }
    });
    view! {
        <nav class="tabs" aria-label="Parts of this link">
            {tabs.collect_view()}
        </nav>
    }
}
