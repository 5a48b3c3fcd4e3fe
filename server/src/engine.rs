//! The console's engine over the replication supervisor and the wire client.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use app::engine::{BoxFuture, Engine, Listing, PlanRequest, TellRungs};
use model::{
    cluster::{ClusterSpec, Ladder, ProbeFor, Reachability},
    plan::Plan,
    problem::Problem,
    sample::History,
    status::LinkStatus,
};
use replication::{Ledger, Settings, Supervisor, plan};
use store::Store;
use tokio::sync::watch;

use crate::{config::Config, history::Recorder, listings::Listings, reachability::Watch};

/// Replication as hosted by this process.
#[derive(Debug)]
pub struct HostedEngine {
    /// `None` once it was stopped.
    supervisor: Mutex<Option<Supervisor>>,
    statuses: watch::Receiver<Arc<Vec<LinkStatus>>>,
    recorder: Recorder,
    watch: Watch,
    listings: Listings,
    /// How long a plan waits for its clusters.
    plan_timeout: Duration,
    client_id: String,
}

impl HostedEngine {
    /// Starts the supervisor; from now on links run as the ledger asks, and the clusters of `store` are asked whether they
    /// answer.
    pub fn start(config: &Config, ledger: Arc<dyn Ledger>, store: Store) -> Self {
        let settings = Settings {
            worker: config.worker.clone(),
            memory_bytes: config.memory_bytes,
            connect_timeout: config.timeouts.connect,
            request_timeout: config.timeouts.request,
            produce_timeout: config.timeouts.produce,
            drain_timeout: config.timeouts.drain,
            data_threads: config.data_threads,
        };
        let supervisor = Supervisor::start(settings, ledger);
        let statuses = supervisor.statuses();
        Self {
            supervisor: Mutex::new(Some(supervisor)),
            recorder: Recorder::start(statuses.clone()),
            watch: Watch::start(store, client_id(config)),
            listings: Listings::new(config.timeouts.request),
            statuses,
            plan_timeout: config.timeouts.request,
            client_id: client_id(config),
        }
    }

    /// Drains and stops every link. A second call returns at once.
    pub async fn stop(&self) {
        let supervisor = self.lock().take();
        if let Some(supervisor) = supervisor {
            supervisor.stop().await;
        }
        self.recorder.stop().await;
        self.watch.stop().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Supervisor>> {
        self.supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for HostedEngine {
    fn wake(&self) {
        self.watch.changed();
        if let Some(supervisor) = self.lock().as_ref() {
            supervisor.wake();
        }
    }

    fn statuses(&self) -> Arc<Vec<LinkStatus>> {
        self.statuses.borrow().clone()
    }

    fn history(&self, link: &str) -> Option<Arc<History>> {
        self.recorder.history(link)
    }

    fn reachability(&self, cluster: &str) -> Option<Reachability> {
        self.watch.of(cluster)
    }

    fn probe(&self, cluster: ClusterSpec) -> BoxFuture<'_, Ladder> {
        Box::pin(async move { kafka::ladder::climb(&cluster, &self.client_id).await })
    }

    fn probe_for(
        &self,
        cluster: ClusterSpec,
        asked: ProbeFor,
        tell: TellRungs,
    ) -> BoxFuture<'_, Ladder> {
        Box::pin(async move {
            kafka::ladder::climb_for(&cluster, &self.client_id, &asked, tell.as_ref()).await
        })
    }

    fn listing(
        &self,
        cluster: ClusterSpec,
        max_age: Duration,
    ) -> BoxFuture<'_, Result<Arc<Listing>, Problem>> {
        Box::pin(async move { self.listings.listing(&cluster, max_age).await })
    }

    fn count_records(
        &self,
        cluster: ClusterSpec,
        topics: Vec<String>,
    ) -> BoxFuture<'_, BTreeMap<String, i64>> {
        Box::pin(async move { self.listings.count_records(&cluster, topics).await })
    }

    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Plan, Problem>> {
        let request = plan::PlanRequest {
            spec: request.spec,
            revision: request.revision,
            source: request.source,
            destination: request.destination,
            others: request.others.into_iter().map(other_link).collect(),
            timeout: self.plan_timeout,
        };
        Box::pin(plan::plan(request))
    }
}

fn other_link(other: app::engine::OtherLink) -> plan::OtherLink {
    plan::OtherLink {
        spec: other.spec,
        source_cluster_id: other.source_cluster_id,
        destination_cluster_id: other.destination_cluster_id,
    }
}

/// Returns the `client.id` that brokers see of this process.
pub fn client_id(config: &Config) -> String {
    format!("causeway-{}", config.worker)
}
