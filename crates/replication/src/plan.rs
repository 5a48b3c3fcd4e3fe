//! The plan of a link: what a start or an edit would do, worked out first.
//!
//! The rules ([`plan_topics`], [`naming`], [`configs`]) are pure and look at [`Facts`] only; [`gather()`](gather::gather) asks both clusters
//! for them. A plan changes nothing anywhere: what the destination would refuse is found out with `validateOnly`.

mod backlog;
mod check;
pub mod configs;
pub mod defaults;
pub mod drift;
pub mod durability;
pub mod facts;
mod fingerprint;
#[cfg(test)]
mod fixtures;
pub mod gather;
pub mod listing;
mod mirrors;
pub mod naming;
mod problems;
mod replicas;
mod topics;

use std::time::Duration;

use kafka::{Client, Timeouts, client::Options};
use model::{
    cluster::ClusterSpec,
    link::{Guarantee, LinkSpec},
    plan::Plan,
    problem::Problem,
};

pub use check::check_with_destination;
pub use facts::{
    Destination, DestinationTopic, Facts, FixedMirror, Refusal, Selected, SourceTopic,
};
pub use fingerprint::fingerprint;
pub use gather::{Depth, GatherError, Gathered, Inquiry, gather};
pub use mirrors::fixed_mirrors;
pub use naming::NewTopics;
pub use topics::plan_topics;

use mirrors::{Mirrors, read_mirrors};

/// What a plan is asked for.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    pub spec: LinkSpec,
    /// Revision of the stored spec, 0 for one that is not stored.
    pub revision: i64,
    pub source: ClusterSpec,
    pub destination: ClusterSpec,
    /// All other links that are not drafts, with both ends, for collisions and cycles.
    pub others: Vec<OtherLink>,
    /// How long to wait for the clusters.
    pub timeout: Duration,
}

/// Another link, as far as a plan must know it.
#[derive(Clone, Debug)]
pub struct OtherLink {
    pub spec: LinkSpec,
    /// Kafka's cluster ids of both ends, where they were seen.
    pub source_cluster_id: Option<String>,
    pub destination_cluster_id: Option<String>,
}

/// Asks both clusters and returns what starting (or editing) the link would do.
///
/// # Errors
/// A [`Problem`] that names the cluster that did not answer, or the faulty fields.
pub async fn plan(request: PlanRequest) -> Result<Plan, Problem> {
    // Boxed on the way: a problem is much larger than anything else that is handed up.
    ask_both(&request).await.map_err(|problem| *problem)
}

async fn ask_both(request: &PlanRequest) -> Result<Plan, Box<Problem>> {
    let source = client(&request.source, request.timeout)?;
    let destination = client(&request.destination, request.timeout)?;
    let working = work(request, &source, &destination);
    let outcome = tokio::time::timeout(request.timeout, working).await;
    tokio::join!(source.close(), destination.close());
    outcome.unwrap_or_else(|_| Err(problems::too_slow(request)))
}

/// Asking gives up before the whole plan does, so that the cluster at fault is known.
fn client(spec: &ClusterSpec, timeout: Duration) -> Result<Client, Box<Problem>> {
    let timeouts = Timeouts {
        connect: timeout / 3,
        request: timeout / 2,
    };
    let options = Options {
        client_id: "causeway-plan".to_owned(),
        timeouts,
    };
    Client::new(spec, options).map_err(|error| problems::unreachable(spec, &error))
}

async fn work(
    request: &PlanRequest,
    source: &Client,
    destination: &Client,
) -> Result<Plan, Box<Problem>> {
    let at_destination = |error| problems::unreachable(&request.destination, &error);
    let mirrors = read_mirrors(destination, &request.spec.name)
        .await
        .map_err(at_destination)?;
    let inquiry = Inquiry {
        source,
        destination,
        spec: &request.spec,
        others: &request.others,
        fixed: &mirrors.fixed,
        taken: &mirrors.taken,
        new_topics: new_topics(&request.spec, &mirrors),
        depth: Depth::All,
    };
    let gathered = gather(&inquiry)
        .await
        .map_err(|error| problems::not_gathered(request, error))?;
    let mut topics = plan_topics(&gathered.facts);
    check_with_destination(destination, &mut topics)
        .await
        .map_err(at_destination)?;
    let mut refusals = gathered.refusals;
    if request.spec.guarantee == Guarantee::Transactional {
        let has = destination.has_transactions_v2().await;
        if !has.map_err(at_destination)? {
            refusals.push(no_transactions_v2(request.spec.destination.as_str()));
        }
    }
    backlog::tell_backlog(source, &request.spec, &gathered.source, &mut topics).await;
    let mut plan = Plan {
        fingerprint: String::new(),
        source_cluster_id: gathered.source_cluster_id,
        destination_cluster_id: gathered.destination_cluster_id,
        topics,
        not_selected: gathered.not_selected,
        warnings: gathered
            .warnings
            .into_iter()
            .chain(mirrors.warnings)
            .collect(),
        refusals,
    };
    plan.fingerprint = fingerprint(&plan, request.revision);
    Ok(plan)
}

/// Says why a destination cannot be written to in transactions.
pub(crate) fn no_transactions_v2(destination: &str) -> String {
    format!(
        "The guarantee `transactional` needs transactions V2, which `{destination}` does not have (feature `transaction.version` 2, Kafka 4.0 or later): take `exactly_once`, or upgrade it."
    )
}

/// A link that takes no new topics has its set from its first start.
fn new_topics(spec: &LinkSpec, mirrors: &Mirrors) -> NewTopics {
    if spec.topics.new_topics || mirrors.fixed.is_empty() {
        NewTopics::Taken
    } else {
        NewTopics::Left
    }
}
