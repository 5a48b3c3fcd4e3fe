use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::batch::TimestampType;
use crate::records::RawRecord;

const CODECS: [Codec; 5] = [
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];

fn bytes(up_to: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..up_to).prop_map(Bytes::from)
}

fn records() -> impl Strategy<Value = Vec<NewRecord>> {
    let record = (
        option::of(bytes(50)),
        option::of(bytes(300)),
        0..1i64 << 45,
        // Few different keys, so that duplicates are common.
        vec((bytes(2), option::of(bytes(5))), 0..5),
    );
    let record = record.prop_map(|(key, value, timestamp, headers)| NewRecord {
        key,
        value,
        timestamp,
        headers,
    });
    vec(record, 1..20)
}

fn decoded(batch: &BatchView) -> Vec<RawRecord> {
    Records::open(batch)
        .unwrap()
        .iter()
        .map(Result::unwrap)
        .collect()
}

fn as_new(record: &RawRecord) -> NewRecord {
    let copied = |b: &[u8]| Bytes::copy_from_slice(b);
    let headers = record.headers().unwrap();
    NewRecord {
        key: record.key.clone(),
        value: record.value.clone(),
        timestamp: record.timestamp,
        headers: headers
            .into_iter()
            .map(|(k, v)| (copied(k), v.map(copied)))
            .collect(),
    }
}

/// Returns `batch` as compaction leaves it: only the records at `kept`, offsets and last delta as they were.
fn compacted(batch: &BatchView, base_offset: i64, kept: &[bool]) -> BatchView {
    let records = Records::open(batch).unwrap();
    let mut payload = Vec::new();
    let mut count = 0;
    for slice in records.slices().map(Result::unwrap) {
        if kept[slice.offset_delta as usize] {
            count += 1;
            let size = 1
                + varlong_size(slice.timestamp_delta)
                + varlong_size(slice.offset_delta.into())
                + slice.body.len();
            put_varlong(&mut payload, size as i64);
            payload.put_i8(slice.attributes);
            put_varlong(&mut payload, slice.timestamp_delta);
            put_varlong(&mut payload, slice.offset_delta.into());
            payload.put_slice(slice.body);
        }
    }
    let payload = compress(batch.codec(), payload).unwrap();
    let mut bytes = [&batch.header()[..], &payload[..]].concat();
    let length = bytes.len() as i32 - 12;
    bytes[0..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[57..61].copy_from_slice(&i32::to_be_bytes(count));
    BatchView::new(bytes.into()).unwrap()
}

#[test]
fn turns_append_time_into_the_same_times_of_the_records() {
    let records = [10, 20, 30].map(|time| NewRecord::new(None, None, time));
    let batch = build_batch(&records, Codec::Zstd, Patch::NOBODY).unwrap();
    let mut bytes = batch.bytes().to_vec();
    bytes[22] |= 8;
    bytes[35..43].copy_from_slice(&777i64.to_be_bytes());
    let stamped = BatchView::new(bytes.into()).unwrap();

    let rebuilt = rebuild(&stamped, 0..i64::MAX).unwrap().unwrap().batch;
    assert_eq!(rebuilt.timestamp_type(), TimestampType::CreateTime);
    assert_eq!(
        (rebuilt.base_timestamp(), rebuilt.max_timestamp()),
        (777, 777)
    );
    assert!(decoded(&rebuilt).iter().all(|r| r.timestamp == 777));
}

#[test]
fn gives_nothing_where_nothing_is_wanted() {
    let records = [1, 2].map(|time| NewRecord::new(None, None, time));
    let batch = build_batch(&records, Codec::Gzip, Patch::NOBODY).unwrap();
    assert!(rebuild(&batch, 2..i64::MAX).unwrap().is_none());
    let empty = compacted(&batch, 5, &[false, false]);
    assert!(empty.is_empty());
    assert!(rebuild(&empty, 0..i64::MAX).unwrap().is_none());
    assert!(build_batch(&[], Codec::None, Patch::NOBODY).is_err());
}

proptest! {
    #[test]
    fn reads_back_what_it_built(records in records()) {
        for codec in CODECS {
            let batch = build_batch(&records, codec, Patch::NOBODY).unwrap();
            prop_assert_eq!(batch.verify(), Ok(()));
            prop_assert!(batch.is_dense());
            let max = records.iter().map(|r| r.timestamp).max();
            prop_assert_eq!(Some(batch.max_timestamp()), max);
            let back: Vec<_> = decoded(&batch).iter().map(as_new).collect();
            prop_assert_eq!(&back, &records);
        }
    }

    #[test]
    fn closes_holes_and_crops_without_touching_content(
        records in records(),
        mask in any::<u32>(),
        base_offset in 0i64..1_000,
        from in -2i64..25,
        length in 0i64..25,
        codec in 0usize..5,
    ) {
        let kept: Vec<bool> = (0..records.len()).map(|n| mask >> n & 1 == 1).collect();
        let whole = build_batch(&records, CODECS[codec], Patch::NOBODY).unwrap();
        let source = compacted(&whole, base_offset, &kept);
        let wanted = base_offset + from..base_offset + from + length;
        let expected: Vec<_> =
            decoded(&source).into_iter().filter(|r| wanted.contains(&r.offset)).collect();
        let Some(rebuilt) = rebuild(&source, wanted).unwrap() else {
            prop_assert!(expected.is_empty());
            return Ok(());
        };
        prop_assert_eq!(rebuilt.batch.verify(), Ok(()));
        prop_assert!(rebuilt.batch.is_dense());
        prop_assert_eq!(rebuilt.batch.codec(), source.codec());
        prop_assert_eq!(rebuilt.batch.base_offset(), expected[0].offset);
        let got: Vec<_> = decoded(&rebuilt.batch).iter().map(as_new).collect();
        let want: Vec<_> = expected.iter().map(as_new).collect();
        prop_assert_eq!(got, want);
        let offsets: Vec<i64> = rebuilt.runs.iter()
            .flat_map(|run| run.source_start..run.source_start + run.length)
            .collect();
        prop_assert_eq!(offsets, expected.iter().map(|r| r.offset).collect::<Vec<_>>());
        for pair in rebuilt.runs.windows(2) {
            prop_assert!(pair[0].source_start + pair[0].length < pair[1].source_start);
        }
    }
}
