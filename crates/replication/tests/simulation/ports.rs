//! The protocol's ports, answered by the simulated world.

use std::time::Duration;

use model::link::Isolation;
use replication::protocol::{
    ports::{
        AppendError, Bounds, Clock, ControlBatch, ControlEntry, ControlLog, Destination,
        DestinationBatch, PortError, ProducerState, RecordPrint, Source, SourceBatch, SourceClass,
    },
    position::Position,
    sequence,
};

use crate::{
    Mutation,
    logs::{MirrorBatch, SourceLogBatch},
    world::{Message, Node, PRODUCE_TIMEOUT_MS, WALL_MS},
};

/// Batches of one page of headers.
const PAGE: usize = 4;

impl Node {
    /// The way to a broker and back; fails now and then.
    pub async fn travel(&self) -> Result<(), PortError> {
        let (ms, failed) = {
            let mut world = self.lock();
            let (odds, far_ms) = (world.odds.unread, world.far_ms);
            (world.rng.i64(1..far_ms), world.chance(odds))
        };
        self.sleep_ms(ms).await;
        if failed {
            Err(PortError::Unreachable("lost".to_owned()))
        } else {
            Ok(())
        }
    }
}

impl Clock for Node {
    fn wall_ms(&self) -> i64 {
        WALL_MS + self.lock().now_ms
    }

    fn monotonic_ms(&self) -> i64 {
        self.lock().now_ms
    }

    async fn sleep(&self, time: Duration) {
        self.sleep_ms(i64::try_from(time.as_millis()).unwrap())
            .await;
    }
}

/// The control topic as one worker process sees it.
#[derive(Clone, Debug)]
pub struct Control {
    pub node: Node,
    pub mutation: Mutation,
    /// The claim that this process wrote last, for [`Mutation::NoReadBack`].
    pub wrote: std::sync::Arc<std::sync::Mutex<Option<ControlEntry>>>,
}

impl ControlLog for Control {
    async fn read(&self, slot: u32, from: i64) -> Result<(Vec<ControlEntry>, i64), PortError> {
        self.node.travel().await?;
        let answer = {
            let world = self.node.lock();
            let log = &world.control[usize::try_from(slot).unwrap()];
            let mut entries: Vec<_> = log
                .entries
                .iter()
                .filter(|e| e.offset >= from)
                .cloned()
                .collect();
            if self.mutation == Mutation::NoReadBack
                && let Some(wrote) = self.wrote.lock().unwrap().take()
            {
                entries
                    .iter_mut()
                    .filter(|e| e.offset == wrote.offset)
                    .for_each(|e| *e = wrote.clone());
            }
            (entries, log.end)
        };
        self.node.travel().await?;
        Ok(answer)
    }

    async fn append(&self, batch: ControlBatch) -> Result<i64, AppendError> {
        if self.mutation == Mutation::NoSeal && batch.epoch == i16::MAX {
            return Ok(self.node.lock().control[0].end);
        }
        let claim = batch.records[0].clone();
        let (producer_id, epoch) = (batch.producer_id, batch.epoch);
        let (number, arrives_ms, lost) = {
            let mut world = self.node.lock();
            let odds = world.odds.control_lost;
            let lost = world.chance(odds);
            let never = lost && world.rng.bool();
            let delay = if lost {
                world.rng.i64(1..PRODUCE_TIMEOUT_MS)
            } else {
                world.rng.i64(1..8)
            };
            let arrives_ms = world.now_ms + delay;
            let number = world.number();
            if !never {
                world.post(
                    arrives_ms,
                    Message::Control {
                        reply: number,
                        batch,
                    },
                );
            }
            (number, arrives_ms, lost)
        };
        if lost {
            let wait = self.node.lock().rng.i64(1..PRODUCE_TIMEOUT_MS);
            self.node.sleep_ms(wait).await;
            return Err(AppendError::Indefinite("lost".to_owned()));
        }
        let back = self.node.lock().rng.i64(1..8);
        self.node.sleep_until(arrives_ms + back).await;
        let reply = self
            .node
            .lock()
            .reply(number)
            .expect("the request arrived before its reply");
        if let Ok(offset) = reply {
            let entry = ControlEntry {
                offset,
                producer_id,
                epoch,
                transactional: false,
                key: claim.key,
                value: claim.value,
            };
            *self.wrote.lock().unwrap() = Some(entry);
        }
        reply.map_err(AppendError::Refused)
    }
}

#[derive(Clone, Debug)]
pub struct SourcePort {
    pub node: Node,
    pub partition: usize,
}

/// What a reader at this isolation level makes of a batch.
pub fn class(batch: &SourceLogBatch, isolation: Isolation) -> SourceClass {
    match (batch.class, isolation) {
        (SourceClass::Aborted, Isolation::ReadUncommitted) => SourceClass::Data,
        (class, _) => class,
    }
}

fn header(batch: &SourceLogBatch, isolation: Isolation) -> SourceBatch {
    SourceBatch {
        base_offset: batch.base,
        last_offset: batch.last,
        records: i64::try_from(batch.records.len()).unwrap(),
        leader_epoch: batch.epoch,
        class: class(batch, isolation),
    }
}

impl Source for SourcePort {
    async fn topic_id(&self) -> Result<String, PortError> {
        Ok(format!("source-{}", self.partition))
    }

    async fn bounds(&self, _: Isolation) -> Result<Bounds, PortError> {
        self.node.travel().await?;
        let world = self.node.lock();
        let log = &world.source[self.partition];
        Ok(Bounds {
            log_start: log.log_start,
            end: log.end,
        })
    }

    async fn end_of_epoch(&self, epoch: i32) -> Result<Option<(i32, i64)>, PortError> {
        self.node.travel().await?;
        Ok(Some(
            self.node.lock().source[self.partition].end_of_epoch(epoch),
        ))
    }

    async fn headers(
        &self,
        from: i64,
        isolation: Isolation,
    ) -> Result<Vec<SourceBatch>, PortError> {
        self.node.travel().await?;
        let world = self.node.lock();
        let batches = world.source[self.partition].batches.iter();
        Ok(batches
            .filter(|b| b.last >= from)
            .take(PAGE)
            .map(|b| header(b, isolation))
            .collect())
    }

    async fn records(
        &self,
        from: i64,
        isolation: Isolation,
    ) -> Result<(Vec<RecordPrint>, i64), PortError> {
        self.node.travel().await?;
        let world = self.node.lock();
        let log = &world.source[self.partition];
        let Some(batch) = log.batches.iter().find(|b| b.last >= from) else {
            return Ok((Vec::new(), from));
        };
        let records = match class(batch, isolation) {
            SourceClass::Data => batch
                .records
                .iter()
                .filter(|r| r.offset >= from)
                .map(|r| RecordPrint {
                    offset: r.offset,
                    print: u128::from(r.id),
                })
                .collect(),
            _ => Vec::new(),
        };
        Ok((records, batch.last + 1))
    }
}

#[derive(Clone, Debug)]
pub struct MirrorPort {
    pub node: Node,
    pub partition: usize,
    pub mutation: Mutation,
    /// For [`Mutation::TrustStoredEnd`].
    pub stored: Option<Position>,
}

impl MirrorPort {
    fn header(&self, batch: &MirrorBatch) -> DestinationBatch {
        let header = DestinationBatch {
            base_offset: batch.base,
            last_offset: batch.last,
            producer_id: batch.producer_id,
            epoch: batch.epoch,
            base_sequence: batch.base_sequence,
            control: false,
            records: i64::try_from(batch.records.len()).unwrap(),
        };
        let at_stored_end = |stored: &&Position| batch.last + 1 == stored.own_end;
        match self.stored.as_ref().filter(at_stored_end) {
            Some(stored) if self.mutation == Mutation::TrustStoredEnd => DestinationBatch {
                producer_id: stored.producer_id,
                epoch: stored.epoch,
                base_sequence: sequence::advance(stored.next_sequence, batch.base - batch.last - 1),
                ..header
            },
            _ => header,
        }
    }

    /// The way to the mirrors' broker, which does not answer while it stands still.
    async fn travel(&self) -> Result<(), PortError> {
        self.node.travel().await?;
        let frozen = {
            let world = self.node.lock();
            world.now_ms < world.frozen_until_ms
        };
        match frozen {
            true => Err(PortError::Unreachable("frozen".to_owned())),
            false => Ok(()),
        }
    }
}

impl Destination for MirrorPort {
    async fn topic_id(&self) -> Result<String, PortError> {
        Ok(format!("mirror-{}", self.partition))
    }

    async fn leader_epoch(&self) -> Result<i32, PortError> {
        self.travel().await?;
        Ok(self.node.lock().mirror[self.partition].leader_epoch)
    }

    async fn log_end(&self, epoch: i32) -> Result<i64, PortError> {
        self.travel().await?;
        let world = self.node.lock();
        let log = &world.mirror[self.partition];
        if log.leader_epoch == epoch {
            Ok(log.end)
        } else {
            Err(PortError::Broker(74))
        }
    }

    async fn producer_state(&self, _: i64) -> Result<Option<ProducerState>, PortError> {
        self.travel().await?;
        let world = self.node.lock();
        Ok(world.mirror[self.partition]
            .known
            .as_ref()
            .map(|known| ProducerState {
                epoch: known.epoch,
                last_sequence: known.last_sequence,
                last_timestamp_ms: known.last_timestamp_ms,
            }))
    }

    async fn bounds(&self) -> Result<Bounds, PortError> {
        self.travel().await?;
        let world = self.node.lock();
        let log = &world.mirror[self.partition];
        let end = match self.mutation {
            Mutation::NoHighWatermark => log.end,
            _ => log.high_watermark(world.now_ms),
        };
        Ok(Bounds {
            log_start: log.log_start,
            end,
        })
    }

    async fn headers(&self, from: i64) -> Result<Vec<DestinationBatch>, PortError> {
        self.travel().await?;
        let world = self.node.lock();
        let batches = world.mirror[self.partition].batches.iter();
        Ok(batches
            .filter(|b| b.last >= from)
            .take(PAGE)
            .map(|b| self.header(b))
            .collect())
    }

    async fn records(&self, from: i64) -> Result<Vec<RecordPrint>, PortError> {
        self.travel().await?;
        let world = self.node.lock();
        let records = world.mirror[self.partition]
            .batches
            .iter()
            .flat_map(|b| &b.records);
        Ok(records
            .filter(|r| r.0 >= from)
            .take(8)
            .map(|r| RecordPrint {
                offset: r.0,
                print: u128::from(r.1.id),
            })
            .collect())
    }
}
