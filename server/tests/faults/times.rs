//! Records with times that clocks do not show (F31).

use serde_json::Value;
use xtask::{
    client::{NewRecord, Writer, WriterOptions},
    cluster::shared,
    report::Case,
};

use crate::harness::{Console, SOON, Topic, link, record, unique, until};

/// The year 2200, and 1970.
const FAR_AHEAD_MS: i64 = 7_258_118_400_000;
const TIMES_MS: [i64; 4] = [1, FAR_AHEAD_MS, 1_000, 1_700_000_000_000];

fn write(topic: &Topic, times_ms: &[i64]) {
    for batch_bytes in [1_000, 65_536] {
        let options = WriterOptions {
            batch_bytes,
            codec: "lz4".to_owned(),
            ..WriterOptions::default()
        };
        let writer = Writer::new(&topic.bootstrap, &options).unwrap();
        for number in 0..400 {
            let timed = NewRecord {
                timestamp: Some(times_ms[number % times_ms.len()]),
                ..record(i32::try_from(number % 2).unwrap(), "timed", number)
            };
            writer.send(&topic.name, &timed).unwrap();
        }
        writer.flush().unwrap();
    }
}

/// Asserts that no shown duration is below zero, whatever the records' times.
fn assert_not_negative(status: &Value) {
    for shown in [
        &status["lag_time_ms"],
        &status["latency"]["p50_ms"],
        &status["latency"]["p99_ms"],
        &status["latency"]["max_ms"],
    ] {
        assert!(shown.as_f64().is_none_or(|ms| ms >= 0.0), "{status:#}");
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f31_times_of_1970_and_2200_and_of_brokers_cross_unchanged_and_no_latency_is_negative() {
    let mut case = Case::new("F31 times near 0, far ahead, set by the source's broker");
    let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
    let console = Console::shared();
    let stem = unique("times");
    let on = |bootstrap: &str, what: &str| Topic::new(bootstrap, &format!("{stem}.{what}"));
    let forever = ("retention.ms", "-1");
    let ahead = ("message.timestamp.after.max.ms", "9223372036854775807");
    let stamped = ("message.timestamp.type", "LogAppendTime");
    let mut pairs = Vec::new();
    for (what, config) in [("own", ahead), ("stamped", stamped)] {
        let (source, mirror) = (on(&east.bootstrap, what), on(&west.bootstrap, what));
        let admin = source.admin();
        admin
            .create_topic(&source.name, 2, &[forever, config])
            .unwrap();
        write(&source, &TIMES_MS);
        pairs.push((source, mirror));
    }
    let sources: Vec<&Topic> = pairs.iter().map(|(source, _)| source).collect();
    console.post("links", &link(&stem, "east", "west", &sources));
    console.verb(&stem, "start");
    for (source, mirror) in &pairs {
        for partition in 0..2 {
            mirror.wait_for_end(partition, source.end(partition));
        }
        // Also while records arrive live, and none of the strange ones is taken for a latency.
        write(source, &TIMES_MS);
        for partition in 0..2 {
            mirror.wait_for_end(partition, source.end(partition));
        }
        assert_not_negative(&console.status(&stem));
        case.compared(&source.assert_mirrored_exactly(mirror));
        case.faults(1);
    }
    until(
        "mirroring",
        SOON,
        || console.status(&stem),
        || {
            let status = console.status(&stem);
            assert_not_negative(&status);
            (status["state"] == "mirroring").then_some(())
        },
    );
    assert!(console.findings(&stem).is_empty());
    console.verb(&stem, "stop");
}
