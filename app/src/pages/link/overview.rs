//! The tab *Overview*.

use leptos::prelude::*;

use super::{
    OverviewView,
    aside::Aside,
    failed,
    head::LinkHead,
    listing::Listing,
    minutes::Minutes,
    tiles::Tiles,
    topics::{Place, TopicsCard},
    trouble::Troubles,
};
use crate::{
    components::title::PageTitle,
    fns::links::LinkOverview,
    live,
    pages::{
        address,
        load::{load, shown_or},
    },
};

/// `/links/{link}`.
#[component]
pub fn LinkOverviewPage() -> impl IntoView {
    let name = address::part("name");
    let view = load(move || LinkOverview { name: name.get() });
    view! {
        <PageTitle text=move || name.get() />
        {shown_or(view, |view| view! { <Overview view /> }.into_any(), failed)}
    }
}

#[component]
fn Overview(view: OverviewView) -> impl IntoView {
    let name = view.head.name.clone();
    let page = format!("/links/{name}");
    let view = live::follow(page, view);
    let head = Memo::new(move |_| view.with(|view| view.head.clone()));
    let topics = Memo::new(move |_| view.with(|view| view.topics.clone()));
    let troubles = Memo::new(move |_| view.with(|view| view.troubles.clone()));
    view! {
        <LinkHead head tab="" />
        <Troubles troubles />
        <Tiles view />
        <div class="columns">
            <Minutes view />
            <Aside view />
        </div>
        <TopicsCard view=topics listing=Listing::default() place=Place::Overview name />
    }
}
