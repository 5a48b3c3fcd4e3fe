//! The facts about Apache Kafka's brokers that exactly-once copying rests on, asked of real brokers of the oldest and
//! the newest line we support. When one of these fails, a rule of the protocol has lost its ground.

#![allow(clippy::unwrap_used)]

#[path = "broker_facts/raw.rs"]
mod raw;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kafka::batch::{Codec, walk};
use kafka::records::Records;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use kafka_protocol::messages::{
    ApiKey, EndTxnRequest, FindCoordinatorRequest, GroupId, InitProducerIdRequest,
    OffsetCommitRequest, ProduceRequest, TransactionalId, TxnOffsetCommitRequest,
    WriteTxnMarkersRequest,
};
use raw::{EARLIEST, LATEST, Log, Ours, Raw, forged, now_ms, text};
use xtask::admin::Admin;
use xtask::cluster::{ClusterOptions, KafkaCluster};

const INVALID_RECORD: i16 = 87;
const OUT_OF_ORDER: i16 = 45;
const INVALID_EPOCH: i16 = 47;
const NOT_LEADER: i16 = 6;
const REQUEST_TIMED_OUT: i16 = 7;
const METADATA_TOO_LARGE: i16 = 12;
const TWO_DAYS_MS: i64 = 2 * 24 * 3_600 * 1_000;

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn one_broker_of_the_newest_line_keeps_the_facts() {
    ask_one_broker("4.3.1");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn one_broker_of_the_oldest_line_keeps_the_facts() {
    ask_one_broker("3.9.1");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn three_brokers_of_the_newest_line_keep_the_facts() {
    ask_three_brokers("4.3.1");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn three_brokers_of_the_oldest_line_keep_the_facts() {
    ask_three_brokers("3.9.1");
}

/// Eight brokers at once are too many for a small machine: one cluster after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What is asked, and how.
type Fact = (&'static str, fn(&KafkaCluster));

fn ask_one_broker(version: &str) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let options = ClusterOptions::new(&format!("facts-{version}"))
        .version(version)
        .property("producer.id.expiration.check.interval.ms", "500");
    let cluster = KafkaCluster::start(options).unwrap();
    let facts: [Fact; 13] = [
        (
            "pipelined batches, any first sequence",
            pipelined_batches_of_an_unknown_producer,
        ),
        ("repeated, gap, overlap", repeats_gaps_and_overlaps),
        ("epochs fence", a_new_epoch_fences_the_old_one),
        ("sequence wraps", the_sequence_wraps_to_zero),
        (
            "expiry by record time",
            producer_state_expires_by_record_time,
        ),
        (
            "two claimants",
            two_claimants_at_one_epoch_both_hear_success,
        ),
        ("invalid batches", batches_that_are_refused),
        ("attribute bits", attribute_bits_that_are_accepted),
        (
            "transaction without AddPartitions",
            a_transaction_without_add_partitions,
        ),
        ("commit metadata", commit_metadata_has_a_limit),
        ("log start", any_log_start_can_be_made),
        ("markers", markers_advance_the_log),
        ("kill", producer_state_survives_a_kill),
    ];
    for (name, fact) in facts {
        eprintln!("{version}: {name}");
        fact(&cluster);
    }
}

fn topic(cluster: &KafkaCluster, name: &str) -> Log {
    let admin = Admin::new(&cluster.bootstrap()).unwrap();
    // Old timestamps must not be taken away by retention.
    let configs = [("retention.ms", "-1"), ("max.message.bytes", "8000000")];
    admin.create_topic(name, 1, &configs).unwrap();
    let mut log = Log::new(&cluster.broker(0).address(), name);
    // Each broker learns of a new topic in its own time.
    let known = |log: &mut Log| (if log.knows_topic() { 0 } else { NOT_LEADER }, ());
    until_ready(|| known(&mut log));
    let leader = log.metadata().leader_id.0;
    let broker = cluster.brokers().iter().find(|b| b.id() == leader).unwrap();
    log.raw = Raw::connect(&broker.address());
    until_leader(&mut log);
    log
}

fn until_leader(log: &mut Log) {
    let leads = |end: i64| if end >= 0 { 0 } else { NOT_LEADER };
    until_ready(|| (leads(log.offset(LATEST)), ()));
}

fn pipelined_batches_of_an_unknown_producer(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "pipelined");
    let sequences: Vec<i32> = (0..40).map(|n| 5_000 + 3 * n).collect();
    for &sequence in &sequences {
        let batch = Ours {
            count: 3,
            ..Ours::new(900, 0, sequence)
        };
        let request = log.request(-1, 10_000, batch.bytes());
        log.raw.send(11, &request);
    }
    for n in 0..40 {
        let response = log.raw.receive::<ProduceRequest>(11);
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((partition.error_code, partition.base_offset), (0, 3 * n));
    }
    assert_eq!(log.producers(), [(900, 0, 5_119)]);
}

fn repeats_gaps_and_overlaps(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "repeats");
    let two = |sequence| {
        Ours {
            count: 2,
            ..Ours::new(901, 0, sequence)
        }
        .bytes()
    };
    for n in 0..7 {
        assert_eq!(log.produce(two(2 * n)), (0, 2 * i64::from(n)));
    }
    for n in 2..7 {
        assert_eq!(
            log.produce(two(2 * n)),
            (0, 2 * i64::from(n)),
            "one of the last five"
        );
    }
    let refused = |answer: (i16, i64)| assert_eq!(answer.0, OUT_OF_ORDER);
    refused(log.produce(two(2)));
    refused(log.produce(two(16)));
    refused(log.produce(two(13)));
    assert_eq!((log.offset(LATEST), log.epoch_end()), (14, 14));
}

fn a_new_epoch_fences_the_old_one(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "epochs");
    assert_eq!(log.produce(Ours::new(902, 3, 0).bytes()), (0, 0));
    assert_eq!(log.produce(Ours::new(902, 5, 7).bytes()).0, OUT_OF_ORDER);
    assert_eq!(log.produce(Ours::new(902, 5, 0).bytes()), (0, 1));
    assert_eq!(log.produce(Ours::new(902, 3, 1).bytes()).0, INVALID_EPOCH);
    assert_eq!(log.producers(), [(902, 5, 0)]);
}

fn the_sequence_wraps_to_zero(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "wrap");
    let two = |sequence| {
        Ours {
            count: 2,
            ..Ours::new(903, 0, sequence)
        }
        .bytes()
    };
    assert_eq!(log.produce(two(i32::MAX - 2)), (0, 0));
    // A batch may straddle the wrap: 2^31 - 1 and 0.
    assert_eq!(log.produce(two(i32::MAX)), (0, 2));
    assert_eq!(log.produce(two(1)), (0, 4));
    assert_eq!(
        log.produce(two(i32::MAX)),
        (0, 2),
        "repeated across the wrap"
    );
}

fn producer_state_expires_by_record_time(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "expiry");
    let old = |sequence| Ours {
        timestamp: now_ms() - TWO_DAYS_MS,
        ..Ours::new(904, 0, sequence)
    };
    assert_eq!(log.produce(old(0).bytes()), (0, 0));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !log.producers().is_empty() {
        assert!(Instant::now() < deadline, "the state does not expire");
        std::thread::yield_now();
    }
    assert_eq!(log.produce(old(77).bytes()), (0, 1));
}

fn two_claimants_at_one_epoch_both_hear_success(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "claims");
    let claim = |value| {
        Ours {
            value,
            ..Ours::new(905, 1, 0)
        }
        .bytes()
    };
    assert_eq!(log.produce(claim("first")), (0, 0));
    assert_eq!(log.produce(claim("second")), (0, 0));
    let batches = log.batches(0);
    assert_eq!(batches.len(), 1);
    let record = Records::open(&batches[0])
        .unwrap()
        .iter()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(record.value.as_deref(), Some(&b"first"[..]));
}

fn batches_that_are_refused(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "refused");
    let plain = Ours {
        count: 2,
        ..Ours::new(906, 0, 0)
    };
    let twice = [
        plain.bytes(),
        Ours {
            sequence: 2,
            ..plain
        }
        .bytes(),
    ]
    .concat();
    let mut cases = vec![("two batches", twice.into())];
    for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
        let batch = Ours { codec, ..plain }.bytes();
        cases.push(("base offset", forged(&batch, |b| b[7] = 1)));
        cases.push(("control bit", forged(&batch, |b| b[22] |= 0x20)));
        cases.push(("fewer records than offsets", forged(&batch, |b| b[26] = 5)));
        cases.push(("more records than offsets", forged(&batch, |b| b[26] = 0)));
    }
    for (what, batch) in cases {
        assert_eq!(log.produce(batch).0, INVALID_RECORD, "{what}");
    }
    assert_eq!(log.epoch_end(), 0);
}

fn attribute_bits_that_are_accepted(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "bits");
    for (n, bit) in [0x08, 0x40].into_iter().enumerate() {
        let batch = Ours::new(907, 0, n as i32).bytes();
        assert_eq!(
            log.produce(forged(&batch, |b| b[22] |= bit)),
            (0, n as i64),
            "bit {bit:#x}"
        );
    }
}

fn a_transaction_without_add_partitions(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "transaction");
    if log.raw.newest(ApiKey::Produce) < 12 {
        return;
    }
    let id = TransactionalId(text("facts"));
    coordinator(&mut log, "facts", 1);
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id.clone()))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    let producer = until_ready(|| {
        let answer = log.raw.call(5, &request);
        (answer.error_code, answer)
    });
    let ours = Ours::new(producer.producer_id.0, producer.producer_epoch, 0).bytes();
    let transactional = forged(&ours, |b| b[22] |= 0x10);
    assert_eq!(log.produce_in_transaction("facts", transactional), (0, 0));

    coordinator(&mut log, "facts-group", 0);
    let partition = TxnOffsetCommitRequestPartition::default().with_committed_offset(1);
    let commit = TxnOffsetCommitRequest::default()
        .with_transactional_id(id.clone())
        .with_group_id(GroupId(text("facts-group")))
        .with_producer_id(producer.producer_id)
        .with_producer_epoch(producer.producer_epoch)
        .with_generation_id(-1)
        .with_topics(vec![
            TxnOffsetCommitRequestTopic::default()
                .with_name(log.topic.clone())
                .with_partitions(vec![partition]),
        ]);
    until_ready(|| {
        (
            log.raw.call(5, &commit).topics[0].partitions[0].error_code,
            (),
        )
    });
    let end = EndTxnRequest::default()
        .with_transactional_id(id)
        .with_producer_id(producer.producer_id)
        .with_producer_epoch(producer.producer_epoch)
        .with_committed(true);
    assert_eq!(log.raw.call(5, &end).error_code, 0);
}

/// Has the coordinator of a group (type 0) or a transactional id (type 1) made; with one broker it is that one.
fn coordinator(log: &mut Log, key: &str, key_type: i8) {
    let request = FindCoordinatorRequest::default()
        .with_key_type(key_type)
        .with_coordinator_keys(vec![text(key)]);
    let found: Coordinator = until_ready(|| {
        let answer = log.raw.call(4, &request).coordinators.remove(0);
        (answer.error_code, answer)
    });
    assert!(found.port > 0);
}

/// Repeats a call that answers with its error code while a leader or coordinator is loading or not there yet.
fn until_ready<T>(mut call: impl FnMut() -> (i16, T)) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (code, answer) = call();
        match code {
            0 => return answer,
            NOT_LEADER | 14 | 15 | 16 | 51 => {
                assert!(Instant::now() < deadline, "still error {code}")
            }
            _ => panic!("error {code}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn commit_metadata_has_a_limit(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "metadata");
    coordinator(&mut log, "metadata-group", 0);
    let mut commit = |length: usize| {
        let partition = OffsetCommitRequestPartition::default()
            .with_committed_offset(0)
            .with_committed_metadata(Some(text(&"m".repeat(length))));
        let topic = OffsetCommitRequestTopic::default()
            .with_name(log.topic.clone())
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text("metadata-group")))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        log.raw.call(8, &request).topics[0].partitions[0].error_code
    };
    until_ready(|| (commit(1), ()));
    assert_eq!(commit(4_096), 0);
    assert_eq!(commit(5_000), METADATA_TOO_LARGE);
}

fn any_log_start_can_be_made(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "start");
    let million = Ours {
        count: 1_000_000,
        value: "",
        codec: Codec::Zstd,
        ..Ours::new(-1, -1, -1)
    };
    let batch = million.bytes();
    assert!(
        batch.len() < 1_000_000,
        "{} bytes, more than the default limit of a topic",
        batch.len()
    );
    assert_eq!(log.produce(batch), (0, 0));
    assert_eq!(log.delete_before(999_999), 0);
    assert_eq!(
        (log.offset(EARLIEST), log.offset(LATEST)),
        (999_999, 1_000_000)
    );
    assert_eq!(log.delete_before(1_000_000), 0);
    assert_eq!(log.offset(EARLIEST), 1_000_000);
}

fn markers_advance_the_log(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "markers");
    assert_eq!(log.produce(Ours::new(908, 0, 0).bytes()), (0, 0));
    let marker = |n: i64| {
        let topic = WritableTxnMarkerTopic::default()
            .with_name(log.topic.clone())
            .with_partition_indexes(vec![0]);
        WritableTxnMarker::default()
            .with_producer_id((7_000_000 + n).into())
            .with_transaction_result(true)
            .with_topics(vec![topic])
    };
    let request = WriteTxnMarkersRequest::default().with_markers((0..1_000).map(marker).collect());
    let response = log.raw.call(1, &request);
    assert_eq!(response.markers.len(), 1_000);
    let code =
        |m: &kafka_protocol::messages::write_txn_markers_response::WritableTxnMarkerResult| {
            m.topics[0].partitions[0].error_code
        };
    assert!(response.markers.iter().all(|marker| code(marker) == 0));
    assert_eq!((log.offset(LATEST), log.epoch_end()), (1_001, 1_001));
    assert!(log.batches(1).iter().all(|batch| batch.is_control()));
}

fn producer_state_survives_a_kill(cluster: &KafkaCluster) {
    let mut log = topic(cluster, "kill");
    for sequence in 0..10 {
        assert_eq!(log.produce(Ours::new(909, 2, sequence).bytes()).0, 0);
    }
    cluster.broker(0).restart().unwrap();
    cluster.wait_ready().unwrap();
    log.raw = Raw::connect(&cluster.broker(0).address());
    until_leader(&mut log);
    assert_eq!(log.producers(), [(909, 2, 9)]);
    // The sequence is intact, but of the last five batches only the very last is remembered.
    assert_eq!(log.produce(Ours::new(909, 2, 9).bytes()), (0, 9));
    assert_eq!(log.produce(Ours::new(909, 2, 8).bytes()).0, OUT_OF_ORDER);
    assert_eq!(log.produce(Ours::new(909, 2, 10).bytes()), (0, 10));
}

fn ask_three_brokers(version: &str) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let options = ClusterOptions::new(&format!("facts-three-{version}"))
        .version(version)
        .brokers(3)
        // A stopped follower stays in sync, and its broker registered, for as long as the facts take.
        .property("replica.lag.time.max.ms", "300000")
        .property("broker.session.timeout.ms", "300000");
    let cluster = KafkaCluster::start(options).unwrap();
    let mut log = topic(&cluster, "three");
    assert_eq!(log.produce(Ours::new(910, 0, 0).bytes()), (0, 0));

    let leader = log.metadata().leader_id.0;
    let follower = cluster.brokers().iter().find(|b| b.id() != leader).unwrap();
    follower.stop().unwrap();
    let batch = Ours {
        count: 2,
        ..Ours::new(910, 0, 1)
    }
    .bytes();
    // Appended and not replicated; the same batch again is found to be that one.
    assert_eq!(
        log.produce_with(-1, 2_000, batch.clone()),
        (REQUEST_TIMED_OUT, 1)
    );
    assert_eq!(
        log.produce_with(-1, 2_000, batch.clone()),
        (REQUEST_TIMED_OUT, 1)
    );
    assert_eq!(
        log.offset(LATEST),
        1,
        "ListOffsets gives the high watermark"
    );
    assert_eq!(log.epoch_end(), 3, "OffsetForLeaderEpoch gives the log end");
    assert_eq!(
        log.producers(),
        [(910, 0, 2)],
        "DescribeProducers counts to the log end"
    );

    follower.cont().unwrap();
    assert_eq!(log.produce_with(-1, 30_000, batch), (0, 1));
    assert_eq!((log.offset(LATEST), log.epoch_end()), (3, 3));
    assert_eq!(walk_count(&mut log), 2);
}

fn walk_count(log: &mut Log) -> usize {
    let batches = log.batches(0);
    let bytes: Vec<u8> = batches.iter().flat_map(|b| b.bytes().to_vec()).collect();
    walk(bytes.into()).count()
}
