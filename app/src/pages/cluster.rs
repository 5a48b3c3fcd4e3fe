//! `/clusters/{name}`: what is known of one cluster, its last test rung by rung, and the page that asks before it is
//! removed.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use model::cluster::LadderBroker;

#[cfg(feature = "ssr")]
pub mod query;

use super::{
    address,
    clusters::{
        ClusterCard,
        card::{CardActions, Facts, LinksOf, ReachBadge, ReachSentence, is_running},
    },
    load::{load, shown, shown_or},
    overview::Failed,
};
use crate::{
    access::{self, Action},
    components::{
        allowed::lacking, badge::Badge, icon::Glyph, ladder::LadderPanel, notice::ActionNotice,
        post::Post,
    },
    error::answered,
    fns::{
        self,
        clusters::{RemoveCluster, TestCluster},
    },
    live,
};

/// One cluster.
#[component]
pub fn ClusterPage() -> impl IntoView {
    let name = address::part("name");
    let view = load(move || fns::clusters::Cluster { name: name.get() });
    view! {
        {shown_or(
            view,
            |view| view! { <Cluster view /> }.into_any(),
            |error| view! { <Title text="Cluster" /> <Failed error /> }.into_any(),
        )}
    }
}

#[component]
fn Cluster(view: ClusterCard) -> impl IntoView {
    let name = view.name.clone();
    let page = format!("/clusters/{name}");
    let card = live::follow(page.clone(), view);
    let test = Post::to::<TestCluster>();
    let error = test.error();
    let is_destination =
        card.with_untracked(|card| card.links.iter().any(|link| link.role == "destination"));
    let running = Memo::new(move |_| card.with(is_running));
    let reach = Memo::new(move |_| card.with(|card| card.reach.clone()));
    let facts = Memo::new(move |_| ClusterCard {
        reach: None,
        ..card.get()
    });
    let ladder = Memo::new(move |_| card.with(|card| card.test.clone()));
    let brokers =
        move || ladder.with(|l| l.as_ref().map(|l| l.brokers.clone()).unwrap_or_default());
    view! {
        <Title text=name.clone() />
        <nav class="crumbs" aria-label="You are here"><a href="/clusters">"Clusters"</a></nav>
        <header class="page-head">
            <h1>{name.clone()}</h1>
            {move || view! { <ReachBadge reach=reach.get() /> }}
            <span class="muted"><bdi>{move || card.with(|card| card.title.clone())}</bdi></span>
            <div class="actions">
                <CardActions name=name back=format!("{page}#ladder") test running round_trip=is_destination />
            </div>
        </header>
        <ActionNotice error />
        <div class="columns">
            <div class="stack">
                <section class="card" aria-labelledby="facts-title">
                    <header><h2 id="facts-title">"Connection"</h2></header>
                    <div class="body stack">
                        {move || view! { <ReachSentence reach=reach.get() /> }}
                        {move || view! { <Facts card=facts.get() /> }}
                    </div>
                </section>
                {move || view! { <Brokers brokers=brokers() /> }}
            </div>
            <LadderPanel view=ladder />
        </div>
    }
}

/// The brokers as the last test met them.
#[component]
fn Brokers(brokers: Vec<LadderBroker>) -> impl IntoView {
    (!brokers.is_empty()).then(|| {
        let rows = brokers.into_iter().map(|broker| {
            let (tone, glyph, word) = match broker.reachable {
                true => ("ok", Glyph::Tick, "reachable"),
                false => ("crit", Glyph::Cross, "unreachable"),
            };
            view! {
                <tr>
                    <td class="num" data-label="Broker">{broker.id}</td>
                    <td class="wide" data-label="Advertises">
                        <bdi class="mono">{broker.host} ":" {broker.port}</bdi>
                    </td>
                    <td data-label="Rack"><bdi>{broker.rack.unwrap_or_else(|| "none".to_owned())}</bdi></td>
                    <td data-label="Last test"><Badge tone glyph word /></td>
                </tr>
            }
        });
        view! {
            <section class="card" aria-labelledby="brokers-title">
                <header><h2 id="brokers-title">"Brokers"</h2></header>
                <div class="table-wrap">
                    <table class="cards">
                        <caption class="unseen">"Brokers as the last test met them"</caption>
                        <thead>
                            <tr>
                                <th scope="col" class="num">"Broker"</th>
                                <th scope="col">"Advertises"</th>
                                <th scope="col">"Rack"</th>
                                <th scope="col">"Last test"</th>
                            </tr>
                        </thead>
                        <tbody>{rows.collect_view()}</tbody>
                    </table>
                </div>
            </section>
        }
    })
}

/// Asks before a cluster is removed.
#[component]
pub fn RemoveClusterPage() -> impl IntoView {
    let name = address::part("name");
    let view = load(move || fns::clusters::Cluster { name: name.get() });
    view! {
        <Title text="Remove a cluster" />
        {shown(view, |card| view! { <Removal card /> }.into_any())}
    }
}

#[component]
fn Removal(card: ClusterCard) -> impl IntoView {
    let error = answered::<RemoveCluster>();
    let page = format!("/clusters/{}", card.name);
    let lacking = lacking(Action::Delete, access::Resource::Cluster(&card.name));
    let in_use = !card.links.is_empty();
    let refused = in_use || lacking.is_some();
    let users = in_use.then(|| {
        view! {
            <p class="strong">"Links use this cluster. Delete them first:"</p>
            <LinksOf links=card.links.clone() />
        }
    });
    view! {
        <nav class="crumbs" aria-label="You are here">
            <a href="/clusters">"Clusters"</a> " / " <a href=page.clone()>{card.name.clone()}</a>
        </nav>
        <h1>"Remove " {card.name.clone()} "?"</h1>
        <ActionNotice error />
        <section class="card form narrow">
            <p>
                "Causeway forgets the addresses and the password. The cluster itself, its topics and its records stay as they are."
            </p>
            {users}
            <p class="hint">{lacking}</p>
            <form method="post" action=RemoveCluster::url() class="actions">
                <input type="hidden" name="name" value=card.name.clone() />
                <input type="hidden" name="revision" value=card.revision />
                <button type="submit" class="danger" disabled=refused>"Remove " {card.name}</button>
                <a class="button" href=page>"Keep it"</a>
            </form>
        </section>
    }
}
