//! One fetch connection of a link: asks its source broker for its share of partitions and hands on what came.
//!
//! The task takes memory credit before every request, checks and filters what comes ([`decode`]), and passes batches to
//! the link's loop. A partition whose queue is full is left out of the next requests until it has drained, so that one
//! slow mirror partition never holds up its neighbours.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use kafka::{
    ErrorCode,
    batch::begins_old,
    fetch::{FetchConnection, FetchFrom, FetchKey, FetchedPartition},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tracing::{Instrument, info_span};

use super::{
    decode::{Checked, Decoded, LaneState, check, decode},
    event::{Event, FetchEvent, PartitionId},
    queued::Queued,
};
use crate::{
    crash::panic_point,
    credit::{Budget, Credit},
    limiter::Limiter,
};

/// Bytes of one fetch response; also the credit that a request takes. A broker fills it to the last byte, so what stands
/// around the records has room left: a frame of a little over 1 MiB would lie in a buffer of 2 MiB.
pub(super) const FETCH_BYTES: usize = (1 << 20) - (16 << 10);
/// How long the broker may wait for data.
const MAX_WAIT: Duration = Duration::from_millis(250);
/// The same while some partitions are parked behind full queues: an open request cannot take them back in. What they
/// have queued lasts longer.
const PARKED_WAIT: Duration = Duration::from_millis(10);

/// One partition as a fetch connection follows it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: PartitionId,
    /// Tells this start of the partition from earlier ones, whose late data is dropped.
    pub(super) generation: u64,
    pub(super) key: FetchKey,
    pub(super) leader_epoch: i32,
    pub(super) state: LaneState,
    pub(super) queued: Queued,
}

#[derive(Debug)]
enum Change {
    Follow(Box<Lane>),
    Forget,
}

/// Changes that wait for the next request, by partition: at most one each.
#[derive(Debug, Default)]
struct Changes {
    waiting: Mutex<HashMap<PartitionId, Change>>,
    /// Notified with each change, and when a parked partition has drained.
    arrived: Arc<Notify>,
}

/// What a fetch task has from its link.
#[derive(Debug)]
pub(super) struct FetchContext {
    pub(super) budget: Budget,
    pub(super) limiter: Limiter,
    pub(super) events: mpsc::Sender<Event>,
    /// Where work is done that would keep a data thread from everything else.
    pub(super) control: Handle,
}

/// A fetch connection's task, as the link's loop holds it.
#[derive(Debug)]
pub(super) struct Fetcher {
    changes: Arc<Changes>,
    /// `None` once its end was seen.
    task: Option<JoinHandle<()>>,
}

impl Fetcher {
    /// Starts the task; `serial` comes back with [`FetchEvent::Closed`].
    pub(super) fn start(serial: u64, connection: FetchConnection, context: FetchContext) -> Self {
        let changes = Arc::new(Changes::default());
        let work = Work {
            serial,
            connection,
            budget: context.budget,
            limiter: context.limiter,
            events: context.events,
            control: context.control,
            changes: changes.clone(),
            lanes: HashMap::new(),
            by_key: HashMap::new(),
            parked: Vec::new(),
        };
        let task = tokio::spawn(work.run().instrument(info_span!("fetch", serial)));
        Self {
            changes,
            task: Some(task),
        }
    }

    /// Says, once, that the task panicked. After any other end it has told the loop why.
    pub(super) fn panicked(&mut self) -> bool {
        let ended = self.task.as_mut().filter(|task| task.is_finished());
        let Some(how) = ended.and_then(FutureExt::now_or_never) else {
            return false;
        };
        self.task = None;
        how.is_err_and(|error| error.is_panic())
    }

    pub(super) fn follow(&self, lane: Lane) {
        self.change(lane.id, Change::Follow(Box::new(lane)));
    }

    pub(super) fn forget(&self, id: PartitionId) {
        self.change(id, Change::Forget);
    }

    fn change(&self, id: PartitionId, change: Change) {
        let mut waiting = self
            .changes
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.insert(id, change);
        self.changes.arrived.notify_one();
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

struct Work {
    serial: u64,
    connection: FetchConnection,
    budget: Budget,
    limiter: Limiter,
    events: mpsc::Sender<Event>,
    control: Handle,
    changes: Arc<Changes>,
    lanes: HashMap<PartitionId, Lane>,
    by_key: HashMap<FetchKey, PartitionId>,
    parked: Vec<PartitionId>,
}

impl Work {
    /// Ends when the connection is lost, the loop is gone, or the [`Fetcher`] is dropped.
    async fn run(mut self) {
        loop {
            let limited = self.limiter.wait().await;
            self.take_changes();
            self.unpark();
            if self.lanes.len() == self.parked.len() {
                self.changes.arrived.notified().await;
                continue;
            }
            self.connection
                .set_max_bytes(self.limiter.response_bytes(FETCH_BYTES));
            let credit = self.budget.take(FETCH_BYTES.min(self.budget.limit())).await;
            match self.connection.fetch().await {
                Ok(reply) => {
                    self.limiter.spend(reply.frame_bytes);
                    let waited = Waited {
                        throttle: reply.throttle,
                        limited,
                    };
                    if self
                        .hand_on(reply.partitions, reply.frame_bytes, waited, credit)
                        .await
                        .is_none()
                    {
                        return;
                    }
                }
                Err(error) => {
                    let event = FetchEvent::Closed {
                        serial: self.serial,
                        error,
                    };
                    let _ = self.events.send(Event::Fetch(event)).await;
                    return;
                }
            }
        }
    }

    fn take_changes(&mut self) {
        let waiting = {
            let mut waiting = self
                .changes
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        for (id, change) in waiting {
            self.drop_lane(id);
            if let Change::Follow(lane) = change {
                self.by_key.insert(lane.key.clone(), id);
                ask(&mut self.connection, &lane);
                self.lanes.insert(id, *lane);
            }
        }
        self.set_wait();
    }

    fn drop_lane(&mut self, id: PartitionId) {
        if let Some(lane) = self.lanes.remove(&id) {
            self.by_key.remove(&lane.key);
            self.connection.remove(&lane.key);
            self.parked.retain(|parked| *parked != id);
        }
    }

    /// Takes partitions back in whose queues have drained to half.
    fn unpark(&mut self) {
        if self.parked.is_empty() {
            return;
        }
        let limit = queue_limit(&self.budget);
        let (lanes, connection) = (&self.lanes, &mut self.connection);
        let waiter = &self.changes.arrived;
        self.parked.retain(|id| match lanes.get(id) {
            Some(lane) if lane.queued.drained(limit, waiter) => {
                ask(connection, lane);
                false
            }
            Some(_) => true,
            None => false,
        });
        self.set_wait();
    }

    /// While partitions are parked the broker must not hold the request for long.
    fn set_wait(&mut self) {
        let wait = if self.parked.is_empty() {
            MAX_WAIT
        } else {
            PARKED_WAIT
        };
        self.connection.set_max_wait(wait);
    }

    /// Returns `None` when the loop is gone.
    async fn hand_on(
        &mut self,
        partitions: Vec<FetchedPartition>,
        frame_bytes: usize,
        waited: Waited,
        mut credit: Credit,
    ) -> Option<()> {
        panic_point("fetched");
        credit.settle(frame_bytes);
        let credit = Arc::new(credit);
        let limit = queue_limit(&self.budget);
        let mut handed = Vec::with_capacity(partitions.len());
        for fetched in partitions {
            let Some(id) = self.by_key.get(&fetched.key).copied() else {
                continue;
            };
            let Some(lane) = self.lanes.get_mut(&id) else {
                continue;
            };
            let decoded = if fetched.error != ErrorCode::NONE {
                Decoded::default()
            } else {
                let state = &mut lane.state;
                let arrived = match begins_old(&fetched.records) {
                    true => Arrived::Unchecked(fetched.clone()),
                    false => Arrived::Checked(check(state, &fetched)),
                };
                match arrived {
                    Arrived::Checked(checked) if !checked.slow => decode(state, checked, &credit),
                    slow => decode_aside(&self.control, state, slow, &credit).await?,
                }
            };
            lane.queued.add(decoded.bytes);
            let failed = fetched.error != ErrorCode::NONE || decoded.fault.is_some();
            let full = lane.queued.is_full(limit);
            if failed {
                // The loop decides what to do and asks for the partition anew.
                let key = lane.key.clone();
                self.connection.remove(&key);
            } else if full {
                self.connection.remove(&lane.key);
                self.parked.push(id);
            } else if decoded.advanced {
                ask(&mut self.connection, lane);
            }
            handed.push(FetchedLane {
                id,
                generation: lane.generation,
                error: fetched.error,
                high_watermark: fetched.high_watermark,
                last_stable_offset: fetched.last_stable_offset,
                log_start: fetched.log_start,
                queued: lane.queued.clone(),
                decoded,
            });
            if failed {
                self.drop_lane(id);
            }
        }
        self.set_wait();
        if handed.is_empty() && waited == Waited::default() {
            return Some(());
        }
        let event = FetchEvent::Arrived {
            lanes: handed,
            waited,
        };
        self.events.send(Event::Fetch(event)).await.ok()
    }
}

/// One partition's reply on its way through the slow path.
enum Arrived {
    Checked(Checked),
    /// It holds messages of an old format: already reading their headers takes long.
    Unchecked(FetchedPartition),
}

/// As [`decode`], away from the data thread. Returns `None` when the process ends.
async fn decode_aside(
    control: &Handle,
    lane: &mut LaneState,
    arrived: Arrived,
    credit: &Arc<Credit>,
) -> Option<Decoded> {
    let (mut state, credit) = (lane.clone(), credit.clone());
    let decoding = control.spawn_blocking(move || {
        let checked = match arrived {
            Arrived::Checked(checked) => checked,
            Arrived::Unchecked(fetched) => check(&state, &fetched),
        };
        let decoded = decode(&mut state, checked, &credit);
        (state, decoded)
    });
    match decoding.await {
        Ok((state, decoded)) => {
            *lane = state;
            Some(decoded)
        }
        // As if it had happened here: the loop replaces a fetch task that panicked.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

/// How much one partition may hold: a quarter of the link's budget, at least one fetch.
fn queue_limit(budget: &Budget) -> usize {
    (budget.limit() / 4).max(FETCH_BYTES)
}

fn ask(connection: &mut FetchConnection, lane: &Lane) {
    let from = FetchFrom {
        offset: lane.state.next,
        leader_epoch: lane.leader_epoch,
        last_fetched_epoch: -1,
        max_bytes: FETCH_BYTES as i32,
    };
    connection.set(lane.key.clone(), from);
}

/// What kept a response from coming sooner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waited {
    /// The broker's quota delays the next request for so long.
    pub(super) throttle: Duration,
    /// The link's own limit delayed this one.
    pub(super) limited: Duration,
}

/// What one response held of one partition.
#[derive(Debug)]
pub(super) struct FetchedLane {
    pub(super) id: PartitionId,
    pub(super) generation: u64,
    pub(super) error: ErrorCode,
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
    pub(super) log_start: i64,
    /// Where its bytes are counted: the partition may count those of a later start elsewhere by now.
    pub(super) queued: Queued,
    pub(super) decoded: Decoded,
}
