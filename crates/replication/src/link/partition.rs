//! One mirrored partition as the link's loop holds it.

use std::{sync::Arc, time::Duration};

use kafka::fetch::FetchKey;
use model::{
    finding::{Finding, FindingKind},
    problem::Problem,
};

use super::{
    decode::Payload, event::PartitionId, queued::Queued, traffic::ConnectionKey, worker::HeldBack,
};
use crate::{
    meter::{EndHistory, RateMeter},
    protocol::{
        flow::Flow,
        offset_map::OffsetMap,
        position::{Identity, Position},
        quiet::Quiet,
        takeover::Resumed,
    },
};

/// What a partition is doing.
#[derive(Debug)]
pub(super) enum Stage {
    /// Its slot is not ours, or the link is paused or the topic retired.
    Idle,
    /// Takes over at this monotonic time.
    Due {
        at_ms: i64,
    },
    TakingOver,
    /// What the take-over found is being stored.
    Storing(Box<Resumed>),
    Copying,
    /// Nothing new is sent; what is in flight comes back first, then it takes over again.
    Settling,
    /// Nothing new is sent; what is in flight comes back first, then it is idle.
    Draining,
    /// A record that the destination refused is being put aside.
    PuttingAside,
    /// An operator must choose.
    Held(Box<Finding>),
}

/// What the destination refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Kafka's error code.
    pub(super) code: i16,
    /// Source offsets, half-open.
    pub(super) range: (i64, i64),
    pub(super) records: u32,
    /// Size of the batch as it was sent.
    pub(super) bytes: usize,
    /// What the mirror was known to take in one batch, bytes.
    pub(super) limit: Option<usize>,
}

impl Refusal {
    /// Says what was refused, in one sentence.
    pub(super) fn sentence(&self) -> String {
        let error = kafka::ErrorCode(self.code).name();
        let grouped = |bytes: usize| model::format::grouped(bytes as i64);
        let limit = match self.limit {
            Some(limit) => format!(", its mirror takes {} bytes", grouped(limit)),
            None => String::new(),
        };
        let (offset, bytes) = (self.range.0, grouped(self.bytes));
        format!(
            "The destination refuses the record at offset {offset}, {bytes} bytes as a batch{limit} ({error})."
        )
    }
}

/// One mirrored partition.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: PartitionId,
    pub(super) identity: Identity,
    pub(super) key: FetchKey,
    pub(super) mirror: Arc<str>,
    pub(super) mirror_id: uuid::Uuid,
    pub(super) slot: u32,
    /// Where it begins without a stored position.
    pub(super) at_first_start: bool,
    pub(super) stage: Stage,
    /// Counts starts, so that late data of an earlier one is dropped.
    pub(super) generation: u64,
    /// Counts what a fetch connection was told, so that late data is dropped.
    pub(super) lane: u64,
    /// The fetch connection that was told to follow it.
    pub(super) following: Option<ConnectionKey>,
    pub(super) flow: Option<Flow<Payload>>,
    /// Last known position, while there is no flow.
    pub(super) position: Option<Position>,
    /// Up to where this process saw the mirror acknowledged, and the mirror's topic id; also after its slot was lost, whose
    /// stored position may lie before it.
    pub(super) acknowledged: Option<(String, i64)>,
    pub(super) map: OffsetMap,
    pub(super) queued: Queued,
    /// A batch of this partition stands in its producer's ready queue.
    pub(super) ready: bool,
    /// A position (and what belongs to it) waits to be stored.
    pub(super) store_due: bool,
    /// When lost requests, ours or a former owner's, can arrive no more.
    pub(super) quiet: Quiet,
    /// The control write that must be acknowledged before it takes over again.
    pub(super) renewal: Option<u64>,
    /// What it is held by once the claim was renewed and the like is found again.
    pub(super) doubted: Option<FindingKind>,
    /// A range that the destination refused; sent record by record.
    pub(super) singly: Option<(i64, i64)>,
    /// A record that was refused alone; judged when nothing is in flight any more.
    pub(super) refusal: Option<Refusal>,
    /// Source leader epoch that [`crate::protocol::takeover::verify_source`] agreed to.
    pub(super) verified_epoch: Option<i32>,
    /// Leader epochs on both sides when it was taken over.
    pub(super) source_leader: Option<i32>,
    pub(super) destination_leader: Option<i32>,
    pub(super) source_start: Option<i64>,
    pub(super) source_end: Option<i64>,
    /// The source has more than committed records may be read of.
    pub(super) held_back: Option<HeldBack>,
    /// Source end when copying began: what is beyond it is live.
    pub(super) live_from: Option<i64>,
    pub(super) last_copied_ms: Option<i64>,
    pub(super) rates: RateMeter,
    pub(super) ends: EndHistory,
    pub(super) problem: Option<Problem>,
    /// Take-overs in a row that delivered nothing.
    pub(super) failures: u32,
    /// Damaged replies of the source in a row.
    pub(super) faults: u32,
    /// A batch that arrived damaged at the destination, by its first source offset, and how often in a row.
    pub(super) corrupt: Option<(i64, u32)>,
    /// When its position was handed to its slot last; monotonic.
    pub(super) handed_ms: i64,
    /// The source is being asked whether it still holds what was fetched; nothing is fetched meanwhile.
    pub(super) verifying: bool,
}

impl Partition {
    /// Returns the position: the flow's, else the last known one.
    pub(super) fn position(&self) -> Option<&Position> {
        self.flow
            .as_ref()
            .map(Flow::position)
            .or(self.position.as_ref())
    }

    /// Says what is wrong with the partition, by its name.
    pub(super) fn naming(&self, what: &str) -> String {
        let (topic, partition) = (&self.identity.source_topic, self.identity.partition);
        format!("`{topic}`, partition {partition}: {what}")
    }

    /// Returns how many requests are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.flow.as_ref().map_or(0, Flow::in_flight)
    }

    /// Gives the flow up, with all that waits in it; the position stays.
    pub(super) fn end_flow(&mut self, now_ms: i64, on_its_way: Duration) {
        if let Some(flow) = self.flow.take() {
            if let Some(lost_ms) = flow.lost_at_ms(now_ms) {
                self.quiet.lost(lost_ms + on_its_way.as_millis() as i64);
            }
            let position = flow.position().clone();
            self.acknowledged = Some((position.mirror_topic_id.clone(), position.destination_end));
            self.position = Some(position);
        }
        self.generation += 1;
        self.queued = Queued::default();
        self.renewal = None;
        self.verified_epoch = None;
        self.verifying = false;
    }

    /// Returns the destination end that was acknowledged to this process in the mirror that is there now, where it was.
    pub(super) fn acknowledged_end(&self) -> Option<i64> {
        let (mirror, end) = self.acknowledged.as_ref()?;
        let stored = self.position.as_ref().map(|stored| &stored.mirror_topic_id);
        (mirror == stored.unwrap_or(&self.identity.mirror_topic_id)).then_some(*end)
    }

    /// Returns source offsets not yet delivered, `None` while unknown.
    pub(super) fn lag_records(&self) -> Option<i64> {
        let position = self.position()?.source_next;
        self.source_end.map(|end| (end - position).max(0))
    }
}
