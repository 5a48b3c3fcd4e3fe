//! An unclean election at the source (F16): a follower that lacks acknowledged records becomes the leader, and other
//! records take their offsets.

use std::time::Duration;

use serde_json::json;
use xtask::{
    cluster::{Broker, ClusterOptions, KafkaCluster, shared},
    report::Case,
};

use crate::harness::{Console, SOON, Topic, link, unique, until, words};

const PATIENCE: Duration = Duration::from_secs(120);

fn broker(cluster: &KafkaCluster, id: i32) -> &Broker {
    cluster.brokers().iter().find(|b| b.id() == id).unwrap()
}

/// Lets a leader alone write, then dies, and the follower that knows nothing of it leads.
fn elect_uncleanly(cluster: &KafkaCluster, source: &Topic, mirror: &Topic) {
    let partition = || Some(source.admin().partitions(&source.name).ok()?.remove(0));
    let facts = partition().unwrap();
    let leader = facts.leader.unwrap();
    let follower = *facts.replicas.iter().find(|id| **id != leader).unwrap();
    broker(cluster, follower).kill();
    until("the leader is alone in sync", PATIENCE, partition, || {
        partition().filter(|p| p.isr == [leader])
    });
    source.write(0, "lost", 0..50);
    mirror.wait_for_end(0, 150);
    broker(cluster, leader).kill();
    broker(cluster, follower).restart().unwrap();
    until("the follower leads", PATIENCE, partition, || {
        partition().filter(|p| p.leader == Some(follower))
    });
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f16_an_unclean_election_at_the_source_is_a_divergence_with_its_exact_range() {
    let mut case = Case::new("F16 unclean election at the source");
    let west = shared("west").unwrap();
    // The controller looks for partitions that it may elect uncleanly each second, not every five minutes.
    let options = ClusterOptions::new("unclean").brokers(3);
    let near = KafkaCluster::start(options.property("unclean.leader.election.interval.ms", "1000"))
        .unwrap();
    let console = Console::start();
    console.connect("near", &near.bootstrap());
    console.connect("west", &west.bootstrap);
    let name = unique("unclean");
    let (source, mirror) = (
        Topic::new(&near.bootstrap(), &name),
        Topic::new(&west.bootstrap, &name),
    );
    let configs = [
        ("unclean.leader.election.enable", "true"),
        ("min.insync.replicas", "1"),
    ];
    let made = source
        .admin()
        .create_topic_replicated(&name, 1, 2, &configs);
    made.unwrap();
    source.write(0, "kept", 0..100);
    let mut spec = link(&name, "near", "west", &[&source]);
    spec["on_fewer_brokers"] = json!("reduce");
    console.post("links", &spec);
    console.verb(&name, "start");
    mirror.wait_for_end(0, 100);

    elect_uncleanly(&near, &source, &mirror);
    case.faults(1);
    assert_eq!(source.end(0), 100, "the follower had nothing of it");
    source.write(0, "other", 0..80);
    let finding = until(
        "the divergence is found",
        PATIENCE,
        || (console.status(&name), console.findings(&name)),
        || console.findings(&name).into_iter().next(),
    );
    assert_eq!(finding["kind"], "divergence", "{finding:#}");
    assert_eq!(finding["source"], json!([100, 150]), "{finding:#}");
    assert_eq!(finding["state"]["state"], "held", "{finding:#}");
    // No silent step back: what the mirror holds stays, and nothing comes behind it unasked.
    assert_eq!(mirror.end(0), 150);

    let id = finding["id"].as_str().unwrap();
    let path = format!("links/{name}/findings/{id}/decision");
    console.post(&path, &json!({ "choice": "continue" }));
    let last = "other-79";
    until(
        "what is new is copied",
        SOON,
        || (console.status(&name), mirror.values(0)),
        || {
            mirror
                .values(0)
                .iter()
                .any(|value| value == last)
                .then_some(())
        },
    );
    let values = mirror.values(0);
    let before = [words("kept", 0..100), words("lost", 0..50)].concat();
    assert_eq!(values[..150], before[..], "the mirror never steps back");
    assert_eq!(console.findings(&name).len(), 1);
    case.note("50 diverged records told, as they stand at the mirror");
}
