//! What the link mirrors: slot 0's owner looks for topics, makes their mirrors and writes `spec` and `topic/` records; every
//! worker follows those.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    acl::AclResource,
    finding::{Finding, FindingKind},
    own::MAKER,
    problem::Problem,
    status::{Rates, State, TopicStatus},
};
use tracing::{info, warn};
use uuid::Uuid;

use super::Worker;
use crate::{
    grants,
    link::{
        event::Done,
        topics::{PassInput, PassResult, PassedTopic, pass},
    },
    plan::FixedMirror,
    protocol::{
        control::TopicRecord,
        finding::Found,
        ports::{Clock, ControlWrite},
        position::Identity,
    },
    topic_sync::ApplyError,
};

/// Passes without a topic before it counts as deleted.
pub(super) const PASSES_UNTIL_DELETED: u32 = 3;

/// What the passes have seen.
#[derive(Debug, Default)]
pub(super) struct TopicsState {
    /// A first producer id is wanted, or the last one is used up.
    pub(super) new_producer_id: bool,
    /// Revision whose topics were looked at, in this process.
    pub(super) passed_revision: Option<i64>,
    /// Looks at the source's metadata in a row without the topic.
    pub(super) absent: BTreeMap<String, Absence>,
    /// The same of mirrors at the destination.
    pub(super) absent_mirrors: BTreeMap<String, u32>,
    /// Topics whose records are on their way to the control topic: nothing of them may be copied or stored before those
    /// stand there.
    pub(super) unwritten: BTreeMap<String, TopicRecord>,
    /// Selected topics that cannot be mirrored as things are.
    pub(super) refused: BTreeMap<String, TopicStatus>,
}

/// How often a source topic was not there, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Absence {
    pub(super) looks: u32,
    pub(super) since_ms: i64,
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
        if runs {
            self.run_configs_errand(now_ms);
        }
    }

    pub(super) fn add_topics(&mut self, records: Vec<(String, TopicRecord)>) {
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
            self.topics.unwritten.insert(id, record);
        }
    }

    /// Takes up the topics whose records stand in the control topic now.
    pub(super) fn topics_written(&mut self) {
        let is_topic = |record: &ControlWrite| record.key.starts_with("topic/");
        let slot = self.slots.get(&0);
        let waits = slot.is_none_or(|slot| slot.writes.iter().any(is_topic));
        if waits || self.topics.unwritten.is_empty() {
            return;
        }
        let written = std::mem::take(&mut self.topics.unwritten);
        self.root.topics.extend(written);
        self.destination_errand.hurry(self.wire.monotonic_ms());
        self.reconcile_partitions();
    }

    /// Says whether the link has, or is about to have, a record of this topic.
    pub(super) fn knows_topic(&self, topic_id: &str) -> bool {
        self.root.topics.contains_key(topic_id) || self.topics.unwritten.contains_key(topic_id)
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

    /// The mirrors that the link has, by source topic id. Where an operator chose on a deleted mirror, and the choice is
    /// not carried out yet, any topic of its name will do.
    pub(super) fn fixed_mirrors(&self) -> Vec<FixedMirror> {
        let mut chosen = BTreeSet::new();
        for partition in &self.partitions {
            let identity = &partition.identity;
            // A choice holds for the mirror topic that it was made on, whose id is part of the finding's.
            if self
                .choices
                .contains_key(&mirror_deleted(identity, 0, 0).id)
            {
                chosen.insert(identity.mirror_topic.as_str());
            }
        }
        let mirror_ids = self.mirror_ids();
        let mirror_id = |id: &String| mirror_ids.get(id).and_then(|id| id.parse().ok());
        let topics = self.root.topics.iter().chain(&self.topics.unwritten);
        let current = topics.filter(|(id, t)| self.topic_is_current(&t.topic, id));
        current
            .map(|(id, topic)| FixedMirror {
                topic: topic.topic.clone(),
                topic_id: id.parse().unwrap_or(Uuid::nil()),
                mirror_topic: topic.mirror_topic.clone(),
                mirror_id: (!chosen.contains(topic.mirror_topic.as_str()))
                    .then(|| mirror_id(id).unwrap_or(Uuid::nil())),
            })
            .collect()
    }

    /// The ids of the link's mirrors, by source topic id. One that was made anew has another id than the topic's record
    /// tells.
    pub(super) fn mirror_ids(&self) -> BTreeMap<&String, &String> {
        let records = self.root.topics.iter().chain(&self.topics.unwritten);
        let mut ids: BTreeMap<_, _> = records
            .map(|(id, topic)| (id, &topic.mirror_topic_id))
            .collect();
        for partition in &self.partitions {
            let identity = &partition.identity;
            let record = self.root.topics.get(&identity.source_topic_id);
            if record.is_some_and(|record| record.mirror_topic_id != identity.mirror_topic_id) {
                ids.insert(&identity.source_topic_id, &identity.mirror_topic_id);
            }
        }
        ids
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
    pub(super) fn topic_passed(
        &mut self,
        passed: PassedTopic,
        first: bool,
    ) -> Option<(String, TopicRecord)> {
        let PassedTopic {
            plan,
            topic_id,
            applied,
        } = passed;
        let applied = match applied {
            Ok(applied) => applied,
            Err(error) => {
                let mut status = refused_topic(&plan.topic, &plan.mirror_topic, topic_id, &error);
                if let ApplyError::Kafka(error) = &error
                    && let Some(problem) = status.problem.take()
                {
                    let mirror = AclResource::Topic(plan.mirror_topic.clone());
                    let grant = || grants::grant(&self.link.destination, MAKER, mirror);
                    status.problem = Some(grants::named(problem, error, grant));
                }
                self.topics.refused.insert(plan.topic.clone(), status);
                return None;
            }
        };
        for text in applied.done.iter().chain(&applied.warnings) {
            self.topic_event(text);
        }
        let now_ms = self.wire.monotonic_ms();
        self.destination_errand.hurry(now_ms);
        if applied.properties.is_none() {
            self.configs.hurry(now_ms);
        }
        let id = topic_id.to_string();
        if self.knows_topic(&id) {
            return None;
        }
        let record = TopicRecord {
            topic: plan.topic,
            mirror_topic: plan.mirror_topic,
            mirror_topic_id: applied.topic_id.to_string(),
            partitions: plan.partitions,
            at_first_start: first,
            properties: applied.properties,
        };
        Some((id, record))
    }

    pub(super) fn topic_event(&mut self, text: &str) {
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
pub(super) fn mirror_deleted(identity: &Identity, end: i64, now_ms: i64) -> Finding {
    let found = Found {
        kind: FindingKind::DestinationChanged,
        source: None,
        destination: Some((0, end)),
        detail: "The mirror topic was deleted.".to_owned(),
    };
    found.finding(identity, now_ms)
}

pub(super) fn refused_topic(
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
        deviations: Vec::new(),
    }
}
