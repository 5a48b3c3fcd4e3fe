//! One link in this process: its task, what is told to it and what it tells.
//!
//! [`worker`] is the task: one loop that owns all state of the link and decides everything; it waits for nothing but
//! events. What takes time (opening connections, claiming slots, taking partitions over, the topics pass) runs in tasks
//! that it owns and that report back.

mod configs;
mod dead_letter;
mod decode;
mod event;
mod fetch;
mod io;
mod partition;
mod prepare;
mod problems;
mod queued;
mod slot;
#[cfg(test)]
mod testing;
mod topics;
mod traffic;
mod worker;

use std::sync::{Arc, PoisonError, RwLock};

use kafka::group::RevokeAck;
use model::{own, status::LinkStatus};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span, warn};

use crate::{
    credit::Budget,
    data_threads::Seat,
    ledger::{DesiredLink, Ledger},
    plan::OtherLink,
    supervisor::Settings,
};

/// What every link of a process shares.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    /// Random id of this process.
    pub(crate) process: String,
    pub(crate) installation: String,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) news: mpsc::Sender<LinkNews>,
    /// Where links run what is not their data plane.
    pub(crate) control: Handle,
    /// All links that were ever started, as last read: mirrors must not collide, and nothing may go round in circles.
    pub(crate) links: Arc<RwLock<Vec<DesiredLink>>>,
}

impl Context {
    /// Returns the links other than this one, as a plan looks at them.
    pub(crate) fn others(&self, link_id: &str) -> Vec<OtherLink> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        let others = links.iter().filter(|link| link.id != link_id);
        others
            .map(|link| OtherLink {
                spec: link.spec.clone(),
                source_cluster_id: link.source_cluster_id.clone(),
                destination_cluster_id: link.destination_cluster_id.clone(),
            })
            .collect()
    }
}

/// A link's control topic stands and belongs to it: its slots may be asked for.
#[derive(Debug)]
pub(crate) struct LinkNews {
    pub(crate) link_id: String,
    pub(crate) installation: String,
}

/// What the supervisor and the worker group tell a link.
#[derive(Debug)]
pub(crate) enum Command {
    Change(Box<DesiredLink>),
    Assigned(Vec<u32>),
    /// Drain these slots, then drop the answer.
    Revoked(Vec<u32>, Arc<RevokeAck>),
    /// These slots are somebody else's already: nothing may be stored any more.
    Lost(Vec<u32>),
    /// We may not join this group, which shares out the slots.
    GroupRefused(String),
}

/// A running link, as the supervisor holds it.
#[derive(Debug)]
pub(crate) struct LinkHandle {
    pub(crate) control_topic: String,
    pub(crate) budget: Budget,
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<LinkStatus>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Where the task and its data connections run.
    _seat: Seat,
}

impl LinkHandle {
    pub(crate) fn start(context: Context, desired: DesiredLink, seat: Seat) -> Self {
        let control_topic = own::control_topic(desired.spec.name.as_str());
        let budget = Budget::new(context.settings.memory_bytes);
        // A full channel makes the supervisor and the group wait for this link's loop, which never waits long.
        let (commands, command_receiver) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let span = info_span!("link", link.id = %desired.id, link.name = %desired.spec.name);
        let (worker, status) = worker::Worker::new(context, desired, budget.clone(), stop.clone());
        let task = seat
            .handle()
            .spawn(worker.run(command_receiver).instrument(span));
        Self {
            control_topic,
            budget,
            commands,
            status,
            stop,
            task,
            _seat: seat,
        }
    }

    pub(crate) fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    pub(crate) fn statuses(&self) -> watch::Receiver<LinkStatus> {
        self.status.clone()
    }

    /// Says whether the link's loop has ended without having been told to: by a panic.
    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Hands a change over; returns whether the link took it.
    pub(crate) fn change(&self, desired: DesiredLink) -> bool {
        self.commands
            .try_send(Command::Change(Box::new(desired)))
            .is_ok()
    }

    /// Drains, stores positions, releases slots, ends the task.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!(%error, "a link's task ended badly");
        }
    }
}
