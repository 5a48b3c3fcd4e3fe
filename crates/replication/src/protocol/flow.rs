//! Sending one partition (EXACTLY_ONCE 4): what goes out next, and what replies mean. Synchronous and free of IO.
//!
//! Invariants: the position covers acknowledged records only; requests are answered in the order they were sent; after
//! anything but a plain acknowledgement nothing is sent any more; nothing is in flight while a store is required; a batch
//! that the broker's producer state would not check, or might stop checking, is alone in flight, goes on a connection
//! where nothing else is open ([`Flow::checked`]), and only follows checked ones that a stored position covers.

mod transactional;

use std::collections::VecDeque;

use super::{offset_map::Segment, position::Position, sequence, takeover::Resumed};

/// A batch for the destination; the payload's header is patched when it is sent.
#[derive(Clone, Debug)]
pub struct Outgoing<B> {
    /// First source offset it stands for; equals [`Flow::fetch_offset`].
    pub source_from: i64,
    /// Source offset after it; known gaps behind it may be included if they are of the same leader epoch.
    pub source_to: i64,
    pub leader_epoch: i32,
    /// Source offset and length of each run of records without holes; their sum is the batch's record count.
    pub runs: Runs,
    /// Whether every offset of it is a record, a marker or aborted: no hole made by compaction.
    pub explained: bool,
    /// Timestamp of its first record, -1 where unknown.
    pub first_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    /// Near the destination's size limit, or sent again after a refusal: goes alone.
    pub alone: bool,
    pub payload: B,
}

/// Where the records of a batch lie at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// This many from this offset on, without holes.
    Dense(i64, i64),
    /// Offset and length of each run.
    Sparse(Vec<(i64, i64)>),
}

impl Runs {
    /// Returns source offset and length of each run, in order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let (one, many) = match self {
            Self::Dense(from, length) => (Some((*from, *length)), &[][..]),
            Self::Sparse(runs) => (None, &runs[..]),
        };
        one.into_iter().chain(many.iter().copied())
    }

    /// Returns the number of records.
    pub fn records(&self) -> i64 {
        self.iter().map(|run| run.1).sum()
    }
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
    /// Send this now; whoever cannot must report [`Flow::failed`].
    Send(Order<B>),
    /// Store [`Flow::position`] and call [`Flow::stored`] first; then ask again.
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
    /// The destination does not take this batch: take over, send it in smaller pieces, finally hold or skip the record.
    Refused {
        code: i16,
        source_from: i64,
        source_to: i64,
    },
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The broker replied with this error code.
    Code(i16),
    /// No reply: the connection ended at this monotonic time. Until then the broker may have begun with the request, however
    /// long ago it was sent.
    NoReply { ended_ms: i64 },
    /// It was never sent.
    Unsent,
}

/// INVALID_PRODUCER_EPOCH and PRODUCER_FENCED.
const FENCED: [i16; 2] = [47, 90];
/// CORRUPT_MESSAGE, which the shell believes when it came three times for one batch, MESSAGE_TOO_LARGE,
/// RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD.
const REFUSED: [i16; 6] = [2, 10, 18, 32, 76, 87];

#[derive(Debug)]
enum Item<B> {
    Batch(Outgoing<B>),
    /// No record up to this offset.
    Gap {
        to: i64,
        leader_epoch: i32,
    },
}

#[derive(Debug)]
struct Sent {
    expected_base: i64,
    source_from: i64,
    source_to: i64,
    runs: Runs,
    max_timestamp_ms: i64,
}

/// Steady state of one partition.
#[derive(Debug)]
pub struct Flow<B> {
    position: Position,
    fetch_offset: i64,
    fetch_epoch: i32,
    /// Whether a hole without explanation lies before the next batch.
    hole_ahead: bool,
    pending: VecDeque<(Item<B>, bool)>,
    in_flight: VecDeque<Sent>,
    /// Sequence and destination offset behind everything in flight.
    next_sequence: i32,
    next_destination: i64,
    /// Timestamp of the last batch that the broker is known to remember of us.
    guard_timestamp_ms: Option<i64>,
    guard_ms: i64,
    quiet_at_ms: i64,
    /// The take-over's facts were read before quiet: what arrived since is not known. They are good for batches that the broker
    /// checks and that are the same for all who may have sent them; for anything else the partition is taken over again.
    early: bool,
    /// Nothing was acknowledged yet since the take-over.
    first: bool,
    must_store: bool,
    /// The broker checks, or checked, batches that no stored position covers: who claimed the slot meanwhile may have sent them
    /// too. What is not checked makes the broker forget us, and would let those in again.
    unsettled: bool,
    /// Source leader epoch of the stored position: batches of no other one may be sent.
    stored_leader_epoch: i32,
    dirty: bool,
    halted: bool,
    transactional: bool,
    /// When the last connection ended on which a request got no reply.
    unanswered_ms: Option<i64>,
    segments: Vec<Segment>,
}

impl<B> Flow<B> {
    /// Begins where a take-over ended. `quiet_at_ms` and `guard_ms` are those of its `Case`.
    pub fn new(resumed: &Resumed, quiet_at_ms: i64, guard_ms: i64) -> Self {
        let position = resumed.position.clone();
        Self {
            fetch_offset: position.source_next,
            fetch_epoch: position.source_leader_epoch,
            hole_ahead: false,
            pending: VecDeque::new(),
            in_flight: VecDeque::new(),
            next_sequence: position.next_sequence,
            next_destination: position.destination_end,
            guard_timestamp_ms: resumed.guard_timestamp_ms,
            guard_ms,
            quiet_at_ms,
            early: !resumed.quiet,
            first: true,
            must_store: resumed.must_store,
            unsettled: resumed.guard_timestamp_ms.is_some(),
            stored_leader_epoch: position.source_leader_epoch,
            dirty: true,
            halted: false,
            transactional: false,
            unanswered_ms: None,
            segments: Vec::new(),
            position,
        }
    }

    /// Returns the source offset to fetch next.
    pub fn fetch_offset(&self) -> i64 {
        self.fetch_offset
    }

    /// Returns the leader epoch of what was fetched last, -1 for none.
    pub fn fetch_epoch(&self) -> i32 {
        self.fetch_epoch
    }

    /// Takes a fetched batch. Offsets between the fetch offset and its start are a hole (see [`Flow::gap`]).
    pub fn push(&mut self, batch: Outgoing<B>) {
        let hole = std::mem::take(&mut self.hole_ahead) || batch.source_from > self.fetch_offset;
        self.fetch_offset = batch.source_to;
        self.fetch_epoch = batch.leader_epoch;
        let explained = batch.explained && !hole;
        self.pending.push_back((Item::Batch(batch), explained));
    }

    /// Notes that no record to copy lies from the fetch offset to `to`. Say `explained` only where markers or aborted
    /// batches fill it; `leader_epoch` is theirs, or that of the batch behind a hole.
    pub fn gap(&mut self, to: i64, leader_epoch: i32, explained: bool) {
        if to <= self.fetch_offset {
            return;
        }
        self.fetch_offset = to;
        self.fetch_epoch = leader_epoch;
        self.hole_ahead |= !explained;
        self.pending
            .push_back((Item::Gap { to, leader_epoch }, explained));
        self.pass_gaps();
    }

    /// Moves the position over gaps, now or with the acknowledgement of what is before them. Not over a hole before quiet:
    /// a late request may hold the record that was there, and would be counted from behind the hole.
    fn pass_gaps(&mut self) {
        while !self.must_store && !self.halted {
            let Some(&(Item::Gap { to, leader_epoch }, explained)) = self.pending.front() else {
                return;
            };
            let crosses = leader_epoch != self.position.source_leader_epoch
                && self.position.source_leader_epoch >= 0;
            if (!explained || crosses) && self.early {
                return;
            }
            match self.in_flight.back_mut() {
                Some(sent) if leader_epoch == self.position.source_leader_epoch => {
                    sent.source_to = to;
                }
                Some(_) => return,
                None => {
                    self.position.source_next = to;
                    self.position.source_leader_epoch = leader_epoch;
                    self.dirty = true;
                }
            }
            self.pending.pop_front();
        }
    }

    /// Says what to do next.
    pub fn next(&mut self, now: Now) -> Next<B> {
        if self.halted {
            return Next::TakeOver;
        }
        if self.transactional {
            return self.next_in_transaction();
        }
        if self.must_store {
            self.adopt_epoch();
            return Next::StoreFirst;
        }
        self.pass_gaps();
        let Some((Item::Batch(batch), explained)) = self.pending.front() else {
            return self.before_gap(now);
        };
        let epoch = batch.leader_epoch;
        if epoch != self.stored_leader_epoch || epoch != self.position.source_leader_epoch {
            // A late request may hold what the source has truncated since, and would be counted as what stands there now.
            if self.early && self.position.source_leader_epoch >= 0 {
                return self.after_quiet(now);
            }
            if !self.in_flight.is_empty() {
                return Next::Blocked(Blocked::InFlight);
            }
            self.adopt_epoch();
            self.must_store = true;
            return Next::StoreFirst;
        }
        match self.blocked(batch, *explained, now) {
            Some(Blocked::Quiet(_)) => self.after_quiet(now),
            Some(blocked) => Next::Blocked(blocked),
            None if self.unsettled && !self.checked(now.wall_ms) => {
                self.must_store = true;
                Next::StoreFirst
            }
            None => {
                self.unsettled |= self.checked(now.wall_ms);
                self.send()
            }
        }
    }

    /// Waits until what was sent before is over, and then reads the facts again.
    fn after_quiet(&mut self, now: Now) -> Next<B> {
        if now.monotonic_ms < self.quiet_at_ms {
            return Next::Blocked(Blocked::Quiet(self.quiet_at_ms));
        }
        if !self.in_flight.is_empty() {
            return Next::Blocked(Blocked::InFlight);
        }
        self.halted = true;
        Next::TakeOver
    }

    /// Nothing waits, or a gap that cannot be passed yet.
    fn before_gap(&mut self, now: Now) -> Next<B> {
        match self.pending.front() {
            None => Next::Idle,
            Some(_) if self.early => self.after_quiet(now),
            Some(_) => Next::Blocked(Blocked::InFlight),
        }
    }

    /// Takes over the leader epoch of the first batch that waits, to be stored before it is sent.
    fn adopt_epoch(&mut self) {
        if let Some((Item::Batch(batch), _)) = self.pending.front() {
            self.dirty |= self.position.source_leader_epoch != batch.leader_epoch;
            self.position.source_leader_epoch = batch.leader_epoch;
        }
    }

    fn blocked(&self, batch: &Outgoing<B>, explained: bool, now: Now) -> Option<Blocked> {
        if !now.lease_fresh {
            return Some(Blocked::Lease);
        }
        let fresh = self.fresh(batch.max_timestamp_ms, now.wall_ms);
        let guarded = self.guarded(now.wall_ms);
        if self.early {
            let same_for_all =
                fresh && explained && self.fresh(batch.first_timestamp_ms, now.wall_ms);
            if !guarded || !same_for_all {
                return Some(Blocked::Quiet(self.quiet_at_ms));
            }
        }
        let alone = self.first || batch.alone || !fresh || !guarded;
        (alone && !self.in_flight.is_empty()).then_some(Blocked::InFlight)
    }

    fn fresh(&self, timestamp_ms: i64, wall_ms: i64) -> bool {
        wall_ms - timestamp_ms < self.guard_ms
    }

    /// Says whether the broker's producer state will check the next append: the last acknowledged batch and all in flight
    /// are young enough.
    pub fn guarded(&self, wall_ms: i64) -> bool {
        let remembers = |t| self.fresh(t, wall_ms);
        self.transactional
            || (self.guard_timestamp_ms.is_some_and(remembers)
                && self
                    .in_flight
                    .iter()
                    .all(|sent| remembers(sent.max_timestamp_ms)))
    }

    /// Says whether the broker checks the batch that is next, and goes on to check those behind it. One that it does not
    /// check must not stand behind other requests either: it needs a connection on which nothing else is open.
    pub fn checked(&self, wall_ms: i64) -> bool {
        // Gaps may be passed in the same breath.
        let next = self.pending.iter().find_map(|(item, _)| match item {
            Item::Batch(batch) => Some(batch.max_timestamp_ms),
            Item::Gap { .. } => None,
        });
        let fresh = |newest| self.transactional || self.fresh(newest, wall_ms);
        self.guarded(wall_ms) && next.is_none_or(fresh)
    }

    fn send(&mut self) -> Next<B> {
        let Some((Item::Batch(batch), _)) = self.pending.pop_front() else {
            return Next::Idle;
        };
        let order = Order {
            producer_id: self.position.producer_id,
            epoch: self.position.epoch,
            base_sequence: self.next_sequence,
            expected_base: self.next_destination,
            payload: batch.payload,
        };
        let records = batch.runs.records();
        self.next_sequence = sequence::advance(self.next_sequence, records);
        self.next_destination += records;
        self.in_flight.push_back(Sent {
            expected_base: order.expected_base,
            source_from: batch.source_from,
            source_to: batch.source_to,
            runs: batch.runs,
            max_timestamp_ms: batch.max_timestamp_ms,
        });
        Next::Send(order)
    }

    /// Judges the acknowledgement of the oldest request in flight.
    pub fn acknowledged(&mut self, base_offset: i64) -> Verdict {
        let Some(sent) = self.in_flight.pop_front() else {
            return self.halt();
        };
        if self.halted || !self.is_expected(base_offset, sent.expected_base) {
            return self.halt();
        }
        let mut destination_start = base_offset;
        for (source_start, length) in sent.runs.iter() {
            self.learn(Segment {
                source_start,
                destination_start,
                length,
            });
            destination_start += length;
        }
        let records = destination_start - base_offset;
        self.position
            .advance(sent.source_to, destination_start, records);
        self.guard_timestamp_ms = Some(sent.max_timestamp_ms);
        self.first = false;
        self.dirty = true;
        self.pass_gaps();
        Verdict::Acknowledged
    }

    fn learn(&mut self, segment: Segment) {
        match self.segments.last_mut() {
            Some(last)
                if last.source_start + last.length == segment.source_start
                    && last.destination_start + last.length == segment.destination_start =>
            {
                last.length += segment.length;
            }
            _ => self.segments.push(segment),
        }
    }

    /// Judges the failure of the oldest request in flight. Nothing is ever retried blindly: an error that seems definite,
    /// such as NOT_LEADER_OR_FOLLOWER (6), also answers requests that were appended.
    pub fn failed(&mut self, failed: Failed) -> Verdict {
        let Some(sent) = self.in_flight.pop_front() else {
            return self.halt();
        };
        let first_failure = !self.halted;
        self.halted = true;
        match failed {
            Failed::NoReply { ended_ms } => {
                self.unanswered_ms = self.unanswered_ms.max(Some(ended_ms));
                Verdict::TakeOver
            }
            Failed::Unsent => Verdict::TakeOver,
            Failed::Code(code) if FENCED.contains(&code) => Verdict::Fenced,
            Failed::Code(code) if first_failure && REFUSED.contains(&code) => {
                let Sent {
                    source_from,
                    source_to,
                    ..
                } = sent;
                Verdict::Refused {
                    code,
                    source_from,
                    source_to,
                }
            }
            Failed::Code(_) => Verdict::TakeOver,
        }
    }

    fn halt(&mut self) -> Verdict {
        self.halted = true;
        Verdict::TakeOver
    }

    /// Ends the flow from outside: the source has lost records above the fetch offset, a leader changed, a connection was
    /// made anew.
    pub fn interrupt(&mut self) {
        self.halted = true;
    }

    /// Returns the position: all acknowledged.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Says whether the position moved since it was stored.
    pub fn dirty(&self) -> bool {
        self.dirty
    }

    /// Notes that this position was acknowledged by the control topic.
    pub fn stored(&mut self, position: &Position) {
        self.first |= self.transactional;
        self.stored_leader_epoch = position.source_leader_epoch;
        if self.position.same_place(position) {
            self.must_store = false;
            self.dirty = false;
            self.unsettled &= !self.in_flight.is_empty();
        }
    }

    /// Returns the segments acknowledged since the last call.
    pub fn take_segments(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.segments)
    }

    /// Returns how many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Returns how many batches wait to be sent.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Returns when the last connection ended that left requests of this flow unanswered; those that are still in flight
    /// count as left now. `None` if there are none.
    pub fn lost_at_ms(&self, now_ms: i64) -> Option<i64> {
        let open = (!self.in_flight.is_empty()).then_some(now_ms);
        self.unanswered_ms.max(open)
    }
}

#[cfg(test)]
mod tests;
