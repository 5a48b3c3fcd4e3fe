use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{FetchResponse, ProduceResponse};
use kafka_protocol::protocol::{Encodable, StrBytes};
use proptest::prelude::*;

use super::*;
use crate::batch::{BatchError, Codec};
use crate::build::{NewRecord, build_batch};
use crate::compression::{CompressionError, compress};
use crate::records::{RecordsError, UNFOLDED_LIMIT_BYTES};

const CODECS: [Codec; 5] = [
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];

/// A change to good bytes: what a bit flip, a false length, a cut or a repetition does.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Number(prop::sample::Index, [u8; 4]),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    let lengths = prop_oneof![
        Just(i32::MAX.to_be_bytes()),
        Just((-1_i32).to_be_bytes()),
        Just(i32::MIN.to_be_bytes()),
        any::<[u8; 4]>(),
    ];
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (place(), lengths).prop_map(|(at, bytes)| Change::Number(at, bytes)),
        place().prop_map(Change::Cut),
        (place(), any::<u8>()).prop_map(|(at, times)| Change::Repeat(at, times)),
    ]
}

fn changed(mut data: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if data.is_empty() {
            break;
        }
        match change {
            Change::Set(at, byte) => {
                let at = at.index(data.len());
                data[at] = *byte;
            }
            Change::Number(at, bytes) => {
                let at = at.index(data.len());
                let end = data.len().min(at + 4);
                data[at..end].copy_from_slice(&bytes[..end - at]);
            }
            Change::Cut(at) => data.truncate(at.index(data.len())),
            Change::Repeat(at, times) => {
                let tail = data[at.index(data.len())..].to_vec();
                for _ in 0..times % 4 {
                    data.extend_from_slice(&tail);
                }
            }
        }
    }
    data
}

fn good_batches(codec: Codec) -> Vec<u8> {
    let record = |n: i64| NewRecord {
        headers: vec![(Bytes::from_static(b"h"), None)],
        ..NewRecord::new(
            Some(Bytes::from_static(b"key")),
            Some("value ".repeat(9).into()),
            n,
        )
    };
    let one: Vec<NewRecord> = (0..5).map(record).collect();
    let batch = build_batch(&one, codec, PATCH).unwrap();
    batch.bytes().repeat(2)
}

fn good_fetch_reply(version: i16) -> Vec<u8> {
    let mut partition = PartitionData::default()
        .with_partition_index(3)
        .with_records(Some(good_batches(Codec::None).into()));
    let mut transaction = AbortedTransaction::default();
    transaction.producer_id = 5.into();
    partition.aborted_transactions = Some(vec![transaction]);
    let mut topic = FetchableTopicResponse::default().with_partitions(vec![partition]);
    if version < 13 {
        topic = topic.with_topic(StrBytes::from_static_str("t").into());
    }
    let mut body = Vec::new();
    let reply = FetchResponse::default().with_responses(vec![topic]);
    reply.encode(&mut body, version).unwrap();
    body
}

fn good_produce_reply(version: i16) -> Vec<u8> {
    let partitions = [0, 1].map(|n| PartitionProduceResponse::default().with_index(n));
    let mut topic = TopicProduceResponse::default().with_partition_responses(partitions.to_vec());
    if version < 13 {
        topic = topic.with_name(StrBytes::from_static_str("t").into());
    }
    let mut body = Vec::new();
    let reply = ProduceResponse::default().with_responses(vec![topic]);
    reply.encode(&mut body, version).unwrap();
    body
}

fn with_version(version: i16, first: i16, body: Vec<u8>) -> Vec<u8> {
    let mut data = vec![u8::try_from(version - first).unwrap()];
    data.extend(body);
    data
}

#[test]
fn good_bytes_are_read_to_their_end() {
    for codec in CODECS {
        assert!(headers(&good_batches(codec)) > 0, "{codec:?}");
        assert!(records(&good_batches(codec)) > 0, "{codec:?}");
    }
    for version in fetch::REPLY_VERSIONS {
        let data = with_version(version, 4, good_fetch_reply(version));
        assert!(fetch_reply(&data) > 0, "version {version}");
    }
    for version in produce::REPLY_VERSIONS {
        let data = with_version(version, 9, good_produce_reply(version));
        assert_eq!(produce_reply(&data), 2, "version {version}");
    }
}

/// Without the check the sum of offset and delta overflowed.
#[test]
fn a_batch_whose_last_offset_cannot_be_is_a_contradiction() {
    let mut batch = good_batches(Codec::None);
    batch[..8].copy_from_slice(&(i64::MAX - 4).to_be_bytes());
    assert!(matches!(
        BatchView::new(Bytes::copy_from_slice(&batch[..batch.len() / 2])),
        Err(BatchError::Contradiction { .. })
    ));
    assert_eq!(headers(&batch), 0);
}

/// Without the check such a record had an offset beyond its batch, perhaps one that cannot be.
#[test]
fn a_record_beyond_its_batch_is_malformed() {
    let records = [0, 1].map(|n| NewRecord::new(None, None, n));
    let batch = build_batch(&records, Codec::None, Patch::NOBODY).unwrap();
    let mut bytes = batch.bytes().to_vec();
    // The second record ends the batch: length, attributes, two deltas of one byte each, key, value, header count.
    let offset_delta = bytes.len() - 4;
    assert_eq!(bytes[offset_delta], 2, "zigzag of 1");
    bytes[offset_delta] = 4;
    let batch = BatchView::new(bytes.into()).unwrap();
    let last = Records::open(&batch).unwrap().iter().last().unwrap();
    assert!(matches!(
        last,
        Err(RecordsError::Malformed { index: 1, .. })
    ));
}

#[test]
fn a_batch_that_would_unfold_beyond_the_limit_is_refused() {
    let bomb = vec![0_u8; UNFOLDED_LIMIT_BYTES + 1];
    for codec in [Codec::Lz4, Codec::Zstd] {
        let packed = compress(codec, bomb.clone()).unwrap();
        let mut bytes = good_batches(codec)[..crate::batch::HEADER_LENGTH].to_vec();
        bytes.extend_from_slice(&packed);
        let length = i32::try_from(bytes.len() - 12).unwrap();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let batch = BatchView::new(bytes.into()).unwrap();
        assert!(
            matches!(
                Records::open(&batch),
                Err(RecordsError::Compression(CompressionError::TooLarge { .. }))
            ),
            "{codec:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
        headers(&data);
        records(&data);
        fetch_reply(&data);
        produce_reply(&data);
    }

    #[test]
    fn no_change_to_good_batches_panics(
        codec in prop::sample::select(CODECS.to_vec()), changes in prop::collection::vec(change(), 1..6)
    ) {
        let data = changed(good_batches(codec), &changes);
        headers(&data);
        records(&data);
    }

    #[test]
    fn no_change_to_good_replies_panics(
        fetch_version in fetch::REPLY_VERSIONS, produce_version in produce::REPLY_VERSIONS,
        changes in prop::collection::vec(change(), 1..6)
    ) {
        let fetched = with_version(fetch_version, 4, good_fetch_reply(fetch_version));
        fetch_reply(&changed(fetched, &changes));
        let produced = with_version(produce_version, 9, good_produce_reply(produce_version));
        produce_reply(&changed(produced, &changes));
    }
}
