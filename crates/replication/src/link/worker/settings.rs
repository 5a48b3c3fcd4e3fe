//! The link's settings as its control topic has them: `spec`, written by slot 0's owner, and what a change of it means.

use kafka::Error;
use model::problem::Problem;
use tracing::info;

use super::Worker;
use crate::{
    link::{event::PartitionId, traffic::Side},
    protocol::{control::Spec, ports::Clock, position::Meaning},
};

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
    pub(super) fn wanted_spec(&self, meaning_revision: i64) -> Spec {
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
            guarantee: spec.guarantee,
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

    /// Says whether a `spec` is this link's, not that of an earlier one of the same name.
    pub(super) fn is_ours(&self, spec: &Spec) -> bool {
        spec.link_id == self.link.id && spec.installation == self.context.installation
    }

    pub(super) fn owns_slot_zero(&self) -> bool {
        self.slots
            .get(&0)
            .is_some_and(super::slots::SlotEntry::works)
    }

    /// Writes `spec` when the settings are newer than it.
    pub(super) fn keep_spec(&mut self) {
        let Some(known) = &self.root.spec else { return };
        if known.revision > self.link.revision && self.is_ours(known) {
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

    pub(super) fn note_topics_seen(&mut self) {
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

    pub(super) fn write_spec(&mut self, spec: Spec) {
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

    /// Acts on a meaning of sequences that is not the one that was in force `before`.
    pub(super) fn heed_meaning(&mut self, before: Option<Meaning>) {
        if before.is_some() && self.meaning() != before {
            self.meaning_changed();
        }
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
    pub(super) fn leaders_changed(&mut self, side: Side) {
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
}
