//! A fault of one link is its own (I10): a neighbour in the same process, and the pages, slow down by no more than a factor of
//! two.

use std::time::{Duration, Instant};

use serde_json::json;
use xtask::{
    client::{NewRecord, Writer, WriterOptions},
    cluster::{ClusterOptions, KafkaCluster, shared},
    proxy::Mode,
    report::Case,
};

use crate::harness::{Console, SOON, Topic, link, unique, until};

const PARTITIONS: i32 = 4;
/// What the neighbour catches up with in one round: 48 MB, so that starting and stopping weigh little.
const ROUND: usize = 48_000;
/// The quickest of so many rounds counts: what else the machine does is not the link's fault.
const ROUNDS: usize = 3;
const FACTOR: u32 = 2;

struct Neighbour<'a> {
    console: &'a Console,
    link: String,
    source: Topic,
    mirror: Topic,
    written: usize,
}

impl Neighbour<'_> {
    /// Writes a round's records while the link is paused.
    fn write(&mut self) {
        flood(&self.source, ROUND);
        self.written += ROUND;
    }

    fn copied(&self) -> usize {
        let ends = (0..PARTITIONS).map(|partition| self.mirror.end(partition));
        usize::try_from(ends.sum::<i64>()).unwrap()
    }

    /// Returns how long the link takes for what was written while it was paused: from the first record to the last.
    fn catch_up(&mut self) -> Duration {
        self.console.verb(&self.link, "pause");
        self.console.until_state(&self.link, "paused");
        let before = self.copied();
        self.write();
        self.console.verb(&self.link, "resume");
        until(
            "copying begins",
            SOON,
            || self.copied(),
            || (self.copied() > before).then_some(()),
        );
        let began = Instant::now();
        until(
            "all is copied",
            SOON,
            || self.copied(),
            || (self.copied() == self.written).then_some(()),
        );
        began.elapsed()
    }

    fn quickest(&mut self) -> Duration {
        (0..ROUNDS).map(|_| self.catch_up()).min().unwrap()
    }

    /// Returns the quickest answer of the API about this link.
    fn page(&self) -> Duration {
        let ask = |_| {
            let began = Instant::now();
            self.console.status(&self.link);
            began.elapsed()
        };
        (0..30).map(ask).min().unwrap()
    }
}

/// Writes records of 1 KB, uncompressed, over all partitions.
fn flood(topic: &Topic, count: usize) {
    let writer = Writer::new(&topic.bootstrap, &WriterOptions::default()).unwrap();
    let mut value = vec![0_u8; 1_000];
    for number in 0..count {
        value[..8].copy_from_slice(&number.to_be_bytes());
        let record = NewRecord {
            partition: i32::try_from(number).unwrap() % PARTITIONS,
            value: Some(value.clone()),
            ..NewRecord::default()
        };
        writer.send(&topic.name, &record).unwrap();
    }
    writer.flush().unwrap();
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn i10_a_link_whose_destination_is_a_black_hole_slows_its_neighbour_by_no_more_than_a_factor_of_two()
 {
    let mut case = Case::new("I10 black hole beside a healthy link");
    let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
    let hole = KafkaCluster::start(ClusterOptions::new("hole").behind_proxies()).unwrap();
    let console = Console::start_between_shared();
    console.connect("hole", &hole.bootstrap());
    let (healthy, faulty) = (unique("healthy"), unique("faulty"));
    let start = |name: &str, destination: &str| {
        let source = Topic::new(&east.bootstrap, name);
        source.create(PARTITIONS);
        console.post("links", &link(name, "east", destination, &[&source]));
        console.verb(name, "start");
        source
    };
    let mut neighbour = Neighbour {
        console: &console,
        source: start(&healthy, "west"),
        mirror: Topic::new(&west.bootstrap, &healthy),
        link: healthy,
        written: 0,
    };
    let doomed = start(&faulty, "hole");
    let mirror = Topic::new(&hole.bootstrap(), &faulty);
    flood(&doomed, 4);
    neighbour.console.until_state(&neighbour.link, "mirroring");
    until("the other link copies too", SOON, String::new, || {
        (mirror.admin().watermarks(&faulty, 0).ok()?.1 > 0).then_some(())
    });

    let (before, page_before) = (neighbour.quickest(), neighbour.page());
    hole.proxy(0).unwrap().set(Mode::BlackHole);
    case.faults(1);
    // More than its share of the memory, so that it would fill whatever it could get.
    flood(&doomed, 200_000);
    until(
        "the faulty link waits",
        SOON,
        || console.status(&faulty),
        || (console.status(&faulty)["state"] == "waiting").then_some(()),
    );
    let (during, page_during) = (neighbour.quickest(), neighbour.page());
    let told = json!({
        "copying": [before.as_millis(), during.as_millis()],
        "page": [page_before.as_micros(), page_during.as_micros()],
    });
    assert!(during <= before * FACTOR, "{told}");
    // Below a few milliseconds it is the scheduler that is measured.
    let page_before = page_before.max(Duration::from_millis(5));
    assert!(page_during <= page_before * FACTOR, "{told}");
    assert_eq!(console.status(&faulty)["state"], "waiting");
    neighbour.source.assert_mirrored_exactly(&neighbour.mirror);
    case.note(&format!(
        "{} MB in {} ms before, {} ms during",
        ROUND / 1_000,
        before.as_millis(),
        during.as_millis()
    ));

    hole.proxy(0).unwrap().set(Mode::Pass);
    let end = || (0..PARTITIONS).map(|p| mirror.end(p)).sum::<i64>();
    until("the faulty link is whole again", SOON * 3, end, || {
        (end() == 200_004).then_some(())
    });
    doomed.assert_mirrored_exactly(&mirror);
}
