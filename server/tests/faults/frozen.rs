//! A broker that stands still and then goes on as if nothing had been (F03): a stale leader on either side.

use std::time::{Duration, Instant};

use xtask::{
    cluster::{ClusterOptions, KafkaCluster},
    report::{self, Case},
};

use crate::{
    harness::{Console, Topic, until},
    stream::{HEALED, Stream},
};

/// Longer than a broker's session (6 s): another leader is chosen while the old one believes that it leads.
fn frozen_for() -> Duration {
    report::length(Duration::from_secs(12), Duration::from_secs(30))
}

/// Freezes the leader of partition 0 and lets it go on. Returns how long records took to arrive after that.
fn freeze_leader(
    console: &Console,
    stream: &Stream,
    cluster: &KafkaCluster,
    topic: &Topic,
) -> Duration {
    let partition = || Some(topic.admin().partitions(&topic.name).ok()?.remove(0));
    let leader = partition().unwrap().leader.unwrap();
    let broker = cluster.brokers().iter().find(|b| b.id() == leader).unwrap();
    broker.stop().unwrap();
    let began = Instant::now();
    until("another leader", HEALED, partition, || {
        partition()?.leader.filter(|now| *now != leader)
    });
    // Progress is made without it.
    stream.until_records_arrive(console);
    until("it was frozen long enough", HEALED, String::new, || {
        (began.elapsed() >= frozen_for()).then_some(())
    });
    broker.cont().unwrap();
    let healed = Instant::now();
    stream.until_records_arrive(console);
    let recovered = healed.elapsed();
    until("all replicas in sync", HEALED, partition, || {
        let all = topic.admin().partitions(&topic.name).ok()?;
        all.iter().all(|p| p.isr.len() == 3).then_some(())
    });
    recovered
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f03_a_leader_frozen_on_either_side_is_passed_over_and_its_late_return_changes_nothing() {
    let mut case = Case::new("F03 leader frozen at either side");
    let cluster = |name: &str| KafkaCluster::start(ClusterOptions::new(name).brokers(3)).unwrap();
    let (near, far) = (cluster("near"), cluster("far"));
    let console = Console::start();
    console.connect("near", &near.bootstrap());
    console.connect("far", &far.bootstrap());
    let ends = [
        ("near", near.bootstrap().leak() as &str),
        ("far", far.bootstrap().leak()),
    ];
    let mut stream = Stream::start(&console, "frozen", ends);

    for (cluster, topic) in [(&far, &stream.mirror), (&near, &stream.source)] {
        let recovered = freeze_leader(&console, &stream, cluster, topic);
        case.faults(1);
        case.recovered(recovered);
        stream.until_state(&console, &["mirroring", "catching_up"], HEALED);
    }
    stream.assert_exact(&console, &mut case);
    // Once each way at the most.
    let waited = stream.times(&console, "waiting");
    assert!(waited <= 2, "it flaps: waiting {waited} times");
}
