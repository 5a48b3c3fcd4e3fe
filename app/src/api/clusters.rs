//! Clusters: connect, list, change, disconnect, test.

use std::collections::BTreeSet;

use model::{
    cluster::{ClusterSpec, ClusterView, Ladder, ProbeFor},
    link::{LinkSpec, RowKind},
    own,
    problem::{FieldError, Problem},
};
use store::{Cluster, Expect, PageQuery};

use super::{List, check_page};
use crate::{
    Context,
    access::{Action, Actor, Resource, authorize},
    ladders::Climb,
    problems::{self, from_store},
};

/// Stores a new cluster.
pub async fn create(
    context: &Context,
    actor: &Actor,
    spec: &ClusterSpec,
) -> Result<ClusterView, Problem> {
    authorize(actor, Action::Create, Resource::Clusters)?;
    problems::check(faults(spec, None))?;
    let cluster = context
        .store
        .create_cluster(spec, context.by(actor))
        .await
        .map_err(from_store)?;
    context.engine.wake();
    Ok(cluster.view())
}

/// Returns one page of all clusters, by name.
pub async fn list(
    context: &Context,
    actor: &Actor,
    page: &PageQuery,
) -> Result<List<ClusterView>, Problem> {
    authorize(actor, Action::Read, Resource::Clusters)?;
    check_page(page)?;
    let page = context.store.cluster_views(page).await;
    Ok(List::of(page.map_err(from_store)?, |view| view))
}

/// Returns one cluster.
pub async fn get(context: &Context, actor: &Actor, name: &str) -> Result<ClusterView, Problem> {
    authorize(actor, Action::Read, Resource::Cluster(name))?;
    context.store.cluster_view(name).await.map_err(from_store)
}

/// Changes a cluster that is at revision `revision`. A sign-in without password keeps the stored one, while addresses,
/// encryption and token endpoint stay; a client certificate without key keeps the stored one.
pub async fn change(
    context: &Context,
    actor: &Actor,
    name: &str,
    revision: i64,
    spec: &ClusterSpec,
) -> Result<ClusterView, Problem> {
    authorize(actor, Action::Change, Resource::Cluster(name))?;
    let before = context.store.cluster(name).await.map_err(from_store)?;
    problems::check(faults(spec, Some(&before)))?;
    let expect = Expect::Revision(revision);
    let changed = context
        .store
        .update_cluster(name, spec, expect, context.by(actor))
        .await;
    let after = changed.map_err(from_store)?;
    context.engine.wake();
    Ok(after.view())
}

/// Deletes a cluster that no link uses.
pub async fn delete(
    context: &Context,
    actor: &Actor,
    name: &str,
    revision: i64,
) -> Result<(), Problem> {
    authorize(actor, Action::Delete, Resource::Cluster(name))?;
    let expect = Expect::Revision(revision);
    context
        .store
        .delete_cluster(name, expect, context.by(actor))
        .await
        .map_err(from_store)?;
    context.engine.wake();
    Ok(())
}

/// Climbs the connection ladder of a stored cluster, with the rights that its links need, and notes the cluster id that
/// it finds. With `round_trip` a record goes to a topic of our own and back, where a link has its destination.
pub async fn test(
    context: &Context,
    actor: &Actor,
    name: &str,
    round_trip: bool,
) -> Result<Ladder, Problem> {
    authorize(actor, Action::Test, Resource::Cluster(name))?;
    let cluster = context.store.cluster(name).await.map_err(from_store)?;
    let begun = Climb {
        asked: ProbeFor {
            round_trip,
            ..used_for(context, name).await?
        },
        ..Climb::begun(context.now_ms, cluster.revision)
    };
    let ladder = context
        .ladders
        .climb(&cluster.id, context.engine.as_ref(), cluster.spec, begun)
        .await;
    if let Some(id) = &ladder.cluster_id {
        note_cluster_id(context, actor, name, id).await?;
    }
    Ok(ladder)
}

/// Returns what links do at a cluster: topics that they name one by one or copy now, and the mirrors that they write.
async fn used_for(context: &Context, name: &str) -> Result<ProbeFor, Problem> {
    const LINKS: u32 = 1_000;
    let links = context.store.links(&PageQuery::first(LINKS)).await;
    let links = links.map_err(from_store)?.items;
    let statuses = context.engine.statuses();
    let (mut reads, mut writes) = (None::<BTreeSet<String>>, None::<BTreeSet<String>>);
    for link in links {
        let topics = || {
            let status = statuses.iter().find(|s| s.link == link.spec.name.as_str());
            status
                .map(|status| status.topics.as_slice())
                .unwrap_or_default()
        };
        if link.spec.source.as_str() == name {
            let copied = topics().iter().map(|topic| topic.topic.clone());
            let reads = reads.get_or_insert_default();
            reads.extend(copied.chain(exact(&link.spec)));
        }
        if link.spec.destination.as_str() == name {
            let mirrors = topics().iter().map(|topic| topic.mirror_topic.clone());
            writes.get_or_insert_default().extend(mirrors);
        }
    }
    let installation = context.store.installation_id(context.now_ms).await;
    let installation = installation.map_err(from_store)?;
    Ok(ProbeFor {
        reads: reads.map(|topics| topics.into_iter().collect()),
        writes: writes.map(|topics| topics.into_iter().collect()),
        group: own::workers_group(&installation),
        round_trip: false,
    })
}

/// Returns the topics that a link names one by one.
fn exact(spec: &LinkSpec) -> impl Iterator<Item = String> + '_ {
    let rows = spec.topics.include.iter();
    rows.filter(|row| row.kind == RowKind::Exact)
        .map(|row| row.pattern.clone())
}

/// Climbs the connection ladder of a cluster that is not stored; the password must be stated.
pub async fn test_unsaved(
    context: &Context,
    actor: &Actor,
    spec: ClusterSpec,
) -> Result<Ladder, Problem> {
    authorize(actor, Action::Test, Resource::Clusters)?;
    problems::check(faults(&spec, None))?;
    Ok(context.engine.probe(spec).await)
}

/// Returns the settings of a form as a test needs them, checked and with their secrets: the stored ones of the cluster
/// `stored` where the form has none and may keep them.
pub(super) async fn testable(
    context: &Context,
    actor: &Actor,
    stored: Option<&str>,
    mut spec: ClusterSpec,
) -> Result<ClusterSpec, Problem> {
    let resource = stored.map_or(Resource::Clusters, Resource::Cluster);
    authorize(actor, Action::Test, resource)?;
    let before = match stored {
        Some(name) => Some(context.store.cluster(name).await.map_err(from_store)?),
        None => None,
    };
    problems::check(faults(&spec, before.as_ref()))?;
    if let Some(before) = before {
        keep_secrets(&mut spec, before.spec);
    }
    Ok(spec)
}

/// Fills the secrets that settings leave out with the stored ones.
fn keep_secrets(spec: &mut ClusterSpec, stored: ClusterSpec) {
    if let (Some(sasl), Some(stored)) = (&mut spec.sasl, stored.sasl) {
        sasl.password = sasl.password.take().or(stored.password);
    }
    if let (Some(shown), Some(stored)) = (&mut spec.client_certificate, stored.client_certificate) {
        shown.key_pem = shown.key_pem.take().or(stored.key_pem);
    }
}

/// Says whether a stored cluster is what these settings ask for; settings without a password or key ask for any.
pub(super) async fn is_stored(context: &Context, actor: &Actor, spec: &ClusterSpec) -> bool {
    let name = spec.name.as_str();
    if authorize(actor, Action::Change, Resource::Cluster(name)).is_err() {
        return false;
    }
    let Ok(stored) = context.store.cluster(name).await else {
        return false;
    };
    let mut wanted = spec.clone();
    keep_secrets(&mut wanted, stored.spec.clone());
    wanted == stored.spec
}

/// Notes Kafka's own id of a cluster. Collisions and cycles are found by it.
pub(super) async fn note_cluster_id(
    context: &Context,
    actor: &Actor,
    name: &str,
    cluster_id: &str,
) -> Result<(), Problem> {
    let noted = context
        .store
        .set_cluster_id(name, cluster_id, context.by(actor))
        .await;
    noted.map(|_| ()).map_err(from_store)
}

fn faults(spec: &ClusterSpec, before: Option<&Cluster>) -> Vec<FieldError> {
    let mut faults = spec.check();
    let wanted = spec
        .sasl
        .as_ref()
        .is_some_and(|sasl| sasl.password.is_none());
    if let (true, Some(message)) = (wanted, why_not_kept(spec, before)) {
        faults.push(FieldError {
            field: "sasl.password".to_owned(),
            message: message.to_owned(),
        });
    }
    if lacks_key(spec, before) {
        faults.push(FieldError {
            field: "client_certificate.key_pem".to_owned(),
            message: "Paste the client certificate's private key.".to_owned(),
        });
    }
    faults
}

/// Says whether a client certificate has no key, neither given nor stored. A stored key stays whatever else changes: it
/// never leaves this server.
fn lacks_key(spec: &ClusterSpec, before: Option<&Cluster>) -> bool {
    let shown = |spec: &ClusterSpec| spec.client_certificate.clone();
    let stored = before.and_then(|before| shown(&before.spec)?.key_pem);
    shown(spec).is_some_and(|shown| shown.key_pem.is_none()) && stored.is_none()
}

/// Says why a stored password cannot stand in for one that was left out. A password goes only where it was meant to go:
/// who changes the addresses or the encryption must know it.
fn why_not_kept(spec: &ClusterSpec, before: Option<&Cluster>) -> Option<&'static str> {
    let Some(before) = before.map(|cluster| &cluster.spec) else {
        return Some("A password is needed.");
    };
    if before
        .sasl
        .as_ref()
        .is_none_or(|sasl| sasl.password.is_none())
    {
        return Some("A password is needed.");
    }
    let endpoint = |spec: &ClusterSpec| {
        let oauth = spec.sasl.as_ref().and_then(|sasl| sasl.oauth.as_ref());
        oauth.map(|oauth| oauth.token_url.clone())
    };
    if endpoint(before) != endpoint(spec) {
        return Some("Enter the secret again: the token endpoint changes.");
    }
    (before.bootstrap != spec.bootstrap || before.tls != spec.tls)
        .then_some("Enter the password again: the addresses or the encryption change.")
}
