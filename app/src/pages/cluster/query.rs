//! What `/clusters/{name}` shows.

use model::{nearest::nearest, problem::Problem};
use store::PageQuery;

use crate::{
    Context,
    access::Actor,
    api,
    pages::clusters::{
        ClusterCard,
        query::{card, links},
    },
};

/// Returns the cluster's view. A name that no cluster has is answered with the nearest ones.
pub async fn view(context: &Context, actor: &Actor, name: &str) -> Result<ClusterCard, Problem> {
    let cluster = match api::clusters::get(context, actor, name).await {
        Ok(cluster) => cluster,
        Err(problem) if problem.status == 404 => {
            return Err(with_nearest(context, actor, name, problem).await);
        }
        Err(problem) => return Err(problem),
    };
    let links = links(context, actor).await?;
    Ok(card(context, &cluster, &links))
}

async fn with_nearest(context: &Context, actor: &Actor, name: &str, problem: Problem) -> Problem {
    const CANDIDATES: u32 = 1_000;
    const SHOWN: usize = 3;
    let all = api::clusters::list(context, actor, &PageQuery::first(CANDIDATES)).await;
    let all = all.map(|page| page.items).unwrap_or_default();
    let names = all.iter().map(|cluster| cluster.name.as_str());
    let near = nearest(name, names, SHOWN);
    let next_step = match near.is_empty() {
        true => "Look for it among the clusters.".to_owned(),
        false => format!("Closest: {}.", near.join(", ")),
    };
    Problem {
        title: "There is no such cluster.".to_owned(),
        next_step: Some(next_step),
        ..problem
    }
}
