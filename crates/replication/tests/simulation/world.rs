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
/// How long a request may be in sockets and on the line.
pub const ON_ITS_WAY_MS: i64 = PRODUCE_TIMEOUT_MS + 1000;
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
    /// Nothing of its connection was open when it was sent.
    pub alone: bool,
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
    /// Workers look for new records seldom while nothing seems to happen, so that much may happen between two looks.
    pub lazy: bool,
    /// The first partition holds only fresh records, the other only history.
    pub apart: bool,
    /// There is no history: positions are stored no oftener than once a second.
    pub fresh: bool,
    /// A broker learns of an ended connection within this time, if it learns of it.
    pub news_ms: i64,
    /// The way to a broker takes less than this.
    pub far_ms: i64,
    pub source: Vec<SourceLog>,
    pub mirror: Vec<MirrorLog>,
    pub control: Vec<ControlPartition>,
    pub places: Vec<Place>,
    pub next_id: u64,
    network: BTreeMap<(i64, u64), Message>,
    replies: HashMap<u64, Result<i64, i16>>,
    next_number: u64,
    /// Until when the broker works on the requests of a connection, which it serves one after another.
    served_until_ms: HashMap<(usize, u64), i64>,
    /// Until when followers are slow: answers take as long as they may.
    pub slow_until_ms: i64,
    /// Until when the mirrors' broker stands still, its sockets open.
    pub frozen_until_ms: i64,
    trace: Option<Vec<String>>,
    /// Revision of the settings of each partition's stored position.
    revisions: Vec<i64>,
    /// Why partitions were held.
    pub held: Vec<String>,
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
            lazy: seed.is_multiple_of(4),
            apart: false,
            fresh: false,
            news_ms: 20,
            far_ms: 8,
            source: (0..partitions).map(|_| SourceLog::default()).collect(),
            mirror: (0..partitions).map(|_| MirrorLog::default()).collect(),
            control: vec![ControlPartition::default()],
            places: (0..workers).map(|_| Place::default()).collect(),
            next_id: 1,
            network: BTreeMap::new(),
            replies: HashMap::new(),
            next_number: 0,
            served_until_ms: HashMap::new(),
            slow_until_ms: 0,
            frozen_until_ms: 0,
            trace: traced.then(Vec::new),
            revisions: vec![0; partitions],
            held: Vec::new(),
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

    /// Sends a request: the broker begins with it when it arrives and all before it on its connection are answered. Returns
    /// when its answer is back.
    pub fn send(&mut self, mut request: DataRequest) -> i64 {
        let line = request.from;
        let arrives_ms = self.now_ms + self.rng.i64(1..15);
        let served_until_ms = self.served_until_ms.get(&line).copied().unwrap_or(0);
        request.alone = served_until_ms <= self.now_ms;
        let mut begins_ms = arrives_ms.max(served_until_ms);
        if begins_ms < self.frozen_until_ms {
            begins_ms = self.frozen_until_ms + self.rng.i64(0..200);
        }
        let left_ms = (self.slow_until_ms - begins_ms).clamp(0, PRODUCE_TIMEOUT_MS);
        let answered_ms = begins_ms + self.rng.i64(0..=left_ms) + self.rng.i64(0..4);
        self.served_until_ms.insert(line, answered_ms);
        self.post(begins_ms, Message::Data(Box::new(request)));
        answered_ms + self.rng.i64(1..8)
    }

    /// The mirrors' broker stands still: what has not been begun waits in its sockets, and is read some time after. The
    /// acceptors, network threads and request handlers of Kafka's `SocketServer` stand still together, as threads of one
    /// process, and a second reason to stand still does not end the first: what ends later counts.
    pub fn freeze(&mut self, ms: i64) {
        let until_ms = self.now_ms + ms;
        if until_ms <= self.frozen_until_ms {
            return;
        }
        self.frozen_until_ms = until_ms;
        let mut lines = HashMap::new();
        for (at_ms, number) in self.data(|_| true) {
            let Some(Message::Data(data)) = self.network.remove(&(at_ms, number)) else {
                continue;
            };
            let line = data.from;
            let delay_ms = self.rng.i64(0..1500);
            let read_ms = *lines.entry(line).or_insert(until_ms + delay_ms);
            let at_ms = at_ms.max(read_ms);
            let served = self.served_until_ms.entry(line).or_default();
            *served = (*served).max(at_ms + 1);
            self.network.insert((at_ms, number), Message::Data(data));
        }
    }

    fn data(&self, wanted: impl Fn(&DataRequest) -> bool) -> Vec<(i64, u64)> {
        let of = |m: &Message| matches!(m, Message::Data(data) if wanted(data));
        let found = self.network.iter().filter(|e| of(e.1));
        found.map(|e| *e.0).collect()
    }

    /// Connections end. A broker that learns of it drops what stands behind the request it is at; one that stands still has
    /// that one read when it goes on. One that does not learn of it gets all that was on its way, as late as it may be.
    pub fn close(&mut self, worker: usize, connection: Option<u64>) {
        let keys = self.data(|d| d.from.0 == worker && connection.is_none_or(|c| c == d.from.1));
        let mut last: HashMap<u64, Option<i64>> = HashMap::new();
        for key in keys {
            let Some(Message::Data(data)) = self.network.remove(&key) else {
                continue;
            };
            let before = last.get(&data.from.1).copied();
            let at_ms = self.still_begins(key.0, &data, before);
            last.insert(data.from.1, at_ms);
            if let Some(at_ms) = at_ms {
                let again = (at_ms, self.number());
                self.trace(|| {
                    format!(
                        "sequence {} comes late, at {at_ms}",
                        data.batch.base_sequence
                    )
                });
                self.network.insert(again, Message::Data(data));
            }
        }
    }

    /// Returns when a request of an ended connection is begun all the same; `before` tells of the one before it.
    fn still_begins(
        &mut self,
        begins_ms: i64,
        data: &DataRequest,
        before: Option<Option<i64>>,
    ) -> Option<i64> {
        if before == Some(None) || self.rng.u32(0..4) == 0 {
            return None;
        }
        if self.now_ms < self.frozen_until_ms {
            return before.is_none().then_some(begins_ms);
        }
        // On its way still, and nobody tells the broker that the connection ended.
        let late = self.rng.bool() && (data.alone || self.now_ms >= self.slow_until_ms);
        let latest_ms = data.sent_at_ms + ON_ITS_WAY_MS;
        let from_ms = before.flatten().unwrap_or(begins_ms).max(begins_ms);
        if late && latest_ms > from_ms {
            return Some(self.rng.i64(from_ms..latest_ms));
        }
        (begins_ms <= self.now_ms + self.news_ms && before.flatten().is_none_or(|b| b <= begins_ms))
            .then_some(begins_ms)
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
        let before = self.mirror[partition].end;
        let result = self.mirror[partition].append(batch);
        if result.is_ok() && self.chance(odds.appended_error) {
            let until_ms = self.now_ms + self.rng.i64(0..20_000);
            let log = &mut self.mirror[partition];
            if log.end > before {
                log.unreplicated.get_or_insert((before, until_ms));
            }
            let codes = [7, 20, -1, 6];
            return Err(codes[self.rng.usize(..codes.len())]);
        }
        if result.is_ok() {
            // All replicas have what an acknowledged batch stands behind.
            self.mirror[partition].unreplicated = None;
        }
        result
    }

    /// A stored position never covers what the destination has not, and is never of older settings than one before it.
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
            let revision = value["meaning"]["revision"].as_i64().unwrap();
            let newest = &mut self.revisions[partition];
            if revision < *newest {
                let text =
                    format!("position p{partition} under settings {revision} after {newest}");
                self.broken_rules.push(text);
            }
            *newest = revision;
            let mirror = &self.mirror[partition];
            if end > mirror.end && !mirror.cut {
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
