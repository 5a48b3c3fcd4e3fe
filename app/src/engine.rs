//! The port to the replication engine: all that pages and API know of Kafka.

use std::{future::Future, pin::Pin, sync::Arc};

use model::{
    cluster::{ClusterSpec, Ladder},
    link::LinkSpec,
    plan::Plan,
    problem::Problem,
    status::LinkStatus,
};

/// A boxed future, so that the port stays object safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a plan is asked for.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    pub spec: LinkSpec,
    /// Revision of the stored spec, 0 for one that is not stored.
    pub revision: i64,
    pub source: ClusterSpec,
    pub destination: ClusterSpec,
    /// All other links that are not drafts, for collisions and cycles.
    pub others: Vec<OtherLink>,
}

/// Another link, as far as a plan must know it.
#[derive(Clone, Debug)]
pub struct OtherLink {
    pub spec: LinkSpec,
    /// Kafka's cluster ids of both ends, where they were seen.
    pub source_cluster_id: Option<String>,
    pub destination_cluster_id: Option<String>,
}

/// The replication engine as the console sees it. Its second implementation is the fake in tests.
pub trait Engine: Send + Sync + 'static {
    /// Tells the engine that intent changed; returns at once.
    fn wake(&self);

    /// Returns the last known status of every link that runs in this process.
    fn statuses(&self) -> Arc<Vec<LinkStatus>>;

    /// Climbs the connection ladder of a cluster, rungs 1 to 6.
    fn probe(&self, cluster: ClusterSpec) -> BoxFuture<'_, Ladder>;

    /// Asks both clusters and returns what starting the link would do.
    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Plan, Problem>>;

    /// Returns the last known status of the link with this name, `None` when it does not run here.
    fn status(&self, link: &str) -> Option<LinkStatus> {
        self.statuses()
            .iter()
            .find(|status| status.link == link)
            .cloned()
    }
}
