//! Mirrors' properties in step with their source's: when the pass runs, and what follows from it.

use std::collections::BTreeMap;

use model::{
    link::OnDrift,
    status::{Deviation, DeviationCause},
};

use super::{Errand, Worker};
use crate::{
    link::{
        configs::{Compared, ConfigsInput, ConfigsResult, MirrorInput, Refused, keep_configs},
        event::Done,
    },
    protocol::{control::TopicRecord, ports::Clock},
};

/// Where the pass's problem shows.
const PLACE: &str = "configs";

/// What the passes have seen, by source topic id.
#[derive(Debug, Default)]
pub(super) struct ConfigsState {
    errand: Errand,
    deviations: BTreeMap<String, Vec<Deviation>>,
    refused: BTreeMap<String, Vec<Refused>>,
}

impl ConfigsState {
    pub(super) fn hurry(&mut self, now_ms: i64) {
        self.errand.hurry(now_ms);
    }

    /// Returns in what a mirror is not as it is wanted.
    pub(super) fn deviations(&self, topic_id: &str) -> Vec<Deviation> {
        self.deviations.get(topic_id).cloned().unwrap_or_default()
    }
}

impl Worker {
    /// What only slot 0's owner does, while the link runs.
    pub(super) fn run_configs_errand(&mut self, now_ms: i64) {
        if self.link.spec.configs.on_drift == OnDrift::Ignore {
            self.configs.deviations.clear();
            self.problems.clear(PLACE);
            return;
        }
        let Some(destination) = self.destination_metadata.clone() else {
            return;
        };
        if !self.topics.has_passed() || !self.configs.errand.start(now_ms) {
            return;
        }
        let input = ConfigsInput {
            spec: self.link.spec.clone(),
            mirrors: self.mirrors_to_compare(),
            brokers: destination.brokers.clone(),
            now_ms,
        };
        let wire = self.wire.clone();
        self.jobs
            .spawn(async move { Done::Configs(Box::new(keep_configs(wire, input).await)) });
    }

    /// Mirrors that stand as the link knows them, of topics that it takes.
    fn mirrors_to_compare(&self) -> Vec<MirrorInput> {
        let (Some(source), Some(destination)) = (&self.source_metadata, &self.destination_metadata)
        else {
            return Vec::new();
        };
        let replicas = |partitions: &[kafka::client::PartitionMetadata]| {
            let of_first = partitions.first().map_or(0, |first| first.replicas.len());
            i16::try_from(of_first).unwrap_or(i16::MAX)
        };
        let ids = self.mirror_ids();
        let of = |(id, record): (&String, &TopicRecord)| {
            let topic = source.topic(&record.topic).filter(|t| t.error.is_none())?;
            let mirror = destination
                .topic(&record.mirror_topic)
                .filter(|t| t.error.is_none())?;
            let known = ids.get(id).is_some_and(|id| **id == mirror.id.to_string());
            let is_ours = mirror.id.is_nil() || known;
            let takes =
                self.topic_is_active(&record.topic) && self.topic_is_current(&record.topic, id);
            (is_ours && takes).then(|| MirrorInput {
                topic_id: id.clone(),
                topic: record.topic.clone(),
                mirror: record.mirror_topic.clone(),
                replicas: (replicas(&topic.partitions), replicas(&mirror.partitions)),
                before: record.properties.clone(),
                refused: self.configs.refused.get(id).cloned().unwrap_or_default(),
            })
        };
        self.root.topics.iter().filter_map(of).collect()
    }

    pub(super) fn configs_kept(&mut self, result: ConfigsResult) {
        let interval_ms = i64::try_from(self.link.spec.configs.interval_ms).unwrap_or(i64::MAX);
        let next_ms = self.wire.monotonic_ms().saturating_add(interval_ms);
        self.configs.errand.finished(next_ms);
        if !self.owns_slot_zero() {
            return;
        }
        match result.problem {
            Some(problem) => self.problem(PLACE, *problem),
            None => self.problems.clear(PLACE),
        }
        let mut written = Vec::new();
        for compared in result.mirrors {
            written.extend(self.mirror_compared(compared));
        }
        if let (Some(slot), false) = (self.slots.get_mut(&0), written.is_empty()) {
            slot.write(written);
        }
        let root = &self.root;
        let known = |id: &String| root.topics.contains_key(id);
        self.configs.deviations.retain(|id, _| known(id));
        self.configs.refused.retain(|id, _| known(id));
    }

    /// Returns the topic's record where it changed.
    fn mirror_compared(
        &mut self,
        compared: Compared,
    ) -> Option<crate::protocol::ports::ControlWrite> {
        let id = compared.topic_id;
        let mirror = self.root.topics.get(&id)?.mirror_topic.clone();
        let before = self.configs.deviations(&id);
        let news: Vec<String> = compared
            .deviations
            .iter()
            .filter(|now| !before.contains(now))
            .map(|now| match now.why {
                DeviationCause::Drift => {
                    format!("`{mirror}` was changed at the destination. {now}")
                }
                DeviationCause::NotApplied(_) => format!("`{mirror}`: {now}"),
            })
            .collect();
        for text in compared.done.iter().chain(&news) {
            self.topic_event(text);
        }
        self.configs
            .deviations
            .insert(id.clone(), compared.deviations);
        self.configs.refused.insert(id.clone(), compared.refused);
        let record = self.root.topics.get_mut(&id)?;
        if record.properties.as_ref() == Some(&compared.properties) {
            return None;
        }
        record.properties = Some(compared.properties);
        Some(record.write(&id))
    }
}
