//! Sending one partition (EXACTLY_ONCE 4): what goes out next, and what replies mean. Synchronous and free of IO.

use super::{offset_map::Segment, position::Position, takeover::Resumed};

/// A batch for the destination; the payload's header is patched when it is sent.
#[derive(Clone, Debug)]
pub struct Outgoing<B> {
    /// First source offset it stands for; equals [`Flow::fetch_offset`].
    pub source_from: i64,
    /// Source offset after it, known gaps behind it included.
    pub source_to: i64,
    pub leader_epoch: i32,
    /// Source offset and length of each run of records without holes; their sum is the batch's record count.
    pub runs: Vec<(i64, i64)>,
    /// Whether every offset of it is a record, a marker or aborted: no hole made by compaction.
    pub explained: bool,
    /// Timestamp of its first record, -1 where unknown.
    pub first_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    /// Near the destination's size limit, or sent again after a refusal: goes alone.
    pub alone: bool,
    pub payload: B,
}

/// A batch to send now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<B> {
    pub producer_id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
    /// The base offset that the acknowledgement must show.
    pub expected_base: i64,
    pub payload: B,
}

/// The moment of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall_ms: i64,
    pub monotonic_ms: i64,
    /// `Slot::lease_fresh` at this moment.
    pub lease_fresh: bool,
}

/// Why nothing is sent although something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// The lease is not fresh: renew the claim.
    Lease,
    /// A reply must come first.
    InFlight,
    /// Not before this monotonic time.
    Quiet(i64),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<B> {
    /// Send this now; whoever cannot must report `failed`.
    Send(Order<B>),
    /// Store [`Flow::position`] and call [`Flow::stored`] first.
    StoreFirst,
    Blocked(Blocked),
    /// Nothing waits.
    Idle,
    /// Take over again once nothing is in flight.
    TakeOver,
}

/// What a reply, or its absence, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As expected; the position moved.
    Acknowledged,
    /// Renew the claim, then take over again.
    TakeOver,
    /// A newer epoch of our data stands in the log: stop the slot.
    Fenced,
    /// The destination does not take this batch (error code): take over, send it in smaller pieces, finally hold or skip the record.
    Refused { code: i16, source_from: i64, source_to: i64 },
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The broker replied with this error code.
    Code(i16),
    /// No reply: lost connection or time-out.
    NoReply,
}

/// Steady state of one partition.
#[derive(Debug)]
pub struct Flow<B> {
    position: Position,
    pending: std::collections::VecDeque<Outgoing<B>>,
}

impl<B> Flow<B> {
    /// Begins where a take-over ended.
    pub fn new(resumed: &Resumed, quiet_at_ms: i64, guard_ms: i64) -> Self {
        let _ = (quiet_at_ms, guard_ms);
        Self { position: resumed.position.clone(), pending: std::collections::VecDeque::new() }
    }

    /// Returns the source offset to fetch next.
    pub fn fetch_offset(&self) -> i64 {
        self.position.source_next
    }

    /// Returns the leader epoch of what was fetched last, -1 for none.
    pub fn fetch_epoch(&self) -> i32 {
        self.position.source_leader_epoch
    }

    /// Takes a fetched batch.
    pub fn push(&mut self, batch: Outgoing<B>) {
        self.pending.push_back(batch);
    }

    /// Notes that no record to copy lies from the fetch offset to `to`; `explained` as in [`Outgoing`].
    pub fn gap(&mut self, to: i64, explained: bool) {
        let _ = (to, explained);
    }

    /// Says what to do next.
    pub fn next(&mut self, now: Now) -> Next<B> {
        let _ = now;
        Next::Idle
    }

    /// Judges the acknowledgement of the oldest request in flight.
    pub fn acknowledged(&mut self, base_offset: i64) -> Verdict {
        let _ = base_offset;
        Verdict::Acknowledged
    }

    /// Judges the failure of the oldest request in flight.
    pub fn failed(&mut self, failed: Failed) -> Verdict {
        let _ = failed;
        Verdict::TakeOver
    }

    /// Returns the position: all acknowledged.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Says whether the position moved since it was stored.
    pub fn dirty(&self) -> bool {
        false
    }

    /// Notes that this position was acknowledged by the control topic.
    pub fn stored(&mut self, position: &Position) {
        let _ = position;
    }

    /// Returns the segments acknowledged since the last call.
    pub fn take_segments(&mut self) -> Vec<Segment> {
        Vec::new()
    }

    /// Returns how many requests are in flight.
    pub fn in_flight(&self) -> usize {
        0
    }

    /// Says whether the broker's producer state checks the next append.
    pub fn guarded(&self, wall_ms: i64) -> bool {
        let _ = wall_ms;
        false
    }

    /// Monotonic time until which requests without a reply may reach the broker, given the produce time-out.
    pub fn quiet_at_ms(&self, produce_timeout_ms: i64) -> i64 {
        produce_timeout_ms
    }
}
