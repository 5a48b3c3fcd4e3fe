//! What the link mirrors: slot 0's owner looks for topics, makes their mirrors and writes `spec` and `topic/` records; every
//! worker follows those.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kafka::{Error, client::ClusterMetadata};
use model::{
    finding::{Finding, FindingKind},
    problem::Problem,
    status::{Rates, State, TopicStatus},
};
use tracing::{info, warn};
use uuid::Uuid;

use super::Worker;
use crate::{
    link::{
        event::{Done, PartitionId},
        partition::Stage,
        topics::{PassInput, PassResult, PassedTopic, pass},
        traffic::Side,
    },
    plan::FixedMirror,
    protocol::{
        control::{Spec, TopicRecord},
        finding::Found,
        ports::Clock,
        position::{Identity, Meaning},
    },
};

/// Passes without a topic before it counts as deleted.
const PASSES_UNTIL_DELETED: u32 = 3;

/// What the passes have seen.
#[derive(Debug, Default)]
pub(super) struct TopicsState {
    /// A first producer id is wanted, or the last one is used up.
    pub(super) new_producer_id: bool,
    /// Revision whose topics were looked at, in this process.
    passed_revision: Option<i64>,
    /// Looks at the source's metadata in a row without the topic.
    absent: BTreeMap<String, Absence>,
    /// The same of mirrors at the destination.
    absent_mirrors: BTreeMap<String, u32>,
    /// Selected topics that cannot be mirrored as things are.
    refused: BTreeMap<String, TopicStatus>,
}

/// How often a source topic was not there, and since when.
#[derive(Clone, Copy, Debug)]
struct Absence {
    looks: u32,
    since_ms: i64,
}

impl TopicsState {
    pub(super) fn is_deleted(&self, topic: &str) -> bool {
        self.absent
            .get(topic)
            .is_some_and(|absence| absence.looks >= PASSES_UNTIL_DELETED)
    }

    /// Returns what is shown of a topic that was deleted at the source.
    pub(super) fn deleted_problem(&self, topic: &str) -> Option<Problem> {
        let absence = self.absent.get(topic).filter(|_| self.is_deleted(topic))?;
        let cause = format!("`{topic}` is not among the source's topics any more.");
        Some(Problem {
            code: "source.topic_deleted".to_owned(),
            status: 404,
            title: format!("`{topic}` was deleted at the source."),
            detail: format!("{cause} Its mirror and its position stay."),
            state: Some("source_deleted".to_owned()),
            cause: Some(cause),
            first_seen_ms: Some(absence.since_ms),
            count: Some(u64::from(absence.looks)),
            next_step: Some(
                "Nothing, or exclude the topic; if it is made again, the link asks before it copies."
                    .to_owned(),
            ),
            ..Problem::default()
        })
    }

    /// A refusal that was there in the last pass keeps the time it was first seen.
    fn count_refusals(&mut self, before: &BTreeMap<String, TopicStatus>, now_ms: i64) {
        for (topic, status) in &mut self.refused {
            let Some(problem) = &mut status.problem else {
                continue;
            };
            let known = before.get(topic).and_then(|known| known.problem.as_ref());
            let known = known.filter(|known| known.code == problem.code);
            problem.first_seen_ms = known.and_then(|k| k.first_seen_ms).or(Some(now_ms));
            problem.count = Some(known.and_then(|k| k.count).unwrap_or(0) + 1);
        }
    }

    /// Says whether this process has looked at the topics once.
    pub(super) fn has_passed(&self) -> bool {
        self.passed_revision.is_some()
    }

    pub(super) fn waiting_topics(&self) -> impl Iterator<Item = TopicStatus> + '_ {
        self.refused.values().cloned()
    }
}

impl Worker {
    /// The first `spec` of a link that never ran.
    pub(super) fn first_spec(&self) -> Spec {
        Spec {
            data_producer_id: None,
            former_producer_ids: Vec::new(),
            ..self.wanted_spec(1)
        }
    }

    /// The `spec` that follows from the settings in force.
    fn wanted_spec(&self, meaning_revision: i64) -> Spec {
        let (spec, known) = (&self.link.spec, self.root.spec.as_ref());
        let prepared = self.prepared.as_ref();
        Spec {
            link_id: self.link.id.clone(),
            name: spec.name.to_string(),
            installation: self.context.installation.clone(),
            phase: self.link.phase,
            revision: self.link.revision,
            source_cluster_id: prepared
                .map(|p| p.source_cluster_id.clone())
                .unwrap_or_default(),
            selection: spec.topics.clone(),
            rename: spec.rename.clone(),
            slots: known
                .map(|known| known.slots)
                .or(prepared.map(|p| p.slots))
                .unwrap_or(spec.slots),
            data_producer_id: known.and_then(|known| known.data_producer_id),
            former_producer_ids: known
                .map(|k| k.former_producer_ids.clone())
                .unwrap_or_default(),
            meaning: Meaning {
                revision: meaning_revision,
                isolation: spec.isolation,
                timestamps: spec.timestamps,
            },
            topics_seen: known.is_some_and(|k| k.topics_seen && k.selection == spec.topics),
        }
    }

    fn owns_slot_zero(&self) -> bool {
        self.slots
            .get(&0)
            .is_some_and(super::slots::SlotEntry::works)
    }

    /// What only slot 0's owner does.
    pub(super) fn run_topics_errands(&mut self, now_ms: i64) {
        if !self.owns_slot_zero() || self.leaving_until_ms.is_some() {
            return;
        }
        self.keep_spec();
        let Some(spec) = &self.root.spec else { return };
        if (spec.data_producer_id.is_none() || self.topics.new_producer_id)
            && self.producer_errand.start(now_ms)
        {
            let wire = self.wire.clone();
            self.jobs.spawn(async move {
                let asked = async { Ok(wire.destination.client()?.init_producer_id().await?.id) };
                Done::ProducerId(asked.await)
            });
        }
        let runs = self.phase() == model::link::Phase::Running;
        if runs && self.source_metadata.is_some() && self.topics_errand.start(now_ms) {
            let first = !spec.topics_seen;
            let input = PassInput {
                spec: self.link.spec.clone(),
                revision: self.link.revision,
                fixed: self.fixed_mirrors(),
                others: self.context.others(&self.link.id),
                first,
            };
            let wire = self.wire.clone();
            self.jobs
                .spawn(async move { Done::Topics(Box::new(pass(wire, input).await)) });
        }
    }

    /// Writes `spec` when the settings are newer than it.
    fn keep_spec(&mut self) {
        let Some(known) = &self.root.spec else { return };
        if known.revision > self.link.revision {
            return; // SQL is behind the control topic: another worker knows more
        }
        let mut meaning_revision = known.meaning.revision;
        let wanted = self.wanted_spec(meaning_revision);
        if (wanted.meaning.isolation, wanted.meaning.timestamps)
            != (known.meaning.isolation, known.meaning.timestamps)
        {
            meaning_revision += 1;
        }
        let wanted = self.wanted_spec(meaning_revision);
        if *known != wanted {
            info!(
                revision = wanted.revision,
                "writing the link's settings into its control topic"
            );
            self.write_spec(wanted);
        }
    }

    fn note_topics_seen(&mut self) {
        let selection = &self.link.spec.topics;
        let known = self
            .root
            .spec
            .clone()
            .filter(|known| known.selection == *selection);
        if let Some(known) = known {
            self.write_spec(Spec {
                topics_seen: true,
                ..known
            });
        }
    }

    fn write_spec(&mut self, spec: Spec) {
        let record = spec.write();
        if let Some(slot) = self.slots.get_mut(&0) {
            slot.write([record]);
        }
        let meaning_changed = self
            .root
            .spec
            .as_ref()
            .is_some_and(|k| k.meaning != spec.meaning);
        self.root.spec = Some(spec);
        if meaning_changed {
            self.meaning_changed();
        }
        self.reconcile_partitions();
    }

    /// Sequences mean something else from now on: every partition begins a new epoch, on connections that fetch at the
    /// isolation level in force.
    pub(super) fn meaning_changed(&mut self) {
        for index in 0..self.partitions.len() {
            self.take_over_again(PartitionId(index), "the settings of sequences changed");
        }
        self.traffic.lines.retain(|key, _| key.side != Side::Fetch);
        for partition in &mut self.partitions {
            partition.following = None;
            partition.lane += 1;
        }
    }

    /// A leader of another epoch: what it holds must be asked, even where nothing flows.
    fn leaders_changed(&mut self, side: Side) {
        for index in 0..self.partitions.len() {
            let id = PartitionId(index);
            let (known, now) = match side {
                Side::Fetch => (self.partitions[index].source_leader, self.source_leader(id)),
                Side::Produce => (
                    self.partitions[index].destination_leader,
                    self.destination_leader(id),
                ),
            };
            if let (Some(known), Some((_, now))) = (known, now)
                && now > known
            {
                self.take_over_again(id, "the leader changed");
            }
        }
    }

    pub(super) fn producer_id(&mut self, result: Result<i64, Error>) {
        let now_ms = self.wire.monotonic_ms();
        self.producer_errand.finished(now_ms + 1_000);
        match result {
            Ok(id) => {
                self.problems.clear("producer id");
                self.topics.new_producer_id = false;
                let Some(mut spec) = self.root.spec.clone() else {
                    return;
                };
                spec.former_producer_ids
                    .extend(spec.data_producer_id.replace(id));
                info!(producer_id = id, "the link has a data producer id");
                self.write_spec(spec);
            }
            Err(error) => {
                let destination = &self.link.spec.destination;
                self.problem(
                    "producer id",
                    Problem {
                        code: error.code().to_owned(),
                        status: 503,
                        title: format!("`{destination}` gives no producer id."),
                        detail: error.to_string(),
                        state: Some("waiting".to_owned()),
                        cause: Some(error.to_string()),
                        broker_error: error.broker_code().map(|code| code.name().to_owned()),
                        next_step: Some(
                            "Grant IDEMPOTENT_WRITE on the cluster if the brokers are older than 2.8; it is tried again."
                                .to_owned(),
                        ),
                        ..Problem::default()
                    },
                );
            }
        }
    }

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

    fn metadata_problem(&mut self, side: Side, error: &Error) {
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
        self.problem(place, problem);
    }

    fn count_absent(&mut self, metadata: &ClusterMetadata) {
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
    fn note_recreated(&mut self) {
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
            if found.error.is_none() && !found.id.is_nil() && !self.root.topics.contains_key(&id) {
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

    fn add_topics(&mut self, records: Vec<(String, TopicRecord)>) {
        if records.is_empty() {
            return;
        }
        let Some(slot) = self.slots.get_mut(&0) else {
            return;
        };
        for (id, record) in records {
            info!(
                topic = record.topic,
                mirror = record.mirror_topic,
                "topic is mirrored"
            );
            slot.write([record.write(&id)]);
            self.root.topics.insert(id, record);
        }
        let now_ms = self.wire.monotonic_ms();
        self.destination_errand.hurry(now_ms);
    }

    /// Says whether partitions of a topic work: selected, there, and not replaced by another of its name.
    pub(super) fn topic_is_active(&self, topic: &str) -> bool {
        self.selection.takes(topic)
    }

    /// Says whether this id is the one that the source has under the topic's name now.
    pub(super) fn topic_is_current(&self, topic: &str, topic_id: &str) -> bool {
        let found = self
            .source_metadata
            .as_ref()
            .and_then(|metadata| metadata.topic(topic));
        found.is_none_or(|found| {
            found.error.is_some() || found.id.is_nil() || found.id.to_string() == topic_id
        })
    }

    fn count_absent_mirrors(&mut self, metadata: &ClusterMetadata) {
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

    /// Mirrors whose topic is gone are held: nothing is made anew unless somebody chooses that.
    fn hold_deleted_mirrors(&mut self) {
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

    /// The mirrors that the link has, by source topic id. Where an operator chose on a deleted mirror, and the choice is
    /// not carried out yet, any topic of its name will do.
    fn fixed_mirrors(&self) -> Vec<FixedMirror> {
        let mut chosen = BTreeSet::new();
        // A mirror that was made anew has another id than the topic's record tells.
        let mut anew = BTreeMap::new();
        for partition in &self.partitions {
            let identity = &partition.identity;
            // A choice holds for the mirror topic that it was made on, whose id is part of the finding's.
            if self
                .choices
                .contains_key(&mirror_deleted(identity, 0, 0).id)
            {
                chosen.insert(identity.mirror_topic.as_str());
            }
            let record = self.root.topics.get(&identity.source_topic_id);
            if record.is_some_and(|record| record.mirror_topic_id != identity.mirror_topic_id) {
                anew.insert(&identity.source_topic_id, &identity.mirror_topic_id);
            }
        }
        let mirror_id = |id: &String, topic: &TopicRecord| {
            let id = anew.get(id).copied().unwrap_or(&topic.mirror_topic_id);
            id.parse().unwrap_or(Uuid::nil())
        };
        let current = self
            .root
            .topics
            .iter()
            .filter(|(id, t)| self.topic_is_current(&t.topic, id));
        current
            .map(|(id, topic)| FixedMirror {
                topic: topic.topic.clone(),
                topic_id: id.parse().unwrap_or(Uuid::nil()),
                mirror_topic: topic.mirror_topic.clone(),
                mirror_id: (!chosen.contains(topic.mirror_topic.as_str()))
                    .then(|| mirror_id(id, topic)),
            })
            .collect()
    }

    pub(super) fn topics_passed(&mut self, passed: PassResult) {
        let now_ms = self.wire.monotonic_ms();
        self.topics_errand
            .finished(now_ms + self.detect_interval_ms());
        if !self.owns_slot_zero() {
            return;
        }
        match passed.result {
            Err(problem) => {
                self.topics_errand.hurry(now_ms + 2_000);
                self.problem("topics", *problem);
            }
            Ok(topics) => {
                self.problems.clear("topics");
                let refused_before = std::mem::take(&mut self.topics.refused);
                let again = topics
                    .iter()
                    .any(|t| t.applied.as_ref().is_err_and(|e| e.is_retriable()));
                if again {
                    self.topics_errand.hurry(now_ms + 1_000);
                }
                let records = topics
                    .into_iter()
                    .filter_map(|t| self.topic_passed(t, passed.first))
                    .collect();
                self.topics
                    .count_refusals(&refused_before, self.wire.wall_ms());
                self.add_topics(records);
                self.topics.passed_revision = Some(passed.revision);
                // Refused topics count as seen: copying more of them later is better than skipping what came meanwhile.
                if passed.first && !again {
                    self.note_topics_seen();
                }
                self.reconcile_partitions();
            }
        }
    }

    /// Returns the record of a topic that is new; what cannot be mirrored is shown.
    fn topic_passed(&mut self, passed: PassedTopic, first: bool) -> Option<(String, TopicRecord)> {
        let PassedTopic {
            plan,
            topic_id,
            applied,
        } = passed;
        let applied = match applied {
            Ok(applied) => applied,
            Err(error) => {
                let status = refused_topic(&plan.topic, &plan.mirror_topic, topic_id, &error);
                self.topics.refused.insert(plan.topic.clone(), status);
                return None;
            }
        };
        for text in applied.done.iter().chain(&applied.warnings) {
            self.topic_event(text);
        }
        self.destination_errand.hurry(self.wire.monotonic_ms());
        let id = topic_id.to_string();
        if self.root.topics.contains_key(&id) {
            return None;
        }
        let record = TopicRecord {
            topic: plan.topic,
            mirror_topic: plan.mirror_topic,
            mirror_topic_id: applied.topic_id.to_string(),
            partitions: plan.partitions,
            at_first_start: first,
        };
        Some((id, record))
    }

    fn topic_event(&mut self, text: &str) {
        info!("{text}");
        let (ledger, link_id, text) = (
            self.context.ledger.clone(),
            self.link.id.clone(),
            text.to_owned(),
        );
        self.jobs.spawn(async move {
            if let Err(error) = ledger.event(&link_id, "topic", &text).await {
                warn!(%error, "an event was not recorded");
            }
            Done::Noted
        });
    }
}

/// The finding of a mirror topic that is gone. It has the same id as that of one that was made again.
fn mirror_deleted(identity: &Identity, end: i64, now_ms: i64) -> Finding {
    let found = Found {
        kind: FindingKind::DestinationChanged,
        source: None,
        destination: Some((0, end)),
        detail: "The mirror topic was deleted.".to_owned(),
    };
    found.finding(identity, now_ms)
}

fn refused_topic(
    topic: &str,
    mirror: &str,
    topic_id: Uuid,
    error: &crate::topic_sync::ApplyError,
) -> TopicStatus {
    let retried = error.is_retriable();
    let code = match error {
        crate::topic_sync::ApplyError::Refused { code, .. } => code.clone(),
        _ => "topic.not_made".to_owned(),
    };
    let state = if retried {
        State::Waiting
    } else {
        State::NeedsDecision
    };
    TopicStatus {
        topic: topic.to_owned(),
        topic_id: topic_id.to_string(),
        mirror_topic: mirror.to_owned(),
        state,
        problem: Some(Problem {
            code,
            status: 409,
            title: format!("`{topic}` cannot be mirrored as things are."),
            detail: error.to_string(),
            state: Some(if retried { "waiting" } else { "needs_decision" }.to_owned()),
            cause: Some(error.to_string()),
            next_step: Some(
                "Mend what it names, or change the link; other topics go on.".to_owned(),
            ),
            ..Problem::default()
        }),
        lag_records: None,
        rates: Rates::default(),
        partitions: Vec::new(),
    }
}
