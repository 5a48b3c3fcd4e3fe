//! `/search`: links, clusters and topics by a part of their names.

use leptos::prelude::*;
use leptos_meta::Title;
use model::{format, status::State};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub mod query;

use crate::{
    components::badge::StateBadge,
    fns::pages::Search,
    pages::{
        address,
        load::{load, shown},
    },
};

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchView {
    /// What was looked for; empty where nothing was.
    pub q: String,
    /// Links, clusters and topics, as far as some were found.
    pub groups: Vec<Group>,
    /// Names that resemble one that nothing holds.
    pub nearest: Vec<Hit>,
}

/// What was found of one kind, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The kind in a word, such as `Links`.
    pub word: String,
    pub hits: Vec<Hit>,
    /// How many were found in all.
    pub found: u32,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    pub name: String,
    /// Address of its page.
    pub href: String,
    /// What else tells it from others of a like name.
    pub note: String,
    pub state: Option<State>,
}

/// The page.
#[component]
pub fn SearchPage() -> impl IntoView {
    let q = address::asked("q");
    let view = load(move || Search { q: q.get() });
    view! {
        <Title text="Search" />
        {shown(view, |view| view! { <Found view /> }.into_any())}
    }
}

#[component]
fn Found(view: SearchView) -> impl IntoView {
    let words = match (view.q.is_empty(), view.groups.is_empty()) {
        (true, _) => "Links, clusters, and topics that links copy: type a part of a name.",
        (false, true) => "No link, cluster or copied topic has this in its name.",
        (false, false) => "",
    };
    let words = (!words.is_empty()).then(|| view! { <p class="muted">{words}</p> });
    let groups = view.groups.into_iter();
    let groups = groups.map(|group| view! { <GroupCard group /> }.into_any());
    let nearest = (!view.nearest.is_empty()).then(|| Group {
        word: "The closest names".to_owned(),
        found: view.nearest.len() as u32,
        hits: view.nearest,
    });
    view! {
        <h1>"Search"</h1>
        <form class="card filter" method="get" action="/search" aria-label="Search again">
            <label for="search-q">"Name"</label>
            <input
                id="search-q"
                name="q"
                type="search"
                value=view.q
                maxlength="300"
                autocomplete="off"
                spellcheck="false"
            />
            <button type="submit">"Search"</button>
        </form>
        {words}
        {groups.collect_view()}
        {nearest.map(|group| view! { <GroupCard group /> })}
    }
}

#[component]
fn GroupCard(group: Group) -> impl IntoView {
    let more = group.found.saturating_sub(group.hits.len() as u32);
    let more = (more > 0).then(|| {
        let more = format::grouped(i64::from(more));
        view! { <p class="body small muted">{format!("and {more} more; type more of the name")}</p> }
    });
    let hits = group.hits.into_iter().map(|hit| {
        let state = hit
            .state
            .map(|state| view! { <StateBadge state=Signal::stored(state) /> });
        view! {
            <li>
                <a class="row-link" href=hit.href rel="external"><bdi>{hit.name}</bdi></a>
                <span class="muted small"><bdi>{hit.note}</bdi></span>
                {state}
            </li>
        }
    });
    let word = group.word.clone();
    view! {
        <section class="card hits" aria-label=word>
            <header>
                <h2>{group.word}</h2>
                <span class="pill num">{format::grouped(i64::from(group.found))}</span>
            </header>
            <ul>{hits.collect_view()}</ul>
            {more}
        </section>
    }
}
