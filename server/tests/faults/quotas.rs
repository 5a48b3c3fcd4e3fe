//! Brokers that slow a client down (F29): a link is as slow as it must be, and that is no error.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::{
    cluster::{ClusterOptions, KafkaCluster, shared},
    report::Case,
};

use crate::harness::{Console, SOON, Topic, link, unique, until};

const QUOTA: usize = 500_000;
const BYTES: usize = 6_000_000;

/// Limits every client of a cluster.
fn limit(cluster: &KafkaCluster, kind: &str) {
    let quota = format!("{kind}={QUOTA}");
    let arguments = [
        "--alter",
        "--add-config",
        &quota,
        "--entity-type",
        "clients",
        "--entity-default",
    ];
    cluster
        .tool("kafka.admin.ConfigCommand", &arguments)
        .unwrap();
}

fn fill(topic: &Topic) {
    topic.create(3);
    let words = "x".repeat(5_000);
    for partition in 0..3 {
        topic.write(partition, &words, 0..BYTES / 3 / 5_000);
    }
}

/// Copies a full topic and watches that nothing looks like an error; returns how long it took.
fn copy(console: &Console, ends: [(&str, &Topic); 2]) -> Duration {
    let [(from, source), (to, mirror)] = ends;
    let name = &source.name;
    console.post("links", &link(name, from, to, &[source]));
    let began = Instant::now();
    console.verb(name, "start");
    until(
        "all is copied",
        SOON * 3,
        || console.status(name),
        || {
            let status = console.status(name);
            assert_eq!(status["problems"], json!([]));
            let copied = |p| mirror.admin().watermarks(name, p).ok().map(|seen| seen.1);
            (0..3)
                .all(|p| copied(p) == Some(source.end(p)))
                .then_some(())
        },
    );
    began.elapsed()
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f29_quotas_of_either_side_slow_a_link_down_and_are_no_error() {
    let mut case = Case::new("F29 quotas at either side");
    let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
    let limited = KafkaCluster::start(ClusterOptions::new("limited")).unwrap();
    let console = Console::start_between_shared();
    console.connect("limited", &limited.bootstrap());
    let (out, back) = (unique("out"), unique("back"));
    let on = |bootstrap: &str, name: &str| Topic::new(bootstrap, name);
    let ends = [
        [on(&east.bootstrap, &out), on(&limited.bootstrap(), &out)],
        [on(&limited.bootstrap(), &back), on(&west.bootstrap, &back)],
    ];
    for [source, _] in &ends {
        fill(source);
    }
    limit(&limited, "producer_byte_rate");
    let names = [["east", "limited"], ["limited", "west"]];
    // A broker counts over the last ten seconds or so, so the first of them come at once.
    let least = Duration::from_secs_f64(BYTES as f64 / QUOTA as f64 / 3.0);
    for (side, [from, to]) in names.into_iter().enumerate() {
        let [source, mirror] = &ends[side];
        let took = copy(&console, [(from, source), (to, mirror)]);
        assert!(took > least, "nobody was slowed down: {took:?}");
        case.faults(1);
        case.compared(&source.assert_mirrored_exactly(mirror));
        assert_eq!(console.findings(&source.name), Vec::<Value>::new());
        // For the second round.
        limit(&limited, "consumer_byte_rate");
    }
}
