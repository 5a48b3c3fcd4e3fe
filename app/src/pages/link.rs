//! `/links/{link}` and its tabs: what one link does now, its topics, its settings, what happened to it.

use leptos::prelude::*;
use model::{link::Phase, status::State, summary::Sentence};
use serde::{Deserialize, Serialize};

mod actions;
mod aside;
#[cfg(feature = "ssr")]
mod choices;
mod config;
mod delete;
mod findings;
mod head;
pub mod listing;
mod minutes;
mod overview;
mod partitions;
mod tiles;
mod topics;
#[cfg(feature = "ssr")]
mod trend;
pub mod trouble;

#[cfg(feature = "ssr")]
pub mod query;
#[cfg(feature = "ssr")]
mod settings;

pub use config::{ConfigView, LinkConfigPage, Setting};
pub use delete::{DeleteLinkPage, DeleteView};
pub use findings::{FindingCard, FindingsView, Found, LinkFindingsPage, Way};
pub use overview::LinkOverviewPage;
pub use partitions::{OpenTopic, PartitionRow};
pub use topics::{LinkTopicsPage, TopicRow, TopicsTabView, TopicsView};

#[cfg(feature = "ssr")]
pub use choices::of_word;

use crate::{
    components::title::PageTitle,
    error::UiError,
    fns::links::LinkEvents,
    pages::{
        address,
        events::{EventList, EventRow, EventsCard},
        lag::Lag,
        load::{load, shown_or},
        overview::Failed,
    },
};
use head::LinkHead;
use trouble::Trouble;

/// What stands above every tab of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub name: String,
    pub title: String,
    pub source: String,
    pub destination: String,
    pub phase: Phase,
    pub state: State,
    /// How long it has been in its state, in words; empty for a draft.
    pub since: String,
    pub topics: u32,
    pub revision: i64,
}

/// What the tab *Overview* shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverviewView {
    pub head: Head,
    pub now: Now,
    pub series: Series,
    /// Nothing of a link that never started.
    pub behind: Option<Behind>,
    pub troubles: Vec<Trouble>,
    pub findings: Vec<FindingCard>,
    pub found: Found,
    pub events: Vec<EventRow>,
    pub topics: TopicsView,
}

/// A link's numbers of this moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Now {
    pub measured_at_ms: i64,
    pub records_per_s: f64,
    pub bytes_per_s: f64,
    /// What keeps the bytes from being more: a quota, the link's own limit; empty for nothing.
    pub throttled: String,
    pub lag: Lag,
    /// Where the lag is going: "growing", "shrinking, ETA 6 min 12 s"; empty where that is not known.
    pub trend: String,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// What a failover would leave behind now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behind {
    pub records: Option<i64>,
    pub lag_time_ms: Option<i64>,
    /// Whether a part is not known.
    pub at_least: bool,
    pub sentence: Sentence,
}

/// A link's numbers of the last 15 minutes, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Time of the last entry, milliseconds since the epoch UTC.
    pub end_ms: i64,
    pub records_per_s: Vec<Option<f64>>,
    pub bytes_per_s: Vec<Option<f64>>,
    pub lag_time_ms: Vec<Option<f64>>,
    pub p5_ms: Vec<Option<f64>>,
    pub p50_ms: Vec<Option<f64>>,
    pub p99_ms: Vec<Option<f64>>,
}

/// What the tab *Events* shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventsView {
    pub head: Head,
    pub list: EventList,
}

/// The tab *Events*.
#[component]
pub fn LinkEventsPage() -> impl IntoView {
    let name = address::part("name");
    let after = crate::pages::events::after();
    let view = load(move || LinkEvents {
        name: name.get(),
        after: after.get(),
    });
    view! {
        <PageTitle text=move || format!("{} events", name.get()) />
        {shown_or(view, |view| view! { <Events view /> }.into_any(), failed)}
    }
}

#[component]
fn Events(view: EventsView) -> impl IntoView {
    let path = format!("/links/{}/events", view.head.name);
    let head = Signal::stored(view.head);
    view! {
        <LinkHead head tab="events" />
        <EventsCard list=view.list path />
    }
}

fn failed(error: UiError) -> AnyView {
    view! { <LinkFailed error /> }.into_any()
}

/// Stands where a link cannot be shown: unknown ones are told with the closest names.
#[component]
fn LinkFailed(error: UiError) -> impl IntoView {
    if error.problem.status != 404 {
        return view! { <Failed error /> }.into_any();
    }
    #[cfg(feature = "ssr")]
    crate::caller::set_status(404);
    let nearest = error.kept("nearest");
    let names: Vec<String> = nearest.split_whitespace().map(str::to_owned).collect();
    let closest = (!names.is_empty()).then(|| {
        let links = names.into_iter().map(|name| {
            view! { <li><a href=format!("/links/{name}")>{name.clone()}</a></li> }
        });
        view! {
            <p>"The closest names:"</p>
            <ul class="closest">{links.collect_view()}</ul>
        }
    });
    view! {
        <section class="alone">
            <h1>"There is no link " <bdi>{error.kept("wanted")}</bdi> "."</h1>
            <p>"It may have been deleted, or its name is another one."</p>
            {closest}
            <p><a href="/links">"All links"</a></p>
        </section>
    }
    .into_any()
}
