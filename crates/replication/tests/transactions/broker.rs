//! The destination: mirror and control partitions, producer states, a transaction coordinator (KIP-890), a slow network.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use replication::protocol::{
    control::{CONTROL_PRODUCER_ID, Claim},
    ports::{
        AppendError, Clock, ControlBatch, ControlEntry, ControlLog, PortError, Transactions, Writer,
    },
};

use crate::Mutation;

pub const PARTITIONS: usize = 2;
const PRODUCER: i64 = 9;

/// What became of the transaction that wrote something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open(i16),
    Committed,
    Aborted,
}

#[derive(Debug)]
struct Stored<T> {
    what: T,
    fate: Fate,
}

/// A Produce request for one mirror partition.
#[derive(Clone, Debug)]
pub struct Produce {
    pub reply: u64,
    pub partition: usize,
    pub epoch: i16,
    pub base_sequence: i32,
    pub records: Vec<i64>,
}

#[derive(Debug)]
pub struct World {
    rng: fastrand::Rng,
    pub now_ms: i64,
    healed: bool,
    /// Records of each source partition; a record is its offset.
    pub source: [i64; PARTITIONS],
    mirror: [Vec<Stored<Option<i64>>>; PARTITIONS],
    control: Vec<Stored<Option<ControlEntry>>>,
    /// Epoch and next sequence of the transactional producer, by mirror partition.
    known: [Option<(i16, i32)>; PARTITIONS],
    /// Epoch and next sequence of the control producer.
    known_control: Option<(i16, i32)>,
    /// The epoch in force.
    epoch: i16,
    /// The epoch of a transaction whose commit was answered and is not told to the partitions yet.
    committing: Option<i16>,
    network: Vec<Produce>,
    replies: HashMap<u64, Result<i64, i16>>,
    next_number: u64,
}

impl World {
    pub fn new(rng: fastrand::Rng) -> Self {
        let claim = Claim {
            worker: "before".to_owned(),
            process: "before".to_owned(),
            generation: 0,
            epoch: 0,
            produce_timeout_ms: 0,
            released: true,
        };
        let record = claim.write(0);
        let first = ControlEntry {
            offset: 0,
            producer_id: CONTROL_PRODUCER_ID,
            epoch: 0,
            transactional: false,
            key: record.key,
            value: record.value,
        };
        Self {
            rng,
            now_ms: 0,
            healed: false,
            source: [40; PARTITIONS],
            mirror: Default::default(),
            control: vec![Stored {
                what: Some(first),
                fate: Fate::Committed,
            }],
            known: [None; PARTITIONS],
            known_control: Some((0, 1)),
            epoch: 0,
            committing: None,
            network: Vec::new(),
            replies: HashMap::new(),
            next_number: 0,
        }
    }

    pub fn heal(&mut self) {
        self.healed = true;
    }

    /// Returns another number each time.
    pub fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub fn produce(&mut self) {
        let partition = self.rng.usize(0..PARTITIONS);
        self.source[partition] += self.rng.i64(1..6);
    }

    fn fails(&mut self, odds: u32) -> bool {
        !self.healed && self.rng.u32(0..odds) == 0
    }

    /// Time passes, a request may arrive, partitions may be told of a commit.
    pub fn step(&mut self) {
        self.now_ms += self.rng.i64(0..8);
        if !self.network.is_empty() && self.rng.u32(0..2) == 0 {
            let next = self.rng.usize(0..self.network.len());
            // Those of one partition arrive in order: they are sent on one connection.
            let partition = self.network[next].partition;
            let first = self.network.iter().position(|p| p.partition == partition);
            let produce = self.network.remove(first.unwrap());
            let lost = self.fails(60);
            let answer = self.append(&produce);
            if !lost {
                self.replies.insert(produce.reply, answer);
            }
        }
        if self.committing.is_some() && self.rng.u32(0..3) == 0 {
            let epoch = self.committing.take().unwrap();
            self.mark(epoch, Fate::Committed);
        }
    }

    fn append(&mut self, produce: &Produce) -> Result<i64, i16> {
        if produce.epoch != self.epoch {
            return Err(47);
        }
        if self.committing.is_some() || self.fails(40) {
            return Err(51);
        }
        let known = &mut self.known[produce.partition];
        match *known {
            Some((epoch, next)) if epoch == produce.epoch && next != produce.base_sequence => {
                return Err(45);
            }
            // One that is not known may begin anywhere.
            _ => {}
        }
        let count = produce.records.len() as i32;
        *known = Some((produce.epoch, produce.base_sequence + count));
        let log = &mut self.mirror[produce.partition];
        let base = log.len() as i64;
        let fate = Fate::Open(produce.epoch);
        log.extend(produce.records.iter().map(|record| Stored {
            what: Some(*record),
            fate,
        }));
        Ok(base)
    }

    /// Ends what was written at an epoch; each partition that has some of it gets a marker.
    fn mark(&mut self, epoch: i16, fate: Fate) {
        fn ended<T>(log: &mut Vec<Stored<Option<T>>>, epoch: i16, fate: Fate) {
            let open = log.iter_mut().filter(|s| s.fate == Fate::Open(epoch));
            let count = open.map(|stored| stored.fate = fate).count();
            if count > 0 {
                log.push(Stored { what: None, fate });
            }
        }
        self.mirror
            .iter_mut()
            .for_each(|log| ended(log, epoch, fate));
        ended(&mut self.control, epoch, fate);
    }

    /// What readers of committed records find.
    fn committed(&self, partition: usize) -> Vec<i64> {
        let log = self.mirror[partition].iter();
        let stable = log.take_while(|s| !matches!(s.fate, Fate::Open(_)));
        let committed = stable.filter(|s| s.fate == Fate::Committed);
        committed.filter_map(|s| s.what).collect()
    }

    pub fn mirror_end(&self, partition: usize) -> i64 {
        self.mirror[partition].len() as i64
    }

    /// Says whether every source record was copied; `Err` if anything else was, or in another order.
    pub fn is_over(&self) -> Result<bool, String> {
        let mut over = true;
        for partition in 0..PARTITIONS {
            let found = self.committed(partition);
            let wrong = found
                .iter()
                .zip(0..)
                .find(|(found, wanted)| *found != wanted);
            if let Some((found, wanted)) = wrong {
                return Err(format!(
                    "partition {partition}: {found} where {wanted} belongs"
                ));
            }
            over &= found.len() as i64 == self.source[partition];
        }
        Ok(over)
    }
}

/// One worker's way to everything.
#[derive(Clone, Debug)]
pub struct Node {
    pub world: Arc<Mutex<World>>,
    pub mutation: Mutation,
}

/// Lets others go on for so many turns.
struct Pause(u32);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        Poll::Pending
    }
}

impl Node {
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub async fn pause(&self) {
        let turns = self.lock().rng.u32(1..6);
        Pause(turns).await;
    }

    /// The way to a broker or back; it fails now and then.
    pub async fn travel(&self) -> Result<(), String> {
        self.pause().await;
        match self.lock().fails(80) {
            true => Err("lost".to_owned()),
            false => Ok(()),
        }
    }

    pub async fn ask(&self) -> Result<(), PortError> {
        self.travel().await.map_err(PortError::Unreachable)
    }

    /// Sends a batch; its number is asked for by [`Self::reply`].
    pub fn send(&self, mut produce: Produce) -> u64 {
        let mut world = self.lock();
        produce.reply = world.number();
        let number = produce.reply;
        world.network.push(produce);
        number
    }

    /// Waits for an answer; `None` after too long.
    pub async fn reply(&self, number: u64) -> Option<Result<i64, i16>> {
        for _ in 0..200 {
            if let Some(reply) = self.lock().replies.remove(&number) {
                return Some(reply);
            }
            Pause(1).await;
        }
        None
    }
}

impl Clock for Node {
    fn wall_ms(&self) -> i64 {
        self.lock().now_ms
    }

    fn monotonic_ms(&self) -> i64 {
        self.lock().now_ms
    }

    async fn sleep(&self, _: Duration) {
        self.pause().await;
    }
}

impl ControlLog for Node {
    async fn read(&self, _: u32, from: i64) -> Result<(Vec<ControlEntry>, i64), PortError> {
        self.ask().await?;
        let all = self.mutation == Mutation::ReadUncommitted;
        let answer = {
            let world = self.lock();
            let open = |s: &&Stored<_>| all || !matches!(s.fate, Fate::Open(_));
            let stable: Vec<_> = world.control.iter().take_while(open).collect();
            let end = stable.len() as i64;
            let seen = stable.iter().filter(|s| all || s.fate == Fate::Committed);
            let entries = seen.filter_map(|s| s.what.clone());
            (
                entries.filter(|e| e.offset >= from).collect(),
                end.max(from),
            )
        };
        self.ask().await?;
        Ok(answer)
    }

    async fn append(&self, batch: ControlBatch) -> Result<i64, AppendError> {
        self.travel().await.map_err(AppendError::Indefinite)?;
        let answer = {
            let mut world = self.lock();
            let next = match world.known_control {
                Some((epoch, _)) if batch.epoch < epoch => Err(47),
                Some((epoch, next)) if batch.epoch == epoch && next != batch.base_sequence => {
                    Err(45)
                }
                _ => Ok(batch.base_sequence + batch.records.len() as i32),
            };
            next.map(|next| {
                world.known_control = Some((batch.epoch, next));
                world.write_control(&batch, Fate::Committed)
            })
        };
        self.travel().await.map_err(AppendError::Indefinite)?;
        answer.map_err(AppendError::Refused)
    }
}

impl World {
    fn write_control(&mut self, batch: &ControlBatch, fate: Fate) -> i64 {
        let base = self.control.len() as i64;
        for (record, offset) in batch.records.iter().zip(base..) {
            let entry = ControlEntry {
                offset,
                producer_id: batch.producer_id,
                epoch: batch.epoch,
                transactional: batch.producer_id == PRODUCER,
                key: record.key.clone(),
                value: record.value.clone(),
            };
            self.control.push(Stored {
                what: Some(entry),
                fate,
            });
        }
        base
    }
}

impl Transactions for Node {
    async fn begin(&self, _: u32) -> Result<Writer, PortError> {
        self.ask().await?;
        while self.lock().committing.is_some() {
            self.pause().await;
        }
        let writer = {
            let mut world = self.lock();
            let epoch = world.epoch;
            world.mark(epoch, Fate::Aborted);
            world.epoch += 1;
            Writer {
                producer_id: PRODUCER,
                epoch: world.epoch,
            }
        };
        self.ask().await?;
        Ok(writer)
    }

    async fn append_within(&self, batch: ControlBatch) -> Result<i64, AppendError> {
        self.travel().await.map_err(AppendError::Indefinite)?;
        let answer = {
            let mut world = self.lock();
            match (batch.epoch == world.epoch, world.committing) {
                (false, _) => Err(47),
                (true, Some(_)) => Err(51),
                (true, None) => Ok(world.write_control(&batch, Fate::Open(batch.epoch))),
            }
        };
        self.travel().await.map_err(AppendError::Indefinite)?;
        answer.map_err(AppendError::Refused)
    }

    async fn commit(&self, _: u32, writer: Writer) -> Result<Writer, AppendError> {
        self.travel().await.map_err(AppendError::Indefinite)?;
        {
            let mut world = self.lock();
            if writer.epoch != world.epoch || world.committing.is_some() {
                return Err(AppendError::Refused(90));
            }
            world.committing = Some(writer.epoch);
            world.epoch += 1;
        }
        self.travel().await.map_err(AppendError::Indefinite)?;
        while self.lock().committing == Some(writer.epoch) {
            self.pause().await;
        }
        Ok(Writer {
            epoch: writer.epoch + 1,
            ..writer
        })
    }
}
