//! The demo's records on a real broker.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use xtask::{
    admin::Admin,
    client::{RawRecord, ReadIsolation, TimestampType, read_all},
    cluster::{ClusterOptions, KafkaCluster},
    demo::{
        topics::TOPICS,
        traffic::{Traffic, preload},
    },
    referee::{Expectation, Side, compare_topics},
};

#[test]
#[ignore = "starts a real broker"]
fn every_demo_topic_has_its_peculiarity() {
    let cluster = KafkaCluster::start(ClusterOptions::new("demo")).unwrap();
    let bootstrap = cluster.bootstrap();
    let traffic = Traffic::start(preload(&bootstrap).unwrap(), 200);
    let patience = Instant::now() + Duration::from_secs(30);
    while traffic.written() < 400 {
        assert!(Instant::now() < patience && !traffic.has_failed());
        std::thread::yield_now();
    }
    assert!(traffic.stop().unwrap() >= 400);
    let read = |topic: &str| read_all(&bootstrap, topic, ReadIsolation::Committed).unwrap();

    for topic in TOPICS {
        let partitions = Admin::new(&bootstrap)
            .unwrap()
            .partitions(topic.name)
            .unwrap();
        assert_eq!(partitions.len(), usize::try_from(topic.partitions).unwrap());
    }
    for (topic, preloaded) in [("orders", 3_000), ("payments", 2_000), ("clicks", 5_000)] {
        assert!(read(topic).len() > preloaded, "{topic}");
    }
    let all = read_all(&bootstrap, "transfers", ReadIsolation::Uncommitted)
        .unwrap()
        .len();
    let committed = read("transfers").len();
    assert!(
        committed * 3 < all * 2 + 120 && committed * 3 > all * 2 - 120,
        "{committed} of {all}"
    );
    assert!(
        read("stamped")
            .iter()
            .all(|r| r.timestamp_type == TimestampType::LogAppend)
    );
    assert!(read("events-old").len() >= 2_000);
    let odd = read("payments")
        .into_iter()
        .find(|r| r.headers.len() == 5)
        .unwrap();
    assert_eq!(odd.headers[0].0, odd.headers[1].0);
    assert_eq!(
        (&odd.headers[2].1, &odd.headers[3].1),
        (&None, &Some(Vec::new()))
    );
    assert!(std::str::from_utf8(&odd.headers[4].0).is_err());

    let deadline = Instant::now() + Duration::from_secs(30);
    let inventory = loop {
        let records = read("inventory");
        if holes(&records) > 0 {
            break records;
        }
        assert!(Instant::now() < deadline, "inventory was not compacted");
    };
    assert!(inventory.iter().any(|r| r.value.is_none()));

    let side = Side {
        bootstrap: &bootstrap,
        topic: "orders",
        isolation: ReadIsolation::Committed,
    };
    assert!(
        compare_topics(side, side, &Expectation::default())
            .unwrap()
            .is_exact()
    );
}

/// Counts the places where an offset does not follow the one before.
fn holes(records: &[RawRecord]) -> usize {
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    let follows = |r: &RawRecord, last: &mut BTreeMap<i32, i64>| {
        last.insert(r.partition, r.offset)
            .is_none_or(|before| before + 1 == r.offset)
    };
    records.iter().filter(|r| !follows(r, &mut last)).count()
}
