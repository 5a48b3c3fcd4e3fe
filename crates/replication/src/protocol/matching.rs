//! Matching the destination's tail against the source by content, where counting proves nothing: compaction or retention
//! took records away on either side.

use super::ports::RecordPrint;

/// A record of ours in the destination's tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailPrint {
    /// How many records after the stored position it is.
    pub index: i64,
    pub destination: i64,
    pub print: u128,
}

/// The tail of a partition: all or some of `written` records.
#[derive(Clone, Copy, Debug)]
pub struct Tail<'a> {
    /// The stored next source offset.
    pub from: i64,
    pub written: i64,
    pub records: &'a [TailPrint],
}

/// What matching says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// The next source offset to copy: of the next survivor, so that nothing that was passed over under the stored
    /// settings is met again under newer ones.
    pub resume: i64,
    /// The least offset at which the tail can have ended.
    pub least: i64,
    /// Source and destination offset of each record matched.
    pub pairs: Vec<(i64, i64)>,
    /// Source offsets of records that may stand in the mirror already and will be sent again.
    pub doubtful: Option<(i64, i64)>,
}

/// Matches the tail with the surviving source records from `from` on. Of these, `written` and one more are enough: the
/// record `index` of the tail is at most the `index`-th survivor. `source_end` was read before them.
pub fn matched(tail: Tail<'_>, source: &[RecordPrint], source_end: i64) -> Matched {
    let complete = i64::try_from(tail.records.len()) == Ok(tail.written);
    let mut matched = Matched::default();
    let mut next = 0;
    let mut seen = 0;
    for record in tail.records {
        let found = if complete {
            // Nothing is missing here, so what is not the next survivor has vanished from the source.
            source
                .get(next)
                .filter(|s| s.print == record.print)
                .map(|_| next)
        } else {
            find(source, next, record)
        };
        if let Some(at) = found {
            matched.pairs.push((source[at].offset, record.destination));
            next = at + 1;
            seen = record.index + 1;
        }
    }
    // Each record written took at least one source offset.
    let least = tail.from + tail.written;
    matched.least = matched
        .pairs
        .last()
        .map_or(least, |pair| least.max(pair.0 + 1));
    let survivor = source[next..].iter().find(|s| s.offset >= matched.least);
    matched.resume = survivor.map_or(source_end.max(matched.least), |s| s.offset);
    if !complete {
        matched.doubtful = doubtful(&source[next..], matched.resume, tail.written - seen);
    }
    matched
}

fn find(source: &[RecordPrint], next: usize, record: &TailPrint) -> Option<usize> {
    let limit = usize::try_from(record.index + 1)
        .unwrap_or(usize::MAX)
        .min(source.len());
    (next..limit).find(|at| source[*at].print == record.print)
}

/// Of the next `unknown` survivors, those at and above the resume point may have been copied.
fn doubtful(survivors: &[RecordPrint], resume: i64, unknown: i64) -> Option<(i64, i64)> {
    let count = usize::try_from(unknown).unwrap_or(0).min(survivors.len());
    let last = survivors[..count].last()?.offset;
    (last >= resume).then_some((resume, last + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prints(offsets: &[i64]) -> Vec<RecordPrint> {
        offsets
            .iter()
            .map(|o| RecordPrint {
                offset: *o,
                print: u128::try_from(*o).unwrap(),
            })
            .collect()
    }

    proptest! {
        /// Records 0, 1, … were copied up to `copied`; some then vanished from either side.
        #[test]
        fn nothing_is_skipped_and_only_doubtful_records_repeat(
            kept_source in prop::collection::vec(any::<bool>(), 40),
            kept_tail in prop::collection::vec(any::<bool>(), 40),
            complete in any::<bool>(), copied in 0..30_i64
        ) {
            let kept = |k: &[bool], o: &i64| k[usize::try_from(*o).unwrap()];
            let source: Vec<i64> = (0..40).filter(|o| *o >= copied || kept(&kept_source, o)).collect();
            let tail: Vec<TailPrint> = (0..copied)
                .filter(|o| complete || kept(&kept_tail, o))
                .map(|o| TailPrint { index: o, destination: 100 + o, print: u128::try_from(o).unwrap() })
                .collect();
            let found = matched(Tail { from: 0, written: copied, records: &tail }, &prints(&source), 40);
            let uncopied = source.iter().copied().find(|o| *o >= copied).unwrap();
            prop_assert!(found.resume <= uncopied && found.least <= found.resume);
            for repeated in source.iter().filter(|o| **o >= found.resume && **o < copied) {
                let range = found.doubtful.unwrap();
                prop_assert!(range.0 <= *repeated && *repeated < range.1);
            }
            for (s, d) in found.pairs {
                prop_assert_eq!(s + 100, d);
            }
        }
    }
}
