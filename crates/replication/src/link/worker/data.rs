//! Batches in and out: what was fetched is queued, what may go is sent, what was answered is counted.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use kafka::{
    Error, ErrorCode, Gate, Purpose,
    fetch::{FetchConnection, FetchOptions},
    patch::{Patch, Times},
    produce::{ProduceConnection, ProducePart},
};
use model::problem::Problem;
use tracing::{debug, warn};

use super::Worker;
use crate::{
    link::{
        decode::Payload,
        event::{Done, FetchEvent, PartitionId},
        fetch::{FETCH_BYTES, FetchedLane, Fetcher},
        io::{SourcePort, boot_ms, fetch_isolation},
        partition::Stage,
        traffic::{ConnectionKey, Line, Producer, REQUEST_BYTES, Replied, SentPart, Side},
    },
    protocol::{
        flow::{Blocked, Failed, Next, Now, Order, Verdict},
        ports::{Clock, PortError},
        takeover::verify_source,
    },
};

/// Damaged data in a row before a partition shows it.
const FAULTS_SHOWN: u32 = 3;

impl Worker {
    pub(super) fn fetched(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Arrived { lanes, throttle } => {
                self.throttled_ms += throttle.as_millis() as u64;
                for lane in lanes {
                    self.lane_fetched(lane);
                }
            }
            FetchEvent::Closed { serial, error } => self.fetcher_closed(serial, &error),
        }
    }

    fn lane_fetched(&mut self, fetched: FetchedLane) {
        let id = fetched.id;
        let read_committed = self.read_committed();
        let partition = &mut self.partitions[id.0];
        let copying = matches!(partition.stage, Stage::Copying);
        if partition.lane != fetched.generation || !copying {
            return fetched.queued.sub(fetched.decoded.bytes);
        }
        if !fetched.error.is_ok() {
            return self.lane_failed(id, fetched.error);
        }
        let end = if read_committed {
            fetched.last_stable_offset
        } else {
            fetched.high_watermark
        };
        partition.source_end = Some(end);
        partition.live_from.get_or_insert(end);
        if fetched.log_start >= 0 {
            partition.source_start = Some(fetched.log_start);
        }
        let lost = partition
            .flow
            .as_ref()
            .is_some_and(|f| f.fetch_offset() < fetched.log_start);
        if lost && fetched.decoded.outgoing.is_empty() {
            return self.take_over_again(id, "retention passed the position");
        }
        self.queue(fetched);
    }

    /// Queues what was fetched, up to the first batch of another leader epoch that the source has yet to vouch for.
    fn queue(&mut self, fetched: FetchedLane) {
        let id = fetched.id;
        let partition = &mut self.partitions[id.0];
        let Some(flow) = &mut partition.flow else {
            return;
        };
        let verified = partition.verified_epoch;
        let vouched = |before: i32, epoch: i32| {
            before < 0 || epoch < 0 || before == epoch || verified == Some(epoch)
        };
        let mut left = fetched.decoded.bytes;
        for batch in fetched.decoded.outgoing {
            let epoch = batch.leader_epoch;
            if !vouched(flow.fetch_epoch(), epoch) {
                fetched.queued.sub(left);
                return self.verify(id, epoch);
            }
            left = left.saturating_sub(batch.payload.batch.size_bytes());
            flow.push(batch);
        }
        if let Some(gap) = fetched.decoded.gap_to {
            if !vouched(flow.fetch_epoch(), gap.leader_epoch) {
                return self.verify(id, gap.leader_epoch);
            }
            flow.gap(gap.to, gap.leader_epoch, gap.explained);
        }
        match fetched.decoded.fault {
            None => partition.failures = 0,
            Some(fault) => self.damaged(id, &fault),
        }
        self.make_ready(id);
    }

    /// Asks the source whether it still holds what was fetched before this leader epoch.
    fn verify(&mut self, id: PartitionId, epoch: i32) {
        self.make_ready(id);
        self.stop_following(id);
        let partition = &self.partitions[id.0];
        let Some(flow) = &partition.flow else { return };
        let (offset, before) = (flow.fetch_offset(), flow.fetch_epoch());
        let generation = partition.generation;
        let source = SourcePort::new(self.wire.clone(), &partition.identity);
        self.jobs.spawn(async move {
            let result = verify_source(&source, offset, before).await;
            Done::Verified {
                id,
                generation,
                epoch,
                result,
            }
        });
    }

    pub(super) fn verified(
        &mut self,
        id: PartitionId,
        generation: u64,
        epoch: i32,
        result: Result<bool, PortError>,
    ) {
        let partition = &mut self.partitions[id.0];
        if partition.generation != generation {
            return;
        }
        match result {
            Ok(true) => {
                partition.verified_epoch = Some(epoch);
                self.follow(id);
            }
            Ok(false) => self.take_over_again(id, "the source was truncated"),
            Err(error) => {
                debug!(%error, "the source did not vouch yet");
                self.refresh(Side::Fetch);
                self.take_over_again(id, "the source did not vouch for what was fetched");
            }
        }
    }

    fn lane_failed(&mut self, id: PartitionId, error: ErrorCode) {
        self.partitions[id.0].following = None;
        if error == ErrorCode::OFFSET_OUT_OF_RANGE {
            return self.take_over_again(id, "the source does not hold the position");
        }
        let topic = &self.partitions[id.0].identity.source_topic;
        debug!(topic, error = error.name(), "fetch refused");
        self.refresh(Side::Fetch);
        let gone = error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            || error == ErrorCode::UNKNOWN_TOPIC_ID
            || error == ErrorCode::INCONSISTENT_TOPIC_ID;
        if gone {
            self.topics_errand.hurry(self.wire.monotonic_ms());
            self.take_over_again(id, "the source topic changed");
        } else if !error.is_retriable() {
            self.fetch_problem(id, error);
        }
    }

    fn fetch_problem(&mut self, id: PartitionId, error: ErrorCode) {
        let topic = self.partitions[id.0].identity.source_topic.clone();
        let source = &self.link.spec.source;
        let mut problem = Problem {
            code: "source.refused".to_owned(),
            status: 502,
            title: format!("May not read `{topic}` at `{source}` ({}).", error.name()),
            detail: format!("Topic `{topic}` at `{source}`. Retried."),
            state: Some("waiting".to_owned()),
            broker_error: Some(error.name().to_owned()),
            next_step: Some(format!(
                "Check topic `{topic}` and its leader at `{source}`."
            )),
            ..Problem::default()
        };
        if error.is_authorization() {
            problem.code = "acl.missing".to_owned();
            problem.next_step = Some(format!(
                "Grant READ: `kafka-acls.sh --add --allow-principal User:<user> --operation Read --topic {topic}`."
            ));
        }
        self.partition_problem(id, problem);
    }

    /// Bytes arrived damaged: they are fetched again, and shown if that does not help.
    fn damaged(&mut self, id: PartitionId, fault: &str) {
        let partition = &mut self.partitions[id.0];
        partition.failures += 1;
        partition.following = None;
        let failures = partition.failures;
        warn!(topic = %partition.identity.source_topic, fault, failures, "fetched data is damaged");
        if failures >= FAULTS_SHOWN {
            self.partition_problem(
                id,
                Problem {
                    code: "source.damaged".to_owned(),
                    status: 502,
                    title: "The source sends data that cannot be used.".to_owned(),
                    detail: fault.to_owned(),
                    state: Some("waiting".to_owned()),
                    cause: Some(fault.to_owned()),
                    next_step: Some("Check the source broker's log directory.".to_owned()),
                    ..Problem::default()
                },
            );
        } else {
            self.follow(id);
        }
    }

    fn fetcher_closed(&mut self, serial: u64, error: &Error) {
        let key = self
            .traffic
            .lines
            .iter()
            .find_map(|(key, line)| match line {
                Line::Fetch { serial: open, .. } if *open == serial => Some(*key),
                _ => None,
            });
        if let Some(key) = key {
            self.line_failed(key, error);
        }
    }

    fn line_failed(&mut self, key: ConnectionKey, error: &Error) {
        let now_ms = self.wire.monotonic_ms();
        self.traffic.failed(key, now_ms);
        self.refresh(key.side);
        for partition in &mut self.partitions {
            if partition.following == Some(key) {
                partition.following = None;
                partition.lane += 1;
            }
            if key.side == Side::Produce {
                partition.ready = false;
            }
        }
        let problem = self.unreachable(key, error);
        let wall_ms = self.wire.wall_ms();
        self.traffic.problems.note(key, problem, wall_ms);
    }

    fn unreachable(&self, key: ConnectionKey, error: &Error) -> Problem {
        let (side, cluster) = match key.side {
            Side::Fetch => ("source", &self.link.spec.source),
            Side::Produce => ("destination", &self.link.spec.destination),
        };
        Problem {
            code: error.code().to_owned(),
            status: 503,
            title: format!("Broker {} of the {side} `{cluster}` does not answer.", key.broker),
            detail: error.to_string(),
            state: Some("waiting".to_owned()),
            cause: Some(error.to_string()),
            broker_error: error.broker_code().map(|code| code.name().to_owned()),
            next_step: Some(
                "Check the broker and the way to it; the link resumes by itself and nothing is lost while retention lasts."
                    .to_owned(),
            ),
            ..Problem::default()
        }
    }

    /// Opens connections that partitions want, and lets partitions follow that have none.
    pub(super) fn open_lines(&mut self, now_ms: i64) {
        let mut wanted = BTreeSet::new();
        for index in 0..self.partitions.len() {
            let id = PartitionId(index);
            let partition = &self.partitions[index];
            if !matches!(partition.stage, Stage::Copying) {
                continue;
            }
            let (following, in_need) = (partition.following, partition.following.is_none());
            if let Some((broker, _)) = self.source_leader(id) {
                let key = self.traffic.count.key(Side::Fetch, broker, id);
                wanted.insert(key);
                if in_need || following != Some(key) {
                    self.follow(id);
                }
            }
            if let Some((broker, _)) = self.destination_leader(id) {
                wanted.insert(self.traffic.count.key(Side::Produce, broker, id));
            }
        }
        self.traffic.retain(&wanted);
        for key in wanted {
            if self.traffic.want(key, now_ms) {
                self.open(key);
            }
        }
    }

    fn open(&mut self, key: ConnectionKey) {
        let wire = self.wire.clone();
        let isolation = self.root.spec.as_ref().map(|spec| spec.meaning.isolation);
        let options = FetchOptions {
            isolation: fetch_isolation(isolation.unwrap_or(self.link.spec.isolation)),
            max_wait: std::time::Duration::from_millis(250),
            min_bytes: 1,
            max_bytes: FETCH_BYTES as i32,
            rack: String::new(),
        };
        self.jobs.spawn(async move {
            match key.side {
                Side::Fetch => {
                    let opened = wire.source.open(key.broker, Purpose::Ask).await;
                    let result = opened.and_then(|c| FetchConnection::new(c, options));
                    Done::FetchOpened { key, result }
                }
                Side::Produce => Done::ProduceOpened {
                    key,
                    result: wire.destination.open_producer(key.broker).await,
                },
            }
        });
    }

    pub(super) fn fetch_opened(
        &mut self,
        key: ConnectionKey,
        result: Result<FetchConnection, Error>,
    ) {
        match result {
            Ok(connection) => {
                let serial = self.traffic.next_serial();
                let events = self.event_sender.clone();
                let fetcher = Fetcher::start(serial, connection, self.budget.clone(), events);
                self.line_opened(key, Line::Fetch { fetcher, serial });
                self.open_lines(self.wire.monotonic_ms());
            }
            Err(error) => self.line_failed(key, &error),
        }
    }

    pub(super) fn produce_opened(
        &mut self,
        key: ConnectionKey,
        result: Result<ProduceConnection, Error>,
    ) {
        match result {
            Ok(connection) => {
                let serial = self.traffic.next_serial();
                let producer = Producer {
                    connection,
                    serial,
                    ready: std::collections::VecDeque::new(),
                    requests: 0,
                    bytes: 0,
                };
                self.line_opened(key, Line::Produce(Box::new(producer)));
                for index in 0..self.partitions.len() {
                    self.make_ready(PartitionId(index));
                }
            }
            Err(error) => self.line_failed(key, &error),
        }
    }

    fn line_opened(&mut self, key: ConnectionKey, line: Line) {
        self.traffic.opened(key, line);
    }

    /// Puts a partition into its producer's queue, if it may have something to send.
    pub(super) fn make_ready(&mut self, id: PartitionId) {
        let partition = &self.partitions[id.0];
        if partition.ready || !matches!(partition.stage, Stage::Copying) {
            return;
        }
        let Some((broker, _)) = self.destination_leader(id) else {
            return self.refresh(Side::Produce);
        };
        let key = self.traffic.count.key(Side::Produce, broker, id);
        if let Some(producer) = self.traffic.producer(key) {
            producer.ready.push_back(id);
            self.partitions[id.0].ready = true;
            self.traffic.sending.insert(key);
        }
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
    fn send_request(&mut self, key: ConnectionKey) -> bool {
        let Some(producer) = self.traffic.producer(key) else {
            return false;
        };
        let candidates: Vec<PartitionId> = producer.ready.drain(..).collect();
        let mut request = Request::default();
        let mut again = Vec::new();
        for id in candidates {
            if request.bytes >= REQUEST_BYTES {
                again.push(id);
                continue;
            }
            self.partitions[id.0].ready = false;
            if self.add_batch(id, &mut request) {
                self.partitions[id.0].ready = true;
                again.push(id);
            }
        }
        let sent = !request.parts.is_empty();
        if let Some(producer) = self.traffic.producer(key) {
            producer.ready.extend(again);
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
        match flow.next(now) {
            Next::Send(order) => {
                if let Some(lease) = slot.lease() {
                    request.leases.push(lease);
                }
                let queued = partition.queued.clone();
                let generation = partition.generation;
                let (topic, topic_id) = (partition.mirror.clone(), partition.mirror_id);
                let index = partition.identity.partition;
                let Some(part) = patched(&order, topic, topic_id, index) else {
                    warn!("a batch that must be rebuilt reached the sender");
                    flow.failed(Failed::NoReply);
                    self.take_over_again(id, "a batch that cannot be patched");
                    return false;
                };
                request.bytes += order.payload.batch.size_bytes();
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
        request.leases.dedup_by(|a, b| Arc::ptr_eq(a, b));
        let leases = request.leases;
        // The writer asks again right before the bytes go: a lease may have ended in its queue.
        let gate = Gate(Arc::new(move || {
            let now_ms = boot_ms();
            leases
                .iter()
                .all(|lease| now_ms < lease.load(Ordering::Acquire))
        }));
        let Some(producer) = self.traffic.producer(key) else {
            return;
        };
        let serial = producer.serial;
        producer.requests += 1;
        producer.bytes += request.bytes;
        let pending = producer.connection.send(&request.parts, Some(gate));
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

    pub(super) fn replied(&mut self, replied: Replied) {
        let Replied {
            key,
            serial,
            parts,
            result,
        } = replied;
        if let Some(producer) = self.traffic.producer(key)
            && producer.serial == serial
        {
            producer.requests -= 1;
            producer.bytes -= parts.iter().map(|part| part.bytes).sum::<usize>();
            if !producer.ready.is_empty() {
                self.traffic.sending.insert(key);
            }
        }
        match result {
            Ok(reply) => {
                self.throttled_ms += reply.throttle.as_millis() as u64;
                for (part, ack) in parts.into_iter().zip(reply.acks) {
                    self.answered(part, Some((ack.error, ack.base_offset)));
                }
            }
            Err(error) => {
                debug!(%error, "a produce request was not answered");
                for part in parts {
                    self.answered(part, None);
                }
                let open = self
                    .traffic
                    .producer(key)
                    .is_some_and(|p| p.serial == serial);
                if open && !matches!(error, Error::Withheld) {
                    self.line_failed(key, &error);
                }
            }
        }
    }

    /// Judges the answer for one batch: error code and base offset, or none at all.
    fn answered(&mut self, part: SentPart, answer: Option<(ErrorCode, i64)>) {
        part.queued.sub(part.bytes);
        let id = part.id;
        let partition = &mut self.partitions[id.0];
        if partition.generation != part.generation {
            return;
        }
        let Some(flow) = &mut partition.flow else {
            return;
        };
        let verdict = match answer {
            Some((ErrorCode::NONE, base_offset)) => flow.acknowledged(base_offset),
            Some((error, _)) => flow.failed(Failed::Code(error.0)),
            None => flow.failed(Failed::NoReply),
        };
        match verdict {
            Verdict::Acknowledged => self.delivered(part),
            Verdict::TakeOver => {
                let why = answer.map_or("no answer", |(error, _)| error.name());
                if answer.is_some_and(|(error, _)| error.is_stale_metadata()) {
                    self.refresh(Side::Produce);
                }
                if answer.is_some_and(|(error, _)| error.is_authorization()) {
                    self.write_problem(id, answer.map_or(ErrorCode::NONE, |(error, _)| error));
                }
                self.take_over_again(id, why);
            }
            Verdict::Fenced => {
                warn!("a newer epoch of our data stands at the destination");
                let slot = partition.slot;
                self.slot_fenced(slot);
                return;
            }
            Verdict::Refused {
                code,
                source_from,
                source_to,
            } => {
                self.batch_refused(id, code, (source_from, source_to), part.records);
            }
        }
        self.settle(id);
        self.make_ready(id);
    }

    /// The destination does not take a batch: its records go one by one, and the one that is refused alone is judged.
    fn batch_refused(&mut self, id: PartitionId, code: i16, range: (i64, i64), records: u32) {
        if records <= 1 {
            self.stop_following(id);
            self.partitions[id.0].refusal = Some((code, range));
        }
        self.partitions[id.0].singly = Some(range);
        self.take_over_again(id, "the destination refused a batch");
    }

    fn write_problem(&mut self, id: PartitionId, error: ErrorCode) {
        let mirror = self.partitions[id.0].mirror.clone();
        let destination = &self.link.spec.destination;
        let problem = Problem {
            code: "acl.missing".to_owned(),
            status: 502,
            title: format!(
                "May not write `{mirror}` at `{destination}` ({}).",
                error.name()
            ),
            detail: "Retried; nothing is lost while the source's retention lasts.".to_owned(),
            state: Some("waiting".to_owned()),
            broker_error: Some(error.name().to_owned()),
            next_step: Some(format!(
                "Grant WRITE: `kafka-acls.sh --add --allow-principal User:<user> --operation Write --topic {mirror}`."
            )),
            ..Problem::default()
        };
        self.partition_problem(id, problem);
    }

    fn delivered(&mut self, part: SentPart) {
        let wall_ms = self.wire.wall_ms();
        let partition = &mut self.partitions[part.id.0];
        let records = u64::from(part.records);
        partition.rates.count(records, part.bytes as u64);
        partition.last_copied_ms = Some(part.max_timestamp_ms);
        partition.failures = 0;
        partition.problem = None;
        self.rates.count(records, part.bytes as u64);
        let live = partition
            .live_from
            .is_some_and(|from| part.source_base >= from);
        if live && part.first_timestamp_ms >= 0 {
            self.latency
                .record(wall_ms - part.first_timestamp_ms, records);
        }
    }

    /// Bytes from which a batch goes alone: near what the mirror takes.
    pub(super) fn alone_bytes(&self, _id: PartitionId) -> usize {
        900 << 10
    }
}

/// A produce request being put together.
#[derive(Default)]
struct Request {
    parts: Vec<ProducePart>,
    sent: Vec<SentPart>,
    bytes: usize,
    leases: Vec<Arc<AtomicI64>>,
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
