//! Connection tests of this process: those that run, and the last result of each cluster and draft.
//!
//! Kept in memory: a result says how a cluster answered this process, and is soon out of date. Guarantees that one thing is
//! tested once at a time, however often that is asked for, and that what is kept is bounded.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use model::cluster::{ClusterSpec, Ladder, Rung};
use tokio::sync::watch;

use crate::engine::Engine;

/// Tests that are remembered; beyond, the oldest is forgotten.
const MOST: usize = 500;

/// One test, as far as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Climb {
    /// Milliseconds since the epoch, UTC.
    pub began_at_ms: i64,
    /// Revision of the settings that are tested.
    pub revision: i64,
    /// Rungs reached so far.
    pub rungs: Vec<Rung>,
    /// The result, once there is one.
    pub ladder: Option<Ladder>,
}

/// A test as it is seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenClimb {
    pub climb: Climb,
    /// Neither running nor with a result: it was broken off.
    pub running: bool,
}

/// All tests that are remembered, by the id of what is tested.
#[derive(Debug, Default)]
pub struct Ladders {
    known: Mutex<HashMap<String, watch::Receiver<Climb>>>,
}

impl Ladders {
    /// Tests a cluster and remembers the result under `id`. A test of the same revision that runs already is waited for.
    pub async fn climb(
        &self,
        id: &str,
        engine: &dyn Engine,
        spec: ClusterSpec,
        begun: Climb,
    ) -> Ladder {
        if let Some(mut running) = self.running(id, begun.revision)
            && let Ok(seen) = running.wait_for(|climb| climb.ladder.is_some()).await
            && let Some(ladder) = seen.ladder.clone()
        {
            return ladder;
        }
        let (sender, receiver) = watch::channel(begun);
        self.remember(id, receiver);
        let sender = std::sync::Arc::new(sender);
        let telling = std::sync::Arc::clone(&sender);
        let tell = move |rungs: &[Rung]| {
            telling.send_modify(|climb| climb.rungs = rungs.to_vec());
        };
        let ladder = engine.probe_telling(spec, Box::new(tell)).await;
        sender.send_modify(|climb| {
            climb.rungs.clone_from(&ladder.rungs);
            climb.ladder = Some(ladder.clone());
        });
        ladder
    }

    /// Returns the last test of `id`.
    pub fn last(&self, id: &str) -> Option<SeenClimb> {
        let known = self.lock();
        let climb = known.get(id)?;
        let seen = climb.borrow().clone();
        // The sender lives as long as whoever asked for the test waits for it.
        let running = seen.ladder.is_none() && climb.has_changed().is_ok();
        Some(SeenClimb {
            climb: seen,
            running,
        })
    }

    /// Lets the result of `from` count for `to` at `revision`: the same settings under another id.
    pub fn carry(&self, from: &str, to: &str, revision: i64) {
        let Some(seen) = self.last(from).filter(|seen| !seen.running) else {
            return;
        };
        let climb = Climb {
            revision,
            ..seen.climb
        };
        self.remember(to, watch::channel(climb).1);
    }

    /// Forgets the tests of what is gone.
    pub fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn running(&self, id: &str, revision: i64) -> Option<watch::Receiver<Climb>> {
        let known = self.lock();
        let climb = known.get(id)?;
        let seen = climb.borrow();
        let same = seen.ladder.is_none() && seen.revision == revision;
        drop(seen);
        (same && climb.has_changed().is_ok()).then(|| climb.clone())
    }

    fn remember(&self, id: &str, climb: watch::Receiver<Climb>) {
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(id) {
            let oldest = known
                .iter()
                .min_by_key(|(_, climb)| climb.borrow().began_at_ms)
                .map(|(id, _)| id.clone());
            oldest.and_then(|id| known.remove(&id));
        }
        known.insert(id.to_owned(), climb);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, watch::Receiver<Climb>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Climb {
    /// A test that begins now.
    pub fn begun(now_ms: i64, revision: i64) -> Self {
        Self {
            began_at_ms: now_ms,
            revision,
            rungs: Vec::new(),
            ladder: None,
        }
    }
}
