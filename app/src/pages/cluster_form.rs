//! `/clusters/new/{draft}` and `/clusters/{name}/edit/{draft}`: the form of a cluster, and the pages that begin one.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{draft::ClusterDraft, problem::FieldError};
use serde::{Deserialize, Serialize};

mod fields;
mod panels;

#[cfg(feature = "ssr")]
pub mod query;

use super::{
    address,
    load::{Loading, load, shown, shown_or},
    overview::Failed,
};
use crate::{
    components::{
        ladder::{LadderPanel, LadderView, Verdict},
        notice::{ActionNotice, ErrorSummary},
    },
    error::answered,
    fns::{
        self,
        clusters::{BeginCluster, EditCluster, SaveCluster},
    },
    live,
};
use fields::Fields;
use panels::{Conflict, PastePanel, Warnings};

/// Element id of the form; buttons beside it name it.
const FORM: &str = "cluster-form";

/// What the form shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterFormView {
    pub draft: String,
    /// Address of this page.
    pub path: String,
    /// Name of the edited cluster, `None` for a new one.
    pub subject: Option<String>,
    pub form: ClusterDraft,
    /// A password is stored, with the draft or the cluster.
    pub has_password: bool,
    /// A client certificate's key is stored, with the draft or the cluster.
    pub has_client_key: bool,
    pub faults: Vec<FieldError>,
    pub warnings: Vec<FieldError>,
    pub pasted: Option<PasteView>,
    pub ladder: Option<LadderView>,
    pub conflict: Option<ConflictView>,
    /// Where leaving the form leads.
    pub back: String,
}

/// What pasted properties came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasteView {
    pub recognised: Vec<String>,
    pub translated: Vec<String>,
    /// Name and reason.
    pub refused: Vec<(String, String)>,
    pub password: bool,
}

/// Somebody else saved the edited cluster meanwhile, or removed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictView {
    /// Revision of the other version, `None` where the cluster was removed.
    pub revision: Option<i64>,
    pub rows: Vec<ConflictRow>,
}

/// An input that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictRow {
    pub label: String,
    pub theirs: String,
    pub mine: String,
    /// What stands after mine was laid on top, in words.
    pub result: String,
}

/// Begins a new cluster's form and goes there.
#[component]
pub fn NewClusterPage() -> impl IntoView {
    let then = use_query_map().with_untracked(|query| query.get("then").unwrap_or_default());
    let begun = load(move || BeginCluster { then: then.clone() });
    view! { <Begin begun /> }
}

/// Begins the form of a cluster's changes and goes there.
#[component]
pub fn EditClusterPage() -> impl IntoView {
    let name = address::part("name");
    let begun = load(move || EditCluster { name: name.get() });
    view! { <Begin begun /> }
}

#[component]
fn Begin(begun: Loading<()>) -> impl IntoView {
    view! {
        <Title text="Cluster" />
        {shown(begun, |()| view! { <h1>"The form opens."</h1> }.into_any())}
    }
}

/// The form of a draft.
#[component]
pub fn ClusterFormPage() -> impl IntoView {
    let draft = address::part("draft");
    let view = load(move || fns::clusters::ClusterForm { draft: draft.get() });
    view! {
        {shown_or(
            view,
            |view| view! { <ClusterForm view /> }.into_any(),
            |error| view! { <Title text="Cluster" /> <Failed error /> }.into_any(),
        )}
    }
}

#[component]
fn ClusterForm(view: ClusterFormView) -> impl IntoView {
    let title = match &view.subject {
        Some(name) => format!("Change {name}"),
        None => "Connect a cluster".to_owned(),
    };
    let error = answered::<SaveCluster>();
    let ladder = live::follow(format!("{}/ladder", view.path), view.ladder.clone());
    let running = Memo::new(move |_| {
        ladder.with(|test| {
            test.as_ref()
                .is_some_and(|test| test.verdict == Verdict::Running)
        })
    });
    let seen = view
        .conflict
        .as_ref()
        .and_then(|conflict| conflict.revision);
    let conflict = view
        .conflict
        .clone()
        .map(|conflict| view! { <Conflict conflict /> });
    let crumb = view.subject.clone().map(|name| {
        let href = format!("/clusters/{name}");
        view! { " / " <a href=href rel="external">{name}</a> }
    });
    let save = if view.subject.is_some() {
        "Save changes"
    } else {
        "Save"
    };
    view! {
        <Title text=title.clone() />
        <nav class="crumbs" aria-label="You are here">
            <a href="/clusters" rel="external">"Clusters"</a> {crumb}
        </nav>
        <h1>{title}</h1>
        <ActionNotice error />
        <ErrorSummary faults=Signal::stored(view.faults.clone()) />
        {conflict}
        <div class="columns even">
            <form method="post" action=SaveCluster::url() id=FORM class="card form">
                <input type="hidden" name="draft" value=view.draft.clone() />
                {view.subject.clone().map(|name| view! { <input type="hidden" name="subject" value=name /> })}
                {seen.map(|seen| view! { <input type="hidden" name="seen" value=seen /> })}
                <Fields view=view.clone() />
                <Warnings warnings=view.warnings.clone() />
                <div class="actions">
                    <button type="submit" name="verb" value="save" class="primary">{save}</button>
                    <button type="submit" name="verb" value="test">
                        {move || if running.get() { "Testing…" } else { "Test connection" }}
                    </button>
                    <span class="spring"></span>
                    <a class="button" href=view.back.clone() rel="external">"Later"</a>
                    <button type="submit" name="verb" value="discard" class="danger">"Discard"</button>
                </div>
            </form>
            <div class="stack">
                <LadderPanel view=ladder />
                <PastePanel pasted=view.pasted.clone() />
            </div>
        </div>
    }
}
