//! Every topic of the demo, with all its peculiarities, while it is being written.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::json;
use xtask::{
    client::{RawRecord, ReadIsolation, TimestampType, read_all},
    demo::{
        topics::TOPICS,
        traffic::{Traffic, preload},
    },
};

use crate::harness::{Bench, PATIENCE, admin, bench};

/// Keeps the cleaner away, so that both sides stand still while they are compared.
const CLEANED_NO_MORE: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.ms", "10000"),
    ("segment.bytes", "1048576"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("min.compaction.lag.ms", "9000000000"),
];

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn every_record_of_every_demo_topic_crosses_once_in_order_and_unchanged() {
    let bench = bench();
    let traffic = Traffic::start(preload(&bench.east.bootstrap).unwrap(), 300);
    let cleaned = wait_for_holes(&bench);
    start_demo_link(&bench);
    bench.wait_for("demo", "a link that mirrors", |s| s["state"] == "mirroring");
    let written = traffic.written();
    let deadline = Instant::now() + PATIENCE;
    while traffic.written() < written + 600 {
        assert!(Instant::now() < deadline && !traffic.has_failed());
        std::thread::sleep(Duration::from_millis(20));
    }
    traffic.stop().unwrap();

    for topic in TOPICS {
        let records = bench.expect_exact("demo", topic.name, topic.name);
        assert!(records > 100, "{}: {records} records", topic.name);
    }
    bench.expect_no_findings("demo");
    expect_untouched(&bench, &cleaned);
    expect_peculiarities(&bench);
    expect_mirror_configs(&bench);
    bench.retire("demo");
}

/// Waits until compaction has left holes in `inventory`, then keeps the cleaner away. Returns what is left.
fn wait_for_holes(bench: &Bench) -> Vec<RawRecord> {
    let deadline = Instant::now() + PATIENCE;
    while holes(&inventory(bench)) < 20 {
        assert!(Instant::now() < deadline, "inventory was not compacted");
        std::thread::sleep(Duration::from_millis(200));
    }
    admin(&bench.east)
        .set_configs("inventory", CLEANED_NO_MORE)
        .unwrap();
    // A cleaning that was under way may still end: it has when a while brings only new records.
    let mut before = inventory(bench);
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let after = inventory(bench);
        if begins_with(&after, &before) {
            assert!(holes(&after) >= 20);
            return after;
        }
        assert!(Instant::now() < deadline, "inventory does not stand still");
        before = after;
    }
}

fn inventory(bench: &Bench) -> Vec<RawRecord> {
    read_all(&bench.east.bootstrap, "inventory", ReadIsolation::Committed).unwrap()
}

/// Says whether `before` stands in `after`, and all else there comes later.
fn begins_with(after: &[RawRecord], before: &[RawRecord]) -> bool {
    let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
    for record in before {
        ends.insert(record.partition, record.offset);
    }
    let old = after
        .iter()
        .filter(|r| ends.get(&r.partition).is_some_and(|end| r.offset <= *end));
    old.eq(before)
}

/// Counts the places where an offset does not follow the one before.
fn holes(records: &[RawRecord]) -> usize {
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    let mut follows = |r: &RawRecord| {
        last.insert(r.partition, r.offset)
            .is_none_or(|before| before + 1 == r.offset)
    };
    records.iter().filter(|r| !follows(r)).count()
}

fn start_demo_link(bench: &Bench) {
    let names: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
    let mut spec = bench.spec("demo", &names);
    spec["rename"] = json!({});
    bench.start_spec(&spec);
}

/// The witness of the comparison: nothing was cleaned at the source since the link began.
fn expect_untouched(bench: &Bench, cleaned: &[RawRecord]) {
    assert!(begins_with(&inventory(bench), cleaned));
}

/// The mirrors really hold what is peculiar about their topics.
fn expect_peculiarities(bench: &Bench) {
    let mirror =
        |topic: &str| read_all(&bench.west.bootstrap, topic, ReadIsolation::Committed).unwrap();
    assert!(mirror("inventory").iter().any(|r| r.value.is_none()));
    let source_end = |topic: &str| -> i64 {
        let ends = admin(&bench.east).all_watermarks(topic).unwrap();
        ends.iter().map(|(_, end)| end).sum()
    };
    // Aborted records, markers and holes are not at the destination, for whatever reader.
    for topic in ["transfers", "inventory"] {
        let all = read_all(&bench.west.bootstrap, topic, ReadIsolation::Uncommitted).unwrap();
        assert_eq!(all.len(), mirror(topic).len(), "{topic}");
        assert!(
            i64::try_from(all.len()).unwrap() < source_end(topic),
            "{topic}"
        );
    }
    assert!(
        mirror("stamped")
            .iter()
            .all(|r| r.timestamp_type == TimestampType::Create)
    );
    let odd = mirror("payments")
        .into_iter()
        .find(|r| r.headers.len() == 5)
        .unwrap();
    assert_eq!(odd.headers[0].0, odd.headers[1].0);
    assert_eq!(
        (&odd.headers[2].1, &odd.headers[3].1),
        (&None, &Some(Vec::new()))
    );
    assert!(std::str::from_utf8(&odd.headers[4].0).is_err());
    assert!(
        mirror("audit-internal")
            .iter()
            .any(|r| r.value.as_deref() == Some(b""))
    );
}

fn expect_mirror_configs(bench: &Bench) {
    let of = |topic: &str| admin(&bench.west).configs(topic).unwrap();
    for topic in TOPICS {
        let configs = of(topic.name);
        let partitions = admin(&bench.west).partitions(topic.name).unwrap();
        assert_eq!(partitions.len(), usize::try_from(topic.partitions).unwrap());
        for (key, value) in [
            ("compression.type", "producer"),
            ("message.timestamp.type", "CreateTime"),
            ("message.timestamp.before.max.ms", "9223372036854775807"),
            ("message.timestamp.after.max.ms", "9223372036854775807"),
        ] {
            assert_eq!(configs[key], value, "{key} of {}", topic.name);
        }
    }
    for (key, value) in CLEANED_NO_MORE {
        assert_eq!(of("inventory")[*key], *value, "{key} of inventory");
    }
    assert_eq!(of("events-old")["retention.ms"], "-1");
    assert_eq!(of("clicks")["retention.ms"], "86400000");
}
