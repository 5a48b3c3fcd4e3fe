//! A whole cluster away for a while (a minute, ten in the fault suite), as source of one link and destination of another at the same time.

use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::{
    cluster::{ClusterOptions, KafkaCluster},
    report::{self, Case},
};

use crate::{
    harness::{Console, SOON, assert_whole, until},
    stream::{HEALED, Stream},
};

/// A link says within this time that it waits.
const NOTICED: Duration = Duration::from_secs(10);

/// How long the cluster is away.
fn away() -> Duration {
    report::length(Duration::from_secs(60), Duration::from_secs(600))
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f06_f07_a_cluster_away_is_waited_for_on_either_side_and_nothing_is_lost() {
    let mut case = Case::new("F06 F07 whole source away, whole destination away");
    let start = |name: &str| KafkaCluster::start(ClusterOptions::new(name)).unwrap();
    let (left, right) = (start("left"), start("right"));
    let console = Console::start();
    console.connect("left", &left.bootstrap());
    console.connect("right", &right.bootstrap());
    let (l, r) = (left.bootstrap(), right.bootstrap());
    let (l, r) = (("left", l.as_str()), ("right", r.as_str()));
    let mut streams = [
        Stream::start(&console, "source-away", [l, r]),
        Stream::start(&console, "destination-away", [r, l]),
    ];

    left.broker(0).kill();
    case.faults(1);
    let gone = Instant::now();
    for stream in &streams {
        let patience = NOTICED.saturating_sub(gone.elapsed());
        let status = stream.until_state(&console, &["waiting"], patience);
        let problems = status["problems"].as_array().unwrap();
        assert!(!problems.is_empty(), "{status:#}");
        problems
            .iter()
            .for_each(|problem| assert_whole(problem, "waiting"));
    }
    until("the outage is over", away() * 2, String::new, || {
        for stream in &streams {
            assert_eq!(
                console.status(&stream.link)["state"],
                "waiting",
                "{}",
                stream.link
            );
        }
        (gone.elapsed() >= away()).then_some(())
    });

    left.broker(0).restart().unwrap();
    left.wait_ready().unwrap();
    let back = Instant::now();
    for stream in &streams {
        let patience = HEALED.saturating_sub(back.elapsed());
        stream.until_state(&console, &["mirroring", "catching_up"], patience);
        stream.until_records_arrive(&console);
        case.recovered(back.elapsed());
    }
    for stream in &mut streams {
        stream.assert_exact(&console, &mut case);
        let problems = stream.until_state(&console, &["mirroring"], SOON)["problems"].clone();
        assert_eq!(problems, Value::Array(Vec::new()), "{}", stream.link);
        assert_eq!(
            stream.times(&console, "waiting"),
            1,
            "{} flaps",
            stream.link
        );
    }
}
