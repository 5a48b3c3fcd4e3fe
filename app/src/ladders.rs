//! Connection tests of this process: those that run, and the last result of each cluster and draft.
//!
//! Kept in memory: a result says how a cluster answered this process, and is soon out of date. Guarantees that one thing is
//! tested once at a time, however often that is asked for, and that what is kept is bounded.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::cluster::{ClusterSpec, Ladder, ProbeFor, Rung};
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
    /// What is looked at beyond reaching the brokers.
    pub asked: ProbeFor,
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
    known: Mutex<Known>,
}

type Known = HashMap<String, watch::Receiver<Climb>>;

/// Who tests.
enum Turn {
    Ours(watch::Sender<Climb>),
    Theirs(watch::Receiver<Climb>),
}

impl Ladders {
    /// Tests a cluster and remembers the result under `id`. A test that runs already and asks for the same is waited for.
    pub async fn climb(
        &self,
        id: &str,
        engine: &dyn Engine,
        spec: ClusterSpec,
        begun: Climb,
    ) -> Ladder {
        // Ends with a test of our own, or with the result of another; whoever ran that may have broken it off.
        let sender = loop {
            match self.begin(id, &begun) {
                Turn::Ours(sender) => break sender,
                Turn::Theirs(mut running) => {
                    if let Ok(seen) = running.wait_for(|climb| climb.ladder.is_some()).await
                        && let Some(ladder) = seen.ladder.clone()
                    {
                        return ladder;
                    }
                }
            }
        };
        let sender = std::sync::Arc::new(sender);
        let telling = std::sync::Arc::clone(&sender);
        let tell = move |rungs: &[Rung]| {
            telling.send_modify(|climb| climb.rungs = rungs.to_vec());
        };
        let ladder = engine.probe_for(spec, begun.asked, Box::new(tell)).await;
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
        remember(&mut self.lock(), to, watch::channel(climb).1);
    }

    /// Forgets the tests of what is gone.
    pub fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Takes the turn to test, or finds the test of the same revision that runs: under one lock, so that two who come at
    /// once do not both begin.
    fn begin(&self, id: &str, begun: &Climb) -> Turn {
        let mut known = self.lock();
        if let Some(climb) = running(&known, id, begun) {
            return Turn::Theirs(climb);
        }
        let (sender, receiver) = watch::channel(begun.clone());
        remember(&mut known, id, receiver);
        Turn::Ours(sender)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn running(known: &Known, id: &str, begun: &Climb) -> Option<watch::Receiver<Climb>> {
    let climb = known.get(id)?;
    let seen = climb.borrow();
    let same =
        seen.ladder.is_none() && seen.revision == begun.revision && seen.asked == begun.asked;
    drop(seen);
    (same && climb.has_changed().is_ok()).then(|| climb.clone())
}

fn remember(known: &mut Known, id: &str, climb: watch::Receiver<Climb>) {
    if known.len() >= MOST && !known.contains_key(id) {
        let oldest = known
            .iter()
            .min_by_key(|(_, climb)| climb.borrow().began_at_ms)
            .map(|(id, _)| id.clone());
        oldest.and_then(|id| known.remove(&id));
    }
    known.insert(id.to_owned(), climb);
}

impl Climb {
    /// A test that begins now.
    pub fn begun(now_ms: i64, revision: i64) -> Self {
        Self {
            began_at_ms: now_ms,
            revision,
            asked: ProbeFor::default(),
            rungs: Vec::new(),
            ladder: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_who_come_at_once_one_begins_and_the_other_waits() {
        let ladders = Ladders::default();
        let begun = Climb::begun(1, 7);
        let Turn::Ours(first) = ladders.begin("east", &begun) else {
            panic!("nothing runs yet")
        };
        assert!(matches!(ladders.begin("east", &begun), Turn::Theirs(_)));
        drop(first);
        let Turn::Ours(_second) = ladders.begin("east", &begun) else {
            panic!("the first was broken off")
        };
        let newer = Climb::begun(2, 8);
        assert!(matches!(ladders.begin("east", &newer), Turn::Ours(_)));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes() {
        let ladders = Ladders::default();
        for at in 0..=MOST {
            let begun = Climb::begun(at as i64, 1);
            let _ = ladders.begin(&at.to_string(), &begun);
        }
        assert_eq!(ladders.lock().len(), MOST);
        assert!(ladders.last("0").is_none() && ladders.last("1").is_some());
    }
}
