//! The tasks that a link's loop owns and that report back.

use tokio::{
    runtime::Handle,
    task::{JoinError, JoinSet},
};

use crate::link::event::Done;

/// Running jobs; dropping this ends them.
pub(super) struct Jobs {
    set: JoinSet<Done>,
    control: Handle,
}

impl Jobs {
    /// `control` is where all work runs that carries no data.
    pub(super) fn new(control: Handle) -> Self {
        Self {
            set: JoinSet::new(),
            control,
        }
    }

    /// Runs a job away from the data thread, so that no batch waits behind it.
    pub(super) fn spawn(&mut self, job: impl Future<Output = Done> + Send + 'static) {
        self.set.spawn_on(job, &self.control);
    }

    /// Runs a job on this data thread: what it opens stays there.
    pub(super) fn spawn_here(&mut self, job: impl Future<Output = Done> + Send + 'static) {
        self.set.spawn(job);
    }

    /// Returns how many are running or not joined yet.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.set.len()
    }

    /// Waits for the end of a job; `None` while there is none.
    pub(super) async fn join_next(&mut self) -> Option<Result<Done, JoinError>> {
        self.set.join_next().await
    }
}
