//! The tab *Overview*.

use leptos::prelude::*;
use model::problem::Problem;

use super::{
    OverviewView, TroubleNotice,
    aside::Aside,
    failed,
    head::LinkHead,
    listing::Listing,
    minutes::Minutes,
    named,
    tiles::Tiles,
    topics::{Place, TopicsCard},
};
use crate::{
    components::title::PageTitle,
    fns::links::LinkOverview,
    live,
    pages::load::{load, shown_or},
};

/// `/links/{link}`.
#[component]
pub fn LinkOverviewPage() -> impl IntoView {
    let name = named();
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
    let troubles = Memo::new(move |_| {
        view.with(|view| {
            let problems = view.troubles.iter().map(|trouble| trouble.problem.clone());
            problems.collect::<Vec<Problem>>()
        })
    });
    let tries = move |problem: Problem| {
        Memo::new(move |_| {
            view.with(|view| {
                let found = view
                    .troubles
                    .iter()
                    .find(|trouble| trouble.problem == problem);
                found
                    .map(|trouble| trouble.tries.clone())
                    .unwrap_or_default()
            })
        })
    };
    view! {
        <LinkHead head tab="" />
        <For each=move || troubles.get() key=|problem| format!("{problem:?}") let:problem>
            <TroubleNotice problem=problem.clone() tries=tries(problem) />
        </For>
        <Tiles view />
        <div class="columns">
            <Minutes view />
            <Aside view />
        </div>
        <TopicsCard view=topics listing=Listing::default() place=Place::Overview name />
    }
}
