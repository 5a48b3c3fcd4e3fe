//! Partitions whose leaders change while a link copies them, with requests in flight: by elections (F04), and by moves to other
//! brokers under a throttle (F05). The source's log does not begin at 0.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use xtask::{
    cluster::{ClusterOptions, KafkaCluster, shared},
    report::Case,
};

use crate::{
    harness::{Console, SOON, Topic, link, unique, until},
    traffic::Traffic,
};

const PARTITIONS: i32 = 3;
/// How long moving the partitions may take, and then until all is copied.
const PATIENCE: Duration = Duration::from_secs(90);
/// Bytes per second: a move takes some seconds.
const THROTTLE: &str = "400000";
const REASSIGN: &str = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
const ELECT: &str = "org.apache.kafka.tools.LeaderElectionCommand";

/// A link under traffic over a topic that lies, on one side, on a cluster of three brokers.
struct Moving<'a> {
    console: &'a Console,
    source: Topic,
    mirror: Topic,
    traffic: Option<Traffic>,
    link: String,
}

impl<'a> Moving<'a> {
    /// Each end is a cluster's name in the console, its address, and how many replicas a partition has there.
    fn start(console: &'a Console, stem: &str, ends: [(&str, &str, i32); 2]) -> Self {
        let [(from, source, replicas), (to, destination, copies)] = ends;
        let name = unique(stem);
        let (source, mirror) = (Topic::new(source, &name), Topic::new(destination, &name));
        let made = source
            .admin()
            .create_topic_replicated(&name, PARTITIONS, replicas, &[]);
        made.unwrap();
        for partition in 0..PARTITIONS {
            source.write(partition, "early", 0..100);
            source.admin().delete_records(&name, partition, 50).unwrap();
        }
        let traffic = Some(Traffic::start(&source, PARTITIONS));
        let mut spec = link(&name, from, to, &[&source]);
        spec["replication_factor"] = json!({ "exactly": copies });
        console.post("links", &spec);
        console.verb(&name, "start");
        let moving = Self {
            console,
            source,
            mirror,
            traffic,
            link: name,
        };
        moving.until_records_arrive();
        moving
    }

    fn status(&self) -> Value {
        self.console.status(&self.link)
    }

    fn until_records_arrive(&self) {
        let ends = || self.mirror.admin().all_watermarks(&self.mirror.name).ok();
        let before = ends().unwrap_or_default();
        until(
            "records arrive",
            SOON,
            || self.status(),
            || {
                let now = ends()?;
                let more = |(at, end): (usize, &(i64, i64))| {
                    end.1 > before.get(at).map_or(0, |before| before.1) + 50
                };
                (now.len() == 3 && now.iter().enumerate().all(more)).then_some(())
            },
        );
    }

    /// Writes more than is copied in a moment.
    fn burst(&self) {
        for partition in 0..PARTITIONS {
            self.source.write(partition, "burst", 0..10_000);
        }
    }

    fn assert_exact(&mut self, case: &mut Case) {
        self.until_records_arrive();
        self.traffic.take().unwrap().stop();
        // The source begins at 50, its mirror at 0.
        until(
            "all is copied",
            PATIENCE,
            || self.status(),
            || {
                (0..PARTITIONS)
                    .all(|p| self.source.end(p) - 50 == self.mirror.end(p))
                    .then_some(())
            },
        );
        case.compared(&self.source.assert_mirrored_exactly(&self.mirror));
        assert_eq!(self.console.findings(&self.link), Vec::<Value>::new());
        self.console.until_state(&self.link, "mirroring");
    }
}

fn leaders(topic: &Topic) -> Vec<Option<i32>> {
    let partitions = topic.admin().partitions(&topic.name).unwrap();
    partitions
        .iter()
        .map(|partition| partition.leader)
        .collect()
}

/// Gives every partition these replicas in place of those that it has, and waits until that is done.
fn reassign(
    cluster: &KafkaCluster,
    topic: &Topic,
    options: &[&str],
    wanted: fn(Vec<i32>) -> Vec<i32>,
) {
    let partitions = topic.admin().partitions(&topic.name).unwrap().into_iter();
    let wanted: Vec<Value> = partitions
        .map(|partition| {
            let replicas = wanted(partition.replicas);
            json!({ "topic": topic.name, "partition": partition.id, "replicas": replicas })
        })
        .collect();
    let file = cluster.dir().join(format!("{}.json", topic.name));
    let plan = json!({ "version": 1, "partitions": wanted });
    fs::write(&file, plan.to_string()).unwrap();
    let file = ["--reassignment-json-file", file.to_str().unwrap()];
    let execute = [file.as_slice(), &["--execute"], options].concat();
    cluster.tool(REASSIGN, &execute).unwrap();
    let verify = || cluster.tool(REASSIGN, &[file.as_slice(), &["--verify"]].concat());
    until("the partitions have moved", PATIENCE, verify, || {
        let told = verify().ok()?;
        (told.matches("is completed").count() == 3).then_some(())
    });
}

/// Moves every partition to the next broker under a throttle, which is gone in the end.
fn move_all(cluster: &KafkaCluster, topic: &Topic) {
    let before = leaders(topic);
    let next = |replicas: Vec<i32>| replicas.iter().map(|id| id % 3 + 1).collect();
    reassign(cluster, topic, &["--throttle", THROTTLE], next);
    assert_all_changed(&before, &leaders(topic));
}

/// Lets the other replica of every partition lead, by a preferred election after the order of its replicas was turned round.
fn elect_others(cluster: &KafkaCluster, topic: &Topic) {
    let before = leaders(topic);
    reassign(cluster, topic, &[], |replicas| {
        replicas.into_iter().rev().collect()
    });
    let preferred = ["--election-type", "preferred", "--all-topic-partitions"];
    cluster.tool(ELECT, &preferred).unwrap();
    assert_all_changed(&before, &leaders(topic));
}

fn assert_all_changed(before: &[Option<i32>], now: &[Option<i32>]) {
    let stayed = before.iter().zip(now).any(|(then, now)| then == now);
    assert!(!stayed, "leaders {before:?} became {now:?}");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f04_f05_leaders_that_change_and_partitions_that_move_lose_and_repeat_nothing() {
    let mut case = Case::new("F04 F05 elections and reassignment at either side");
    let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
    let three = KafkaCluster::start(ClusterOptions::new("three").brokers(3)).unwrap();
    let console = Console::start_between_shared();
    console.connect("three", &three.bootstrap());
    let (near, far) = (three.bootstrap(), three.bootstrap());
    let mut from = Moving::start(
        &console,
        "moved-source",
        [("three", &near, 2), ("west", &west.bootstrap, 1)],
    );
    let mut to = Moving::start(
        &console,
        "moved-mirror",
        [("east", &east.bootstrap, 1), ("three", &far, 2)],
    );
    for topic in [&from.source, &to.mirror] {
        for _ in 0..2 {
            from.burst();
            to.burst();
            elect_others(&three, topic);
        }
        move_all(&three, topic);
        case.faults(3);
    }
    from.assert_exact(&mut case);
    to.assert_exact(&mut case);
}
