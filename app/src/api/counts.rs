//! The numbers in the rail.

use model::problem::Problem;

use crate::{
    Context,
    access::{Action, Actor, Resource, missing_role},
    problems::from_store,
    visitor::Counts,
};

/// Returns how many links and clusters there are, of each as far as `actor` may see them.
pub async fn of(context: &Context, actor: &Actor) -> Result<Counts, Problem> {
    let may_see = |resource| missing_role(actor, Action::Read, resource).is_none();
    let (links, clusters) = (may_see(Resource::Links), may_see(Resource::Clusters));
    if !links && !clusters {
        return Ok(Counts::default());
    }
    let all = context.store.counts().await.map_err(from_store)?;
    Ok(Counts {
        links: links.then_some(all.links),
        clusters: clusters.then_some(all.clusters),
    })
}
