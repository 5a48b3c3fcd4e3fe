//! This process's membership in a destination cluster's worker group: which slots of which link are ours.
//!
//! One consumer per destination serves the control topics of all its links; what the group says goes to the link that
//! the topic belongs to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use kafka::group::{GroupEvent, Membership, RevokeAck};
use model::cluster::ClusterSpec;
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{Instrument, debug, info_span, warn};

use crate::link::Command;

type Routes = Arc<Mutex<BTreeMap<String, mpsc::Sender<Command>>>>;

/// Membership in one destination's worker group.
pub(super) struct WorkerGroup {
    membership: Membership,
    routes: Routes,
    /// Ends when the membership's event channel closes, which is when the group was left.
    router: JoinHandle<()>,
}

impl WorkerGroup {
    pub(super) fn join(destination: &ClusterSpec, group: String, worker: &str) -> Self {
        let client_id = format!("causeway-{worker}");
        let (membership, events) = Membership::join(destination, group, client_id);
        let routes = Routes::default();
        let span = info_span!("worker group", cluster.name = %destination.name);
        let router = tokio::spawn(route(events, routes.clone()).instrument(span));
        Self { membership, routes, router }
    }

    pub(super) fn add(&mut self, control_topic: String, commands: mpsc::Sender<Command>) {
        lock(&self.routes).insert(control_topic, commands);
        self.resubscribe();
    }

    /// Forgets a link; the subscription changes with the next [`Self::resubscribe`].
    pub(super) fn forget(&mut self, control_topic: &str) {
        lock(&self.routes).remove(control_topic);
    }

    pub(super) fn is_unused(&self) -> bool {
        lock(&self.routes).is_empty()
    }

    pub(super) fn resubscribe(&mut self) {
        self.membership.subscribe(lock(&self.routes).keys().cloned().collect());
    }

    pub(super) async fn leave(self) {
        self.membership.leave().await;
        if let Err(error) = self.router.await {
            warn!(%error, "the worker group's router ended badly");
        }
    }
}

fn lock(routes: &Routes) -> std::sync::MutexGuard<'_, BTreeMap<String, mpsc::Sender<Command>>> {
    routes.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn route(mut events: mpsc::Receiver<GroupEvent>, routes: Routes) {
    while let Some(event) = events.recv().await {
        debug!(?event, "group event");
        match event {
            GroupEvent::Assigned(slots) => send(&routes, slots, Command::Assigned).await,
            GroupEvent::Lost(slots) => send(&routes, slots, Command::Lost).await,
            GroupEvent::Revoked(slots, ack) => {
                // Every link holds a share of the answer; the last one to drop it has drained.
                let ack: Arc<RevokeAck> = Arc::new(ack);
                send(&routes, slots, |slots| Command::Revoked(slots, ack.clone())).await;
            }
            GroupEvent::Error(error) => warn!(error, "worker group"),
        }
    }
}

/// Sends each link its slots. A link that was stopped has drained them already.
async fn send(routes: &Routes, slots: Vec<(String, i32)>, command: impl Fn(Vec<u32>) -> Command) {
    let mut by_topic: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (topic, slot) in slots {
        by_topic.entry(topic).or_default().push(slot.unsigned_abs());
    }
    for (topic, slots) in by_topic {
        let commands = lock(routes).get(&topic).cloned();
        if let Some(commands) = commands {
            // A closed channel is a link that ended: nothing is left to drain.
            let _ = commands.send(command(slots)).await;
        }
    }
}
