//! Three brokers on each side: leaders killed in full stream, and a follower that lags while a link is taken over.

use std::time::Duration;

use serde_json::Value;
use xtask::cluster::{ClusterOptions, KafkaCluster, shared};

use crate::{
    harness::{Console, SOON, Topic, link, until},
    traffic::Traffic,
};

/// How long a leader change or the return of a broker may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn cluster(name: &str, session_ms: &str) -> KafkaCluster {
    let options = ClusterOptions::new(name).brokers(3);
    KafkaCluster::start(options.property("broker.session.timeout.ms", session_ms)).unwrap()
}

fn wait_for_records(console: &Console, name: &str, mirror: &Topic, more: i64) {
    let end = |topic: &Topic| {
        topic
            .admin()
            .watermarks(&topic.name, 0)
            .map_or(0, |seen| seen.1)
    };
    let before = end(mirror);
    until(
        "records arrive",
        PATIENCE,
        || console.status(name),
        || (end(mirror) >= before + more).then_some(()),
    );
}

/// Kills the leader of partition 0, waits until records arrive under another, and brings the broker back.
fn kill_leader(
    console: &Console,
    name: &str,
    cluster: &KafkaCluster,
    topic: &Topic,
    mirror: &Topic,
) {
    let partition = || {
        topic
            .admin()
            .partitions(&topic.name)
            .ok()
            .map(|all| all[0].clone())
    };
    let leader = partition().unwrap().leader.unwrap();
    let broker = cluster.brokers().iter().find(|b| b.id() == leader).unwrap();
    broker.kill();
    until("another leader", PATIENCE, partition, || {
        partition()?.leader.filter(|now| *now != leader)
    });
    wait_for_records(console, name, mirror, 200);
    broker.restart().unwrap();
    cluster.wait_ready().unwrap();
    until("all replicas in sync", PATIENCE, partition, || {
        let all = topic.admin().partitions(&topic.name).ok()?;
        all.iter().all(|p| p.isr.len() == 3).then_some(())
    });
}

fn assert_exact(console: &Console, name: &str, traffic: Traffic, source: &Topic, mirror: &Topic) {
    let written = traffic.stop();
    let partitions = i32::try_from(source.admin().partitions(&source.name).unwrap().len()).unwrap();
    until(
        "all is copied",
        PATIENCE,
        || console.status(name),
        || {
            (0..partitions)
                .all(|p| source.end(p) == mirror.end(p))
                .then_some(())
        },
    );
    assert!(written > 1_000, "only {written} records");
    source.assert_mirrored_exactly(mirror);
    assert_eq!(console.findings(name), Vec::<Value>::new());
    until(
        "mirroring",
        SOON,
        || console.status(name),
        || (console.status(name)["state"] == "mirroring").then_some(()),
    );
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn leaders_killed_in_full_stream_on_either_side_lose_and_repeat_nothing() {
    let (near, far) = (cluster("near", "6000"), cluster("far", "6000"));
    let console = Console::start();
    console.connect("near", &near.bootstrap());
    console.connect("far", &far.bootstrap());
    let on = |cluster: &KafkaCluster| Topic::new(&cluster.bootstrap(), "leaders");
    let (source, mirror) = (on(&near), on(&far));
    source.create(3);
    let traffic = Traffic::start(&source, 3);
    console.post("links", &link("leaders", "near", "far", &[&source]));
    console.verb("leaders", "start");
    until(
        "the mirror is made",
        SOON,
        || console.status("leaders"),
        || mirror.admin().watermarks("leaders", 0).ok(),
    );
    wait_for_records(&console, "leaders", &mirror, 200);
    for _ in 0..3 {
        kill_leader(&console, "leaders", &far, &mirror, &mirror);
    }
    for _ in 0..3 {
        kill_leader(&console, "leaders", &near, &source, &mirror);
    }
    assert_exact(&console, "leaders", traffic, &source, &mirror);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_take_over_while_a_follower_is_frozen_repeats_nothing() {
    let east = shared("east").unwrap();
    // A frozen broker stays in sync until its session ends: long enough for the whole take-over.
    let slow = cluster("slow", "120000");
    let mut console = Console::start();
    console.connect("east", &east.bootstrap);
    console.connect("slow", &slow.bootstrap());
    let name = crate::harness::unique("frozen");
    let (source, mirror) = (
        Topic::new(&east.bootstrap, &name),
        Topic::new(&slow.bootstrap(), &name),
    );
    source.create(1);
    let traffic = Traffic::start(&source, 1);
    let mut spec = link(&name, "east", "slow", &[&source]);
    spec["replication_factor"] = serde_json::json!({ "exactly": 3 });
    console.post("links", &spec);
    console.verb(&name, "start");
    until(
        "the mirror is made",
        SOON,
        || console.status(&name),
        || mirror.admin().watermarks(&name, 0).ok(),
    );
    wait_for_records(&console, &name, &mirror, 200);

    let partition = mirror.admin().partitions(&name).unwrap().remove(0);
    let follower = partition
        .replicas
        .iter()
        .find(|id| Some(**id) != partition.leader)
        .unwrap();
    let follower = slow.brokers().iter().find(|b| b.id() == *follower).unwrap();
    follower.stop().unwrap();
    // What the leader has appended is not replicated: the high watermark stands still behind the log's end.
    let lag = || source.end(0) - mirror.end(0);
    until("the high watermark stands", SOON, lag, || {
        (lag() > 400).then_some(())
    });
    console.kill_and_start();
    until(
        "the new process waits",
        SOON,
        || console.status(&name),
        || (console.status(&name)["state"] == "waiting").then_some(()),
    );
    follower.cont().unwrap();
    assert_exact(&console, &name, traffic, &source, &mirror);
}
