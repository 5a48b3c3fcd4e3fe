//! Findings: recorded where they were found, held where a person must choose, carried out when one did.

use model::{
    acl::AclResource,
    finding::{Choice, Finding, FindingKind, FindingState},
    link::{OnRefused, Policy},
    own,
    problem::Problem,
};
use tracing::{info, warn};

use super::Worker;
use crate::{
    grants,
    link::{
        dead_letter::{self, PutAside},
        event::{Done, PartitionId},
        io::SourcePort,
        partition::{Refusal, Stage},
    },
    protocol::{
        control::write_finding,
        finding::Found,
        ports::{Clock, PortError},
    },
};

/// Pause before a record that could not be put aside is tried again.
const ASIDE_AGAIN_MS: i64 = 5_000;

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
        self.record_in_ledger(finding);
    }

    /// Writes a finding into the ledger, unless it is known as it is.
    pub(super) fn record_in_ledger(&mut self, finding: Finding) {
        let known = self.findings.get(&finding.id);
        if known.is_some_and(|known| known.state == finding.state && known.source == finding.source)
        {
            return;
        }
        let (ledger, link_id) = (self.context.ledger.clone(), self.link.id.clone());
        let recorded = finding.clone();
        self.findings.insert(finding.id.clone(), finding);
        self.jobs.spawn(async move {
            if let Err(error) = ledger.finding(&link_id, &recorded).await {
                warn!(%error, "a finding is not in the ledger");
            }
            Done::Noted
        });
    }

    /// Lets held partitions go on whose findings an operator chose on.
    pub(super) fn apply_choices(&mut self) {
        let now_ms = self.wire.monotonic_ms();
        // One about an earlier link's control topic is carried out there.
        self.prepare.hurry(now_ms);
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

    /// What was chosen about an earlier link's control topic was carried out.
    pub(super) fn note_choice_on_control_topic(&mut self) {
        let about = |finding: &&Finding| {
            finding.kind == FindingKind::ControlTopicChanged && finding.state == FindingState::Held
        };
        let held: Vec<Finding> = self.findings.values().filter(about).cloned().collect();
        for mut finding in held {
            let decisions = self.link.decisions.iter().rev();
            let Some(made) = decisions.into_iter().find(|d| d.finding_id == finding.id) else {
                continue;
            };
            finding.state = FindingState::Decided {
                choice: made.choice,
                by: made.by.clone(),
                at_ms: made.at_ms,
            };
            self.record_in_ledger(finding);
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
        match (finding.kind, decision.choice) {
            (FindingKind::Refused, Choice::Skip) => return self.skip(id, &finding),
            (FindingKind::Refused, Choice::DeadLetter) => {
                return self.begin_putting_aside(id, finding);
            }
            _ => {}
        }
        self.partitions[id.0].stage = Stage::Due { at_ms: now_ms };
    }

    /// A single record that the destination refuses: skipped or held, as the link says, or put aside.
    pub(super) fn refused(&mut self, id: PartitionId, refusal: Refusal) {
        let wall_ms = self.wire.wall_ms();
        let partition = &self.partitions[id.0];
        let found = Found {
            kind: FindingKind::Refused,
            source: Some(refusal.range),
            destination: None,
            detail: refusal.sentence(),
        };
        let mut finding = found.finding(&partition.identity, wall_ms);
        finding.broker_error = Some(kafka::ErrorCode(refusal.code).name().to_owned());
        let policy = self.link.spec.policies.get(&FindingKind::Refused);
        // The choice was made, and the process ended before it was carried out.
        let way = match self.choices.get(&finding.id) {
            Some(Choice::Skip) => OnRefused::Skip,
            Some(Choice::DeadLetter) => OnRefused::DeadLetter,
            _ if policy == Some(&Policy::Continue) => OnRefused::Skip,
            _ => self.link.spec.on_refused,
        };
        match way {
            OnRefused::Skip => self.skip(id, &finding),
            OnRefused::DeadLetter => self.begin_putting_aside(id, finding),
            OnRefused::Hold => self.hold(id, finding),
        }
    }

    /// Puts a refused record aside in the background; the partition waits for it.
    fn begin_putting_aside(&mut self, id: PartitionId, refused: Finding) {
        let on_its_way = self.on_its_way();
        let now_ms = self.wire.monotonic_ms();
        let partition = &mut self.partitions[id.0];
        partition.end_flow(now_ms, on_its_way);
        partition.stage = Stage::PuttingAside;
        let generation = partition.generation;
        let source = SourcePort::new(self.wire.clone(), &partition.identity);
        let (wire, link) = (self.wire.clone(), self.link.spec.name.to_string());
        self.jobs.spawn(async move {
            let result = dead_letter::put_aside(wire, source, link, refused.clone()).await;
            Done::PutAside {
                id,
                generation,
                refused: Box::new(refused),
                result,
            }
        });
    }

    pub(super) fn put_aside(
        &mut self,
        id: PartitionId,
        generation: u64,
        refused: &Finding,
        result: Result<PutAside, PortError>,
    ) {
        let now_ms = self.wire.monotonic_ms();
        let partition = &mut self.partitions[id.0];
        if partition.generation != generation || !matches!(partition.stage, Stage::PuttingAside) {
            return;
        }
        match result {
            Ok(aside) => {
                let detail = format!("{} {}", refused.detail, aside.sentence());
                self.leave_out(id, refused, FindingKind::DeadLetter, detail);
            }
            Err(error) => {
                // Sent to the mirror once more first: its limit may have been raised meanwhile.
                partition.stage = Stage::Due {
                    at_ms: now_ms + ASIDE_AGAIN_MS,
                };
                let problem = self.aside_problem(id, refused, &error);
                self.partition_problem(id, problem);
            }
        }
    }

    fn aside_problem(&self, id: PartitionId, refused: &Finding, error: &PortError) -> Problem {
        let spec = &self.link.spec;
        let topic = own::dead_letter_topic(spec.name.as_str());
        let destination = spec.destination.as_str();
        let partition = &self.partitions[id.0];
        let broker_error = match error {
            PortError::Broker(code) => Some(kafka::ErrorCode(*code).name().to_owned()),
            PortError::Unreachable(_) => None,
        };
        let problem = Problem {
            code: "dead_letter.failed".to_owned(),
            status: 502,
            title: format!(
                "A refused record could not be put aside into `{topic}` at `{destination}`."
            ),
            detail: format!(
                "Partition {} of `{}`: {} The partition waits; others go on. Retried.",
                partition.identity.partition, partition.identity.source_topic, refused.detail
            ),
            state: Some("waiting".to_owned()),
            cause: Some(error.to_string()),
            broker_error,
            next_step: Some(format!(
                "Look at `{topic}` and the destination, or decide otherwise what happens with refused records."
            )),
            ..Problem::default()
        };
        grants::named_by_cause(problem, || {
            let writes = &["Create", "Describe", "Write"];
            grants::grant(&self.link.destination, writes, AclResource::Topic(topic))
        })
    }

    /// Leaves a refused record out and records it.
    pub(super) fn skip(&mut self, id: PartitionId, refused: &Finding) {
        let detail = format!("{} It was left out.", refused.detail);
        self.leave_out(id, refused, FindingKind::Skip, detail);
    }

    /// Goes on behind a refused record: a new epoch begins there, so that nobody can write it any more.
    fn leave_out(&mut self, id: PartitionId, refused: &Finding, kind: FindingKind, detail: String) {
        let on_its_way = self.on_its_way();
        let Some((from, to)) = refused.source else {
            return;
        };
        let found = Found {
            kind,
            source: refused.source,
            destination: None,
            detail,
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
        partition.problem = None;
        partition.stage = Stage::Due { at_ms: now_ms + 50 };
        if let Some(slot) = self.slots.get_mut(&partition.slot) {
            slot.hurry();
        }
    }
}
