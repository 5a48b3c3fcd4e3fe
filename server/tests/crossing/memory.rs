//! A destination that takes nothing must not grow the process.

use std::time::{Duration, Instant};

use xtask::{
    client::NewRecord,
    cluster::{ClusterFacts, ClusterOptions, KafkaCluster, shared},
    proxy::Mode,
};

use crate::harness::{Bench, admin, make_topic, random_bytes, unique, write_numbered, writer};

/// What the process may use: its budget of 64 MiB of batches, and itself.
const MOST_RSS_BYTES: u64 = 200_000_000;
/// More than the process may hold, several times over.
const WRITTEN_BYTES: u64 = 600 << 20;
const RECORD_BYTES: usize = 16 << 10;
/// How long nothing passes.
const OUTAGE: Duration = Duration::from_secs(30);

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn memory_stays_bounded_while_the_destination_is_a_black_hole() {
    let mut options = ClusterOptions::new("west").behind_proxies();
    options.name = unique("west");
    let west = KafkaCluster::start(options).unwrap();
    let bench = Bench::start(shared("east").unwrap(), west.facts());
    let topic = make_topic(&bench.east, "flood", 6, &[]);
    let link = unique("flood");
    bench.start_link(&link, &[&topic]);
    write_numbered(&bench.east, &topic, 6, 0..600);
    bench.wait_until_copied(&link, &topic);

    let proxy = west.proxy(0).unwrap();
    proxy.set(Mode::BlackHole);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&bench.east, &topic));
        let mut said_so_after = None;
        while began.elapsed() < OUTAGE || !flood.is_finished() {
            let rss = bench.causeway.usage().unwrap().rss_bytes;
            assert!(rss < MOST_RSS_BYTES, "{} MiB resident", rss >> 20);
            if said_so_after.is_none() && bench.status(&link)["state"] == "waiting" {
                said_so_after = Some(began.elapsed());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said_so_after = said_so_after.expect("the link never said that it waits");
        assert!(
            said_so_after < Duration::from_secs(15),
            "{said_so_after:?}\n{}",
            bench.log()
        );
    });
    let status = bench.status(&link);
    assert_eq!(status["state"], "waiting");
    let problem = &status["problems"][0];
    assert!(
        problem["next_step"].is_string() && problem["detail"].is_string(),
        "{status}"
    );

    proxy.set(Mode::Pass);
    bench.wait_at_most(Duration::from_secs(60), &link, "copying again", |s| {
        s["state"] == "catching_up" || s["state"] == "mirroring"
    });
    let copied = bench.expect_exact(&link, &topic, &format!("{link}.{topic}"));
    assert_eq!(copied, 600 + WRITTEN_BYTES / RECORD_BYTES as u64);
    let peak = bench.causeway.usage().unwrap().peak_rss_bytes;
    assert!(peak < MOST_RSS_BYTES, "{} MiB at the most", peak >> 20);
    bench.expect_no_findings(&link);
    bench.retire(&link);
    admin(&bench.east).delete_topic(&topic).unwrap();
}

/// Writes as fast as the source takes it.
fn flood(east: &ClusterFacts, topic: &str) {
    let writer = writer(east, "none");
    let mut value = random_bytes(RECORD_BYTES);
    for number in 0..WRITTEN_BYTES / RECORD_BYTES as u64 {
        value[..8].copy_from_slice(&number.to_be_bytes());
        let record = NewRecord {
            partition: i32::try_from(number % 6).unwrap(),
            value: Some(value.clone()),
            ..NewRecord::default()
        };
        writer.send(topic, &record).unwrap();
    }
    writer.flush().unwrap();
}
