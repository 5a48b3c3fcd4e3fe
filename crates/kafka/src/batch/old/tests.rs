use bytes::BufMut;
use proptest::prelude::*;

use super::*;
use crate::batch::walk;
use crate::compression::compress;
use crate::records::Records;

/// Writes one message, as clients before Kafka 0.11 did.
fn message(
    offset: i64,
    magic: i8,
    attributes: i8,
    timestamp: i64,
    parts: [Option<&[u8]>; 2],
) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i8(magic);
    body.put_i8(attributes);
    if magic == 1 {
        body.put_i64(timestamp);
    }
    for part in parts {
        body.put_i32(part.map_or(-1, |part| part.len() as i32));
        body.put_slice(part.unwrap_or_default());
    }
    let mut bytes = Vec::new();
    bytes.put_i64(offset);
    bytes.put_i32(body.len() as i32 + 4);
    bytes.put_u32(crc32_iso_hdlc(&body));
    bytes.put_slice(&body);
    bytes
}

/// Wraps messages at these offsets in one of a codec; the wrapper's offset is that of the last.
fn wrapper(magic: i8, codec: Codec, attributes: i8, offsets: &[i64]) -> Vec<u8> {
    let last = *offsets.last().unwrap();
    let base = offsets[0];
    let inner: Vec<u8> = offsets
        .iter()
        .flat_map(|offset| {
            let written = if magic == 0 { *offset } else { offset - base };
            let value = format!("value-{offset}");
            message(
                written,
                magic,
                0,
                1_000 + offset,
                [None, Some(value.as_bytes())],
            )
        })
        .collect();
    let payload = compress(codec, inner).unwrap();
    let attributes = attributes | i8::try_from(codec.bits()).unwrap();
    message(last, magic, attributes, 9_999, [None, Some(&payload)])
}

fn records(batch: &BatchView) -> Vec<(i64, i64, Option<Bytes>, Option<Bytes>)> {
    let records = Records::open(batch).unwrap();
    let all = records.iter().map(Result::unwrap);
    all.map(|r| (r.offset, r.timestamp, r.key, r.value))
        .collect()
}

#[test]
fn single_messages_keep_offset_time_key_and_value() {
    let cases = [
        (0, -1, [Some(&b"key"[..]), Some(&b"value"[..])]),
        (1, 77, [None, Some(&b""[..])]),
        (1, 0, [Some(&b""[..]), None]),
    ];
    for (magic, timestamp, parts) in cases {
        let bytes = message(41, magic, 0, timestamp, parts);
        let batches: Vec<_> = walk(bytes.into()).collect::<Result<_, _>>().unwrap();
        let [batch] = &batches[..] else {
            panic!("{batches:?}")
        };
        batch.verify().unwrap();
        assert_eq!((batch.base_offset(), batch.next_offset()), (41, 42));
        assert_eq!((batch.magic(), batch.leader_epoch()), (2, -1));
        let [key, value] = parts.map(|part| part.map(Bytes::copy_from_slice));
        assert_eq!(records(batch), [(41, timestamp, key, value)]);
        let record = Records::open(batch).unwrap();
        let record = record.iter().next().unwrap().unwrap();
        assert_eq!(record.headers(), Some(Vec::new()));
    }
}

#[test]
fn runs_of_messages_keep_their_offsets_holes_and_codec() {
    for magic in [0, 1] {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            let bytes = wrapper(magic, codec, 0, &[500, 501, 505]);
            let batch = walk(bytes.into()).next().unwrap().unwrap();
            batch.verify().unwrap();
            assert_eq!((batch.base_offset(), batch.next_offset()), (500, 506));
            assert_eq!((batch.records_count(), batch.is_dense()), (3, false));
            assert_eq!(batch.codec(), codec);
            let time = |offset: i64| if magic == 0 { -1 } else { 1_000 + offset };
            let expected = [500, 501, 505].map(|offset| {
                let value = Bytes::from(format!("value-{offset}"));
                (offset, time(offset), None, Some(value))
            });
            assert_eq!(records(&batch), expected, "{magic} {codec:?}");
        }
    }
}

#[test]
fn a_time_that_the_broker_set_stands_for_the_whole_run() {
    let bytes = wrapper(1, Codec::Gzip, LOG_APPEND_TIME, &[3, 4]);
    let batch = walk(bytes.into()).next().unwrap().unwrap();
    let times: Vec<i64> = records(&batch).into_iter().map(|record| record.1).collect();
    assert_eq!(times, [9_999, 9_999]);
}

#[test]
fn the_wrong_header_checksum_of_early_lz4_is_passed_over() {
    let payload = |bytes: &[u8]| {
        let inner = message(7, 0, 0, 0, [None, Some(bytes)]);
        compress(Codec::Lz4, inner).unwrap().to_vec()
    };
    let mut frame = payload(b"value");
    // The header is its magic, two bytes of flags, and the checksum.
    frame[6] ^= 0x5a;
    let bytes = message(7, 0, 3, 0, [None, Some(&frame)]);
    let batch = walk(bytes.into()).next().unwrap().unwrap();
    assert_eq!(records(&batch)[0].3, Some(Bytes::from_static(b"value")));
    // Format 1 has it right, so there it is damage.
    let bytes = message(7, 1, 3, 0, [None, Some(&frame)]);
    assert!(walk(bytes.into()).next().unwrap().is_err());
}

#[test]
fn a_log_may_change_its_format_on_the_way() {
    let new = build_sparse(
        [(
            12,
            NewRecord::new(None, Some(Bytes::from_static(b"new")), 5),
        )],
        Codec::None,
    );
    let log = [
        message(10, 0, 0, 0, [None, Some(b"oldest")]),
        message(11, 1, 0, 4, [None, Some(b"older")]),
        new.unwrap().bytes().to_vec(),
    ];
    let whole = log.concat();
    let walked: Vec<_> = walk(whole.clone().into()).map(Result::unwrap).collect();
    let offsets: Vec<i64> = walked.iter().map(BatchView::base_offset).collect();
    assert_eq!(offsets, [10, 11, 12]);
    // A message that is cut off ends the walk silently, as a batch does.
    for cut in 0..log[0].len() {
        assert_eq!(walk(Bytes::copy_from_slice(&whole[..cut])).count(), 0);
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_offset() {
    let good = message(9, 1, 0, 4, [None, Some(b"value")]);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let inner = |magic, attributes| message(0, magic, attributes, 0, [None, None]);
    let wrapping = |inner: Vec<u8>| {
        let payload = compress(Codec::Gzip, inner).unwrap();
        message(9, 1, 1, 0, [None, Some(&payload)])
    };
    // Format 0 tells each offset twice.
    let impossible = |offset, inner| {
        let inner = message(inner, 0, 0, 0, [None, Some(b"value")]);
        let payload = compress(Codec::Gzip, inner).unwrap();
        message(offset, 0, 1, 0, [None, Some(&payload)])
    };
    let cases = [
        (flipped, "checksum"),
        (
            message(9, 1, 4, 0, [None, Some(b"zstd")]),
            "unknown compression codec 4",
        ),
        (
            message(9, 1, 1, 0, [None, None]),
            "its messages are missing",
        ),
        (message(9, 1, 1, 0, [None, Some(b"no gzip")]), "damaged"),
        (impossible(9, 4), "its offsets are impossible"),
        (impossible(9, 14), "its offsets are impossible"),
        (wrapping(Vec::new()), "it holds no message"),
        (wrapping(inner(0, 0)), "of another kind"),
        (wrapping(inner(1, 1)), "of another kind"),
        (
            wrapping(inner(1, 0)[..20].to_vec()),
            "a message in it is malformed",
        ),
    ];
    for (bytes, cause) in cases {
        let mut walked = walk(bytes.into());
        let error = walked.next().unwrap().unwrap_err();
        let told = error.to_string();
        assert!(told.contains("offset 9") && told.contains(cause), "{told}");
        assert!(walked.next().is_none());
    }
}

proptest! {
    #[test]
    fn never_panics_on_garbage_with_a_right_checksum(
        mut data in proptest::collection::vec(any::<u8>(), 20..300),
        magic in 0u8..2,
        codec in 0u8..8,
    ) {
        let length = data.len() as i32 - 12;
        data[8..12].copy_from_slice(&length.to_be_bytes());
        (data[16], data[17]) = (magic, codec);
        let crc = crc32_iso_hdlc(&data[16..]);
        data[12..16].copy_from_slice(&crc.to_be_bytes());
        for batch in walk(data.into()).flatten() {
            prop_assert!(batch.verify().is_ok());
        }
    }
}
