//! From fetched bytes to batches that can be sent: checked, filtered, and rebuilt where a patched header is not enough.
//!
//! **Invariant:** the source ranges of what comes out follow each other without overlap, begin where the lane stood and
//! end where it goes on.

use std::sync::Arc;

use kafka::{
    aborted::{AbortedIndex, Verdict},
    batch::{BatchView, walk},
    build::{rebuild, rebuild_singly},
    fetch::FetchedPartition,
    patch::{Times, passes_through},
};

use crate::{
    credit::Credit,
    protocol::flow::{Outgoing, Runs},
};

/// A batch on its way, with the memory of the frame it stands in.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) batch: BatchView,
    pub(super) credit: Arc<Credit>,
}

/// Where one partition's fetching stands.
#[derive(Clone, Debug)]
pub(super) struct LaneState {
    /// Next source offset wanted.
    pub(super) next: i64,
    pub(super) read_committed: bool,
    /// Batches of this many bytes or more go alone: the destination may refuse them.
    pub(super) alone_bytes: usize,
    /// A range that the destination refused: records in it go one by one.
    pub(super) singly: Option<(i64, i64)>,
}

impl LaneState {
    /// Says whether records of these source offsets go one by one.
    fn goes_singly(&self, from: i64, to: i64) -> bool {
        self.singly
            .is_some_and(|(start, end)| start < to && from < end)
    }
}

/// What a response held of one partition, ready to be queued.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) outgoing: Vec<Outgoing<Payload>>,
    /// Source offset up to which nothing else is to be copied, when it lies behind the last batch.
    pub(super) gap_to: Option<Gap>,
    pub(super) bytes: usize,
    /// The lane moved.
    pub(super) advanced: bool,
    /// Batches that were rebuilt.
    pub(super) slow_path: u64,
    /// Batches that were put together with others.
    pub(super) merged: u64,
    /// Bytes that cannot be used; what came before them can.
    pub(super) fault: Option<String>,
}

/// Offsets without a record to copy, up to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) to: i64,
    pub(super) leader_epoch: i32,
    /// Markers and aborted data alone, no compaction.
    pub(super) explained: bool,
}

/// One partition's reply after its headers were read and its checksums compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Checked {
    /// Batches at or behind the wanted offset, and whether there are records to copy in them.
    batches: Vec<(BatchView, bool)>,
    fault: Option<String>,
    /// Compressed records will have to be written anew, or many to be read, which takes a thousand times as long as a header.
    pub(super) slow: bool,
}

/// Reads the headers of what came of one partition: what of it is to be copied, and whether that takes long.
pub(super) fn check(lane: &LaneState, fetched: &FetchedPartition) -> Checked {
    let mut checked = Checked::default();
    let mut aborted = AbortedIndex::new(fetched.aborted.iter().copied());
    let mut small = 0;
    for batch in walk(fetched.records.clone()) {
        let batch = match batch.and_then(|batch| batch.verify().map(|()| batch)) {
            Ok(batch) => batch,
            Err(error) => {
                checked.fault = Some(error.to_string());
                break;
            }
        };
        let verdict = aborted.judge(&batch);
        if batch.next_offset() <= lane.next {
            continue; // the broker starts at the batch that contains the offset
        }
        let data = is_data(&batch, verdict, lane);
        if data {
            let rebuilt = batch.base_offset() < lane.next
                || lane.goes_singly(batch.base_offset(), batch.next_offset())
                || !passes_through(&batch, Times::Visible);
            small += usize::from(merge::is_small_compressed(&batch));
            checked.slow |= rebuilt || small >= merge::MANY_COMPRESSED;
        }
        checked.batches.push((batch, data));
    }
    checked
}

/// Makes what can be sent of what was checked, and moves the lane.
pub(super) fn decode(lane: &mut LaneState, checked: Checked, credit: &Arc<Credit>) -> Decoded {
    let mut decoded = Decoded {
        fault: checked.fault,
        ..Decoded::default()
    };
    let mut span = Span {
        from: lane.next,
        leader_epoch: -1,
        explained: true,
    };
    for (batch, data) in checked.batches {
        let next = batch.next_offset();
        span.explained &= batch.base_offset() <= lane.next;
        span.leader_epoch = batch.leader_epoch();
        if data {
            span.explained &= batch.is_dense();
            if let Err(error) = take(lane, batch, &mut span, credit, &mut decoded) {
                decoded.fault = Some(error);
                break;
            }
        }
        lane.next = next;
        decoded.advanced = true;
    }
    merge::merge_small(&mut decoded, lane.alone_bytes);
    if decoded.advanced && span.from < lane.next {
        decoded.gap_to = Some(Gap {
            to: lane.next,
            leader_epoch: span.leader_epoch,
            explained: span.explained,
        });
    }
    decoded
}

/// Offsets that the next batch will stand for.
struct Span {
    from: i64,
    leader_epoch: i32,
    explained: bool,
}

fn is_data(batch: &BatchView, verdict: Verdict, lane: &LaneState) -> bool {
    let dropped = lane.read_committed && verdict != Verdict::Keep;
    !batch.is_control() && !batch.is_empty() && !dropped
}

/// Queues one batch that stands for the source offsets up to an end.
fn push(
    (batch, runs, end): (BatchView, Runs, i64),
    alone: bool,
    span: &mut Span,
    credit: &Arc<Credit>,
    decoded: &mut Decoded,
) {
    decoded.bytes += batch.size_bytes();
    decoded.outgoing.push(Outgoing {
        source_from: span.from,
        source_to: end,
        leader_epoch: span.leader_epoch,
        runs,
        explained: span.explained,
        first_timestamp_ms: batch.base_timestamp(),
        max_timestamp_ms: batch.max_timestamp(),
        alone,
        payload: Payload {
            batch,
            credit: credit.clone(),
        },
    });
    *span = Span {
        from: end,
        leader_epoch: span.leader_epoch,
        explained: true,
    };
}

/// Queues a data batch, whole or in single records.
fn take(
    lane: &LaneState,
    batch: BatchView,
    span: &mut Span,
    credit: &Arc<Credit>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let (from, to) = (lane.next.max(batch.base_offset()), batch.next_offset());
    let singly = lane.goes_singly(from, to);
    let alone = |batch: &BatchView| singly || batch.size_bytes() >= lane.alone_bytes;
    let whole = from == batch.base_offset() && passes_through(&batch, Times::Visible);
    let dense = || Runs::Dense(batch.base_offset(), i64::from(batch.records_count()));
    let rebuilt = if singly {
        rebuild_singly(&batch, from..to)
    } else if whole {
        let piece = (batch.clone(), dense(), to);
        push(piece, alone(&batch), span, credit, decoded);
        return Ok(());
    } else {
        rebuild(&batch, from..to).map(|rebuilt| rebuilt.into_iter().collect())
    };
    for rebuilt in rebuilt.map_err(|error| error.to_string())? {
        decoded.slow_path += 1;
        let runs: Vec<_> = rebuilt
            .runs
            .iter()
            .map(|run| (run.source_start, run.length))
            .collect();
        let last = runs.last().map_or(from, |(start, length)| start + length);
        // What lies behind the last record of the batch belongs to it; between single ones, to the next.
        let end = if singly { last } else { to };
        let alone = alone(&rebuilt.batch);
        push(
            (rebuilt.batch, Runs::Sparse(runs), end),
            alone,
            span,
            credit,
            decoded,
        );
        // Between two records of a compacted batch others may have stood.
        span.explained = batch.is_dense() || end == to;
    }
    Ok(())
}

mod merge;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka::{
        batch::Codec,
        build::{NewRecord, build_batch},
        patch::Patch,
    };

    use super::*;
    use crate::link::testing::reply;

    #[test]
    fn only_batches_that_must_be_rebuilt_are_slow() {
        let record = NewRecord::new(None, Some(Bytes::from_static(b"value")), 1);
        let batch = build_batch(&[record.clone(), record], Codec::None, Patch::NOBODY).unwrap();
        let from = |next, singly| LaneState {
            next,
            read_committed: true,
            alone_bytes: usize::MAX,
            singly,
        };
        // The batch has offsets 0 and 1.
        let cases = [
            (from(0, None), false),
            (from(1, None), true),
            (from(2, None), false),
            (from(0, Some((0, 2))), true),
        ];
        for (lane, slow) in cases {
            let fetched = reply(batch.bytes());
            assert_eq!(check(&lane, &fetched).slow, slow, "{lane:?}");
        }
    }
}
