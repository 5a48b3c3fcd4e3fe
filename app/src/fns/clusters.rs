//! Clusters: the list, one of them, their forms and tests.

use leptos::prelude::*;
use model::draft::ClusterDraft;
use serde::{Deserialize, Serialize};

use crate::{
    error::UiError,
    fns::call::Call,
    pages::{
        cluster_form::ClusterFormView,
        clusters::{ClusterCard, ClustersPageView},
    },
};

#[cfg(feature = "ssr")]
use crate::{
    api::{
        self,
        cluster_forms::{self, Posted},
    },
    caller::signed_in,
    fns::session::safe_path,
    pages,
};

/// Returns what `/clusters` shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "clusters")]
pub async fn clusters() -> Result<ClustersPageView, UiError> {
    let (caller, person) = signed_in()?;
    Ok(pages::clusters::query::page(&caller.context, &person).await?)
}

/// Returns what `/clusters/{name}` shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "cluster")]
pub async fn cluster(name: String) -> Result<ClusterCard, UiError> {
    let (caller, person) = signed_in()?;
    Ok(pages::cluster::query::view(&caller.context, &person.actor, &name).await?)
}

/// Begins the form of a new cluster and goes there. `then` is the path that saving leads to, or empty.
#[server(protocol = Call, prefix = "/fn", endpoint = "cluster-begin")]
pub async fn begin_cluster(then: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let then = match then.as_str() {
        "" => "",
        then => safe_path(then),
    };
    let path = cluster_forms::begin_new(&caller.context, &person, then).await?;
    leptos_axum::redirect(&path);
    Ok(())
}

/// Begins the form of changes of a cluster and goes there.
#[server(protocol = Call, prefix = "/fn", endpoint = "cluster-edit")]
pub async fn edit_cluster(name: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let path = cluster_forms::begin_edit(&caller.context, &person, &name).await?;
    leptos_axum::redirect(&path);
    Ok(())
}

/// Returns what the form of a draft shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "cluster-form")]
pub async fn cluster_form(draft: String) -> Result<ClusterFormView, UiError> {
    let (caller, person) = signed_in()?;
    Ok(pages::cluster_form::query::view(&caller.context, &person, &draft).await?)
}

/// Which form was sent, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SentForm {
    pub draft: String,
    /// The cluster that is edited, empty for a new one.
    pub subject: String,
    pub verb: String,
    /// The revision that a conflict showed.
    pub seen: String,
}

/// Takes a form and goes back to it, or on to what was made.
#[server(protocol = Call, prefix = "/fn", endpoint = "cluster-save")]
pub async fn save_cluster(
    #[server(flatten)] sent: SentForm,
    #[server(flatten)] form: ClusterDraft,
    #[server(default)] password: String,
    #[server(default)] client_key: String,
    #[server(default)] properties: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let posted = Posted {
        draft: sent.draft,
        subject: sent.subject,
        verb: sent.verb.parse().unwrap_or_default(),
        form,
        password: model::Secret::new(password),
        client_key: model::Secret::new(client_key),
        properties: model::Secret::new(properties),
        seen: sent.seen.parse().ok(),
    };
    let path = cluster_forms::submit(&caller.context, &person, posted).await?;
    leptos_axum::redirect(&path);
    Ok(())
}

/// Tests a stored cluster. With script the page is there already and follows the test; else the way leads `back`.
#[server(protocol = Call, prefix = "/fn", endpoint = "cluster-test")]
pub async fn test_cluster(
    name: String,
    back: String,
    #[server(default)] round_trip: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let round_trip = !round_trip.is_empty();
    let _ladder = api::clusters::test(&caller.context, &person.actor, &name, round_trip).await?;
    if posted_without_script() {
        leptos_axum::redirect(safe_path(&back));
    }
    Ok(())
}

/// Removes a cluster that no link uses. A second time changes nothing.
#[server(protocol = Call, prefix = "/fn", endpoint = "cluster-remove")]
pub async fn remove_cluster(name: String, revision: i64) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let removed = api::clusters::delete(&caller.context, &person.actor, &name, revision).await;
    match removed {
        Err(problem) if problem.status != 404 => return Err(problem.into()),
        _ => leptos_axum::redirect("/clusters"),
    }
    Ok(())
}

/// Says whether the browser posted a form by itself: it then waits for a page.
#[cfg(feature = "ssr")]
fn posted_without_script() -> bool {
    let parts = use_context::<http::request::Parts>();
    parts.is_some_and(|parts| {
        let accepted = parts.headers.get(http::header::ACCEPT);
        accepted.is_some_and(|accepted| accepted.to_str().is_ok_and(|a| a.contains("text/html")))
    })
}
