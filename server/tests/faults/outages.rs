//! A whole cluster away for a minute, as source of one link and destination of another at the same time.

use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::cluster::{ClusterOptions, KafkaCluster};

use crate::{
    harness::{Console, SOON, Topic, assert_whole, link, until},
    traffic::Traffic,
};

const PARTITIONS: i32 = 3;
/// How long the cluster is away.
const AWAY: Duration = Duration::from_secs(60);
/// A link says within this time that it waits, and goes on by itself within that.
const NOTICED: Duration = Duration::from_secs(10);
const HEALED: Duration = Duration::from_secs(60);

/// A link under traffic between the two clusters.
struct Stream {
    link: &'static str,
    source: Topic,
    mirror: Topic,
    traffic: Option<Traffic>,
}

impl Stream {
    fn start(console: &Console, link_name: &'static str, ends: [(&str, &KafkaCluster); 2]) -> Self {
        let [(from, source), (to, destination)] = ends;
        let on = |cluster: &KafkaCluster| Topic::new(&cluster.bootstrap(), link_name);
        let (source, mirror) = (on(source), on(destination));
        source.create(PARTITIONS);
        let traffic = Some(Traffic::start(&source, PARTITIONS));
        console.post("links", &link(link_name, from, to, &[&source]));
        console.verb(link_name, "start");
        until(
            "records flow",
            SOON,
            || console.status(link_name),
            || {
                let ends = mirror.admin().all_watermarks(link_name).ok()?;
                ends.iter().all(|(_, end)| *end > 100).then_some(())
            },
        );
        Self {
            link: link_name,
            source,
            mirror,
            traffic,
        }
    }

    fn until_state(&self, console: &Console, states: &[&str], patience: Duration) -> Value {
        let status = || console.status(self.link);
        until(
            &format!("{} is {states:?}", self.link),
            patience,
            status,
            || Some(status()).filter(|s| states.iter().any(|state| s["state"] == *state)),
        )
    }

    /// Ends the traffic and asserts that every record arrived once, in order, without a finding.
    fn assert_exact(&mut self, console: &Console) {
        let written = self.traffic.take().unwrap().stop();
        let status = || console.status(self.link);
        until("all is copied", HEALED, status, || {
            (0..PARTITIONS)
                .all(|p| self.source.end(p) == self.mirror.end(p))
                .then_some(())
        });
        assert!(written > 1_000, "only {written} records");
        self.source.assert_mirrored_exactly(&self.mirror);
        assert_eq!(console.findings(self.link), Vec::<Value>::new());
    }

    /// Counts how often the link came into a state.
    fn times(&self, console: &Console, state: &str) -> usize {
        let events = console.get(&format!("links/{}/events?limit=1000", self.link));
        let kind = format!("link.{state}");
        events["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["kind"] == *kind)
            .count()
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_cluster_away_for_a_minute_is_waited_for_on_either_side_and_nothing_is_lost() {
    let start = |name: &str| KafkaCluster::start(ClusterOptions::new(name)).unwrap();
    let (left, right) = (start("left"), start("right"));
    let console = Console::start();
    console.connect("left", &left.bootstrap());
    console.connect("right", &right.bootstrap());
    let (l, r) = (("left", &left), ("right", &right));
    let mut streams = [
        Stream::start(&console, "source-away", [l, r]),
        Stream::start(&console, "destination-away", [r, l]),
    ];

    left.broker(0).kill();
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
    until("the outage is over", AWAY * 2, String::new, || {
        for stream in &streams {
            assert_eq!(
                console.status(stream.link)["state"],
                "waiting",
                "{}",
                stream.link
            );
        }
        (gone.elapsed() >= AWAY).then_some(())
    });

    left.broker(0).restart().unwrap();
    left.wait_ready().unwrap();
    let back = Instant::now();
    for stream in &streams {
        let patience = HEALED.saturating_sub(back.elapsed());
        stream.until_state(&console, &["mirroring", "catching_up"], patience);
    }
    for stream in &mut streams {
        stream.assert_exact(&console);
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
