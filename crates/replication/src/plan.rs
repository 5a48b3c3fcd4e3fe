//! The plan of a link: pure rules over what both clusters hold, and the question to them.

pub mod configs;
pub mod durability;
pub mod facts;
mod fingerprint;
#[cfg(test)]
mod fixtures;
mod replicas;
mod topics;

use std::time::Duration;

use model::{cluster::ClusterSpec, link::LinkSpec, plan::Plan, problem::Problem};

pub use facts::{Destination, DestinationTopic, Facts, FixedMirror, Refusal, Selected, SourceTopic};
pub use fingerprint::fingerprint;
pub use topics::plan_topics;

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
    let _ = request;
    Err(Problem { code: "plan.unavailable".to_owned(), status: 503, ..Problem::default() })
}
