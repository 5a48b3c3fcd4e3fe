//! This process's membership in a destination cluster's worker group: which slots of which link are ours.
//!
//! One consumer per destination serves the control topics of all its links; what the group says goes to the link that
//! the topic belongs to. A link that is stopped and started again at once may keep its share of the group: what it has is
//! remembered here and told to the new task.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use kafka::group::{GroupEvent, Membership, RevokeAck};
use model::cluster::ClusterSpec;
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{Instrument, debug, info_span, warn};

use crate::link::Command;

/// What the group and the links are to each other, by control topic.
#[derive(Debug, Default)]
struct Shares {
    links: BTreeMap<String, mpsc::Sender<Command>>,
    /// Slots that the group has given to this process and not taken back.
    slots: BTreeMap<String, BTreeSet<u32>>,
}

type Routes = Arc<Mutex<Shares>>;

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
        let (membership, events) = Membership::join(destination, group.clone(), client_id);
        let routes = Routes::default();
        let span = info_span!("worker group", cluster.name = %destination.name);
        let router = tokio::spawn(route(group, events, routes.clone()).instrument(span));
        Self {
            membership,
            routes,
            router,
        }
    }

    pub(super) fn add(&mut self, control_topic: String, commands: mpsc::Sender<Command>) {
        {
            let mut shares = lock(&self.routes);
            let slots = shares
                .slots
                .get(&control_topic)
                .into_iter()
                .flatten()
                .copied();
            let slots: Vec<u32> = slots.collect();
            // Under the lock: a revocation that comes meanwhile reaches the link after this.
            if !slots.is_empty() && commands.try_send(Command::Assigned(slots)).is_err() {
                warn!(topic = control_topic, "a link did not take its slots");
            }
            shares.links.insert(control_topic, commands);
        }
        self.resubscribe();
    }

    /// Forgets a link; the subscription changes with the next [`Self::resubscribe`].
    pub(super) fn forget(&mut self, control_topic: &str) {
        lock(&self.routes).links.remove(control_topic);
    }

    pub(super) fn is_unused(&self) -> bool {
        lock(&self.routes).links.is_empty()
    }

    pub(super) fn resubscribe(&mut self) {
        self.membership
            .subscribe(lock(&self.routes).links.keys().cloned().collect());
    }

    pub(super) async fn leave(self) {
        self.membership.leave().await;
        if let Err(error) = self.router.await {
            warn!(%error, "the worker group's router ended badly");
        }
    }
}

fn lock(routes: &Routes) -> std::sync::MutexGuard<'_, Shares> {
    routes.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn route(group: String, mut events: mpsc::Receiver<GroupEvent>, routes: Routes) {
    while let Some(event) = events.recv().await {
        debug!(?event, "group event");
        match event {
            GroupEvent::Assigned(slots) => {
                send(&routes, slots, Turn::Given, Command::Assigned).await;
            }
            GroupEvent::Lost(slots) => send(&routes, slots, Turn::Taken, Command::Lost).await,
            GroupEvent::Revoked(slots, ack) => {
                // Every link holds a share of the answer; the last one to drop it has drained.
                let ack: Arc<RevokeAck> = Arc::new(ack);
                let command = |slots| Command::Revoked(slots, ack.clone());
                send(&routes, slots, Turn::Taken, command).await;
            }
            GroupEvent::Refused => {
                warn!(
                    group,
                    "may not join the worker group: READ on it is missing"
                );
                let links: Vec<_> = lock(&routes).links.values().cloned().collect();
                for link in links {
                    // A link that is too busy hears it with the next refusal.
                    let _ = link.try_send(Command::GroupRefused(group.clone()));
                }
            }
            GroupEvent::Error(error) => warn!(error, "worker group"),
        }
    }
}

/// Whether the group gives slots to this process or takes them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Given,
    Taken,
}

impl Shares {
    /// Notes what happens to a link's slots, and returns whom to tell.
    fn note(&mut self, topic: &str, slots: &[u32], turn: Turn) -> Option<mpsc::Sender<Command>> {
        let share = self.slots.entry(topic.to_owned()).or_default();
        match turn {
            Turn::Given => share.extend(slots),
            Turn::Taken => share.retain(|slot| !slots.contains(slot)),
        }
        self.links.get(topic).cloned()
    }
}

/// Sends each link its slots. A link that was stopped has drained them already.
async fn send(
    routes: &Routes,
    slots: Vec<(String, i32)>,
    turn: Turn,
    command: impl Fn(Vec<u32>) -> Command,
) {
    let mut by_topic: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (topic, slot) in slots {
        by_topic.entry(topic).or_default().push(slot.unsigned_abs());
    }
    for (topic, slots) in by_topic {
        let commands = lock(routes).note(&topic, &slots, turn);
        if let Some(commands) = commands {
            // A closed channel is a link that ended: nothing is left to drain.
            let _ = commands.send(command(slots)).await;
        }
    }
}
