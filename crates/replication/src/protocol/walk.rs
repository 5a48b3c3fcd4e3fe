//! Walking the destination's tail: what follows a stored position in the mirror, told by batch headers alone.

use super::{ports::DestinationBatch, position::Position, sequence};

/// Consecutive records of ours at consecutive offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many records after the stored position the first one is.
    pub index: i64,
    pub destination_start: i64,
    pub length: i64,
}

/// Why a walk proves nothing beyond a place: an operator must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The batch at the stored end is not the one that was acknowledged there.
    Refilled,
    /// Sequence numbers are missing before this destination offset.
    Gap(i64),
    /// Data of a newer producer epoch: the stored position is stale.
    NewerEpoch(i16),
}

/// What the tail holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Records of ours after the stored position.
    pub written: i64,
    pub runs: Vec<Run>,
    /// Destination ranges that repeat what stands before them.
    pub duplicates: Vec<(i64, i64)>,
    /// Destination ranges that somebody else wrote.
    pub foreign: Vec<(i64, i64)>,
    /// Whether offsets of the tail are gone (retention, compaction).
    pub holes: bool,
    /// How many offsets behind our last batch are gone: they may have held more of ours.
    pub missing: i64,
    /// Where the first of them was.
    pub missing_from: i64,
    /// How many of them nobody can explain: the broker does not know us either.
    pub unknown: i64,
    /// Epoch and last sequence of our last batch, whichever it is.
    pub last: Option<(i16, i32)>,
    /// Offset after our last batch that continued the sequence.
    pub own_end: Option<i64>,
    pub halt: Option<Halt>,
}

/// Walks the batches from the one that holds the last acknowledged record on, up to the log end.
pub fn walk(stored: &Position, log_end: i64, batches: &[DestinationBatch]) -> Walk {
    let mut walk = Walk::default();
    let mut next = stored.destination_end;
    for batch in batches {
        if batch.last_offset < stored.destination_end {
            if !holds_stored_end(stored, batch) {
                walk.halt = Some(Halt::Refilled);
                return walk;
            }
            continue;
        }
        if batch.base_offset >= log_end {
            break;
        }
        if batch.base_offset < stored.destination_end {
            // Log ends are ends of batches; this one reaches across.
            walk.halt = Some(Halt::Refilled);
            return walk;
        }
        if !walk.step(stored, next, batch) {
            return walk;
        }
        next = batch.last_offset + 1;
    }
    walk.miss(next, log_end);
    walk
}

/// Says whether a batch below the stored end may stand there: only the one that ends where ours ended is checked.
fn holds_stored_end(stored: &Position, batch: &DestinationBatch) -> bool {
    if batch.last_offset + 1 != stored.own_end || stored.epoch_records == 0 {
        return true;
    }
    let last = sequence::advance(batch.base_sequence, batch.last_offset - batch.base_offset);
    batch.producer_id == stored.producer_id
        && batch.epoch == stored.epoch
        && sequence::advance(last, 1) == stored.next_sequence
}

impl Walk {
    /// Judges one batch behind the stored end; `false` when the walk halts.
    fn step(&mut self, stored: &Position, next: i64, batch: &DestinationBatch) -> bool {
        let (from, to) = (batch.base_offset, batch.last_offset + 1);
        self.miss(next, from);
        self.holes |= batch.records < to - from;
        if batch.control || batch.producer_id != stored.producer_id {
            extend(&mut self.foreign, (from, to));
            return true;
        }
        if batch.epoch > stored.epoch {
            self.halt = Some(Halt::NewerEpoch(batch.epoch));
            return false;
        }
        self.last = Some((
            batch.epoch,
            sequence::advance(batch.base_sequence, to - from - 1),
        ));
        if batch.epoch < stored.epoch {
            extend(&mut self.duplicates, (from, to));
            return true;
        }
        let expected = sequence::advance(stored.next_sequence, self.written);
        let ahead = sequence::distance(expected, batch.base_sequence);
        if ahead > self.missing {
            self.halt = Some(Halt::Gap(from));
            return false;
        }
        if self.missing > 0 && ahead < self.missing {
            // Not all of what is gone was ours, in sequence.
            extend(&mut self.foreign, (self.missing_from, from));
        }
        self.missing = 0;
        self.written += ahead.max(0);
        let repeated = (-ahead).clamp(0, to - from);
        if repeated > 0 {
            extend(&mut self.duplicates, (from, from + repeated));
        }
        self.add(from + repeated, to - from - repeated);
        true
    }

    /// Notes that no batch stands between two offsets any more.
    fn miss(&mut self, from: i64, to: i64) {
        if from < to {
            self.holes = true;
            if self.missing == 0 {
                self.missing_from = from;
            }
            self.missing += to - from;
        }
    }

    fn add(&mut self, destination_start: i64, length: i64) {
        if length == 0 {
            return;
        }
        let index = self.written;
        self.written += length;
        self.own_end = Some(destination_start + length);
        match self.runs.last_mut() {
            Some(run)
                if run.index + run.length == index
                    && run.destination_start + run.length == destination_start =>
            {
                run.length += length;
            }
            _ => self.runs.push(Run {
                index,
                destination_start,
                length,
            }),
        }
    }

    /// Says whether our last batch in the tail, if any, is the one that the next sequence number follows.
    pub fn ends_in_sequence(&self, stored: &Position) -> bool {
        let last = sequence::advance(stored.next_sequence, self.written - 1);
        self.last.is_none_or(|found| found == (stored.epoch, last))
    }
}

fn extend(ranges: &mut Vec<(i64, i64)>, range: (i64, i64)) {
    match ranges.last_mut() {
        Some(last) if last.1 == range.0 => last.1 = range.1,
        _ => ranges.push(range),
    }
}

#[cfg(test)]
pub(super) mod tests;
