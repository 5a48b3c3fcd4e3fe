//! Which partitions work: made of what the control topic lists, started, drained, settled.

use std::time::Duration;

use kafka::fetch::FetchKey;
use model::link::{Isolation, Phase};
use tracing::debug;

use super::Worker;
use crate::{
    link::{
        decode::LaneState,
        event::PartitionId,
        fetch::Lane,
        partition::{Partition, Stage},
        queued::Queued,
        traffic::Side,
    },
    meter::{EndHistory, RateMeter},
    protocol::{
        control::TopicRecord,
        offset_map::OffsetMap,
        ports::Clock,
        position::{Identity, Meaning},
        quiet::{Quiet, longest_on_its_way},
    },
};

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
                (Stage::Due { .. } | Stage::TakingOver | Stage::PuttingAside, false) => {
                    self.abandon(id)
                }
                // What it found is stored first; then it stops.
                (Stage::Storing(_), false) => {}
                (Stage::Held(_), false) => self.partitions[index].stage = Stage::Idle,
                (_, true) => {}
            }
        }
    }

    /// Partitions that both sides have; 0 while either side is unknown.
    pub(super) fn partition_count(&self, topic: &TopicRecord) -> i32 {
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

    pub(super) fn add_partition(&mut self, topic_id: &str, topic: &TopicRecord, partition: i32) {
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
            acknowledged: None,
            map: OffsetMap::default(),
            queued: Queued::default(),
            ready: false,
            store_due: false,
            quiet: Quiet::default(),
            renewal: None,
            doubted: None,
            singly: None,
            refusal: None,
            verified_epoch: None,
            source_leader: None,
            destination_leader: None,
            source_start: None,
            source_end: None,
            held_back: None,
            live_from: None,
            last_copied_ms: None,
            rates: RateMeter::default(),
            ends: EndHistory::default(),
            problem: None,
            failures: 0,
            faults: 0,
            corrupt: None,
            handed_ms: 0,
            verifying: false,
        });
    }

    pub(super) fn may_run(&self, id: PartitionId) -> bool {
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
    pub(super) fn begin(&mut self, id: PartitionId, now_ms: i64) {
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
        partition.doubted = None;
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
            // Without a position nobody has sent anything.
            partition.quiet.lost(slot.quiet_at_ms);
        }
        partition.failures = 0;
        partition.stage = Stage::Due { at_ms: now_ms };
    }

    /// Returns the same partition of a topic of the same name that the source does not have any more.
    pub(super) fn former(&self, id: PartitionId) -> Option<PartitionId> {
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
        let (now_ms, on_its_way) = (self.wire.monotonic_ms(), self.on_its_way());
        let partition = &mut self.partitions[id.0];
        partition.end_flow(now_ms, on_its_way);
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

    pub(super) fn on_its_way(&self) -> Duration {
        longest_on_its_way(self.context.settings.produce_timeout)
    }

    /// Stops sending; idle once nothing is in flight.
    pub(super) fn drain(&mut self, id: PartitionId) {
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
        let (now_ms, on_its_way) = (self.wire.monotonic_ms(), self.on_its_way());
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
                partition.end_flow(now_ms, on_its_way);
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
                partition.end_flow(now_ms, on_its_way);
                if let Some(refusal) = partition.refusal.take() {
                    return self.refused(id, refusal);
                }
                partition.failures += 1;
                // Once is a leader that moved; what comes again without a delivery between is not over soon.
                let delay_ms = match partition.failures {
                    1 => 0,
                    failures => 200 << failures.min(5),
                };
                partition.stage = Stage::Due {
                    at_ms: now_ms + delay_ms,
                };
            }
            _ => {}
        }
    }

    /// Asks a fetch connection for the partition's records from where its flow wants them.
    pub(super) fn follow(&mut self, id: PartitionId) {
        if self.partitions[id.0].verifying {
            return;
        }
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

    /// Returns the meaning of sequences in force, once the control topic has told it.
    pub(super) fn meaning(&self) -> Option<Meaning> {
        self.root.spec.as_ref().map(|spec| spec.meaning)
    }

    pub(super) fn isolation(&self) -> Isolation {
        let meaning = self.meaning();
        meaning.map_or(self.link.spec.isolation, |meaning| meaning.isolation)
    }

    pub(super) fn read_committed(&self) -> bool {
        self.isolation() == Isolation::ReadCommitted
    }
}
