//! The list of links.

use leptos::prelude::*;
use model::format;

use super::{LinkRow, OverviewView};
use crate::{
    access::{Action, Resource},
    components::{
        allowed::{ButtonLink, lacking},
        badge::StateBadge,
        order::{SteadyOrder, SteadyRows},
        spark::Spark,
    },
};

/// All links, worst first.
#[component]
pub fn LinksTable(view: ReadSignal<OverviewView>) -> impl IntoView {
    let newest = Memo::new(move |_| view.with(|view| view.order.clone()));
    let order = SteadyOrder::of(newest);
    let count = Memo::new(move |_| view.with(|view| view.order.len()));
    let missing = lacking(Action::Create, Resource::Links);
    view! {
        <section class="card" aria-labelledby="links-title">
            <header>
                <h2 id="links-title">"Links"</h2>
                <span class="pill">{move || format!("all {}", count.get())}</span>
                <span class="aside">
                    <span>{missing.clone()}</span>
                    <ButtonLink href="/links/new" word="New link" class="button primary" lacking=missing />
                </span>
            </header>
            <Show when=move || count.get() != 0 fallback=move || view! { <NoLinks view /> }>
                <SteadyRows order>
                    <table class="cards">
                        <caption class="unseen">"Links, worst first"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"Link"</th>
                                <th scope="col">"From → to"</th>
                                <th scope="col">"State"</th>
                                <th scope="col" class="num">"Lag"</th>
                                <th scope="col" class="num">"Records/s"</th>
                                <th scope="col" class="num">"MB/s"</th>
                                <th scope="col" class="num">"Latency p99"</th>
                                <th scope="col">"Records/s, 15 min"</th>
                            </tr>
                        </thead>
                        <tbody>
                            <For each=move || order.shown.get() key=String::clone let:name>
                                <Row name view />
                            </For>
                        </tbody>
                    </table>
                </SteadyRows>
            </Show>
        </section>
    }
}

#[component]
fn Row(name: String, view: ReadSignal<OverviewView>) -> impl IntoView {
    let key = name.clone();
    let row = Memo::new(move |_| view.with(|view| view.links.get(&key).cloned()));
    let get = move |of: fn(&LinkRow) -> String| {
        Memo::new(move |_| row.with(|row| row.as_ref().map(of).unwrap_or_default()))
    };
    let state = Memo::new(move |_| {
        row.with(|row| {
            row.as_ref()
                .map_or(model::status::State::Unknown, |row| row.state)
        })
    });
    let lag_time = get(|row| row.lag.time());
    let lag_records = get(|row| row.lag.records());
    let from_to = get(|row| format!("{} → {}", row.source, row.destination));
    let rate = Signal::derive(move || {
        row.with(|row| row.as_ref().map(|r| r.rate.clone()).unwrap_or_default())
    });
    view! {
        <tr>
            <td class="wide">
                <a class="row-link" href=format!("/links/{name}")>{name.clone()}</a>
            </td>
            <td class="wide">{from_to}</td>
            <td class="wide">
                <StateBadge state />
                " "
                <span class="muted small">{get(|row| row.note.clone())}</span>
            </td>
            <td class="num" data-label="Lag">
                <strong>{lag_time}</strong>
                <span class="under">{lag_records}</span>
            </td>
            <td class="num" data-label="Records/s">{get(|row| format::rate(row.records_per_s))}</td>
            <td class="num" data-label="MB/s">{get(|row| format::megabytes(row.bytes_per_s))}</td>
            <td class="num" data-label="Latency p99">{get(|row| format::latency(row.p99_ms))}</td>
            <td class="phone-hidden">
                <Spark values=rate label=format!("Records per second of {name} over the last 15 minutes") />
            </td>
        </tr>
    }
}

#[component]
fn NoLinks(view: ReadSignal<OverviewView>) -> impl IntoView {
    let clusters_missing = move || view.with(|view| view.clusters_missing);
    let (link, cluster) = (
        lacking(Action::Create, Resource::Links),
        lacking(Action::Create, Resource::Clusters),
    );
    let hint = link.clone();
    view! {
        <div class="empty">
            <p>
                "Here stand the links: what is copied from where to where, how fast, and how far behind it is. There is none yet."
            </p>
            {move || clusters_missing().then(|| view! {
                <p class="muted">"A link needs two clusters. The form for a new link can connect them, too."</p>
            })}
            <p>
                <ButtonLink href="/links/new" word="Make the first link" class="button primary" lacking=link />
                {move || clusters_missing().then(|| view! {
                    " "
                    <ButtonLink href="/clusters/new" word="Connect a cluster" lacking=cluster.clone() />
                })}
            </p>
            <p class="hint">{hint}</p>
        </div>
    }
}
