use bytes::{Buf, BytesMut};
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::protocol::Decodable;

use super::*;

fn part(topic: &str, id: u128, partition: i32, payload: usize) -> ProducePart {
    ProducePart {
        topic: topic.into(),
        topic_id: Uuid::from_u128(id),
        partition,
        header: vec![partition as u8; 61].into(),
        payload: vec![0xaa; payload].into(),
    }
}

fn joined(chunks: &[Bytes]) -> Bytes {
    chunks.concat().into()
}

#[test]
fn writes_what_the_protocol_says_for_every_version() {
    let parts = [
        part("a", 1, 0, 5),
        part("b", 2, 7, 5_000),
        part("a", 1, 3, 0),
    ];
    for version in 9..=13 {
        let mut body = joined(&encode(version, None, 1_234, &parts).unwrap());
        let request = ProduceRequest::decode(&mut body, version).unwrap();
        assert!(!body.has_remaining());
        assert_eq!((request.acks, request.timeout_ms), (-1, 1_234));
        assert_eq!(request.transactional_id, None);
        let found: Vec<_> = request
            .topic_data
            .iter()
            .flat_map(|t| t.partition_data.iter().map(move |p| (t, p)))
            .map(|(t, p)| match version {
                13 => (
                    t.topic_id.as_u128(),
                    p.index,
                    p.records.clone().unwrap().len(),
                ),
                _ => (
                    u128::from(t.name.as_bytes()[0] - b'a') + 1,
                    p.index,
                    p.records.clone().unwrap().len(),
                ),
            })
            .collect();
        assert_eq!(found, [(1, 0, 66), (1, 3, 61), (2, 7, 5_061)]);
    }
}

#[test]
fn names_the_transactional_id_of_a_transaction() {
    let mut body = joined(&encode(12, Some("link.0"), 0, &[part("a", 1, 0, 5)]).unwrap());
    let request = ProduceRequest::decode(&mut body, 12).unwrap();
    assert!(!body.has_remaining());
    assert_eq!(&**request.transactional_id.unwrap(), "link.0");
}

#[test]
fn shares_payloads_and_copies_only_small_ones() {
    let parts = [
        part("a", 1, 0, COPIED_BYTES),
        part("a", 1, 1, COPIED_BYTES + 1),
    ];
    let chunks = encode(13, None, 0, &parts).unwrap();
    assert_eq!(chunks.len(), 3);
    assert_eq!(chunks[1].as_ptr(), parts[1].payload.as_ptr());
}

#[test]
fn refuses_a_partition_listed_twice() {
    let parts = [part("a", 1, 0, 5), part("b", 2, 0, 5), part("a", 1, 0, 5)];
    assert_eq!(encode(13, None, 0, &parts), Err(Twice));
}

/// Writes a reply of version 13 as a broker does; `answers` are topic id, partition, error and base offset.
fn reply(answers: &[(u128, i32, i16, i64)]) -> Bytes {
    let mut w = Writer::new(Encoding::Flexible, 0);
    w.array(answers.len());
    for &(topic, partition, error, base_offset) in answers {
        w.uuid(Uuid::from_u128(topic));
        w.array(1);
        w.i32(partition);
        w.i16(error);
        w.i64(base_offset);
        w.i64(-1);
        w.i64(3);
        w.array(1);
        w.i32(0);
        w.string("record is wrong");
        w.no_tags();
        w.null();
        // Tagged field 0: the current leader, which is skipped.
        w.buffer
            .extend_from_slice(&[1, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0]);
        w.no_tags();
    }
    w.i32(250);
    w.no_tags();
    w.buffer.freeze()
}

#[test]
fn finds_each_answer_for_its_part() {
    let parts =
        [part("a", 1, 0, 5), part("b", 2, 7, 5)].map(|p| (TopicKey::of(&p, 13), p.partition));
    let (acks, throttle_ms) = decode(13, reply(&[(2, 7, 87, -1), (1, 0, 0, 500)]), &parts).unwrap();
    assert_eq!(throttle_ms, 250);
    assert_eq!(
        (acks[0].part, acks[0].error, acks[0].base_offset),
        (0, ErrorCode::NONE, 500)
    );
    assert_eq!(
        (acks[1].part, acks[1].error),
        (1, ErrorCode::INVALID_RECORD)
    );
    assert_eq!(acks[1].message.as_deref(), Some("record is wrong"));
}

#[test]
fn a_reply_that_lacks_a_part_or_has_a_strange_one_is_malformed() {
    let parts =
        [part("a", 1, 0, 5), part("b", 2, 7, 5)].map(|p| (TopicKey::of(&p, 13), p.partition));
    assert_eq!(decode(13, reply(&[(1, 0, 0, 500)]), &parts), Err(Malformed));
    assert_eq!(
        decode(13, reply(&[(1, 0, 0, 0), (2, 8, 0, 0)]), &parts),
        Err(Malformed)
    );
    let whole = reply(&[(1, 0, 0, 500), (2, 7, 0, 4)]);
    for cut in 0..whole.len() {
        assert_eq!(
            decode(13, whole.slice(..cut), &parts),
            Err(Malformed),
            "cut at {cut}"
        );
    }
    let mut huge = BytesMut::from(&[0xff, 0xff, 0xff, 0xff, 0x0f][..]);
    huge.extend_from_slice(&[0; 9]);
    assert_eq!(decode(13, huge.freeze(), &parts), Err(Malformed));
}
