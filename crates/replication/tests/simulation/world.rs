//! The world of one schedule: clocks, brokers, a network that loses and delays, and who is assigned what.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use replication::protocol::ports::ControlBatch;

use crate::logs::{ControlPartition, MirrorBatch, MirrorLog, SourceLog};

/// Wall clock at the schedule's beginning.
pub const WALL_MS: i64 = 1_700_000_000_000;
pub const DAY_MS: i64 = 86_400_000;
pub const PRODUCE_TIMEOUT_MS: i64 = 10_000;

#[derive(Debug)]
pub enum Message {
    Control { reply: u64, batch: ControlBatch },
    Data(Box<DataRequest>),
}

/// One Produce request.
#[derive(Debug)]
pub struct DataRequest {
    pub reply: u64,
    /// Worker and connection.
    pub from: (usize, u64),
    pub sent_at_ms: i64,
    pub partition: usize,
    pub leader_epoch: i32,
    pub batch: MirrorBatch,
}

#[derive(Debug, Default)]
pub struct Place {
    pub assigned: bool,
    pub wake_at_ms: i64,
    /// Revision of the settings that this worker knows.
    pub revision: i64,
}

/// How likely things go wrong, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odds {
    /// A control request gets no reply; it may still arrive, late.
    pub control_lost: u32,
    /// A data connection breaks when it is used.
    pub broken: u32,
    /// An error is returned although the batch was appended.
    pub appended_error: u32,
    /// An error is returned, and nothing was appended.
    pub refused: u32,
    /// A read fails.
    pub unread: u32,
}

#[derive(Debug)]
pub struct World {
    pub now_ms: i64,
    pub rng: fastrand::Rng,
    pub odds: Odds,
    pub source: Vec<SourceLog>,
    pub mirror: Vec<MirrorLog>,
    pub control: Vec<ControlPartition>,
    pub places: Vec<Place>,
    pub next_id: u64,
    network: BTreeMap<(i64, u64), Message>,
    replies: HashMap<u64, Result<i64, i16>>,
    next_number: u64,
    trace: Option<Vec<String>>,
    /// What must never happen, and did.
    pub broken_rules: Vec<String>,
}

pub type Shared = Arc<Mutex<World>>;

impl World {
    pub fn new(seed: u64, partitions: usize, workers: usize, traced: bool) -> Self {
        Self {
            now_ms: 0,
            rng: fastrand::Rng::with_seed(seed),
            odds: Odds::default(),
            source: (0..partitions).map(|_| SourceLog::default()).collect(),
            mirror: (0..partitions).map(|_| MirrorLog::default()).collect(),
            control: vec![ControlPartition::default()],
            places: (0..workers).map(|_| Place::default()).collect(),
            next_id: 1,
            network: BTreeMap::new(),
            replies: HashMap::new(),
            next_number: 0,
            trace: traced.then(Vec::new),
            broken_rules: Vec::new(),
        }
    }

    pub fn trace(&mut self, text: impl FnOnce() -> String) {
        let now = self.now_ms;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:>7} {}", text()));
        }
    }

    pub fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    pub fn chance(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.rng.u32(0..1000) < thousandths
    }

    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Puts a message on its way.
    pub fn post(&mut self, at_ms: i64, message: Message) {
        let key = (at_ms, self.number());
        self.network.insert(key, message);
    }

    pub fn next_message_at(&self) -> Option<i64> {
        self.network.keys().next().map(|key| key.0)
    }

    pub fn reply(&mut self, number: u64) -> Option<Result<i64, i16>> {
        self.replies.remove(&number)
    }

    /// Connections end: of each a prefix of the undelivered requests still arrives, within its time-out.
    pub fn close(&mut self, worker: usize, connection: Option<u64>) {
        let ended = |m: &Message| match m {
            Message::Data(d) => d.from.0 == worker && connection.is_none_or(|c| c == d.from.1),
            Message::Control { .. } => false,
        };
        let keys: Vec<_> = self
            .network
            .iter()
            .filter(|e| ended(e.1))
            .map(|e| *e.0)
            .collect();
        let mut state: HashMap<u64, (bool, i64)> = HashMap::new();
        for key in keys {
            let Some(Message::Data(data)) = self.network.remove(&key) else {
                continue;
            };
            let (mut delivered, mut at_ms) = state
                .get(&data.from.1)
                .copied()
                .unwrap_or((true, self.now_ms));
            let latest = data.sent_at_ms + PRODUCE_TIMEOUT_MS;
            delivered &= self.rng.u32(0..4) > 0 && latest > at_ms;
            if delivered {
                // Most come soon, some as late as they can.
                let spread = if self.rng.bool() {
                    50.min(latest - at_ms)
                } else {
                    latest - at_ms
                };
                at_ms += self.rng.i64(0..spread.max(1));
                let again = (at_ms, self.number());
                self.trace(|| {
                    format!(
                        "sequence {} comes late, at {at_ms}",
                        data.batch.base_sequence
                    )
                });
                state.insert(data.from.1, (true, at_ms));
                self.network.insert(again, Message::Data(data));
            } else {
                state.insert(data.from.1, (false, at_ms));
            }
        }
    }

    /// Delivers the next message.
    pub fn deliver(&mut self) {
        let Some((_, message)) = self.network.pop_first() else {
            return;
        };
        match message {
            Message::Control { reply, batch } => {
                let result = self.control[0].append(&batch);
                if result.is_ok() {
                    self.check_positions(&batch);
                }
                self.trace(|| {
                    let keys: Vec<_> = batch.records.iter().map(|r| &r.key).collect();
                    format!("control epoch {} {keys:?} -> {result:?}", batch.epoch)
                });
                self.replies.insert(reply, result);
            }
            Message::Data(data) => {
                let DataRequest {
                    reply,
                    from,
                    partition,
                    leader_epoch,
                    batch,
                    ..
                } = *data;
                let (epoch, sequence) = (batch.epoch, batch.base_sequence);
                let ids: Vec<_> = batch.records.iter().map(|r| r.1.id).collect();
                let result = self.append(partition, leader_epoch, batch);
                self.trace(|| {
                    format!("w{} p{partition} epoch {epoch} sequence {sequence} ids {ids:?} -> {result:?}", from.0)
                });
                self.replies.insert(reply, result);
            }
        }
    }

    fn append(&mut self, partition: usize, epoch: i32, batch: MirrorBatch) -> Result<i64, i16> {
        if epoch != self.mirror[partition].leader_epoch {
            return Err(6);
        }
        let odds = self.odds;
        if self.chance(odds.refused) {
            return Err(19);
        }
        let result = self.mirror[partition].append(batch);
        if result.is_ok() && self.chance(odds.appended_error) {
            let codes = [7, 20, -1, 6];
            return Err(codes[self.rng.usize(..codes.len())]);
        }
        result
    }

    /// A stored position never covers what the destination has not.
    fn check_positions(&mut self, batch: &ControlBatch) {
        for record in batch
            .records
            .iter()
            .filter(|r| r.key.starts_with("position/"))
        {
            let value: serde_json::Value =
                serde_json::from_str(record.value.as_ref().unwrap()).unwrap();
            let partition = usize::try_from(value["partition"].as_i64().unwrap()).unwrap();
            let end = value["destination_end"].as_i64().unwrap();
            let mirror = &self.mirror[partition];
            if end > mirror.end && mirror.truncated.is_empty() {
                let text = format!("position p{partition} at {end}, log end {}", mirror.end);
                self.broken_rules.push(text);
            }
        }
    }
}

/// One worker's access to the world.
#[derive(Clone, Debug)]
pub struct Node {
    pub world: Shared,
    pub id: usize,
}

impl Node {
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn sleep_ms(&self, ms: i64) -> Sleep {
        let until_ms = self.lock().now_ms + ms;
        Sleep {
            node: self.clone(),
            until_ms,
        }
    }

    pub fn sleep_until(&self, until_ms: i64) -> Sleep {
        Sleep {
            node: self.clone(),
            until_ms,
        }
    }
}

/// The only thing that a worker waits for: time.
#[derive(Debug)]
pub struct Sleep {
    node: Node,
    until_ms: i64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut world = self.node.lock();
        if world.now_ms >= self.until_ms {
            return Poll::Ready(());
        }
        let id = self.node.id;
        world.places[id].wake_at_ms = self.until_ms;
        Poll::Pending
    }
}
