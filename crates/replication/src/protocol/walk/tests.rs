use model::link::{Isolation, Timestamps};
use proptest::prelude::*;

use super::*;
use crate::protocol::position::{Anchor, Meaning};

pub(in crate::protocol) fn position(end: i64, next_sequence: i32, epoch_records: i64) -> Position {
    let meaning = Meaning {
        revision: 1,
        isolation: Isolation::ReadCommitted,
        timestamps: Timestamps::Source,
    };
    Position {
        source_next: 0,
        source_leader_epoch: 0,
        destination_end: end,
        own_end: end,
        producer_id: 7,
        epoch: 2,
        next_sequence,
        epoch_records,
        meaning,
        partition: 0,
        source_topic: String::new(),
        source_topic_id: String::new(),
        mirror_topic: String::new(),
        mirror_topic_id: String::new(),
        anchor: Anchor {
            source_start: 0,
            destination_end: 0,
        },
        stored_at_ms: 0,
    }
}

fn batch(base_offset: i64, length: i64, base_sequence: i32) -> DestinationBatch {
    DestinationBatch {
        base_offset,
        last_offset: base_offset + length - 1,
        producer_id: 7,
        epoch: 2,
        base_sequence,
        control: false,
        records: length,
    }
}

#[test]
fn a_batch_across_the_wrap_counts() {
    let stored = position(10, i32::MAX, 5);
    let walk = walk(
        &stored,
        13,
        &[batch(5, 5, i32::MAX - 5), batch(10, 3, i32::MAX)],
    );
    assert_eq!((walk.written, walk.halt, walk.own_end), (3, None, Some(13)));
    assert!(walk.ends_in_sequence(&stored));
}

#[test]
fn a_log_that_was_cut_and_filled_again_is_noticed() {
    let stored = position(10, 5, 5);
    assert_eq!(
        walk(&stored, 12, &[batch(5, 5, 1), batch(10, 2, 6)]).halt,
        Some(Halt::Refilled)
    );
    let other = DestinationBatch {
        producer_id: 8,
        ..batch(5, 5, 0)
    };
    assert_eq!(
        walk(&stored, 12, &[other, batch(10, 2, 5)]).halt,
        Some(Halt::Refilled)
    );
}

#[test]
fn repeated_overlapping_and_older_batches_are_duplicates() {
    let stored = position(10, 5, 5);
    let older = DestinationBatch {
        epoch: 1,
        ..batch(17, 2, 40)
    };
    let batches = [
        batch(10, 3, 5),
        batch(13, 3, 5),
        batch(16, 1, 8),
        older,
        batch(19, 3, 8),
    ];
    let walk = walk(&stored, 22, &batches);
    assert_eq!(walk.duplicates, [(13, 16), (17, 20)]);
    assert_eq!((walk.written, walk.halt), (6, None));
}

#[test]
fn a_gap_and_a_newer_epoch_halt() {
    let stored = position(10, 5, 5);
    let gap = walk(&stored, 12, &[batch(10, 2, 6)]);
    assert_eq!((gap.written, gap.halt), (0, Some(Halt::Gap(10))));
    let newer = DestinationBatch {
        epoch: 3,
        ..batch(10, 2, 0)
    };
    assert_eq!(walk(&stored, 12, &[newer]).halt, Some(Halt::NewerEpoch(3)));
}

#[test]
fn a_foreign_batch_behind_a_hole_does_not_hide_the_hole() {
    let stored = position(10, 5, 5);
    let other = DestinationBatch {
        producer_id: -1,
        ..batch(14, 2, -1)
    };
    let walk = walk(&stored, 16, &[other]);
    assert_eq!(
        (walk.missing, walk.missing_from, walk.foreign),
        (4, 10, vec![(14, 16)])
    );
}

proptest! {
    #[test]
    fn what_is_left_of_our_batches_tells_all_that_was_written(
        lengths in prop::collection::vec((1..6_i64, any::<bool>()), 1..30), first in 0..=i32::MAX
    ) {
        let stored = position(10, first, 0);
        let (mut next, mut batches) = (10, Vec::new());
        let last = lengths.len() - 1;
        for (index, (length, kept)) in lengths.into_iter().enumerate() {
            if kept || index == last {
                batches.push(batch(next, length, sequence::advance(first, next - 10)));
            }
            next += length;
        }
        let walk = walk(&stored, next, &batches);
        prop_assert_eq!((walk.written, walk.halt, walk.missing), (next - 10, None, 0));
        prop_assert!(walk.foreign.is_empty() && walk.duplicates.is_empty());
        for run in walk.runs {
            prop_assert_eq!(run.destination_start - 10, run.index);
        }
    }
}
