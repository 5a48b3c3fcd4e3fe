//! Counting source records from a stored position on, where headers explain every offset.

use super::ports::{SourceBatch, SourceClass};

/// Counts records batch by batch; feed it headers in order until it is [`Counter::done`].
#[derive(Clone, Debug)]
pub struct Counter {
    next: i64,
    remaining: i64,
    /// Source offset and length of each run of records counted.
    runs: Vec<(i64, i64)>,
    hole: bool,
}

impl Counter {
    /// Counts `records` from offset `from` on.
    pub fn new(from: i64, records: i64) -> Self {
        Self {
            next: from,
            remaining: records,
            runs: Vec::new(),
            hole: false,
        }
    }

    /// Takes the next batch.
    pub fn take(&mut self, batch: &SourceBatch) {
        if self.done() || batch.last_offset < self.next {
            return;
        }
        let from = batch.base_offset.max(self.next);
        if from > self.next || (batch.class == SourceClass::Data && !batch.dense()) {
            self.hole = true;
            return;
        }
        self.next = batch.last_offset + 1;
        if batch.class != SourceClass::Data {
            return;
        }
        let length = (batch.last_offset + 1 - from).min(self.remaining);
        self.remaining -= length;
        self.next = from + length;
        match self.runs.last_mut() {
            Some(run) if run.0 + run.1 == from => run.1 += length,
            _ => self.runs.push((from, length)),
        }
    }

    /// Says whether more batches change nothing: all counted, or a hole was met.
    pub fn done(&self) -> bool {
        self.remaining == 0 || self.hole
    }

    /// Says whether an offset was met that no header explains.
    pub fn hole(&self) -> bool {
        self.hole
    }

    /// Returns the offset after the last record counted (or looked at).
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Returns how many records were not found.
    pub fn remaining(&self) -> i64 {
        self.remaining
    }

    /// Returns the runs of counted records.
    pub fn runs(&self) -> &[(i64, i64)] {
        &self.runs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch(base_offset: i64, length: i64, records: i64, class: SourceClass) -> SourceBatch {
        SourceBatch {
            base_offset,
            last_offset: base_offset + length - 1,
            records,
            leader_epoch: 0,
            class,
        }
    }

    #[test]
    fn a_hole_behind_the_counted_range_does_not_matter() {
        let mut counter = Counter::new(2, 3);
        counter.take(&batch(0, 5, 5, SourceClass::Data));
        counter.take(&batch(9, 5, 5, SourceClass::Data));
        assert!(!counter.hole() && counter.done());
        assert_eq!((counter.next(), counter.runs()), (5, [(2, 3)].as_slice()));
    }

    #[test]
    fn a_sparse_batch_and_a_missing_offset_are_holes() {
        let mut sparse = Counter::new(0, 3);
        sparse.take(&batch(0, 5, 4, SourceClass::Data));
        assert!(sparse.hole());
        let mut missing = Counter::new(0, 3);
        missing.take(&batch(1, 5, 5, SourceClass::Data));
        assert!(missing.hole());
    }

    proptest! {
        #[test]
        fn counting_finds_the_offset_after_the_nth_record(
            lengths in prop::collection::vec((1..6_i64, 0..3_u8), 1..30), wanted in 0..60_i64, skip in 0..5_i64
        ) {
            let mut offset = 0;
            let mut batches = Vec::new();
            let mut records = Vec::new();
            for (length, class) in lengths {
                let class = [SourceClass::Data, SourceClass::Control, SourceClass::Aborted][usize::from(class)];
                batches.push(batch(offset, length, length, class));
                if class == SourceClass::Data {
                    records.extend(offset..offset + length);
                }
                offset += length;
            }
            records.retain(|o| *o >= skip);
            let mut counter = Counter::new(skip, wanted);
            batches.iter().for_each(|b| counter.take(b));
            let found = usize::try_from(wanted).unwrap().min(records.len());
            prop_assert_eq!(counter.remaining(), wanted - i64::try_from(found).unwrap());
            if counter.done() && wanted > 0 {
                prop_assert_eq!(counter.next(), records[found - 1] + 1);
            }
            let flat: Vec<_> = counter.runs().iter().flat_map(|(o, n)| *o..o + n).collect();
            prop_assert_eq!(&flat[..], &records[..found]);
        }
    }
}
