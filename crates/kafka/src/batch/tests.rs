use proptest::prelude::*;

use super::*;
use crate::build::{NewRecord, build_batch};
use crate::patch::Patch;

fn a_batch(records: usize) -> BatchView {
    let records: Vec<_> = (0..records)
        .map(|n| NewRecord::new(None, Some(format!("value {n}").into()), 1_000 + n as i64))
        .collect();
    let patch = Patch {
        producer_id: 77,
        producer_epoch: 3,
        base_sequence: 40,
    };
    build_batch(&records, Codec::None, patch).unwrap()
}

#[test]
fn reads_every_field_of_the_header() {
    let mut bytes = a_batch(3).bytes().to_vec();
    bytes[0..8].copy_from_slice(&500i64.to_be_bytes());
    bytes[12..16].copy_from_slice(&9i32.to_be_bytes());
    bytes[21..23].copy_from_slice(&0x7au16.to_be_bytes());
    let batch = BatchView::new(bytes.clone().into()).unwrap();
    assert_eq!(batch.base_offset(), 500);
    assert_eq!(batch.batch_length() as usize, bytes.len() - 12);
    assert_eq!(batch.leader_epoch(), 9);
    assert_eq!(batch.magic(), 2);
    assert_eq!(batch.codec(), Codec::Snappy);
    assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
    assert!(batch.is_transactional() && batch.is_control() && batch.has_delete_horizon());
    assert_eq!(
        (batch.base_timestamp(), batch.max_timestamp()),
        (1_000, 1_002)
    );
    assert_eq!(batch.producer_id(), 77);
    assert_eq!(batch.producer_epoch(), 3);
    assert_eq!(batch.base_sequence(), 40);
    assert_eq!((batch.records_count(), batch.last_offset_delta()), (3, 2));
    assert_eq!((batch.last_offset(), batch.next_offset()), (502, 503));
    assert!(batch.is_dense() && !batch.is_empty());
}

#[test]
fn finds_a_flipped_bit() {
    let good = a_batch(2);
    assert_eq!(good.verify(), Ok(()));
    let mut bytes = good.bytes().to_vec();
    bytes[70] ^= 4;
    let bad = BatchView::new(bytes.into()).unwrap();
    assert!(matches!(bad.verify(), Err(BatchError::Corrupt { .. })));
}

#[test]
fn stops_silently_at_every_possible_cut() {
    let (first, second) = (a_batch(1), a_batch(4));
    let both = [&first.bytes()[..], &second.bytes()[..]].concat();
    for cut in 0..both.len() {
        let whole: Vec<_> = walk(Bytes::copy_from_slice(&both[..cut])).collect();
        let expected = usize::from(cut >= first.size_bytes());
        assert_eq!(whole.len(), expected, "cut at {cut}");
        assert!(whole.iter().all(Result::is_ok), "cut at {cut}");
    }
    assert_eq!(walk(both.into()).count(), 2);
}

#[test]
fn names_what_is_no_batch_of_format_2() {
    let good = a_batch(1).bytes().to_vec();
    let changed = |at: usize, bytes: &[u8]| {
        let mut batch = good.clone();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        walk(batch.into()).collect::<Vec<_>>()
    };
    let base_offset = 0;
    let last_offset_delta = 0;
    for magic in [0, 1] {
        let walked = changed(16, &[magic as u8]);
        let [
            Err(BatchError::Old {
                magic: told, cause, ..
            }),
        ] = &walked[..]
        else {
            panic!("{walked:?}");
        };
        assert!(*told == magic && cause.contains("checksum"), "{walked:?}");
    }
    let table = [
        (changed(16, &[3]), BatchError::UnknownMagic { magic: 3 }),
        (
            changed(8, &48i32.to_be_bytes()),
            BatchError::TooShort { length: 48 },
        ),
        (
            changed(8, &(-1i32).to_be_bytes()),
            BatchError::TooShort { length: -1 },
        ),
        (
            changed(22, &[6]),
            BatchError::UnknownCodec {
                base_offset,
                codec: 6,
            },
        ),
        (
            changed(57, &2i32.to_be_bytes()),
            BatchError::Contradiction {
                base_offset,
                count: 2,
                last_offset_delta,
            },
        ),
        (
            changed(57, &(-5i32).to_be_bytes()),
            BatchError::Contradiction {
                base_offset,
                count: -5,
                last_offset_delta,
            },
        ),
    ];
    for (walked, expected) in table {
        assert_eq!(walked, [Err(expected)]);
    }
}

#[test]
fn recognises_a_batch_that_compaction_emptied() {
    let mut bytes = a_batch(1).bytes()[..HEADER_LENGTH].to_vec();
    bytes[8..12].copy_from_slice(&49i32.to_be_bytes());
    bytes[23..27].copy_from_slice(&6i32.to_be_bytes());
    bytes[57..61].copy_from_slice(&0i32.to_be_bytes());
    let batch = BatchView::new(bytes.into()).unwrap();
    assert!(batch.is_empty() && !batch.is_dense());
    assert_eq!(batch.next_offset(), 7);
}

#[test]
fn takes_exactly_one_batch() {
    let batch = a_batch(1);
    let twice = [&batch.bytes()[..], &batch.bytes()[..]].concat();
    assert!(BatchView::new(twice.into()).is_err());
    assert!(BatchView::new(batch.bytes().slice(..70)).is_err());
    assert_eq!(BatchView::new(batch.bytes().clone()), Ok(batch));
}

proptest! {
    #[test]
    fn never_panics_on_garbage(mut data in proptest::collection::vec(any::<u8>(), 0..400), magic in 0u8..4) {
        if data.len() > 16 {
            data[8..12].fill(0);
            data[11] %= 128;
            data[16] = magic;
        }
        for batch in walk(data.into()).flatten() {
            let _ = (batch.next_offset(), batch.is_dense(), batch.verify());
        }
    }
}
