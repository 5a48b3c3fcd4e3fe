//! Where a link begins.

use std::collections::BTreeMap;

use serde_json::json;
use xtask::client::NewRecord;

use crate::harness::{
    Bench, admin, bench, make_topic, numbered, partitions, unique, write_numbered, writer,
};

/// Waits until every partition has its first position, resolved and stored.
fn wait_for_anchors(bench: &Bench, link: &str, topic: &str, count: usize) {
    bench.wait_for(link, "a first position of every partition", |status| {
        let partitions = partitions(status, topic);
        partitions.len() == count && partitions.iter().all(|p| p["state"] == "mirroring")
    });
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_link_that_starts_at_latest_copies_what_comes_after_its_start() {
    let bench = bench();
    let topic = make_topic(&bench.east, "latest", 3, &[]);
    // Partition 2 stays empty until the link runs.
    write_numbered(&bench.east, &topic, 2, 0..500);
    let link = unique("latest");
    let mut spec = bench.spec(&link, &[&topic]);
    spec["start"] = json!("latest");
    let ends = admin(&bench.east).all_watermarks(&topic).unwrap();
    let from: BTreeMap<i32, i64> = (0..).zip(ends.iter().map(|(_, end)| *end)).collect();
    bench.start_spec(&spec);
    wait_for_anchors(&bench, &link, &topic, 3);
    write_numbered(&bench.east, &topic, 3, 500..1_100);

    let mirror = format!("{link}.{topic}");
    let copied = bench.expect_exact_from(&link, &topic, &mirror, from.clone());
    assert_eq!(copied, 600);
    // A restart does not resolve the start again.
    bench.verb(&link, "stop");
    write_numbered(&bench.east, &topic, 3, 1_100..1_400);
    bench.verb(&link, "start");
    assert_eq!(bench.expect_exact_from(&link, &topic, &mirror, from), 900);
    bench.expect_no_findings(&link);
    bench.retire(&link);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_link_that_starts_at_a_time_begins_with_the_first_record_of_that_time() {
    const NOON: i64 = 1_700_000_000_000;
    let bench = bench();
    let topic = make_topic(&bench.east, "at-a-time", 3, &[("retention.ms", "-1")]);
    let writer = writer(&bench.east, "lz4");
    // One record a second: partition 0 over both sides of noon, partition 1 before it only, partition 2 empty.
    for number in 0..400 {
        let at_ms = NOON - 250_000 + i64::try_from(number).unwrap() * 1_000;
        let record = |partition, at_ms| NewRecord {
            timestamp: Some(at_ms),
            ..numbered(partition, number)
        };
        writer.send(&topic, &record(0, at_ms)).unwrap();
        writer.send(&topic, &record(1, at_ms - 1_000_000)).unwrap();
    }
    writer.flush().unwrap();
    let link = unique("at-a-time");
    let mut spec = bench.spec(&link, &[&topic]);
    spec["start"] = json!({ "timestamp": NOON - 500 });
    bench.start_spec(&spec);
    wait_for_anchors(&bench, &link, &topic, 3);
    write_numbered(&bench.east, &topic, 3, 1_000..1_300);

    let from = BTreeMap::from([(0, 250), (1, 400), (2, 0)]);
    let mirror = format!("{link}.{topic}");
    let copied = bench.expect_exact_from(&link, &topic, &mirror, from);
    assert_eq!(copied, 150 + 300);
    bench.expect_no_findings(&link);
    bench.retire(&link);
}
