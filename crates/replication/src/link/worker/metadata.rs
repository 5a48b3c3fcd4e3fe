//! What both clusters' metadata tells: topics and mirrors that went, came back or have another leader.

use std::{collections::BTreeSet, sync::Arc};

use kafka::{Error, client::ClusterMetadata};
use model::problem::Problem;
use tracing::warn;

use super::{
    Worker,
    topics::{Absence, PASSES_UNTIL_DELETED, mirror_deleted},
};
use crate::{
    grants,
    link::{event::PartitionId, partition::Stage, traffic::Side},
    protocol::{control::TopicRecord, ports::Clock},
};

impl Worker {
    pub(super) fn source_metadata(&mut self, result: Result<Arc<ClusterMetadata>, Error>) {
        let now_ms = self.wire.monotonic_ms();
        match result {
            Ok(metadata) => {
                self.source_errand
                    .finished(now_ms + self.detect_interval_ms());
                self.problems.clear("source metadata");
                self.count_absent(&metadata);
                let first = self.source_metadata.replace(metadata).is_none();
                self.note_recreated();
                self.leaders_changed(Side::Fetch);
                if first {
                    self.topics_errand.hurry(now_ms);
                }
                self.reconcile_partitions();
                self.open_lines(now_ms);
            }
            Err(error) => {
                self.source_errand.finished(now_ms + 1_000);
                self.metadata_problem(Side::Fetch, &error);
            }
        }
    }

    pub(super) fn destination_metadata(&mut self, result: Result<Arc<ClusterMetadata>, Error>) {
        let now_ms = self.wire.monotonic_ms();
        match result {
            Ok(metadata) => {
                self.destination_errand
                    .finished(now_ms + self.detect_interval_ms());
                self.problems.clear("destination metadata");
                self.count_absent_mirrors(&metadata);
                self.destination_metadata = Some(metadata);
                self.leaders_changed(Side::Produce);
                self.mirrors_made_again();
                self.reconcile_partitions();
                self.hold_deleted_mirrors();
                self.open_lines(now_ms);
                for index in 0..self.partitions.len() {
                    self.make_ready(PartitionId(index));
                }
            }
            Err(error) => {
                self.destination_errand.finished(now_ms + 1_000);
                self.metadata_problem(Side::Produce, &error);
            }
        }
    }

    pub(super) fn metadata_problem(&mut self, side: Side, error: &Error) {
        let (place, word, cluster) = match side {
            Side::Fetch => ("source metadata", "source", &self.link.spec.source),
            Side::Produce => (
                "destination metadata",
                "destination",
                &self.link.spec.destination,
            ),
        };
        let problem = Problem {
            code: error.code().to_owned(),
            status: 503,
            title: format!("The {word} `{cluster}` does not answer."),
            detail: error.to_string(),
            state: Some("waiting".to_owned()),
            cause: Some(error.to_string()),
            broker_error: error.broker_code().map(|code| code.name().to_owned()),
            next_step: Some(
                "Check the cluster and the way to it; the link resumes by itself.".to_owned(),
            ),
            ..Problem::default()
        };
        let problem = grants::let_in(problem, error, cluster);
        self.problem(place, problem);
    }

    pub(super) fn count_absent(&mut self, metadata: &ClusterMetadata) {
        let topics: BTreeSet<String> = self
            .root
            .topics
            .values()
            .map(|topic| topic.topic.clone())
            .collect();
        for topic in topics {
            if metadata
                .topic(&topic)
                .is_some_and(|found| found.error.is_none())
            {
                self.topics.absent.remove(&topic);
                continue;
            }
            let since_ms = self.wire.wall_ms();
            let first = Absence { looks: 0, since_ms };
            let absence = self.topics.absent.entry(topic.clone()).or_insert(first);
            absence.looks += 1;
            if absence.looks == PASSES_UNTIL_DELETED {
                warn!(
                    topic,
                    "the source topic was deleted; its mirror and position stay"
                );
            } else if absence.looks < PASSES_UNTIL_DELETED {
                self.source_errand.hurry(self.wire.monotonic_ms() + 1_000);
            }
        }
    }

    /// A source topic under a known name with another id: a record of its own, so that its partitions find the position of
    /// the former one and are held.
    pub(super) fn note_recreated(&mut self) {
        let Some(metadata) = &self.source_metadata else {
            return;
        };
        if !self.owns_slot_zero() {
            return;
        }
        let mut records = Vec::new();
        for topic in self.root.topics.values() {
            let Some(found) = metadata.topic(&topic.topic) else {
                continue;
            };
            let id = found.id.to_string();
            if found.error.is_none() && !found.id.is_nil() && !self.knows_topic(&id) {
                let record = TopicRecord {
                    partitions: found.partitions.len() as i32,
                    at_first_start: false,
                    ..topic.clone()
                };
                records.push((id, record));
            }
        }
        self.add_topics(records);
    }

    pub(super) fn count_absent_mirrors(&mut self, metadata: &ClusterMetadata) {
        let gone = |name: &String| {
            let found = metadata.topic(name);
            found.is_some_and(|t| t.error == Some(kafka::ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
        };
        let absent: BTreeSet<String> = self.mirror_names().into_iter().filter(gone).collect();
        self.topics
            .absent_mirrors
            .retain(|name, _| absent.contains(name));
        for name in absent {
            let looks = self.topics.absent_mirrors.entry(name).or_default();
            *looks += 1;
            if *looks < PASSES_UNTIL_DELETED {
                self.destination_errand
                    .hurry(self.wire.monotonic_ms() + 1_000);
            }
        }
    }

    /// A mirror that is another topic by its id is taken over again, which holds it. Brokers that produce by id refuse our
    /// batches then; older ones would take them.
    fn mirrors_made_again(&mut self) {
        let Some(metadata) = self.destination_metadata.clone() else {
            return;
        };
        for index in 0..self.partitions.len() {
            let partition = &self.partitions[index];
            let found = metadata.topic(&partition.mirror);
            let another = found.is_some_and(|topic| {
                topic.error.is_none() && !topic.id.is_nil() && topic.id != partition.mirror_id
            });
            if another && !partition.mirror_id.is_nil() {
                self.take_over_again(PartitionId(index), "the mirror is another topic");
            }
        }
    }

    /// Mirrors whose topic is gone are held: nothing is made anew unless somebody chooses that.
    pub(super) fn hold_deleted_mirrors(&mut self) {
        let wall_ms = self.wire.wall_ms();
        for index in 0..self.partitions.len() {
            let partition = &self.partitions[index];
            let looks = self.topics.absent_mirrors.get(&*partition.mirror);
            if looks.is_none_or(|looks| *looks < PASSES_UNTIL_DELETED) {
                continue;
            }
            let Some(end) = partition.position().map(|p| p.destination_end) else {
                continue;
            };
            match partition.stage {
                Stage::Due { .. } | Stage::TakingOver => {}
                Stage::Copying => {
                    self.take_over_again(PartitionId(index), "the mirror topic is gone");
                    continue;
                }
                _ => continue,
            }
            let finding = mirror_deleted(&partition.identity, end, wall_ms);
            if !self.choices.contains_key(&finding.id) {
                self.hold(PartitionId(index), finding);
            }
        }
    }
}
