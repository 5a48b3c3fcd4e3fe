//! Partitions that move to other brokers while a link copies them (F05): the leader changes under a throttle, with requests in
//! flight, and the source's log does not begin at 0.

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
const TOOL: &str = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";

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
        until(
            "mirroring",
            SOON,
            || self.status(),
            || (self.status()["state"] == "mirroring").then_some(()),
        );
    }
}

/// Moves every partition to the next broker, and waits until the move is over and its throttle gone.
fn move_all(cluster: &KafkaCluster, topic: &Topic) {
    let place = || topic.admin().partitions(&topic.name).unwrap();
    let next = |id: i32| id % 3 + 1;
    let wanted: Vec<Value> = place()
        .iter()
        .map(|partition| {
            let replicas: Vec<i32> = partition.replicas.iter().map(|id| next(*id)).collect();
            json!({ "topic": topic.name, "partition": partition.id, "replicas": replicas })
        })
        .collect();
    let file = cluster.dir().join(format!("{}.json", topic.name));
    let plan = json!({ "version": 1, "partitions": wanted });
    fs::write(&file, plan.to_string()).unwrap();
    let before = place();
    let file = ["--reassignment-json-file", file.to_str().unwrap()];
    let execute = [file.as_slice(), &["--execute", "--throttle", THROTTLE]].concat();
    cluster.tool(TOOL, &execute).unwrap();
    let verify = || cluster.tool(TOOL, &[file.as_slice(), &["--verify"]].concat());
    until("the partitions have moved", PATIENCE, verify, || {
        let told = verify().ok()?;
        (told.matches("is completed").count() == 3).then_some(())
    });
    for (now, then) in place().iter().zip(&before) {
        assert_ne!(now.leader, then.leader, "partition {} stayed", now.id);
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f05_partitions_that_move_on_either_side_are_followed_and_lose_and_repeat_nothing() {
    let mut case = Case::new("F05 reassignment at either side");
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
        move_all(&three, topic);
        case.faults(1);
    }
    from.assert_exact(&mut case);
    to.assert_exact(&mut case);
}
