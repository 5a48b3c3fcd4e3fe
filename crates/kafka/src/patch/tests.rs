use proptest::prelude::*;

use super::*;
use crate::build::{NewRecord, build_batch};
use crate::records::Records;

const OURS: Patch = Patch {
    producer_id: 4_711,
    producer_epoch: 12,
    base_sequence: i32::MAX,
};

/// Returns a batch with `attributes` set, count and delta kept, and its checksum made right.
fn a_batch(records: &[NewRecord], codec: Codec, attributes: u16) -> BatchView {
    let batch = build_batch(records, codec, Patch::NOBODY).unwrap();
    let mut bytes = batch.bytes().to_vec();
    bytes[0..8].copy_from_slice(&123i64.to_be_bytes());
    bytes[12..16].copy_from_slice(&5i32.to_be_bytes());
    bytes[22] |= attributes as u8;
    bytes[21] |= (attributes >> 8) as u8;
    let crc = crc::checksum(&bytes[CHECKED_FROM..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    BatchView::new(bytes.into()).unwrap()
}

fn joined(patched: &PatchedBatch) -> BatchView {
    BatchView::new([&patched.header[..], &patched.payload[..]].concat().into()).unwrap()
}

fn a_record(value: Vec<u8>, timestamp: i64) -> NewRecord {
    NewRecord::new(None, Some(value.into()), timestamp)
}

#[test]
fn sends_a_stamped_batch_of_one_record_with_its_append_time() {
    let batch = a_batch(&[a_record(vec![1], 500)], Codec::None, 0);
    // As after compaction took the first record: the base is older than the record that is left.
    let mut bytes = batch.bytes().to_vec();
    bytes[22] |= 8;
    bytes[27..35].copy_from_slice(&400i64.to_be_bytes());
    bytes[35..43].copy_from_slice(&9_000i64.to_be_bytes());
    let stamped = BatchView::new(bytes.into()).unwrap();

    let sent = joined(&stamped.patch(OURS, Times::Visible).unwrap());
    let times: Vec<_> = Records::open(&sent)
        .unwrap()
        .iter()
        .map(|r| r.unwrap().timestamp)
        .collect();
    assert_eq!(times, [9_000]);
}

#[test]
fn leaves_to_rebuilding_what_a_header_cannot_say() {
    let (one, two) = (
        [a_record(vec![1], 5)],
        [a_record(vec![1], 5), a_record(vec![2], 6)],
    );
    let passes = |batch: &BatchView, times| {
        assert_eq!(
            passes_through(batch, times),
            batch.patch(OURS, times).is_some()
        );
        passes_through(batch, times)
    };
    assert!(!passes(&a_batch(&two, Codec::None, 8), Times::Visible));
    assert!(passes(&a_batch(&two, Codec::None, 8), Times::Producers));
    assert!(!passes(&a_batch(&one, Codec::Lz4, 8), Times::Visible));
    assert!(passes(&a_batch(&one, Codec::None, 8), Times::Visible));
    let mut holes = a_batch(&two, Codec::None, 0).bytes().to_vec();
    holes[26] = 7;
    assert!(!passes(
        &BatchView::new(holes.into()).unwrap(),
        Times::Producers
    ));
}

#[test]
fn shares_the_records_with_the_frame() {
    let batch = a_batch(&[a_record(vec![7; 1_000], 5)], Codec::None, 0);
    let patched = batch.patch(OURS, Times::Visible).unwrap();
    assert_eq!(patched.payload.as_ptr(), batch.payload().as_ptr());
    assert_eq!(patched.size_bytes(), batch.size_bytes());
}

/// Prints what a patch and a full check cost; asked for by name, for time on a shared machine proves nothing.
#[test]
#[ignore = "measures; run by name"]
#[expect(clippy::print_stdout, reason = "its result is the print")]
fn measures_patch_and_verify() {
    let batch = a_batch(&[a_record(vec![7; 65_536], 5)], Codec::None, 0x10);
    let rounds = 100_000u32;
    let start = std::time::Instant::now();
    for n in 0..rounds {
        let patch = Patch {
            base_sequence: n as i32,
            ..OURS
        };
        std::hint::black_box(batch.patch(patch, Times::Visible));
    }
    let patch = start.elapsed() / rounds;
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(std::hint::black_box(&batch).verify()).unwrap();
    }
    let verify = start.elapsed() / rounds;
    let speed = batch.size_bytes() as f64 / verify.as_secs_f64() / 1e9;
    println!("patch {patch:?}, verify {verify:?} = {speed:.1} GB/s");
}

proptest! {
    #[test]
    fn a_patched_batch_has_our_header_and_the_recomputed_checksum(
        sizes in proptest::collection::vec(0usize..5_000, 1..5),
        attributes in 0u16..0x1000,
        producer_id in 0..i64::MAX,
        producer_epoch in 0..i16::MAX,
        base_sequence in 0..i32::MAX,
    ) {
        let records: Vec<_> = sizes.iter().map(|&n| a_record(vec![n as u8; n], n as i64)).collect();
        let source = a_batch(&records, Codec::None, attributes << 4);
        let patch = Patch { producer_id, producer_epoch, base_sequence };
        let sent = joined(&source.patch(patch, Times::Visible).unwrap());
        prop_assert_eq!(sent.verify(), Ok(()));
        prop_assert_eq!(sent.attributes(), 0);
        prop_assert_eq!((sent.base_offset(), sent.leader_epoch()), (0, -1));
        prop_assert_eq!((sent.producer_id(), sent.producer_epoch(), sent.base_sequence()), (producer_id, producer_epoch, base_sequence));
        prop_assert_eq!((sent.base_timestamp(), sent.max_timestamp()), (source.base_timestamp(), source.max_timestamp()));
        prop_assert_eq!(sent.payload(), source.payload());
    }

    #[test]
    fn a_batch_of_a_transaction_differs_by_its_mark_alone(size in 0usize..5_000, codec in 0u16..5) {
        let codec = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd][codec as usize];
        let source = a_batch(&[a_record(vec![3; size], 9)], codec, 0);
        let sent = source.patch(OURS, Times::Visible).unwrap();
        let header = marked_transactional(&sent.header, sent.payload.len());
        let marked = joined(&PatchedBatch { header: header.clone(), ..sent.clone() });
        prop_assert_eq!(marked.verify(), Ok(()));
        prop_assert!(marked.is_transactional());
        prop_assert_eq!(marked.attributes(), codec.bits() | 0x10);
        prop_assert_eq!(&header[23..], &sent.header[23..]);
        prop_assert_eq!(marked_transactional(&header, sent.payload.len()), header);
    }

    #[test]
    fn keeps_the_codec_and_nothing_else_of_the_attributes(high in any::<u16>()) {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let source = a_batch(&[a_record(vec![3; 100], 9)], codec, high & !0xf);
            let sent = joined(&source.patch(OURS, Times::Visible).unwrap());
            prop_assert_eq!(sent.verify(), Ok(()));
            prop_assert_eq!(sent.attributes(), codec.bits());
        }
    }

    #[test]
    fn corruption_on_the_way_is_still_seen_by_the_next_reader(at in 0usize..100, bit in 0u8..8) {
        let mut bytes = a_batch(&[a_record(vec![3; 200], 9)], Codec::None, 0).bytes().to_vec();
        bytes[HEADER_LENGTH + at] ^= 1 << bit;
        let sent = BatchView::new(bytes.into()).unwrap().patch(OURS, Times::Visible).unwrap();
        prop_assert!(joined(&sent).verify().is_err());
    }
}
