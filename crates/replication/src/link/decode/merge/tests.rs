use bytes::{Bytes, BytesMut};
use kafka::{
    build::{NewRecord, build_batch},
    fetch::FetchedPartition,
    patch::Patch,
    records::{RawRecord, Records},
};

use super::super::{LaneState, check, decode};
use super::*;
use crate::{credit::Budget, link::testing::reply};

/// A batch of `count` records at `offset`, each with `bytes` of value.
fn batch(offset: i64, epoch: i32, count: usize, bytes: usize, codec: Codec) -> BatchView {
    let records: Vec<NewRecord> = (0..count)
        .map(|i| {
            let key = format!("{offset}/{i}").into_bytes();
            let value = vec![b'v'; bytes];
            let mut record =
                NewRecord::new(Some(key.into()), Some(value.into()), offset * 10 + i as i64);
            record.headers = vec![(Bytes::from_static(b"h"), None)];
            record
        })
        .collect();
    let built = build_batch(&records, codec, Patch::NOBODY).unwrap();
    let mut bytes = BytesMut::from(&built.bytes()[..]);
    bytes[0..8].copy_from_slice(&offset.to_be_bytes());
    bytes[12..16].copy_from_slice(&epoch.to_be_bytes());
    BatchView::new(bytes.freeze()).unwrap()
}

fn lane(next: i64) -> LaneState {
    LaneState {
        next,
        read_committed: true,
        alone_bytes: 900_000,
        singly: None,
    }
}

fn response(batches: &[BatchView]) -> FetchedPartition {
    let all: Vec<u8> = batches.iter().flat_map(|b| b.bytes().to_vec()).collect();
    reply(&Bytes::from(all))
}

async fn decoded(lane: &mut LaneState, batches: &[BatchView]) -> Decoded {
    let credit = std::sync::Arc::new(Budget::new(1 << 20).take(1).await);
    let checked = check(lane, &response(batches));
    decode(lane, checked, &credit)
}

fn records(
    views: impl IntoIterator<Item = BatchView>,
) -> Vec<(i64, Option<Bytes>, Option<Bytes>, Bytes)> {
    let open = |view: BatchView| {
        let records = Records::open(&view).unwrap();
        let raw: Vec<RawRecord> = records.iter().map(Result::unwrap).collect();
        raw.into_iter()
            .map(|r| (r.timestamp, r.key, r.value, r.raw_headers))
    };
    views.into_iter().flat_map(open).collect()
}

fn shape(decoded: &Decoded) -> Vec<(i64, i64, Runs)> {
    let one = |o: &Outgoing<Payload>| (o.source_from, o.source_to, o.runs.clone());
    decoded.outgoing.iter().map(one).collect()
}

#[tokio::test]
async fn single_records_become_one_batch_with_the_same_content() {
    let batches: Vec<_> = (0..50).map(|i| batch(i, 3, 1, 100, Codec::None)).collect();
    let mut lane = lane(0);
    let decoded = decoded(&mut lane, &batches).await;
    assert_eq!(shape(&decoded), [(0, 50, Runs::Dense(0, 50))]);
    assert_eq!((decoded.merged, lane.next), (50, 50));
    let merged = &decoded.outgoing[0];
    assert_eq!(decoded.bytes, merged.payload.batch.size_bytes());
    assert_eq!((merged.leader_epoch, merged.explained), (3, true));
    assert_eq!(
        (merged.first_timestamp_ms, merged.max_timestamp_ms),
        (0, 490)
    );
    merged.payload.batch.verify().unwrap();
    assert_eq!(records([merged.payload.batch.clone()]), records(batches));
}

#[tokio::test]
async fn many_compressed_batches_are_merged_in_their_codec_and_few_pass_as_they_are() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let few: Vec<_> = (0..7).map(|i| batch(i, 0, 1, 100, codec)).collect();
        assert!(!check(&lane(0), &response(&few)).slow);
        assert_eq!(decoded(&mut lane(0), &few).await.outgoing.len(), 7);
        let many: Vec<_> = (0..8).map(|i| batch(i, 0, 1, 100, codec)).collect();
        assert!(check(&lane(0), &response(&many)).slow);
        let merged = decoded(&mut lane(0), &many).await;
        assert_eq!(shape(&merged), [(0, 8, Runs::Dense(0, 8))]);
        assert_eq!(merged.outgoing[0].payload.batch.codec(), codec);
        let view = merged.outgoing[0].payload.batch.clone();
        assert_eq!(records([view]), records(many));
    }
}

#[tokio::test]
async fn what_must_stay_apart_does() {
    // Large, another epoch, another codec, behind a hole of compaction.
    let batches = [
        batch(0, 1, 1, 10, Codec::None),
        batch(1, 1, 1, 20_000, Codec::None),
        batch(2, 1, 1, 10, Codec::None),
        batch(3, 2, 1, 10, Codec::None),
        batch(4, 2, 1, 10, Codec::Zstd),
        batch(5, 2, 1, 10, Codec::None),
        batch(8, 2, 1, 10, Codec::None),
    ];
    let decoded = decoded(&mut lane(0), &batches).await;
    let ranges: Vec<_> = shape(&decoded).iter().map(|s| (s.0, s.1)).collect();
    let whole = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 9)];
    assert_eq!(ranges, whole);
    assert_eq!(decoded.merged, 0);
}

#[tokio::test]
async fn merged_batches_stay_small_enough_for_the_mirror() {
    let batches: Vec<_> = (0..100)
        .map(|i| batch(i, 0, 1, 4_000, Codec::None))
        .collect();
    let mut narrow = lane(0);
    narrow.alone_bytes = 10_000;
    for mut lane in [lane(0), narrow] {
        let decoded = decoded(&mut lane, &batches).await;
        let largest = decoded
            .outgoing
            .iter()
            .map(|o| o.payload.batch.size_bytes())
            .max();
        assert!(largest.unwrap() < lane.alone_bytes.min(MERGED_BYTES + 1));
        assert!(decoded.outgoing.iter().all(|one| !one.alone));
        let sizes: usize = decoded
            .outgoing
            .iter()
            .map(|o| o.payload.batch.size_bytes())
            .sum();
        assert_eq!(decoded.bytes, sizes);
    }
}

#[tokio::test]
async fn records_that_are_sent_one_by_one_are_not_merged() {
    let batches: Vec<_> = (0..5).map(|i| batch(i, 0, 1, 10, Codec::None)).collect();
    let mut lane = lane(0);
    lane.singly = Some((0, 5));
    assert_eq!(decoded(&mut lane, &batches).await.outgoing.len(), 5);
}
