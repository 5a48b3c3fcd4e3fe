//! The process ends and comes back under load.

use xtask::{client::NewRecord, cluster::shared};

use crate::{
    harness::{Bench, make_topic, unique, writer},
    verbs::{Ending, Stream},
};

/// Cleans within seconds.
const COMPACTED: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.01"),
    // Not while two sides are compared.
    ("min.compaction.lag.ms", "9000000000"),
];

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn ending_on_sigterm_under_load_loses_and_repeats_nothing() {
    let mut bench = Bench::start(shared("east").unwrap(), shared("west").unwrap());
    let topic = make_topic(&bench.east, "restart", 6, &[]);
    let states = make_topic(&bench.east, "restart-states", 2, COMPACTED);
    let link = unique("restart");
    bench.start_link(&link, &[&topic, &states]);
    let east = bench.east.clone();
    let stream = Stream::new(&topic, 6);
    std::thread::scope(|scope| {
        let _ending = Ending(&stream.stop);
        scope.spawn(|| stream.run(&east));
        for round in 0..3 {
            write_states(&bench, &states, round);
            stream.wait_for(2_000);
            bench.restart();
            // The second time it ends before it has taken everything over.
            if round != 1 {
                bench.wait_for(&link, "a link that mirrors", |s| s["state"] == "mirroring");
            }
        }
        write_states(&bench, &states, 3);
        stream.wait_for(1_000);
    });
    let mirror = |topic: &str| format!("{link}.{topic}");
    assert!(bench.expect_exact(&link, &topic, &mirror(&topic)) > 7_000);
    assert_eq!(
        bench.expect_exact(&link, &states, &mirror(&states)),
        4 * 120
    );
    bench.expect_no_findings(&link);
}

/// Writes states of forty things, then takes a third of them back (tombstones).
fn write_states(bench: &Bench, topic: &str, round: i32) {
    let writer = writer(&bench.east, "none");
    for number in 0..120 {
        let is_tombstone = number >= 80;
        let record = NewRecord {
            partition: number % 2,
            key: Some(format!("thing-{}", number % 40).into_bytes()),
            value: (!is_tombstone).then(|| format!("state {round}.{number}").into_bytes()),
            ..NewRecord::default()
        };
        writer.send(topic, &record).unwrap();
    }
    writer.flush().unwrap();
}
