//! Samples of every link's numbers over the last 15 minutes, kept in memory for the charts.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{
    sample::{History, KEPT, STEP_MS, Sample},
    status::LinkStatus,
};
use tokio::{sync::watch, task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clock;

type Statuses = watch::Receiver<Arc<Vec<LinkStatus>>>;

/// Takes samples until it is stopped.
#[derive(Debug)]
pub struct Recorder {
    rings: Arc<Mutex<Rings>>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The samples of each link by its name.
#[derive(Debug, Default)]
struct Rings(HashMap<String, Ring>);

/// The samples of one link.
#[derive(Debug, Default)]
struct Ring {
    /// Oldest first.
    samples: VecDeque<Sample>,
    /// The samples as charts read them, laid out once a step and not for each page.
    history: Arc<History>,
}

impl Recorder {
    /// Starts taking a sample of every link each [`STEP_MS`].
    pub fn start(statuses: Statuses) -> Self {
        let rings = Arc::new(Mutex::new(Rings::default()));
        let stop = CancellationToken::new();
        let span = tracing::info_span!("samples");
        let task = record(statuses, Arc::clone(&rings), stop.clone()).instrument(span);
        let task = tokio::spawn(task);
        Self {
            rings,
            stop,
            task: Mutex::new(Some(task)),
        }
    }

    /// Returns the samples of a link, `None` where there are none.
    pub fn history(&self, link: &str) -> Option<Arc<History>> {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&rings.0.get(link)?.history))
    }

    /// Ends the task that takes the samples.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the recorder of samples ended early");
        }
    }
}

async fn record(statuses: Statuses, rings: Arc<Mutex<Rings>>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(Duration::from_millis(STEP_MS as u64));
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // Ends when it is told to.
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let now = statuses.borrow().clone();
        let mut rings = rings.lock().unwrap_or_else(PoisonError::into_inner);
        rings.take(&now, clock::now_ms() / STEP_MS);
    }
}

impl Rings {
    fn take(&mut self, statuses: &[LinkStatus], step: i64) {
        for status in statuses {
            let ring = self.0.entry(status.link.clone()).or_default();
            if ring.samples.back().is_none_or(|last| last.step < step) {
                ring.samples.push_back(Sample::of(status, step));
            }
        }
        self.0.retain(|_, ring| ring.end_at(step));
    }
}

impl Ring {
    /// Forgets what is too old at `step` and lays the rest out; returns whether anything is left.
    fn end_at(&mut self, step: i64) -> bool {
        let first = step - KEPT as i64;
        while self
            .samples
            .front()
            .is_some_and(|sample| sample.step <= first)
        {
            self.samples.pop_front();
        }
        self.history = Arc::new(History::of(self.samples.make_contiguous(), step));
        !self.samples.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        link::Phase,
        status::{Rates, State},
    };

    fn status(link: &str, rate: f64) -> LinkStatus {
        LinkStatus {
            link: link.to_owned(),
            phase: Phase::Running,
            state: State::Mirroring,
            since_ms: 0,
            measured_at_ms: 0,
            rates: Rates {
                records_per_s: rate,
                ..Rates::default()
            },
            throttled: model::status::Throttled::default(),
            batches: model::status::Batches::default(),
            lag_records: None,
            lag_time_ms: None,
            latency: None,
            topics: Vec::new(),
            findings: Vec::new(),
            problems: Vec::new(),
            slots_owned: 0,
            slots: 1,
            memory_bytes: 0,
            data_producer_id: None,
            first_record: None,
        }
    }

    #[test]
    fn a_link_that_runs_no_more_is_forgotten_after_fifteen_minutes() {
        let mut rings = Rings::default();
        rings.take(&[status("a", 1.0)], 1_000);
        rings.take(&[status("a", 2.0)], 1_000);
        assert_eq!(rings.0["a"].samples.len(), 1, "one sample a step");
        assert_eq!(rings.0["a"].history.records_per_s.last(), Some(&Some(1.0)));
        rings.take(&[], 1_000 + KEPT as i64 - 1);
        let history = &rings.0["a"].history;
        assert_eq!(history.end_step, 1_000 + KEPT as i64 - 1, "time goes on");
        assert_eq!(history.records_per_s.first(), Some(&Some(1.0)));
        rings.take(&[], 1_000 + KEPT as i64);
        assert!(rings.0.is_empty());
    }
}
