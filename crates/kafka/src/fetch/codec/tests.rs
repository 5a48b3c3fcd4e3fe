use std::time::Duration;

use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use uuid::Uuid;

use super::*;

fn topic(version: i16) -> TopicKey {
    match version >= FIRST_WITH_IDS {
        true => TopicKey::Id(Uuid::from_u128(9)),
        false => TopicKey::Name("orders".into()),
    }
}

#[test]
fn writes_what_the_protocol_says_for_every_version() {
    let options = FetchOptions {
        isolation: Isolation::ReadCommitted,
        max_wait: Duration::from_millis(321),
        min_bytes: 1,
        max_bytes: 1 << 20,
        rack: "r1".into(),
    };
    let from = FetchFrom {
        offset: 42,
        leader_epoch: 5,
        last_fetched_epoch: 4,
        max_bytes: 1000,
    };
    for version in 4..=17 {
        let sessions = version >= FIRST_WITH_SESSIONS;
        let next = Next {
            session_id: if sessions { 77 } else { 0 },
            session_epoch: if sessions { 3 } else { -1 },
            send: vec![(topic(version), vec![(1, from), (2, from)])],
            forget: vec![(topic(version), vec![8])],
        };
        let mut body = encode(version, &options, &next);
        let request = FetchRequest::decode(&mut body, version).unwrap();
        assert!(body.is_empty(), "version {version}");
        assert_eq!(
            (request.max_wait_ms, request.min_bytes, request.max_bytes),
            (321, 1, 1 << 20)
        );
        assert_eq!(request.isolation_level, 1);
        assert_eq!(
            (request.session_id, request.session_epoch),
            (next.session_id, next.session_epoch)
        );
        let partition = &request.topics[0].partitions[1];
        assert_eq!((partition.partition, partition.fetch_offset), (2, 42));
        assert_eq!(partition.partition_max_bytes, 1000);
        assert_eq!(
            partition.current_leader_epoch,
            if version >= 9 { 5 } else { -1 }
        );
        assert_eq!(
            partition.last_fetched_epoch,
            if version >= 12 { 4 } else { -1 }
        );
        assert_eq!(partition.log_start_offset, -1);
        assert_eq!(request.forgotten_topics_data.len(), usize::from(sessions));
        assert_eq!(
            request.rack_id.as_str(),
            if version >= 11 { "r1" } else { "" }
        );
    }
}

fn response(version: i16, records: &Bytes) -> FetchResponse {
    let sessions = version >= FIRST_WITH_SESSIONS;
    let mut partition = PartitionData::default()
        .with_partition_index(3)
        .with_error_code(6)
        .with_high_watermark(100)
        .with_last_stable_offset(90)
        .with_log_start_offset(if version >= 5 { 10 } else { -1 })
        .with_aborted_transactions(Some(vec![
            AbortedTransaction::default()
                .with_producer_id(7.into())
                .with_first_offset(95),
        ]))
        .with_preferred_read_replica(if version >= 11 { 2 } else { -1 }.into())
        .with_records(Some(records.clone()));
    if version >= 12 {
        partition = partition
            .with_diverging_epoch(EpochEndOffset::default().with_epoch(1).with_end_offset(50))
            .with_current_leader(
                LeaderIdAndEpoch::default()
                    .with_leader_id(4.into())
                    .with_leader_epoch(6),
            );
    }
    let mut topic = FetchableTopicResponse::default().with_partitions(vec![partition]);
    if version >= FIRST_WITH_IDS {
        topic = topic.with_topic_id(Uuid::from_u128(9));
    } else {
        topic = topic.with_topic(StrBytes::from_static_str("orders").into());
    }
    FetchResponse::default()
        .with_throttle_time_ms(20)
        .with_session_id(if sessions { 77 } else { 0 })
        .with_responses(vec![topic])
}

#[test]
fn reads_replies_of_every_version_and_survives_every_cut() {
    let records = Bytes::from_static(b"records, not looked into");
    for version in 4..=17 {
        let mut body = Vec::new();
        response(version, &records)
            .encode(&mut body, version)
            .unwrap();
        let body = Bytes::from(body);
        let reply = decode(version, body.clone()).unwrap();
        assert_eq!((reply.throttle_ms, reply.error), (20, ErrorCode::NONE));
        let expected = Partition {
            index: 3,
            error: ErrorCode(6),
            high_watermark: 100,
            last_stable_offset: 90,
            log_start: if version >= 5 { 10 } else { -1 },
            diverging_epoch: (version >= 12).then_some((1, 50)),
            current_leader: (version >= 12).then_some((4, 6)),
            aborted: vec![(7, 95)],
            preferred_read_replica: (version >= 11).then_some(2),
            records: records.clone(),
        };
        assert_eq!(
            reply.partitions,
            [(topic(version), expected)],
            "version {version}"
        );
        let found = &reply.partitions[0].1.records;
        assert!(
            body.as_ptr_range().contains(&found.as_ptr()),
            "records are shared with the frame"
        );
        for cut in 0..body.len() {
            assert!(
                decode(version, body.slice(..cut)).is_err(),
                "version {version} cut at {cut}"
            );
        }
    }
}

#[test]
fn an_impossible_array_length_is_no_allocation() {
    let classic = Bytes::from_static(&[0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]);
    assert!(decode(4, classic).is_err());
    let flexible =
        Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(decode(17, flexible).is_err());
}
