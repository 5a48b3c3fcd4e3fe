//! The port to the replication engine: all that pages and API know of Kafka.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use model::{
    cluster::{ClusterSpec, Ladder, ProbeFor, Reachability, Rung},
    link::LinkSpec,
    plan::Plan,
    preview::Taken,
    problem::Problem,
    sample::History,
    status::LinkStatus,
};

/// A boxed future, so that the port stays object safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Hears of the rungs that a probe has reached so far.
pub type TellRungs = Box<dyn Fn(&[Rung]) + Send + Sync>;

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

/// The topics of a cluster, as they were a short while ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// When they were read, milliseconds since the epoch, UTC.
    pub read_at_ms: i64,
    /// Kafka's own id of the cluster; empty where it tells none.
    pub cluster_id: String,
    /// By name.
    pub topics: Vec<ListedTopic>,
    /// Mirrors of all links that write here.
    pub mirrors: Vec<Taken>,
}

/// One topic of a [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTopic {
    pub name: String,
    /// The broker's own flag.
    pub internal: bool,
    pub partitions: i32,
}

/// The replication engine as the console sees it. Its second implementation is the fake in tests.
pub trait Engine: Send + Sync + 'static {
    /// Tells the engine that intent changed; returns at once.
    fn wake(&self);

    /// Returns the last known status of every link that runs in this process.
    fn statuses(&self) -> Arc<Vec<LinkStatus>>;

    /// Returns the numbers of the last 15 minutes of a link that ran in this process.
    fn history(&self, _link: &str) -> Option<Arc<History>> {
        None
    }

    /// Returns how a cluster answered the last light question, `None` before it was first asked.
    fn reachability(&self, _cluster: &str) -> Option<Reachability> {
        None
    }

    /// Climbs the connection ladder of a cluster, up to reaching every broker.
    fn probe(&self, cluster: ClusterSpec) -> BoxFuture<'_, Ladder>;

    /// Probes like [`Engine::probe`], then looks at what links need there, and at each rung tells those that were reached
    /// so far.
    fn probe_for(
        &self,
        cluster: ClusterSpec,
        _asked: ProbeFor,
        _tell: TellRungs,
    ) -> BoxFuture<'_, Ladder> {
        self.probe(cluster)
    }

    /// Returns a cluster's topics, read at most `max_age` ago; many callers at once ask the cluster once.
    fn listing(
        &self,
        cluster: ClusterSpec,
        max_age: Duration,
    ) -> BoxFuture<'_, Result<Arc<Listing>, Problem>>;

    /// Counts the offsets that these topics hold; topics that cannot be asked are absent.
    fn count_records(
        &self,
        cluster: ClusterSpec,
        topics: Vec<String>,
    ) -> BoxFuture<'_, BTreeMap<String, i64>>;

    /// Asks both clusters and returns what starting the link would do.
    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Plan, Problem>>;
}
