//! Which batches of a read_committed fetch belong to aborted transactions, decided on headers alone.
//!
//! A broker that is asked with isolation level 1 lists the aborted transactions that overlap a reply as producer id
//! and first offset. A producer's batches are aborted from that offset on, until its ABORT marker. One index judges
//! one partition of one reply, in offset order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use crate::batch::{BatchView, Codec};

/// What is to be done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Committed data: it is copied.
    Keep,
    /// A transaction marker or another control batch: nothing a reader sees.
    Control,
    /// Data of an aborted transaction.
    Aborted,
}

/// The aborted transactions of one partition's reply.
#[derive(Debug, Clone, Default)]
pub struct AbortedIndex {
    /// First offset and producer id of transactions that begin at or behind the offset reached.
    ahead: BinaryHeap<Reverse<(i64, i64)>>,
    /// Producers inside an aborted transaction at the offset reached.
    open: HashSet<i64>,
}

impl AbortedIndex {
    /// Takes the reply's list of (producer id, first offset), in any order.
    pub fn new(aborted: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self {
            ahead: aborted
                .into_iter()
                .map(|(producer, first)| Reverse((first, producer)))
                .collect(),
            open: HashSet::new(),
        }
    }

    /// Judges the next batch of the partition; batches come in offset order.
    pub fn judge(&mut self, batch: &BatchView) -> Verdict {
        self.open_up_to(batch.last_offset());
        if batch.is_control() {
            if is_abort_marker(batch) {
                self.open.remove(&batch.producer_id());
            }
            return Verdict::Control;
        }
        if batch.is_transactional() && self.open.contains(&batch.producer_id()) {
            return Verdict::Aborted;
        }
        Verdict::Keep
    }

    fn open_up_to(&mut self, offset: i64) {
        while let Some(&Reverse((first, producer))) = self.ahead.peek() {
            if first > offset {
                return;
            }
            self.ahead.pop();
            self.open.insert(producer);
        }
    }
}

/// Tells whether a control batch is an ABORT marker: control type 0 in its one record's key (version, type).
fn is_abort_marker(batch: &BatchView) -> bool {
    if !batch.is_transactional() || batch.codec() != Codec::None {
        return false;
    }
    let payload = batch.payload();
    crate::records::first_key(&payload).is_some_and(|key| key.get(2..4) == Some(&[0, 0]))
}

#[cfg(test)]
mod tests;
