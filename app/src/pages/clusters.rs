//! `/clusters`: one card per cluster. A cluster that is down affects its own card only.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_meta::Title;
use model::{cluster::Reachability, status::State};
use serde::{Deserialize, Serialize};

pub mod card;

#[cfg(feature = "ssr")]
pub mod query;

use super::load::{load, shown};
use crate::{
    access::{self, Action},
    components::{
        allowed::{ButtonLink, lacking},
        ladder::LadderView,
        notice::ActionNotice,
        post::Post,
    },
    fns::{self, clusters::TestCluster},
    live,
};
use card::Card;

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClustersView {
    /// Names, sorted.
    pub order: Vec<String>,
    pub clusters: BTreeMap<String, ClusterCard>,
}

/// What the page shows, and what only its first paint shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClustersPageView {
    pub view: ClustersView,
    pub drafts: Vec<DraftLine>,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterCard {
    pub name: String,
    pub title: String,
    pub bootstrap: Vec<String>,
    /// Encryption and sign-in in words.
    pub security: String,
    /// What is allowed and yet worth a second look.
    pub warnings: Vec<String>,
    /// Whose the client certificate is and when it ends, in words; empty where there is none.
    #[serde(default)]
    pub client_certificate: String,
    /// Kafka's own id, once it was seen.
    pub cluster_id: Option<String>,
    pub links: Vec<LinkOfCluster>,
    /// Release of its brokers such as `Kafka 4.1`; empty where they did not tell.
    pub version: String,
    /// Until when its certificate is good; nothing without TLS or before it was seen.
    pub certificate: Option<CertificateEnd>,
    /// How it answered last, `None` before it was first asked.
    pub reach: Option<Reachability>,
    pub test: Option<LadderView>,
    pub revision: i64,
}

/// The end of a broker's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateEnd {
    pub at_ms: i64,
    /// How far off that is, in days.
    pub words: String,
    /// Whether somebody should renew it.
    pub soon: bool,
}

/// A link that reads from or writes to a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkOfCluster {
    pub name: String,
    /// `source` or `destination`: what the cluster is to it.
    pub role: String,
    pub state: State,
}

/// A form that was begun and not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftLine {
    pub id: String,
    pub path: String,
    /// Name as typed, or of the edited cluster.
    pub name: String,
    pub is_edit: bool,
    pub updated_at_ms: i64,
}

/// The list of clusters.
#[component]
pub fn ClustersPage() -> impl IntoView {
    let view = load(|| fns::clusters::Clusters {});
    view! {
        <Title text="Clusters" />
        {shown(view, |page| view! { <Clusters page /> }.into_any())}
    }
}

#[component]
fn Clusters(page: ClustersPageView) -> impl IntoView {
    let view = live::follow("/clusters".to_owned(), page.view);
    let order = Memo::new(move |_| view.with(|view| view.order.clone()));
    let test = Post::to::<TestCluster>();
    let error = test.error();
    let lacking = lacking(Action::Create, access::Resource::Clusters);
    let connect = lacking.clone();
    view! {
        <header class="page-head">
            <h1>"Clusters"</h1>
            <div class="actions">
                <ButtonLink
                    href="/clusters/new"
                    word="Connect a cluster"
                    class="button primary"
                    lacking=lacking
                />
            </div>
        </header>
        <ActionNotice error />
        <Drafts drafts=page.drafts />
        <Show when=move || !order.with(Vec::is_empty) fallback=move || view! { <NoClusters lacking=connect.clone() /> }>
            <ul class="cluster-cards">
                <For each=move || order.get() key=String::clone let:name>
                    <Card name view test />
                </For>
            </ul>
        </Show>
    }
}

#[component]
fn NoClusters(lacking: Option<String>) -> impl IntoView {
    let hint = lacking.clone();
    view! {
        <section class="card empty">
            <p>
                "Here stand the Kafka clusters between which links copy. None is connected yet."
            </p>
            <p class="muted">
                "You need a broker's address and, where the cluster asks for it, a user and a password. A client.properties file can be pasted."
            </p>
            <ButtonLink
                href="/clusters/new"
                word="Connect a cluster"
                class="button primary"
                lacking=lacking
            />
            <p class="hint">{hint}</p>
        </section>
    }
}

/// Forms that the visitor began.
#[component]
fn Drafts(drafts: Vec<DraftLine>) -> impl IntoView {
    use crate::fns::clusters::SaveCluster;
    use leptos::server_fn::ServerFn;
    use model::format;
    (!drafts.is_empty()).then(|| {
        let lines = drafts.into_iter().map(|draft| {
            let what = if draft.is_edit { "Changes of" } else { "New cluster" };
            let named = !draft.name.is_empty();
            let at_ms = draft.updated_at_ms;
            view! {
                <li>
                    <span>
                        {what} " " {named.then(|| view! { <bdi class="strong">{draft.name.clone()}</bdi> })}
                        <span class="muted small">
                            " saved " <time datetime=format::datetime(at_ms)>{format::moment(at_ms)}</time>
                        </span>
                    </span>
                    <a class="button" href=draft.path rel="external">"Continue"</a>
                    <form method="post" action=SaveCluster::url()>
                        <input type="hidden" name="draft" value=draft.id />
                        <button type="submit" name="verb" value="discard">"Discard"</button>
                    </form>
                </li>
            }
        });
        view! {
            <section class="card" aria-labelledby="drafts-title">
                <header>
                    <h2 id="drafts-title">"Begun and not saved"</h2>
                    <span class="aside">"kept for 14 days"</span>
                </header>
                <ul class="draft-lines">{lines.collect_view()}</ul>
            </section>
        }
    })
}
