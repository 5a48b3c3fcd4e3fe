//! What goes out: one batch per partition in a request, as soon as it may.

use std::sync::Arc;

use kafka::{
    Gate,
    patch::{Patch, Times},
    produce::ProducePart,
};
use tracing::warn;

use super::{Worker, transactions::number_within};
use crate::{
    link::{
        decode::Payload,
        event::PartitionId,
        io::boot_ms,
        partition::Stage,
        slot::Lease,
        traffic::{ConnectionKey, Replied, SentPart, Side},
    },
    protocol::{
        flow::{Blocked, Failed, Next, Now, Order},
        ports::Clock,
    },
};

impl Worker {
    /// Puts a partition into its producer's queue, if it may have something to send.
    pub(super) fn make_ready(&mut self, id: PartitionId) {
        let partition = &self.partitions[id.0];
        if partition.ready || !matches!(partition.stage, Stage::Copying) {
            return;
        }
        let Some((broker, _)) = self.destination_leader(id) else {
            return self.refresh(Side::Produce);
        };
        let key = self.produce_key(broker, id);
        if let Some(producer) = self.traffic.producer(key) {
            producer.ready.push_back(id);
            self.partitions[id.0].ready = true;
            self.traffic.sending.insert(key);
        }
    }

    /// Returns the connection for the next batch of a partition.
    pub(super) fn produce_key(&self, broker: i32, id: PartitionId) -> ConnectionKey {
        if self.is_transactional() {
            // One connection of a slot to each broker: what begins a partition's part of a transaction is told one by one.
            let slot = self.partitions[id.0].slot as usize;
            self.traffic
                .count
                .key(Side::Produce, broker, PartitionId(slot))
        } else if self.next_is_checked(id) {
            self.traffic.count.key(Side::Produce, broker, id)
        } else {
            self.traffic.count.alone_key(broker, id)
        }
    }

    fn next_is_checked(&self, id: PartitionId) -> bool {
        let wall_ms = self.wire.wall_ms();
        let flow = self.partitions[id.0].flow.as_ref();
        flow.is_none_or(|flow| flow.checked(wall_ms))
    }

    pub(super) fn wake_delayed(&mut self, now_ms: i64) {
        let due: Vec<PartitionId> = self
            .delayed
            .iter()
            .filter(|(at_ms, _)| *at_ms <= now_ms)
            .map(|(_, id)| *id)
            .collect();
        self.delayed.retain(|(at_ms, _)| *at_ms > now_ms);
        for id in due {
            self.make_ready(id);
        }
    }

    /// Sends all that may go.
    pub(super) fn pump(&mut self) {
        let keys: Vec<ConnectionKey> = self.traffic.sending.iter().copied().collect();
        for key in keys {
            while self
                .traffic
                .producer(key)
                .is_some_and(|producer| producer.may_send())
            {
                if !self.send_request(key) {
                    break;
                }
            }
            if self
                .traffic
                .producer(key)
                .is_none_or(|producer| producer.ready.is_empty())
            {
                self.traffic.sending.remove(&key);
            }
        }
    }

    /// Sends one request of at most one batch per partition; returns whether anything went.
    pub(super) fn send_request(&mut self, key: ConnectionKey) -> bool {
        let Some(producer) = self.traffic.producer(key) else {
            return false;
        };
        let (alone, most) = (producer.alone, producer.request_bytes());
        let candidates: Vec<PartitionId> = producer.ready.drain(..).collect();
        let mut request = Request::default();
        let (mut again, mut left_out) = (Vec::new(), Vec::new());
        for id in candidates {
            if request.bytes >= most || !self.fits_transaction(id, &request) {
                left_out.push(id);
                continue;
            }
            self.partitions[id.0].ready = false;
            if alone == self.next_is_checked(id) {
                // Another connection is for what comes next.
                self.make_ready(id);
                continue;
            }
            if self.add_batch(id, &mut request) {
                self.partitions[id.0].ready = true;
                again.push(id);
            }
        }
        let sent = !request.parts.is_empty();
        if let Some(producer) = self.traffic.producer(key) {
            // Who found no room goes first next time.
            producer.ready.extend(left_out.into_iter().chain(again));
        }
        if sent {
            self.dispatch(key, request);
        }
        sent
    }

    /// Adds the next batch of a partition; returns whether there was one.
    fn add_batch(&mut self, id: PartitionId, request: &mut Request) -> bool {
        let now_ms = self.wire.monotonic_ms();
        let wall_ms = self.wire.wall_ms();
        let partition = &mut self.partitions[id.0];
        let Some(slot) = self.slots.get_mut(&partition.slot) else {
            return false;
        };
        let (Some(flow), Stage::Copying) = (&mut partition.flow, &partition.stage) else {
            return false;
        };
        let now = Now {
            wall_ms,
            monotonic_ms: now_ms,
            lease_fresh: slot.lease_fresh(now_ms),
        };
        if !slot.takes_batches(now_ms) {
            return false;
        }
        match flow.next(now) {
            Next::Send(mut order) => {
                if let Some(transaction) = &slot.transaction {
                    number_within(transaction, id, &mut order);
                    request.slot = Some(partition.slot);
                } else if let Some(lease) = slot.lease() {
                    request.leases.push(lease);
                }
                let queued = partition.queued.clone();
                let generation = partition.generation;
                let (topic, topic_id) = (partition.mirror.clone(), partition.mirror_id);
                let index = partition.identity.partition;
                let Some(part) = patched(&order, topic, topic_id, index) else {
                    warn!("a batch that must be rebuilt reached the sender");
                    flow.failed(Failed::Unsent);
                    self.take_over_again(id, "a batch that cannot be patched");
                    return false;
                };
                let bytes = order.payload.batch.size_bytes();
                if let Some(transaction) = &mut slot.transaction {
                    let records = i64::from(order.payload.batch.records_count());
                    transaction.sent(id.0, records, bytes, now_ms);
                }
                request.bytes += bytes;
                request.parts.push(part);
                request
                    .sent
                    .push(SentPart::new(id, generation, queued, order.payload));
                true
            }
            Next::StoreFirst => {
                partition.store_due = true;
                slot.hurry();
                false
            }
            Next::Blocked(Blocked::Lease) => {
                slot.renewal();
                false
            }
            Next::Blocked(Blocked::Quiet(at_ms)) => {
                self.delayed.push((at_ms, id));
                false
            }
            Next::Blocked(Blocked::InFlight) | Next::Idle => false,
            Next::TakeOver => {
                self.take_over_again(id, "the flow asks for it");
                false
            }
        }
    }

    fn dispatch(&mut self, key: ConnectionKey, mut request: Request) {
        request.leases.dedup_by(|a, b| a.is(b));
        let leases = request.leases;
        // The writer asks again right before the bytes go: a lease may have ended in its queue.
        let gate = Gate(Arc::new(move || {
            let now_ms = boot_ms();
            leases.iter().all(|lease| lease.is_fresh(now_ms))
        }));
        let transactional_id = request.slot.map(|slot| self.wire.transactional_id(slot));
        let Some(producer) = self.traffic.producer(key) else {
            return;
        };
        let serial = producer.serial;
        producer.requests += 1;
        producer.bytes += request.bytes;
        for part in &request.sent {
            let slot = self.partitions[part.id.0].slot;
            *producer.open.entry(slot).or_default() += 1;
        }
        let pending = match &transactional_id {
            None => producer.connection.send(&request.parts, Some(gate)),
            Some(id) => producer
                .connection
                .send_within(id, &request.parts, Some(gate)),
        };
        let parts = request.sent;
        self.traffic.replies.push(Box::pin(async move {
            let result = match pending {
                Ok(pending) => pending.answer().await,
                Err(error) => Err(error),
            };
            Replied {
                key,
                serial,
                parts,
                result,
            }
        }));
    }
}

/// A produce request being put together.
#[derive(Default)]
pub(super) struct Request {
    parts: Vec<ProducePart>,
    sent: Vec<SentPart>,
    bytes: usize,
    leases: Vec<Lease>,
    /// The slot whose transaction it belongs to: all of its batches do.
    pub(super) slot: Option<u32>,
}

/// Gives a batch its producer fields; `None` if a patched header is not enough.
fn patched(
    order: &Order<Payload>,
    topic: Arc<str>,
    topic_id: uuid::Uuid,
    partition: i32,
) -> Option<ProducePart> {
    let patch = Patch {
        producer_id: order.producer_id,
        producer_epoch: order.epoch,
        base_sequence: order.base_sequence,
    };
    let patched = order.payload.batch.patch(patch, Times::Visible)?;
    Some(ProducePart {
        topic,
        topic_id,
        partition,
        header: patched.header,
        payload: patched.payload,
    })
}
