//! How far a link has copied one partition, as the control topic stores it.

use model::link::{Isolation, Timestamps};
use serde::{Deserialize, Serialize};

use super::sequence;

/// The settings that decide which record a sequence number stands for. A resume counts under the stored ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    /// Grows with every change that gives sequences another meaning; not with other edits of a link.
    pub revision: i64,
    pub isolation: Isolation,
    pub timestamps: Timestamps,
}

/// Where the mirroring of a partition began: these two offsets stand for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    pub source_start: i64,
    pub destination_end: i64,
}

/// How far a partition is copied. All source offsets below `source_next` from the anchor on are acknowledged at the
/// destination, or hold no record, or lie in a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Next source offset to copy.
    pub source_next: i64,
    /// Source leader epoch of the batches that follow, -1 where the source tells none. No batch of another epoch is sent
    /// before a position with that epoch was stored, so everything after a stored position belongs to its epoch.
    pub source_leader_epoch: i32,
    /// Destination offset at which the next record is expected: the log's end as far as it was looked at.
    pub destination_end: i64,
    /// Offset after our last acknowledged record there; less than `destination_end` where others wrote behind it.
    pub own_end: i64,
    pub producer_id: i64,
    /// Producer epoch of this partition's data; grows whenever sequences get another meaning.
    pub epoch: i16,
    /// Sequence number of the record at `source_next`.
    pub next_sequence: i32,
    /// Records written in this epoch; 0 means that no batch of it stands in the log yet.
    pub epoch_records: i64,
    pub meaning: Meaning,
    pub partition: i32,
    pub source_topic: String,
    pub source_topic_id: String,
    pub mirror_topic: String,
    pub mirror_topic_id: String,
    pub anchor: Anchor,
    /// Wall clock, milliseconds since the epoch UTC.
    pub stored_at_ms: i64,
}

impl Position {
    /// Moves behind `records` more records in destination offsets up to `destination_end`.
    pub fn advance(&mut self, source_next: i64, destination_end: i64, records: i64) {
        self.source_next = source_next;
        self.destination_end = destination_end;
        if records > 0 {
            self.own_end = destination_end;
        }
        self.next_sequence = sequence::advance(self.next_sequence, records);
        self.epoch_records += records;
    }

    /// Says whether both stand at the same place; the time of storing does not count.
    pub fn same_place(&self, other: &Self) -> bool {
        (
            self.source_next,
            self.source_leader_epoch,
            self.destination_end,
        ) == (
            other.source_next,
            other.source_leader_epoch,
            other.destination_end,
        ) && (
            self.producer_id,
            self.epoch,
            self.next_sequence,
            self.meaning,
        ) == (
            other.producer_id,
            other.epoch,
            other.next_sequence,
            other.meaning,
        ) && self.source_topic_id == other.source_topic_id
            && self.mirror_topic_id == other.mirror_topic_id
    }
}

/// Which partition of which topics is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// UUID of the link.
    pub link_id: String,
    pub source_topic: String,
    pub source_topic_id: String,
    pub mirror_topic: String,
    pub mirror_topic_id: String,
    pub partition: i32,
}
