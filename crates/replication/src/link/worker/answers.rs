//! What the destination answers: counted when it is what was expected, judged when it is not.

use kafka::{Error, ErrorCode};
use model::{acl::AclResource, problem::Problem, status::FirstRecord};
use tracing::{debug, warn};

use super::Worker;
use crate::{
    grants,
    link::{
        event::PartitionId,
        partition::Refusal,
        traffic::{Replied, SentPart, Side},
    },
    meter::Brake,
    protocol::{
        flow::{Failed, Verdict},
        ports::Clock,
        transaction::Effect,
    },
};

const CORRUPT_MESSAGE: i16 = 2;
/// Times that the same batch must arrive damaged before it is taken for damaged.
const CORRUPT_TIMES: u32 = 3;

impl Worker {
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
            for part in &parts {
                producer.came_back(self.partitions[part.id.0].slot);
            }
            if !producer.ready.is_empty() {
                self.traffic.sending.insert(key);
            }
        }
        match result {
            Ok(reply) => {
                self.throttled.count(Brake::Destination, reply.throttle);
                for (part, ack) in parts.into_iter().zip(reply.acks) {
                    self.answered(part, Ok((ack.error, ack.base_offset)));
                }
            }
            Err(error) => {
                debug!(%error, "a produce request was not answered");
                let ended_ms = self.wire.monotonic_ms();
                let failed = match error {
                    Error::Withheld => Failed::Unsent,
                    _ => Failed::NoReply { ended_ms },
                };
                for part in parts {
                    self.answered(part, Err(failed));
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

    /// Judges the answer for one batch: error code and base offset, or why there is none.
    pub(super) fn answered(&mut self, part: SentPart, answer: Result<(ErrorCode, i64), Failed>) {
        part.queued.answered(part.bytes);
        let id = part.id;
        let partition = &mut self.partitions[id.0];
        if partition.generation != part.generation {
            return;
        }
        let Some(flow) = &mut partition.flow else {
            return;
        };
        let verdict = match answer {
            Ok((ErrorCode::NONE, base_offset)) => flow.acknowledged(base_offset),
            Ok((error, _)) => flow.failed(Failed::Code(error.0)),
            Err(failed) => flow.failed(failed),
        };
        let answer = answer.ok();
        let slot = partition.slot;
        let code = answer.map(|(error, _)| error.0);
        if self.answered_within(id, verdict, code) == Effect::Aborts {
            return self.batch_aborts(id, verdict, code);
        }
        match verdict {
            Verdict::Acknowledged => {
                if let Some((_, base_offset)) = answer {
                    self.note_first(&part, base_offset);
                }
                self.delivered(part);
            }
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
                self.slot_fenced(slot);
                return;
            }
            Verdict::Refused {
                code,
                source_from,
                source_to,
            } => {
                let refusal = Refusal {
                    code,
                    range: (source_from, source_to),
                    records: part.records,
                    bytes: part.bytes,
                    limit: self.forget_size(id, code),
                };
                if code == CORRUPT_MESSAGE && !self.is_corrupt(id, source_from) {
                    self.take_over_again(id, "a batch arrived damaged");
                } else {
                    self.batch_refused(id, refusal);
                }
            }
        }
        self.settle(id);
        self.make_ready(id);
        self.end_transaction(slot);
    }

    /// Notes that the destination found a batch damaged; returns whether that is the batch's own fault, not the line's.
    pub(super) fn is_corrupt(&mut self, id: PartitionId, source_from: i64) -> bool {
        let partition = &mut self.partitions[id.0];
        let before = partition.corrupt.filter(|(from, _)| *from == source_from);
        let times = before.map_or(0, |(_, times)| times) + 1;
        partition.corrupt = (times < CORRUPT_TIMES).then_some((source_from, times));
        times >= CORRUPT_TIMES
    }

    /// The destination does not take a batch: its records go one by one, and the one that is refused alone is judged.
    pub(super) fn batch_refused(&mut self, id: PartitionId, refusal: Refusal) {
        if refusal.records <= 1 {
            self.stop_following(id);
            self.partitions[id.0].refusal = Some(refusal);
        }
        self.partitions[id.0].singly = Some(refusal.range);
        self.take_over_again(id, "the destination refused a batch");
    }

    pub(super) fn write_problem(&mut self, id: PartitionId, error: ErrorCode) {
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
            next_step: Some(grants::grant(
                &self.link.destination,
                &["Write"],
                AclResource::Topic(mirror.to_string()),
            )),
            ..Problem::default()
        };
        self.partition_problem(id, problem);
    }

    /// Keeps the first delivery, which somebody who has just started the link waits for.
    fn note_first(&mut self, part: &SentPart, destination_offset: i64) {
        if self.first_record.is_some() || destination_offset < 0 {
            return;
        }
        let acknowledged_at_ms = self.wire.wall_ms();
        let partition = &self.partitions[part.id.0];
        self.first_record = Some(FirstRecord {
            topic: partition.identity.source_topic.clone(),
            mirror_topic: partition.mirror.to_string(),
            partition: partition.identity.partition,
            source_offset: part.source_base,
            destination_offset,
            acknowledged_at_ms,
            timestamp_ms: part.first_timestamp_ms,
            live: partition
                .live_from
                .is_some_and(|from| part.source_base >= from),
        });
    }

    pub(super) fn delivered(&mut self, part: SentPart) {
        let wall_ms = self.wire.wall_ms();
        let partition = &mut self.partitions[part.id.0];
        let records = u64::from(part.records);
        partition.rates.count(records, part.bytes as u64);
        partition.last_copied_ms = Some(part.max_timestamp_ms);
        partition.failures = 0;
        partition.problem = None;
        if partition.quiet.until_ms() > 0 {
            partition.quiet.heard(self.wire.monotonic_ms());
        }
        self.rates.count(records, part.bytes as u64);
        let live = partition
            .live_from
            .is_some_and(|from| part.source_base >= from);
        if live && part.first_timestamp_ms >= 0 {
            self.latency
                .record(wall_ms - part.first_timestamp_ms, records);
        }
    }
}
