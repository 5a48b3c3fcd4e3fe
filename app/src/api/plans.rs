//! Plans: what starting a link would do, for stored links and for drafts that are not stored.

use std::collections::BTreeMap;

use model::{
    Name,
    link::{LinkSpec, Phase},
    plan::Plan,
    problem::Problem,
};
use store::{Cluster, Link, PageQuery, StoreError};

use super::clusters::note_cluster_id;
use crate::{
    Context,
    access::{Action, Actor, Resource, authorize},
    engine::{OtherLink, PlanRequest},
    problems::{self, from_store, invalid_field},
};

/// Plans a stored link.
pub async fn plan(context: &Context, actor: &Actor, name: &str) -> Result<Plan, Problem> {
    authorize(actor, Action::Plan, Resource::Link(name))?;
    let link = context.store.link(name).await.map_err(from_store)?;
    of_stored(context, actor, &link).await
}

/// Plans a link that is not stored.
pub async fn plan_unsaved(
    context: &Context,
    actor: &Actor,
    spec: LinkSpec,
) -> Result<Plan, Problem> {
    authorize(actor, Action::Plan, Resource::Links)?;
    problems::check(spec.check())?;
    make(context, actor, spec, 0).await
}

/// Plans a change of a stored link that is at revision `revision`.
pub async fn plan_edited(
    context: &Context,
    actor: &Actor,
    spec: LinkSpec,
    revision: i64,
) -> Result<Plan, Problem> {
    authorize(actor, Action::Plan, Resource::Link(spec.name.as_str()))?;
    problems::check(spec.check())?;
    make(context, actor, spec, revision).await
}

/// Plans a stored link for somebody who was authorised already.
pub(super) async fn of_stored(
    context: &Context,
    actor: &Actor,
    link: &Link,
) -> Result<Plan, Problem> {
    make(context, actor, link.spec.clone(), link.revision).await
}

async fn make(
    context: &Context,
    actor: &Actor,
    spec: LinkSpec,
    revision: i64,
) -> Result<Plan, Problem> {
    let source = end(context, "source", spec.source.as_str()).await?;
    let destination = end(context, "destination", spec.destination.as_str()).await?;
    let others = others(context, &spec).await?;
    let request = PlanRequest {
        spec,
        revision,
        source: source.spec.clone(),
        destination: destination.spec.clone(),
        others,
    };
    let plan = context.engine.plan(request).await?;
    note(context, actor, &source, &plan.source_cluster_id).await?;
    note(context, actor, &destination, &plan.destination_cluster_id).await?;
    Ok(plan)
}

/// Returns the cluster at one end of a link; a missing one is a fault of the field.
pub(super) async fn end(context: &Context, field: &str, name: &str) -> Result<Cluster, Problem> {
    context
        .store
        .cluster(name)
        .await
        .map_err(|error| match error {
            StoreError::NotFound { .. } => invalid_field(
                field,
                format!("There is no cluster `{name}`; connect it first."),
            ),
            other => from_store(other),
        })
}

async fn note(
    context: &Context,
    actor: &Actor,
    cluster: &Cluster,
    seen: &str,
) -> Result<(), Problem> {
    if seen.is_empty() || cluster.cluster_id.as_deref() == Some(seen) {
        return Ok(());
    }
    note_cluster_id(context, actor, cluster.spec.name.as_str(), seen).await
}

/// Rows read at a time where a whole table is wanted.
const EVERYTHING: u32 = 1_000;

/// Returns Kafka's own id of every cluster, where it was seen.
async fn cluster_ids(context: &Context) -> Result<BTreeMap<Name, Option<String>>, Problem> {
    let mut ids = BTreeMap::new();
    let mut query = PageQuery::first(EVERYTHING);
    // Ends with the last page.
    loop {
        let page = context.store.cluster_views(&query).await;
        let page = page.map_err(from_store)?;
        ids.extend(
            page.items
                .into_iter()
                .map(|cluster| (cluster.name, cluster.cluster_id)),
        );
        if page.next.is_none() {
            return Ok(ids);
        }
        query.after = page.next;
    }
}

/// Returns all links but this one and drafts, with the cluster ids of their ends.
pub(super) async fn others(context: &Context, spec: &LinkSpec) -> Result<Vec<OtherLink>, Problem> {
    let ids = cluster_ids(context).await?;
    let id = |name: &Name| ids.get(name).cloned().flatten();
    let mut others = Vec::new();
    let mut query = PageQuery::first(EVERYTHING);
    // Ends with the last page.
    loop {
        let page = context.store.links(&query).await.map_err(from_store)?;
        let counts = |link: &Link| link.phase != Phase::Draft && link.spec.name != spec.name;
        others.extend(page.items.into_iter().filter(counts).map(|link| OtherLink {
            source_cluster_id: id(&link.spec.source),
            destination_cluster_id: id(&link.spec.destination),
            spec: link.spec,
        }));
        if page.next.is_none() {
            return Ok(others);
        }
        query.after = page.next;
    }
}
