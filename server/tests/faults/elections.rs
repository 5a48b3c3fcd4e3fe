//! An unclean election at the source (F16): a follower that lacks acknowledged records becomes the leader, and other
//! records take their offsets.

use std::time::Duration;

use serde_json::json;
use xtask::{
    cluster::{Broker, ClusterOptions, KafkaCluster, shared},
    report::Case,
};

use crate::harness::{Console, SOON, Topic, link, topic_of, unique, until, words};

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
    let clusters = [("near", &near.bootstrap()), ("west", &west.bootstrap)];
    let console = Console::start_between(&clusters.map(|(name, at)| (name, at.as_str())));
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

/// A destination of three brokers where a follower may lead that lacks what was acknowledged, and a link into it.
struct Losing {
    cluster: KafkaCluster,
    console: Console,
    link: String,
    source: Topic,
    mirror: Topic,
}

impl Losing {
    /// Copies 100 records that both replicas of the mirror hold.
    fn start(stem: &str) -> Self {
        let east = shared("east").unwrap();
        let options = ClusterOptions::new(stem)
            .brokers(3)
            .property("unclean.leader.election.interval.ms", "1000")
            .property("unclean.leader.election.enable", "true")
            .property("min.insync.replicas", "1");
        let cluster = KafkaCluster::start(options).unwrap();
        let far = cluster.bootstrap();
        let console = Console::start_between(&[("east", &east.bootstrap), ("far", &far)]);
        let name = unique(stem);
        let losing = Self {
            source: Topic::new(&east.bootstrap, &name),
            mirror: Topic::new(&cluster.bootstrap(), &name),
            link: name,
            console,
            cluster,
        };
        losing.source.create(1);
        losing.source.write(0, "first", 0..100);
        let mut spec = link(&losing.link, "east", "far", &[&losing.source]);
        spec["replication_factor"] = json!({ "exactly": 2 });
        losing.console.post("links", &spec);
        losing.console.verb(&losing.link, "start");
        losing.mirror.wait_for_end(0, 100);
        losing
    }

    /// Lets the leader alone take 50 records more, ends it, and lets the follower lead, after `meanwhile` happened to it.
    fn lose(&self, meanwhile: impl Fn(&Broker)) {
        let name = &self.mirror.name;
        let facts = || Some(self.mirror.admin().partitions(name).ok()?.remove(0));
        let before = until("both replicas are in sync", PATIENCE, facts, || {
            facts().filter(|p| p.isr.len() == 2)
        });
        let leader = before.leader.unwrap();
        let follower = *before.replicas.iter().find(|id| **id != leader).unwrap();
        broker(&self.cluster, follower).kill();
        until("the leader is alone in sync", PATIENCE, facts, || {
            facts().filter(|p| p.isr == [leader])
        });
        self.source.write(0, "second", 0..50);
        self.mirror.wait_for_end(0, 150);
        self.wait_for_acknowledged(150);
        broker(&self.cluster, leader).kill();
        meanwhile(broker(&self.cluster, follower));
        broker(&self.cluster, follower).restart().unwrap();
        until("the follower leads", PATIENCE, facts, || {
            facts().filter(|p| p.leader == Some(follower))
        });
    }

    /// Waits until the link knows that the mirror took what is below `end`: a leader may die between taking records and
    /// saying so, and what it did not acknowledge is copied again without a word.
    fn wait_for_acknowledged(&self, end: i64) {
        let status = || self.console.status(&self.link);
        until("the mirror's end is acknowledged", SOON, status, || {
            let topic = topic_of(&status(), &self.source.name);
            (topic["partitions"][0]["destination_end"] == end).then_some(())
        });
    }

    fn assert_copied_again(&self, lost: [i64; 2]) {
        let finding = until(
            "the loss at the destination is found",
            PATIENCE,
            || {
                (
                    self.console.status(&self.link),
                    self.console.findings(&self.link),
                )
            },
            || self.console.findings(&self.link).into_iter().next(),
        );
        assert_eq!(finding["kind"], "destination_changed", "{finding:#}");
        assert_eq!(finding["destination"], json!(lost), "{finding:#}");
        assert_eq!(finding["state"]["state"], "recorded", "{finding:#}");
        self.source.write(0, "third", 0..10);
        self.mirror.wait_for_end(0, 160);
        self.source.assert_mirrored_exactly(&self.mirror);
        assert_eq!(self.console.findings(&self.link).len(), 1);
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn an_unclean_election_at_the_destination_is_told_and_what_was_lost_is_copied_again() {
    let mut case = Case::new("unclean election at the destination");
    case.faults(1);
    let losing = Losing::start("unclean-far");
    losing.lose(|_| {});
    losing.assert_copied_again([100, 150]);
    case.note("50 acknowledged records lost there, copied again");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_wiped_follower_that_leads_the_mirror_is_told_and_everything_is_copied_again() {
    let mut case = Case::new("wiped follower leads the mirror");
    case.faults(2);
    let losing = Losing::start("wiped");
    losing.lose(|follower| follower.wipe_partition(&losing.mirror.name, 0).unwrap());
    losing.assert_copied_again([0, 150]);
    case.note("150 acknowledged records lost there, copied again");
}
