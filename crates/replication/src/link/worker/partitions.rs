//! Which partitions work, and how they begin: take-overs, findings, choices.

use std::time::Duration;

use kafka::fetch::FetchKey;
use model::{
    finding::{Finding, FindingKind, FindingState},
    link::{OnRefused, Phase, Policy, Start},
    problem::Problem,
};
use tracing::{debug, info, warn};

use super::Worker;
use crate::{
    crash::crash_point,
    link::{
        decode::LaneState,
        event::{Done, PartitionId},
        fetch::{Lane, Queued},
        io::{DestinationPort, SourcePort},
        partition::{Partition, Stage},
        traffic::Side,
    },
    meter::{EndHistory, RateMeter},
    protocol::{
        control::{TopicRecord, write_finding},
        finding::Found,
        flow::Flow,
        offset_map::OffsetMap,
        ports::{Clock, PortError, Source},
        position::{Identity, Meaning},
        takeover::{Case, Outcome, Policies, Resumed, StartAt, Why, take_over},
    },
};

/// Take-overs at a time.
const TAKE_OVERS: usize = 64;

impl Worker {
    /// Makes partitions of what the control topic lists, starts those that may work and drains those that may not.
    pub(super) fn reconcile_partitions(&mut self) {
        let topics: Vec<(String, TopicRecord)> = self
            .root
            .topics
            .iter()
            .map(|(id, topic)| (id.clone(), topic.clone()))
            .collect();
        for (topic_id, topic) in &topics {
            let count = self.partition_count(topic);
            for partition in 0..count {
                self.add_partition(topic_id, topic, partition);
            }
        }
        let now_ms = self.wire.monotonic_ms();
        for index in 0..self.partitions.len() {
            let id = PartitionId(index);
            let runs = self.may_run(id);
            match (&self.partitions[index].stage, runs) {
                (Stage::Idle, true) => self.begin(id, now_ms),
                (Stage::Idle, false) | (Stage::Draining, false) => {}
                (Stage::Copying | Stage::Settling, false) => self.drain(id),
                (Stage::Due { .. } | Stage::TakingOver, false) => self.abandon(id),
                // What it found is stored first; then it stops.
                (Stage::Storing(_), false) => {}
                (Stage::Held(_), false) => self.partitions[index].stage = Stage::Idle,
                (_, true) => {}
            }
        }
    }

    /// Partitions that both sides have; 0 while either side is unknown.
    fn partition_count(&self, topic: &TopicRecord) -> i32 {
        let (Some(source), Some(destination)) = (&self.source_metadata, &self.destination_metadata)
        else {
            return 0;
        };
        let count = |metadata: &kafka::client::ClusterMetadata, name: &str| {
            metadata
                .topic(name)
                .map_or(0, |topic| topic.partitions.len() as i32)
        };
        count(source, &topic.topic).min(count(destination, &topic.mirror_topic))
    }

    fn add_partition(&mut self, topic_id: &str, topic: &TopicRecord, partition: i32) {
        let place = (topic_id.to_owned(), partition);
        if self.places.contains_key(&place) {
            return;
        }
        let Some(spec) = &self.root.spec else { return };
        let home = self.root.homes.get(&place).map(|home| home.slot);
        let slot =
            home.unwrap_or_else(|| model::slot::slot_of(&topic.topic, partition, spec.slots));
        let uuid = |text: &str| text.parse().unwrap_or(uuid::Uuid::nil());
        let id = PartitionId(self.partitions.len());
        self.places.insert(place, id);
        self.partitions.push(Partition {
            id,
            identity: Identity {
                link_id: self.link.id.clone(),
                source_topic: topic.topic.clone(),
                source_topic_id: topic_id.to_owned(),
                mirror_topic: topic.mirror_topic.clone(),
                mirror_topic_id: topic.mirror_topic_id.clone(),
                partition,
            },
            key: FetchKey {
                topic: topic.topic.as_str().into(),
                topic_id: uuid(topic_id),
                partition,
            },
            mirror: topic.mirror_topic.as_str().into(),
            mirror_id: uuid(&topic.mirror_topic_id),
            slot,
            at_first_start: topic.at_first_start && partition < topic.partitions,
            stage: Stage::Idle,
            generation: 0,
            lane: 0,
            following: None,
            flow: None,
            position: None,
            map: OffsetMap::default(),
            queued: Queued::default(),
            ready: false,
            store_due: false,
            quiet_at_ms: 0,
            renewal: None,
            singly: None,
            refusal: None,
            verified_epoch: None,
            source_leader: None,
            destination_leader: None,
            source_start: None,
            source_end: None,
            live_from: None,
            last_copied_ms: None,
            rates: RateMeter::default(),
            ends: EndHistory::default(),
            problem: None,
            failures: 0,
        });
    }

    fn may_run(&self, id: PartitionId) -> bool {
        let partition = &self.partitions[id.0];
        let spec = self.root.spec.as_ref();
        self.leaving_until_ms.is_none()
            && self.noted
            && self.phase() == Phase::Running
            && spec.is_some_and(|spec| spec.data_producer_id.is_some())
            && self
                .slots
                .get(&partition.slot)
                .is_some_and(super::slots::SlotEntry::works)
            && self.topic_is_active(&partition.identity.source_topic)
            && !self.topics.is_deleted(&partition.identity.source_topic)
            && self.topic_is_current(
                &partition.identity.source_topic,
                &partition.identity.source_topic_id,
            )
    }

    /// Takes the stored position from the slot's state and makes the partition due.
    fn begin(&mut self, id: PartitionId, now_ms: i64) {
        let former = self.former(id);
        if former.is_some_and(|former| self.partitions[former.0].in_flight() > 0) {
            // Begins once what is on its way to the mirror has come back.
            return self.refresh(Side::Fetch);
        }
        let former = former.and_then(|former| self.partitions[former.0].position().cloned());
        let partition = &mut self.partitions[id.0];
        let Some(slot) = self.slots.get(&partition.slot) else {
            return;
        };
        let identity = &mut partition.identity;
        if partition.position.is_none() {
            let stored = slot.state.position(
                &identity.source_topic_id,
                &identity.source_topic,
                identity.partition,
            );
            // The slot's state is as old as its claim; what this process copied since is newer.
            let own = stored.is_some_and(|p| p.source_topic_id == identity.source_topic_id);
            partition.position = former.filter(|_| !own).or(stored.cloned());
            partition.map = slot
                .state
                .map(&identity.source_topic_id, identity.partition);
        }
        if let Some(position) = &partition.position {
            // A mirror that was made anew has another id than the topic's record tells.
            identity
                .mirror_topic_id
                .clone_from(&position.mirror_topic_id);
        }
        partition.failures = 0;
        partition.stage = Stage::Due { at_ms: now_ms };
    }

    /// Returns the same partition of a topic of the same name that the source does not have any more.
    fn former(&self, id: PartitionId) -> Option<PartitionId> {
        let identity = &self.partitions[id.0].identity;
        let others = self.root.topics.iter().filter(|(topic_id, topic)| {
            topic.topic == identity.source_topic && **topic_id != identity.source_topic_id
        });
        let places = others.filter_map(|(topic_id, _)| {
            self.places
                .get(&(topic_id.clone(), identity.partition))
                .copied()
        });
        places.max_by_key(|place| self.partitions[place.0].position().map(|p| p.stored_at_ms))
    }

    /// Forgets everything that only the slot's owner may know.
    pub(super) fn abandon(&mut self, id: PartitionId) {
        self.stop_following(id);
        let produce_timeout_ms = self.produce_timeout_ms();
        let partition = &mut self.partitions[id.0];
        partition.end_flow(produce_timeout_ms);
        partition.stage = Stage::Idle;
        partition.problem = None;
        if !self
            .slots
            .get(&partition.slot)
            .is_some_and(super::slots::SlotEntry::owned)
        {
            partition.position = None;
            partition.store_due = false;
        }
    }

    pub(super) fn produce_timeout_ms(&self) -> i64 {
        self.context.settings.produce_timeout.as_millis() as i64
    }

    /// Stops sending; idle once nothing is in flight.
    fn drain(&mut self, id: PartitionId) {
        self.stop_following(id);
        self.partitions[id.0].stage = Stage::Draining;
        self.settle(id);
    }

    /// Stops sending and takes over again once nothing is in flight and the claim was renewed.
    pub(super) fn take_over_again(&mut self, id: PartitionId, why: &str) {
        if !matches!(self.partitions[id.0].stage, Stage::Copying) {
            return;
        }
        let partition = &self.partitions[id.0];
        debug!(topic = %partition.identity.source_topic, partition = partition.identity.partition, why, "takes over again");
        self.stop_following(id);
        let partition = &mut self.partitions[id.0];
        partition.stage = Stage::Settling;
        partition.renewal = self
            .slots
            .get_mut(&partition.slot)
            .map(super::slots::SlotEntry::renewal);
        self.settle(id);
    }

    /// Moves a settling or draining partition on when its last reply is there.
    pub(super) fn settle(&mut self, id: PartitionId) {
        let (now_ms, timeout_ms) = (self.wire.monotonic_ms(), self.produce_timeout_ms());
        let partition = &mut self.partitions[id.0];
        if partition.in_flight() > 0 {
            return;
        }
        match partition.stage {
            Stage::Draining => {
                if let Some(flow) = &mut partition.flow {
                    partition.store_due |= flow.dirty();
                    for segment in flow.take_segments() {
                        partition.map.push(segment);
                    }
                }
                partition.end_flow(timeout_ms);
                partition.stage = Stage::Idle;
                partition.problem = None;
            }
            Stage::Settling => {
                let slot = self.slots.get(&partition.slot);
                let renewed = partition
                    .renewal
                    .is_none_or(|write| slot.is_some_and(|slot| slot.acknowledged(write)));
                if !renewed {
                    return;
                }
                if let Some(flow) = &mut partition.flow {
                    // The take-over may be called off: what was acknowledged is stored all the same.
                    partition.store_due |= flow.dirty();
                    for segment in flow.take_segments() {
                        partition.map.push(segment);
                    }
                }
                partition.end_flow(timeout_ms);
                if let Some((code, range)) = partition.refusal.take() {
                    return self.refused(id, code, range);
                }
                partition.failures += 1;
                let delay_ms = if partition.failures > 1 { 200 } else { 0 };
                partition.stage = Stage::Due {
                    at_ms: now_ms + delay_ms,
                };
            }
            _ => {}
        }
    }

    /// Starts the take-overs that are due, some at a time.
    pub(super) fn start_take_overs(&mut self, now_ms: i64) {
        let mut running = self
            .partitions
            .iter()
            .filter(|p| matches!(p.stage, Stage::TakingOver))
            .count();
        for index in 0..self.partitions.len() {
            if running >= TAKE_OVERS {
                return;
            }
            if matches!(self.partitions[index].stage, Stage::Due { at_ms } if at_ms <= now_ms) {
                self.start_take_over(PartitionId(index));
                running += 1;
            }
        }
    }

    fn start_take_over(&mut self, id: PartitionId) {
        let source_leader = self.source_leader(id).map(|leader| leader.1);
        let destination_leader = self.destination_leader(id).map(|leader| leader.1);
        let Some((producer_id, meaning)) = self
            .root
            .spec
            .as_ref()
            .and_then(|spec| Some((spec.data_producer_id?, spec.meaning)))
        else {
            return;
        };
        let (guard_ms, policies) = (self.guard_ms(), self.policies());
        let may_append = self.may_append(id);
        let partition = &mut self.partitions[id.0];
        let Some(slot) = self.slots.get(&partition.slot) else {
            return;
        };
        partition.stage = Stage::TakingOver;
        (partition.source_leader, partition.destination_leader) =
            (source_leader, destination_leader);
        let generation = partition.generation;
        let stored = partition.position.clone();
        let map = partition.map.clone();
        let quiet_at_ms = partition.quiet_at_ms.max(slot.quiet_at_ms);
        // Known to this process only after it had a flow of its own.
        let acknowledged_end = (generation > 0)
            .then(|| stored.as_ref().map(|p| p.destination_end))
            .flatten();
        let start = if partition.at_first_start {
            self.link.spec.start.clone()
        } else {
            Start::Earliest
        };
        let late = !partition.at_first_start;
        let identity = partition.identity.clone();
        let wire = self.wire.clone();
        self.jobs.spawn(async move {
            let source = SourcePort::new(wire.clone(), &identity);
            let destination = DestinationPort::new(wire.clone(), &identity);
            let work = async {
                let start = if stored.is_some() || late {
                    if late {
                        StartAt::Offset(0)
                    } else {
                        StartAt::LogStart
                    }
                } else {
                    resolve_start(&source, start, meaning).await?
                };
                let case = Case {
                    identity: &identity,
                    stored: stored.as_ref(),
                    map: &map,
                    meaning,
                    producer_id,
                    start,
                    may_append,
                    policies: &policies,
                    quiet_at_ms,
                    acknowledged_end,
                    guard_ms,
                };
                take_over(&source, &destination, &*wire, &case).await
            };
            Done::TakenOver {
                id,
                generation,
                result: work.await,
            }
        });
    }

    fn guard_ms(&self) -> i64 {
        self.prepared
            .as_ref()
            .map_or(3_600_000, |prepared| prepared.guard_ms)
    }

    fn policies(&self) -> Policies {
        Policies {
            by_kind: self.link.spec.policies.clone(),
            choices: self.choices.clone(),
        }
    }

    fn may_append(&self, id: PartitionId) -> bool {
        self.link
            .spec
            .append_to
            .iter()
            .any(|name| **name == *self.partitions[id.0].mirror)
    }

    pub(super) fn taken_over(
        &mut self,
        id: PartitionId,
        generation: u64,
        result: Result<Outcome, PortError>,
    ) {
        let now_ms = self.wire.monotonic_ms();
        let partition = &mut self.partitions[id.0];
        if partition.generation != generation || !matches!(partition.stage, Stage::TakingOver) {
            return;
        }
        match result {
            Ok(Outcome::Resumed(resumed)) => self.resumed(id, *resumed),
            Ok(Outcome::Held(finding)) => self.hold(id, *finding),
            Ok(Outcome::Wait(why, time)) => {
                partition.stage = Stage::Due {
                    at_ms: now_ms + time.as_millis() as i64,
                };
                if why == Why::ProducerId {
                    self.topics.new_producer_id = true;
                    self.producer_errand.hurry(now_ms);
                }
                self.waits(id, why);
            }
            Err(error) => {
                partition.failures += 1;
                let delay = Duration::from_millis(200 << partition.failures.min(5));
                partition.stage = Stage::Due {
                    at_ms: now_ms + delay.as_millis() as i64,
                };
                let code = match error {
                    PortError::Broker(code) => Some(kafka::ErrorCode(code).name().to_owned()),
                    PortError::Unreachable(_) => None,
                };
                let mut problem = waiting("partition.takeover", "The partition cannot start yet.");
                problem.detail = error.to_string();
                problem.broker_error = code;
                self.partition_problem(id, problem);
                self.refresh(Side::Fetch);
                self.refresh(Side::Produce);
            }
        }
    }

    fn resumed(&mut self, id: PartitionId, resumed: Resumed) {
        for finding in &resumed.findings {
            self.record_finding(id, finding.clone());
        }
        let partition = &mut self.partitions[id.0];
        partition.problem = None;
        if let Some(end) = resumed.map_cut {
            partition.map.cut(end);
        }
        for segment in &resumed.segments {
            partition.map.push(*segment);
        }
        // The mirror may be another topic of the same name by now.
        partition
            .identity
            .mirror_topic_id
            .clone_from(&resumed.position.mirror_topic_id);
        partition.mirror_id = resumed
            .position
            .mirror_topic_id
            .parse()
            .unwrap_or(uuid::Uuid::nil());
        partition.position = Some(resumed.position.clone());
        let must_store = resumed.must_store;
        partition.stage = Stage::Storing(Box::new(resumed));
        if must_store {
            partition.store_due = true;
            if let Some(slot) = self.slots.get_mut(&partition.slot) {
                slot.hurry();
            }
        } else {
            self.start_copying(id);
        }
    }

    /// The take-over's outcome stands in the control topic: data flows.
    pub(super) fn start_copying(&mut self, id: PartitionId) {
        let guard_ms = self.guard_ms();
        let runs = self.may_run(id);
        let partition = &mut self.partitions[id.0];
        if !runs {
            partition.stage = Stage::Idle;
            return;
        }
        let Stage::Storing(resumed) = std::mem::replace(&mut partition.stage, Stage::Copying)
        else {
            return;
        };
        let slot_quiet_ms = self
            .slots
            .get(&partition.slot)
            .map_or(0, |slot| slot.quiet_at_ms);
        let quiet_at_ms = partition.quiet_at_ms.max(slot_quiet_ms);
        if resumed.must_store && resumed.position.epoch > 0 && resumed.position.epoch_records == 0 {
            crash_point("epoch-stored-before-first-batch");
        }
        partition.flow = Some(Flow::new(&resumed, quiet_at_ms, guard_ms));
        partition.generation += 1;
        partition.live_from = None;
        self.follow(id);
    }

    /// Asks a fetch connection for the partition's records from where its flow wants them.
    pub(super) fn follow(&mut self, id: PartitionId) {
        self.stop_following(id);
        let Some((broker, leader_epoch)) = self.source_leader(id) else {
            return self.refresh(Side::Fetch);
        };
        let key = self.traffic.count.key(Side::Fetch, broker, id);
        let read_committed = self.read_committed();
        let alone_bytes = self.alone_bytes(id);
        let partition = &mut self.partitions[id.0];
        let (Some(flow), Stage::Copying) = (&partition.flow, &partition.stage) else {
            return;
        };
        let Some(fetcher) = self.traffic.fetcher(key) else {
            return;
        };
        partition.lane += 1;
        partition.following = Some(key);
        fetcher.follow(Lane {
            id,
            generation: partition.lane,
            key: partition.key.clone(),
            leader_epoch,
            state: LaneState {
                next: flow.fetch_offset(),
                read_committed,
                alone_bytes,
                singly: partition.singly,
            },
            queued: partition.queued.clone(),
        });
    }

    pub(super) fn stop_following(&mut self, id: PartitionId) {
        let partition = &mut self.partitions[id.0];
        partition.lane += 1;
        if let Some(key) = partition.following.take()
            && let Some(fetcher) = self.traffic.fetcher(key)
        {
            fetcher.forget(id);
        }
    }

    pub(super) fn source_leader(&self, id: PartitionId) -> Option<(i32, i32)> {
        let partition = &self.partitions[id.0];
        let at = (
            &partition.identity.source_topic,
            partition.identity.partition,
        );
        let leader = self.wire.source.client().ok()?.known_leader(at.0, at.1)?;
        Some((leader.broker, leader.epoch))
    }

    pub(super) fn destination_leader(&self, id: PartitionId) -> Option<(i32, i32)> {
        let partition = &self.partitions[id.0];
        let client = self.wire.destination.client().ok()?;
        let leader = client.known_leader(&partition.mirror, partition.identity.partition)?;
        Some((leader.broker, leader.epoch))
    }

    /// Holds a partition until an operator chooses.
    pub(super) fn hold(&mut self, id: PartitionId, mut finding: Finding) {
        finding.state = FindingState::Held;
        self.record_finding(id, finding.clone());
        self.stop_following(id);
        let timeout_ms = self.produce_timeout_ms();
        let partition = &mut self.partitions[id.0];
        warn!(topic = finding.topic, partition = finding.partition, kind = ?finding.kind, "partition held: {}", finding.detail);
        partition.end_flow(timeout_ms);
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

    fn decided(&mut self, id: PartitionId, mut finding: Finding, now_ms: i64) {
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
        if finding.kind == FindingKind::Refused && decision.choice == model::finding::Choice::Skip {
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
        if skips {
            self.skip(id, &finding)
        } else {
            self.hold(id, finding)
        }
    }

    /// Leaves a refused record out: a new epoch begins behind it, so that nobody can write it any more.
    fn skip(&mut self, id: PartitionId, refused: &Finding) {
        let timeout_ms = self.produce_timeout_ms();
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
        partition.end_flow(timeout_ms);
        let Some(position) = &mut partition.position else {
            return;
        };
        if position.source_next <= from {
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

    fn waits(&mut self, id: PartitionId, why: Why) {
        let detail = match why {
            Why::Quiet => return, // an ordinary take-over after a crash
            Why::Moving => return,
            Why::HighWatermark => "The mirror's replicas have not caught up with its leader.",
            Why::Settings => "The position was stored under newer settings than this worker has.",
            Why::ProducerId => "A new producer id is being fetched.",
            Why::SourceBehind => {
                "The source does not reach to the position, and does not say that it was truncated."
            }
        };
        let mut problem = waiting("partition.waits", "The partition waits.");
        problem.detail = detail.to_owned();
        self.partition_problem(id, problem);
    }

    pub(super) fn partition_problem(&mut self, id: PartitionId, mut problem: Problem) {
        let wall_ms = self.wire.wall_ms();
        let partition = &mut self.partitions[id.0];
        let before = partition
            .problem
            .as_ref()
            .filter(|before| before.code == problem.code);
        if before.is_none() {
            warn!(topic = %partition.identity.source_topic, partition = partition.identity.partition, code = problem.code, detail = problem.detail, "partition waits");
        }
        problem.first_seen_ms = before.and_then(|b| b.first_seen_ms).or(Some(wall_ms));
        problem.count = Some(before.and_then(|b| b.count).unwrap_or(0) + 1);
        problem.cause.get_or_insert_with(|| problem.detail.clone());
        partition.problem = Some(problem);
    }

    pub(super) fn read_committed(&self) -> bool {
        let spec = self.root.spec.as_ref();
        let isolation = spec.map_or(self.link.spec.isolation, |spec| spec.meaning.isolation);
        isolation == model::link::Isolation::ReadCommitted
    }
}

/// Returns where a partition begins that was there at the link's first start.
async fn resolve_start(
    source: &SourcePort,
    start: Start,
    meaning: Meaning,
) -> Result<StartAt, PortError> {
    Ok(match start {
        Start::Earliest => StartAt::LogStart,
        Start::Latest => StartAt::Offset(source.bounds(meaning.isolation).await?.end),
        Start::Timestamp(at_ms) => match source.offset_at(at_ms).await? {
            Some(offset) => StartAt::Offset(offset),
            None => StartAt::Offset(source.bounds(meaning.isolation).await?.end),
        },
    })
}

fn waiting(code: &str, title: &str) -> Problem {
    Problem {
        code: code.to_owned(),
        status: 503,
        title: title.to_owned(),
        state: Some("waiting".to_owned()),
        next_step: Some("Nothing; it tries again by itself.".to_owned()),
        ..Problem::default()
    }
}
