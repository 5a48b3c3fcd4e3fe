//! Transactional mode (EXACTLY_ONCE 7): records, and the position behind them, in one transaction of the slot.
//!
//! Rules, each shown by a schedule that breaks without it (`tests/transactions`):
//!
//! 1. A slot is owned by [`Transactions::begin`] first, then by its claim, and only what is read after both counts: the
//!    former owner's last transaction is then committed or aborted, and it can write no more.
//! 2. A transaction is committed only when every batch sent in it was acknowledged, and with the position of each of its
//!    partitions. Nothing is sent between.
//! 3. After an answer that does not tell whether a batch was appended, or none, nothing is retried and nothing of the slot
//!    counts: it is given up and owned anew. A batch that was certainly not appended ends its transaction early instead.
//!
//! Sequences begin at 0 with each transaction (KIP-890). The first batch of a partition in it is alone in flight, for the sake
//! of cost: the broker may not take it yet (51), and what stood behind it would have to be given up.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    claim::{Slot, SlotError, parts},
    flow::Verdict,
    ports::{AppendError, ControlBatch, ControlWrite, Transactions, Writer},
    sequence,
};

/// How long a transaction takes batches, milliseconds: readers of committed records wait for its end.
const LONGEST_MS: i64 = 400;
/// Bytes after which a transaction takes no more batches.
const MOST_BYTES: usize = 16 << 20;

/// Answers after which nothing of the batch stands in the log: NOT_ENOUGH_REPLICAS, TOPIC_AUTHORIZATION_FAILED,
/// POLICY_VIOLATION, CONCURRENT_TRANSACTIONS.
const UNTOUCHED: [i16; 4] = [19, 29, 44, 51];
/// OUT_OF_ORDER_SEQUENCE_NUMBER.
const OUT_OF_ORDER: i16 = 45;
/// INVALID_PRODUCER_EPOCH and PRODUCER_FENCED.
const FENCED: [i16; 2] = [47, 90];

/// What an answer for a batch means to the transaction that it was sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    GoesOn,
    /// It takes no more batches; what it holds is committed.
    Ends,
    /// Nothing of it counts: the slot is given up and owned anew.
    Aborts,
}

/// The open transaction of a slot, or the one that the next batch begins.
#[derive(Debug)]
pub struct Transaction {
    writer: Writer,
    begun_ms: Option<i64>,
    bytes: usize,
    in_flight: usize,
    /// Next sequence of each partition that has a batch in it.
    sequences: BTreeMap<usize, i32>,
    /// Partitions of which a batch was certainly not appended: what was sent behind it does not follow, and is refused.
    refused: BTreeSet<usize>,
    ending: bool,
}

impl Transaction {
    /// Nothing was sent in it yet.
    pub fn new(writer: Writer) -> Self {
        Self {
            writer,
            begun_ms: None,
            bytes: 0,
            in_flight: 0,
            sequences: BTreeMap::new(),
            refused: BTreeSet::new(),
            ending: false,
        }
    }

    /// Returns the producer of its batches.
    pub fn writer(&self) -> Writer {
        self.writer
    }

    /// Says whether it takes no more batches.
    pub fn is_over(&self, now_ms: i64) -> bool {
        let late = |begun_ms: i64| now_ms - begun_ms >= LONGEST_MS;
        self.ending || self.bytes >= MOST_BYTES || self.begun_ms.is_some_and(late)
    }

    /// Says whether a batch was sent in it.
    pub fn is_begun(&self) -> bool {
        self.begun_ms.is_some()
    }

    /// Returns how many of its batches are not answered yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes no more batches.
    pub fn end(&mut self) {
        self.ending = true;
    }

    /// Returns the sequence of a partition's next batch.
    pub fn sequence(&self, partition: usize) -> i32 {
        self.sequences.get(&partition).copied().unwrap_or(0)
    }

    /// Counts a batch that is sent now.
    pub fn sent(&mut self, partition: usize, records: i64, bytes: usize, now_ms: i64) {
        let next = sequence::advance(self.sequence(partition), records);
        self.sequences.insert(partition, next);
        self.begun_ms.get_or_insert(now_ms);
        self.bytes += bytes;
        self.in_flight += 1;
    }

    /// Judges the answer for a batch: what its flow made of it, and the broker's code if there was an answer.
    pub fn answered(&mut self, partition: usize, verdict: Verdict, code: Option<i16>) -> Effect {
        self.in_flight -= 1;
        let untouched = match (verdict, code) {
            (Verdict::Acknowledged, _) => return Effect::GoesOn,
            (Verdict::Refused { .. }, _) => true,
            (_, Some(OUT_OF_ORDER)) => self.refused.contains(&partition),
            (_, code) => code.is_some_and(|code| UNTOUCHED.contains(&code)),
        };
        if !untouched {
            return Effect::Aborts;
        }
        self.refused.insert(partition);
        self.ending = true;
        Effect::Ends
    }
}

/// Writes records into the open transaction of a slot and commits it; returns the writer of the next one. Only when nothing
/// that was sent in it is unanswered, and with the positions of all of its partitions.
///
/// # Errors
/// On any of them nothing may be taken for stored, and nothing for not stored.
pub async fn commit<L: Transactions>(
    log: &L,
    slot: &mut Slot,
    writer: Writer,
    records: Vec<ControlWrite>,
) -> Result<Writer, SlotError> {
    let number = slot.number;
    let mut written = 0;
    for records in parts(records) {
        let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
        let batch = ControlBatch {
            slot: number,
            producer_id: writer.producer_id,
            epoch: writer.epoch,
            base_sequence: sequence::advance(0, written),
            records: records.clone(),
        };
        let base = log.append_within(batch).await;
        let base = base.map_err(|error| unwritten(number, error))?;
        if base < slot.state.next_offset {
            return Err(SlotError::WentBack { slot: number });
        }
        written += count;
        slot.state.next_offset = base + count;
        for record in &records {
            slot.state.keep(&record.key, record.value.as_deref())?;
        }
    }
    let next = log.commit(number, writer).await;
    next.map_err(|error| unwritten(number, error))
}

fn unwritten(slot: u32, error: AppendError) -> SlotError {
    match error {
        AppendError::Refused(code) if FENCED.contains(&code) => SlotError::Lost { slot },
        error => SlotError::Uncertain {
            slot,
            cause: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITER: Writer = Writer {
        producer_id: 7,
        epoch: 3,
    };
    const REFUSED: Verdict = Verdict::Refused {
        code: 87,
        source_from: 0,
        source_to: 1,
    };

    fn open() -> Transaction {
        let mut open = Transaction::new(WRITER);
        open.sent(0, 10, 100, 1_000);
        open.sent(1, 5, 100, 1_001);
        open.sent(0, 10, 100, 1_002);
        open
    }

    #[test]
    fn each_partition_counts_its_own_records_from_zero() {
        let open = open();
        assert_eq!((open.sequence(0), open.sequence(1)), (20, 5));
        assert_eq!(open.sequence(2), 0);
        assert_eq!(open.in_flight(), 3);
    }

    #[test]
    fn takes_batches_for_a_while_and_up_to_a_size() {
        let mut open = open();
        assert!(!open.is_over(1_000 + LONGEST_MS - 1));
        assert!(open.is_over(1_000 + LONGEST_MS));
        open.sent(2, 1, MOST_BYTES, 1_003);
        assert!(open.is_over(1_003));
        assert!(!Transaction::new(WRITER).is_over(i64::MAX));
    }

    #[test]
    fn only_what_certainly_was_not_appended_lets_the_rest_be_committed() {
        for (verdict, code, effect) in [
            (Verdict::Acknowledged, Some(0), Effect::GoesOn),
            (REFUSED, Some(87), Effect::Ends),
            (Verdict::TakeOver, Some(29), Effect::Ends),
            (Verdict::TakeOver, Some(51), Effect::Ends),
            // Appended, or perhaps: at another place than expected, by an election's loser, without an answer.
            (Verdict::TakeOver, Some(0), Effect::Aborts),
            (Verdict::TakeOver, Some(6), Effect::Aborts),
            (Verdict::TakeOver, Some(7), Effect::Aborts),
            (Verdict::TakeOver, Some(45), Effect::Aborts),
            (Verdict::TakeOver, None, Effect::Aborts),
            (Verdict::Fenced, Some(47), Effect::Aborts),
        ] {
            let mut open = open();
            assert_eq!(open.answered(0, verdict, code), effect, "{code:?}");
            assert_eq!(open.is_over(1_002), effect == Effect::Ends);
        }
    }

    #[test]
    fn what_stood_behind_a_refused_batch_is_not_appended_either() {
        let mut open = open();
        assert_eq!(open.answered(0, REFUSED, Some(10)), Effect::Ends);
        let behind = open.answered(0, Verdict::TakeOver, Some(OUT_OF_ORDER));
        assert_eq!(behind, Effect::Ends);
        let other = open.answered(1, Verdict::TakeOver, Some(OUT_OF_ORDER));
        assert_eq!(other, Effect::Aborts);
    }
}
