//! Open transactions at the source that hold a partition back: a reader of committed records sees nothing behind the first of
//! them, however much is written there.

use std::collections::BTreeMap;

use kafka::{
    Error,
    admin::{ProducerState, TopicPartition},
};
use model::{format, problem::Problem};

use super::Worker;
use crate::{
    link::event::{Done, PartitionId},
    protocol::ports::Clock,
};

/// How long the last stable offset may stand still before somebody is told (SEMANTICS 5.2).
const PATIENCE_MS: i64 = 60_000;
/// Pause between two looks at the same transaction.
const AGAIN_MS: i64 = 30_000;
/// Partitions in one question.
const AT_ONCE: usize = 100;
const CODE: &str = "source.open_transaction";

/// A partition whose last stable offset is below its high watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct HeldBack {
    /// The last stable offset: where the first open transaction began.
    at: i64,
    /// Monotonic time since which it stands there.
    since_ms: i64,
    /// When it is looked at next, monotonic.
    look_ms: i64,
}

/// What each partition's leader says of its producers.
pub(in crate::link) type Producers = BTreeMap<TopicPartition, Result<Vec<ProducerState>, Error>>;

impl Worker {
    /// Notes where committed records end, and whether more stands behind that.
    pub(super) fn note_stable_end(&mut self, id: PartitionId, stable: i64, high_watermark: i64) {
        let now_ms = self.wire.monotonic_ms();
        let partition = &mut self.partitions[id.0];
        let before = partition.held_back.filter(|held| held.at == stable);
        if stable >= high_watermark || before.is_none() {
            let told = partition.problem.as_ref().is_some_and(|p| p.code == CODE);
            if told {
                partition.problem = None;
            }
            let held = HeldBack {
                at: stable,
                since_ms: now_ms,
                look_ms: now_ms + PATIENCE_MS,
            };
            partition.held_back = (stable < high_watermark).then_some(held);
        }
    }

    /// Asks who keeps transactions open that have held partitions back for long.
    pub(super) fn look_for_open_transactions(&mut self, now_ms: i64) {
        let mut asked = Vec::new();
        for partition in &mut self.partitions {
            if let Some(held) = &mut partition.held_back
                && held.look_ms <= now_ms
                && partition.following.is_some()
                && asked.len() < AT_ONCE
            {
                held.look_ms = now_ms + AGAIN_MS;
                let identity = &partition.identity;
                let at = TopicPartition::new(identity.source_topic.clone(), identity.partition);
                asked.push((partition.id, held.at, at));
            }
        }
        if asked.is_empty() {
            return;
        }
        let wire = self.wire.clone();
        self.jobs.spawn(async move {
            let partitions = asked.iter().map(|(_, _, at)| at.clone()).collect();
            let producers = match wire.source.client() {
                Ok(client) => client.describe_producers(partitions).await,
                Err(_) => Producers::new(),
            };
            Done::OpenTransactions { asked, producers }
        });
    }

    pub(super) fn open_transactions(
        &mut self,
        asked: Vec<(PartitionId, i64, TopicPartition)>,
        mut producers: Producers,
    ) {
        let now_ms = self.wire.monotonic_ms();
        for (id, at, place) in asked {
            let Some(held) = self.partitions[id.0].held_back.filter(|held| held.at == at) else {
                continue;
            };
            let open = producers.remove(&place).map(|answer| {
                answer.map(|all| {
                    all.into_iter()
                        .find(|p| p.open_transaction_start == Some(at))
                })
            });
            let who = match open {
                Some(Ok(Some(producer))) => Who::Found(producer),
                // It ended meanwhile, or began elsewhere.
                Some(Ok(None)) => continue,
                Some(Err(error)) => Who::NotTold(error.to_string()),
                None => Who::NotTold("no answer".to_owned()),
            };
            let problem = self.held_back_problem(id, held, &who, now_ms);
            self.partition_problem(id, problem);
        }
    }

    fn held_back_problem(
        &self,
        id: PartitionId,
        held: HeldBack,
        who: &Who,
        now_ms: i64,
    ) -> Problem {
        let identity = &self.partitions[id.0].identity;
        let (topic, partition) = (&identity.source_topic, identity.partition);
        let source = &self.link.spec.source;
        let stands = format::span(now_ms - held.since_ms);
        let from = format::grouped(held.at);
        let producer = match who {
            Who::Found(producer) => format!(
                "Producer id {} keeps it open; it last wrote {} ago.",
                producer.producer_id,
                format::span((self.wire.wall_ms() - producer.last_timestamp_ms).max(0)),
            ),
            Who::NotTold(why) => {
                format!("The source did not tell which producer keeps it open: {why}.")
            }
        };
        Problem {
            code: CODE.to_owned(),
            status: 502,
            title: format!(
                "Partition {partition} of `{topic}` at `{source}` is held back by an open transaction."
            ),
            detail: format!(
                "{producer} Committed records behind offset {from} cannot be read until it ends; it stands so for {stands}."
            ),
            state: Some("waiting".to_owned()),
            cause: Some(producer),
            next_step: Some(format!(
                "Wait for the producer's `transaction.timeout.ms`, or end it at the source: `kafka-transactions.sh \
                 --bootstrap-server <{source}> abort --topic {topic} --partition {partition} --start-offset {}`.",
                held.at
            )),
            ..Problem::default()
        }
    }
}

/// Who keeps a transaction open.
enum Who {
    Found(ProducerState),
    NotTold(String),
}
