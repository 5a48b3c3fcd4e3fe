//! What the source sends: queued for the destination, checked where the log changed hands, asked for again where it is
//! damaged.

use kafka::ErrorCode;
use model::{acl::AclResource, problem::Problem};
use tracing::{debug, warn};

use super::Worker;
use crate::{
    grants,
    link::{
        event::{Done, FetchEvent, PartitionId},
        fetch::FetchedLane,
        io::SourcePort,
        partition::Stage,
        traffic::Side,
    },
    meter::Brake,
    protocol::{
        ports::{Clock, PortError},
        takeover::verify_source,
    },
};

/// Damaged data in a row before a partition shows it.
const FAULTS_SHOWN: u32 = 3;

impl Worker {
    pub(super) fn fetched(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Arrived { lanes, waited } => {
                self.throttled.count(Brake::Source, waited.throttle);
                self.throttled.count(Brake::Limit, waited.limited);
                for lane in lanes {
                    self.lane_fetched(lane);
                }
            }
            FetchEvent::Closed { serial, error } => self.fetcher_closed(serial, &error),
        }
    }

    pub(super) fn lane_fetched(&mut self, fetched: FetchedLane) {
        let id = fetched.id;
        let read_committed = self.read_committed();
        let partition = &mut self.partitions[id.0];
        let copying = matches!(partition.stage, Stage::Copying);
        if partition.lane != fetched.generation || !copying {
            return fetched.queued.dropped(fetched.decoded.bytes);
        }
        if !fetched.error.is_ok() {
            return self.lane_failed(id, fetched.error);
        }
        let end = if read_committed {
            fetched.last_stable_offset
        } else {
            fetched.high_watermark
        };
        partition.source_end = Some(end);
        // Readers of uncommitted records wait for nobody.
        self.note_stable_end(id, end, fetched.high_watermark);
        let partition = &mut self.partitions[id.0];
        partition.live_from.get_or_insert(end);
        if fetched.log_start >= 0 {
            partition.source_start = Some(fetched.log_start);
        }
        let lost = partition
            .flow
            .as_ref()
            .is_some_and(|f| f.fetch_offset() < fetched.log_start);
        if lost && fetched.decoded.outgoing.is_empty() {
            return self.take_over_again(id, "retention passed the position");
        }
        self.batches.rebuilt_total += fetched.decoded.slow_path;
        self.batches.merged_total += fetched.decoded.merged;
        self.queue(fetched);
    }

    /// Queues what was fetched, up to the first batch of another leader epoch that the source has yet to vouch for.
    pub(super) fn queue(&mut self, fetched: FetchedLane) {
        let id = fetched.id;
        let partition = &mut self.partitions[id.0];
        let Some(flow) = &mut partition.flow else {
            return;
        };
        let verified = partition.verified_epoch;
        let vouched = |before: i32, epoch: i32| {
            before < 0 || epoch < 0 || before == epoch || verified == Some(epoch)
        };
        let mut left = fetched.decoded.bytes;
        for batch in fetched.decoded.outgoing {
            let epoch = batch.leader_epoch;
            if !vouched(flow.fetch_epoch(), epoch) {
                fetched.queued.dropped(left);
                return self.verify(id, epoch);
            }
            left = left.saturating_sub(batch.payload.batch.size_bytes());
            flow.push(batch);
        }
        if let Some(gap) = fetched.decoded.gap_to {
            if !vouched(flow.fetch_epoch(), gap.leader_epoch) {
                return self.verify(id, gap.leader_epoch);
            }
            flow.gap(gap.to, gap.leader_epoch, gap.explained);
        }
        match fetched.decoded.fault {
            None => partition.faults = 0,
            Some(fault) => self.damaged(id, &fault),
        }
        self.make_ready(id);
    }

    /// Asks the source whether it still holds what was fetched before this leader epoch.
    pub(super) fn verify(&mut self, id: PartitionId, epoch: i32) {
        self.make_ready(id);
        self.stop_following(id);
        let partition = &mut self.partitions[id.0];
        let Some(flow) = &partition.flow else { return };
        partition.verifying = true;
        let (offset, before) = (flow.fetch_offset(), flow.fetch_epoch());
        let generation = partition.generation;
        let source = SourcePort::new(self.wire.clone(), &partition.identity);
        self.jobs.spawn(async move {
            let result = verify_source(&source, offset, before).await;
            Done::Verified {
                id,
                generation,
                epoch,
                result,
            }
        });
    }

    pub(super) fn verified(
        &mut self,
        id: PartitionId,
        generation: u64,
        epoch: i32,
        result: Result<bool, PortError>,
    ) {
        let partition = &mut self.partitions[id.0];
        if partition.generation != generation {
            return;
        }
        partition.verifying = false;
        match result {
            Ok(true) => {
                partition.verified_epoch = Some(epoch);
                self.follow(id);
            }
            Ok(false) => self.take_over_again(id, "the source was truncated"),
            Err(error) => {
                debug!(%error, "the source did not vouch yet");
                self.refresh(Side::Fetch);
                self.take_over_again(id, "the source did not vouch for what was fetched");
            }
        }
    }

    pub(super) fn lane_failed(&mut self, id: PartitionId, error: ErrorCode) {
        self.partitions[id.0].following = None;
        if error == ErrorCode::OFFSET_OUT_OF_RANGE {
            return self.take_over_again(id, "the source does not hold the position");
        }
        let topic = &self.partitions[id.0].identity.source_topic;
        debug!(topic, error = error.name(), "fetch refused");
        self.refresh(Side::Fetch);
        let gone = error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            || error == ErrorCode::UNKNOWN_TOPIC_ID
            || error == ErrorCode::INCONSISTENT_TOPIC_ID;
        if gone {
            self.topics_errand.hurry(self.wire.monotonic_ms());
            self.take_over_again(id, "the source topic changed");
        } else if !error.is_retriable() {
            self.fetch_problem(id, error);
        }
    }

    pub(super) fn fetch_problem(&mut self, id: PartitionId, error: ErrorCode) {
        let topic = self.partitions[id.0].identity.source_topic.clone();
        let source = &self.link.spec.source;
        let mut problem = Problem {
            code: "source.refused".to_owned(),
            status: 502,
            title: format!("May not read `{topic}` at `{source}` ({}).", error.name()),
            detail: "Retried; nothing is lost while the source's retention lasts.".to_owned(),
            state: Some("waiting".to_owned()),
            broker_error: Some(error.name().to_owned()),
            next_step: Some(format!(
                "Check topic `{topic}` and its leader at `{source}`."
            )),
            ..Problem::default()
        };
        if error.is_authorization() {
            problem.code = "acl.missing".to_owned();
            let topic = AclResource::Topic(topic);
            problem.next_step = Some(grants::grant(&self.link.source, &["Read"], topic));
        }
        self.partition_problem(id, problem);
    }

    /// Bytes arrived damaged: they are fetched again, and shown if that does not help.
    pub(super) fn damaged(&mut self, id: PartitionId, fault: &str) {
        let partition = &mut self.partitions[id.0];
        partition.faults += 1;
        partition.following = None;
        let faults = partition.faults;
        warn!(topic = %partition.identity.source_topic, fault, faults, "fetched data is damaged");
        if faults >= FAULTS_SHOWN {
            self.partition_problem(
                id,
                Problem {
                    code: "source.damaged".to_owned(),
                    status: 502,
                    title: "The source sends data that cannot be used.".to_owned(),
                    detail: fault.to_owned(),
                    state: Some("waiting".to_owned()),
                    cause: Some(fault.to_owned()),
                    next_step: Some("Check the source broker's log directory.".to_owned()),
                    ..Problem::default()
                },
            );
        } else {
            self.follow(id);
        }
    }
}
