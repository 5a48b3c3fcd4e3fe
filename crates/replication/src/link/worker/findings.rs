//! Findings: recorded where they were found, held where a person must choose, carried out when one did.

use model::{
    finding::{Choice, Finding, FindingKind, FindingState},
    link::{OnRefused, Policy},
};
use tracing::{info, warn};

use super::Worker;
use crate::{
    link::{
        event::{Done, PartitionId},
        partition::Stage,
    },
    protocol::{control::write_finding, finding::Found, ports::Clock},
};

impl Worker {
    /// Holds a partition until an operator chooses.
    pub(super) fn hold(&mut self, id: PartitionId, mut finding: Finding) {
        finding.state = FindingState::Held;
        self.record_finding(id, finding.clone());
        self.stop_following(id);
        let (now_ms, on_its_way) = (self.wire.monotonic_ms(), self.on_its_way());
        let partition = &mut self.partitions[id.0];
        warn!(topic = finding.topic, partition = finding.partition, kind = ?finding.kind, "partition held: {}", finding.detail);
        partition.end_flow(now_ms, on_its_way);
        partition.problem = None;
        partition.stage = Stage::Held(Box::new(finding));
    }

    /// Writes a finding into the control topic and the ledger, unless both know it as it is.
    pub(super) fn record_finding(&mut self, id: PartitionId, finding: Finding) {
        let known = self.findings.get(&finding.id);
        let decided = known.is_some_and(|k| matches!(k.state, FindingState::Decided { .. }));
        if decided && finding.state == FindingState::Recorded {
            return; // a take-over followed the choice and came upon the same thing
        }
        if known.is_some_and(|known| known.state == finding.state && known.source == finding.source)
        {
            return;
        }
        info!(topic = finding.topic, partition = finding.partition, kind = ?finding.kind, source = ?finding.source, "finding: {}", finding.detail);
        let slot = self.partitions[id.0].slot;
        if let Some(slot) = self.slots.get_mut(&slot) {
            slot.write([write_finding(&finding)]);
        }
        let (ledger, link_id) = (self.context.ledger.clone(), self.link.id.clone());
        let recorded = finding.clone();
        self.findings.insert(finding.id.clone(), finding);
        self.jobs.spawn(async move {
            if let Err(error) = ledger.finding(&link_id, &recorded).await {
                warn!(%error, "a finding stands in the control topic alone");
            }
            Done::Noted
        });
    }

    /// Lets held partitions go on whose findings an operator chose on.
    pub(super) fn apply_choices(&mut self) {
        let now_ms = self.wire.monotonic_ms();
        for index in 0..self.partitions.len() {
            let Stage::Held(finding) = &self.partitions[index].stage else {
                continue;
            };
            if !self.choices.contains_key(&finding.id) {
                continue;
            }
            let finding = (**finding).clone();
            self.decided(PartitionId(index), finding, now_ms);
        }
    }

    pub(super) fn decided(&mut self, id: PartitionId, mut finding: Finding, now_ms: i64) {
        let decision = self
            .link
            .decisions
            .iter()
            .rev()
            .find(|d| d.finding_id == finding.id);
        let Some(decision) = decision.cloned() else {
            return;
        };
        finding.state = FindingState::Decided {
            choice: decision.choice,
            by: decision.by,
            at_ms: decision.at_ms,
        };
        self.record_finding(id, finding.clone());
        if finding.kind == FindingKind::Refused && decision.choice == Choice::Skip {
            return self.skip(id, &finding);
        }
        self.partitions[id.0].stage = Stage::Due { at_ms: now_ms };
    }

    /// A single record that the destination refuses: skipped or held, as the link says.
    pub(super) fn refused(&mut self, id: PartitionId, code: i16, range: (i64, i64)) {
        let wall_ms = self.wire.wall_ms();
        let partition = &self.partitions[id.0];
        let error = kafka::ErrorCode(code);
        let found = Found {
            kind: FindingKind::Refused,
            source: Some(range),
            destination: None,
            detail: format!(
                "The destination refuses the record at offset {} ({}).",
                range.0,
                error.name()
            ),
        };
        let mut finding = found.finding(&partition.identity, wall_ms);
        finding.broker_error = Some(error.name().to_owned());
        let policy = self.link.spec.policies.get(&FindingKind::Refused);
        let skips =
            self.link.spec.on_refused == OnRefused::Skip || policy == Some(&Policy::Continue);
        // The choice was made, and the process ended before it was carried out.
        let chosen = self.choices.get(&finding.id) == Some(&Choice::Skip);
        if skips || chosen {
            self.skip(id, &finding)
        } else {
            self.hold(id, finding)
        }
    }

    /// Leaves a refused record out: a new epoch begins behind it, so that nobody can write it any more.
    pub(super) fn skip(&mut self, id: PartitionId, refused: &Finding) {
        let on_its_way = self.on_its_way();
        let Some((from, to)) = refused.source else {
            return;
        };
        let found = Found {
            kind: FindingKind::Skip,
            source: refused.source,
            destination: None,
            detail: format!("{} It was left out.", refused.detail),
        };
        let wall_ms = self.wire.wall_ms();
        let mut skipped = found.finding(&self.partitions[id.0].identity, wall_ms);
        skipped.broker_error.clone_from(&refused.broker_error);
        self.record_finding(id, skipped);
        let now_ms = self.wire.monotonic_ms();
        let partition = &mut self.partitions[id.0];
        partition.end_flow(now_ms, on_its_way);
        let Some(position) = &mut partition.position else {
            return;
        };
        // Before it: what comes first is sent first. Behind it: it was left out before.
        if position.source_next == from {
            position.source_next = to;
            position.epoch += 1;
            position.next_sequence = 0;
            position.epoch_records = 0;
        }
        partition.store_due = true;
        partition.singly = None;
        partition.stage = Stage::Due { at_ms: now_ms + 50 };
        if let Some(slot) = self.slots.get_mut(&partition.slot) {
            slot.hurry();
        }
    }
}
