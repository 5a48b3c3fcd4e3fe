use bytes::Bytes;

use super::*;
use crate::build::{NewRecord, build_batch};
use crate::patch::Patch;

fn batch(base_offset: i64, producer_id: i64, attributes: u8, key: &'static [u8]) -> BatchView {
    let patch = Patch {
        producer_id,
        producer_epoch: 0,
        base_sequence: 0,
    };
    let record = NewRecord::new(Some(Bytes::from_static(key)), None, 0);
    let mut bytes = build_batch(&[record], Codec::None, patch)
        .unwrap()
        .bytes()
        .to_vec();
    bytes[0..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[22] |= attributes;
    BatchView::new(bytes.into()).unwrap()
}

fn data(base_offset: i64, producer_id: i64) -> BatchView {
    batch(base_offset, producer_id, 0x10, b"k")
}

fn plain(base_offset: i64, producer_id: i64) -> BatchView {
    batch(base_offset, producer_id, 0, b"k")
}

fn abort(base_offset: i64, producer_id: i64) -> BatchView {
    batch(base_offset, producer_id, 0x30, &[0, 0, 0, 0])
}

fn commit(base_offset: i64, producer_id: i64) -> BatchView {
    batch(base_offset, producer_id, 0x30, &[0, 0, 0, 1])
}

use Verdict::{Aborted, Control, Keep};

#[test]
fn judges_interleaved_transactions_by_their_markers() {
    let mut index = AbortedIndex::new([(7, 12), (7, 0), (8, 3)]);
    let log = [
        (data(0, 7), Aborted),
        (data(1, 9), Keep),
        (plain(2, 7), Keep),
        (data(3, 8), Aborted),
        (abort(4, 7), Control),
        (data(5, 7), Keep),
        (data(6, 8), Aborted),
        (commit(7, 7), Control),
        (abort(8, 8), Control),
        (data(9, 8), Keep),
        (commit(10, 9), Control),
        (data(12, 7), Aborted),
        (abort(13, 7), Control),
        (data(14, 7), Keep),
    ];
    for (batch, expected) in &log {
        assert_eq!(
            index.judge(batch),
            *expected,
            "offset {}",
            batch.base_offset()
        );
    }
}

#[test]
fn knows_a_transaction_that_began_before_the_reply() {
    let mut index = AbortedIndex::new([(7, 10)]);
    assert_eq!(index.judge(&data(500, 7)), Aborted);
    assert_eq!(index.judge(&abort(501, 7)), Control);
    assert_eq!(index.judge(&data(502, 7)), Keep);
}

#[test]
fn a_leader_change_record_ends_no_transaction() {
    let mut index = AbortedIndex::new([(7, 0)]);
    let leader_change = batch(1, 7, 0x20, &[0, 0, 0, 0]);
    assert_eq!(index.judge(&leader_change), Control);
    assert_eq!(index.judge(&data(2, 7)), Aborted);
}
