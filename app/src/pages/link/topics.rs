//! The topics of a link: a page of them, each opening to its partitions.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{format, status::State};
use serde::{Deserialize, Serialize};

use super::{
    Head, failed,
    head::LinkHead,
    listing::{self, Listing, STATES, Sort},
    partitions::{OpenTopic, Partitions},
};
use crate::{
    components::{
        badge::StateBadge,
        coded::coded,
        order::{SteadyOrder, SteadyRows},
        title::PageTitle,
    },
    fns::links::LinkTopics,
    live,
    pages::{
        ROWS, address,
        lag::amount,
        load::{load, shown_or},
    },
};

/// One page of a link's topics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicsView {
    /// All topics of the link.
    pub total: u32,
    /// All partitions of the link.
    pub partitions: u32,
    /// The last moment for which the lags surely hold, milliseconds since the epoch UTC; `None` while they are measured.
    pub lag_as_of_ms: Option<i64>,
    /// Topics that the filter leaves.
    pub matching: u32,
    /// Source topics on this page, in their order.
    pub order: Vec<String>,
    pub rows: BTreeMap<String, TopicRow>,
    pub open: Option<OpenTopic>,
    /// Topics that resemble a filter which nothing matches.
    pub nearest: Vec<String>,
}

/// One topic of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicRow {
    pub mirror: String,
    pub partitions: u32,
    /// Of the partitions whose lag is known.
    pub lag_records: Option<i64>,
    /// Partitions whose lag is not known.
    pub unknown: u32,
    pub records_per_s: f64,
    pub state: State,
    /// What keeps it from being copied, one sentence; empty where nothing does.
    pub note: String,
}

/// What the tab *Topics* shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicsTabView {
    pub head: Head,
    pub topics: TopicsView,
}

/// Where the table stands: a few of the worst on the overview, all of them on their own tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Overview,
    Tab,
}

/// `/links/{link}/topics`.
#[component]
pub fn LinkTopicsPage() -> impl IntoView {
    let name = address::part("name");
    let query = use_query_map();
    let listing = Memo::new(move |_| query.with(|query| Listing::of(|key| query.get(key))));
    let view = load(move || LinkTopics {
        name: name.get(),
        listing: listing.get().query(),
    });
    view! {
        <PageTitle text=move || format!("{} topics", name.get()) />
        {shown_or(
            view,
            move |view| {
                let listing = listing.get_untracked();
                view! { <TopicsTab view listing /> }.into_any()
            },
            failed,
        )}
    }
}

#[component]
fn TopicsTab(view: TopicsTabView, listing: Listing) -> impl IntoView {
    let name = view.head.name.clone();
    let page = format!("/links/{name}/topics{}", listing.query());
    let view = live::follow(page, view);
    let head = Memo::new(move |_| view.with(|view| view.head.clone()));
    let topics = Memo::new(move |_| view.with(|view| view.topics.clone()));
    view! {
        <LinkHead head tab="topics" />
        <TopicsCard view=topics listing place=Place::Tab name />
    }
}

/// The table of topics with what chooses and sorts its rows.
#[component]
pub fn TopicsCard(
    view: Memo<TopicsView>,
    listing: Listing,
    place: Place,
    name: String,
) -> impl IntoView {
    let base = format!("/links/{name}/topics");
    let counts = Memo::new(move |_| {
        let (topics, partitions) = view.with(|view| (view.total, view.partitions));
        let grouped = |count: u32| format::grouped(i64::from(count));
        let as_of = view.with(|view| view.lag_as_of_ms);
        let as_of = as_of.map(|ms| format!(", lag as of {}", format::moment(ms)));
        format!(
            "{} topics, {} partitions{}",
            grouped(topics),
            grouped(partitions),
            as_of.unwrap_or_default()
        )
    });
    let shown = Memo::new(move |_| view.with(|view| view.order.len() as u32));
    let filter = (place == Place::Tab)
        .then(|| view! { <Filter listing=listing.clone() base=base.clone() /> });
    let foot = match place {
        Place::Tab => view! { <Pages view listing=listing.clone() base=base.clone() /> }.into_any(),
        Place::Overview => view! { <AllTopics view base=base.clone() /> }.into_any(),
    };
    let empty = {
        let (listing, base) = (listing.clone(), base.clone());
        move || view! { <NoTopics view filtered=listing.is_filtered() base=base.clone() /> }
    };
    view! {
        <section class="card topics" aria-labelledby="topics-title">
            <header>
                <h2 id="topics-title">"Topics"</h2>
                <span class="aside num">{counts}</span>
            </header>
            {filter}
            <Show when=move || shown.get() != 0 fallback=empty>
                <Table view listing=listing.clone() base=base.clone() />
            </Show>
            {foot}
        </section>
    }
}

#[component]
fn Table(view: Memo<TopicsView>, listing: Listing, base: String) -> impl IntoView {
    let newest = Memo::new(move |_| view.with(|view| view.order.clone()));
    let order = SteadyOrder::of(newest);
    let column = |sort: Sort, word: &'static str, class: &'static str| {
        let href = format!("{base}{}", listing.by(sort).query());
        let sorted = (listing.sort == sort).then_some(match sort {
            Sort::Name => "ascending",
            Sort::Worst | Sort::Lag | Sort::Rate => "descending",
        });
        view! {
            <th scope="col" class=class aria-sort=sorted>
                <a href=href data-noscroll="true">{word}</a>
            </th>
        }
    };
    let columns = (
        column(Sort::Name, "Source topic", ""),
        view! { <th scope="col">"Mirror topic"</th> },
        view! { <th scope="col" class="num">"Partitions"</th> },
        column(Sort::Lag, "Lag", "num"),
        column(Sort::Rate, "Records/s", "num"),
        column(Sort::Worst, "State", ""),
    );
    let row = {
        let listing = listing.clone();
        move |topic: String| view! { <Row topic view listing=listing.clone() base=base.clone() /> }
    };
    view! {
        <SteadyRows order>
            <table class="cards">
                <caption class="unseen">"Topics of this link"</caption>
                <thead>
                    <tr>{columns}</tr>
                </thead>
                <tbody>
                    <For each=move || order.shown.get() key=String::clone children=row />
                </tbody>
            </table>
        </SteadyRows>
    }
}

#[component]
fn Row(topic: String, view: Memo<TopicsView>, listing: Listing, base: String) -> impl IntoView {
    let key = topic.clone();
    let row = Memo::new(move |_| view.with(|view| view.rows.get(&key).cloned()));
    let get = move |of: fn(&TopicRow) -> String| {
        Memo::new(move |_| row.with(|row| row.as_ref().map(of).unwrap_or_default()))
    };
    let state =
        Memo::new(move |_| row.with(|row| row.as_ref().map_or(State::Unknown, |row| row.state)));
    let note = get(|row| row.note.clone());
    let is_open = listing.open == topic;
    let href = format!("{base}{}", listing.toggled(&topic).query());
    let partitions = is_open.then(|| view! { <Partitions view /> });
    view! {
        <tr class:opened=is_open>
            <td class="wide">
                <a
                    class="row-link mono"
                    href=href
                    data-noscroll="true"
                    aria-expanded=is_open.to_string()
                >
                    <bdi>{topic}</bdi>
                </a>
            </td>
            <td class="wide mono"><bdi>{get(|row| row.mirror.clone())}</bdi></td>
            <td class="num" data-label="Partitions">
                {get(|row| format::grouped(i64::from(row.partitions)))}
            </td>
            <td class="num" data-label="Lag">{get(lag)}</td>
            <td class="num" data-label="Records/s">{get(|row| format::rate(row.records_per_s))}</td>
            <td data-label="State">
                <StateBadge state />
                <span class="under">{move || coded(&note.get())}</span>
            </td>
        </tr>
        {partitions}
    }
}

fn lag(row: &TopicRow) -> String {
    match (row.lag_records, row.unknown) {
        (Some(0), 0) => "up to date".to_owned(),
        (records, unknown) => amount(records, unknown, row.partitions),
    }
}

/// Chooses topics by name and state: a form whose answer is an address.
#[component]
fn Filter(listing: Listing, base: String) -> impl IntoView {
    let options = STATES.map(|state| {
        let chosen = listing.state == Some(state);
        view! { <option value=listing::word(state) selected=chosen>{state.words()}</option> }
    });
    let all = base.clone();
    let clear = listing
        .is_filtered()
        .then(|| view! { <a class="button" href=all rel="external">"Show all"</a> });
    view! {
        <form class="filter" method="get" action=base role="search" aria-label="Topics">
            <label for="filter-q">"Name"</label>
            <input id="filter-q" name="q" type="search" value=listing.filter.clone() autocomplete="off" spellcheck="false" />
            <label for="filter-state">"State"</label>
            <select id="filter-state" name="state">
                <option value="" selected=listing.state.is_none()>"all"</option>
                {options.collect_view()}
            </select>
            <button type="submit">"Filter"</button>
            {clear}
        </form>
    }
}

/// Says which rows are shown, with the ways to the pages before and after.
#[component]
fn Pages(view: Memo<TopicsView>, listing: Listing, base: String) -> impl IntoView {
    let page = listing.page;
    let shown = Memo::new(move |_| {
        let (count, matching) = view.with(|view| (view.order.len() as u32, view.matching));
        (page * ROWS + 1, page * ROWS + count, matching)
    });
    let words = move || {
        let (from, to, of) = shown.get();
        match to < from {
            true => "No row".to_owned(),
            false => format!("{from} to {to} of {}", format::grouped(i64::from(of))),
        }
    };
    let to_page = move |page: u32, rel: &'static str, word: &'static str| {
        let href = format!("{base}{}", listing.at(page).query());
        view! { <a class="button" href=href rel=rel>{word}</a> }
    };
    let after = to_page.clone();
    view! {
        <footer>
            <span class="small muted num-line">{words}</span>
            <span class="actions">
                {(page > 0).then(|| to_page(page - 1, "prev", "Previous"))}
                {move || {
                    let (_, to, of) = shown.get();
                    (to < of).then(|| after(page + 1, "next", "Next"))
                }}
            </span>
        </footer>
    }
}

#[component]
fn AllTopics(view: Memo<TopicsView>, base: String) -> impl IntoView {
    let hidden =
        Memo::new(move |_| view.with(|view| view.total.saturating_sub(view.order.len() as u32)));
    let href = base.clone();
    view! {
        <Show when=move || hidden.get() != 0>
            <footer>
                <a href=href.clone()>
                    {move || {
                        let total = view.with(|view| view.total);
                        format!("All {} topics", format::grouped(i64::from(total)))
                    }}
                </a>
                <span class="small muted">"The worst are shown here."</span>
            </footer>
        </Show>
    }
}

#[component]
fn NoTopics(view: Memo<TopicsView>, filtered: bool, base: String) -> impl IntoView {
    if !filtered {
        return view! {
            <p class="empty muted">
                "Here stand the topics that the link copies, once it runs and has found some that match its rows."
            </p>
        }
        .into_any();
    }
    let nearest = view.with_untracked(|view| view.nearest.clone());
    let closest = (!nearest.is_empty()).then(|| {
        let links = nearest.into_iter().map(|topic| {
            let listing = Listing {
                filter: topic.clone(),
                ..Listing::default()
            };
            let href = format!("{base}{}", listing.query());
            view! { " " <a href=href rel="external"><bdi>{topic}</bdi></a> }
        });
        view! { <p>"The closest names:" {links.collect_view()}</p> }
    });
    view! {
        <div class="empty">
            <p>"No topic of this link matches the filter."</p>
            {closest}
        </div>
    }
    .into_any()
}
