//! Pause, resume, stop and start while the source is written.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use xtask::{client::Writer, cluster::ClusterFacts};

use crate::harness::{PATIENCE, admin, bench, make_topic, numbered, unique, writer};

/// Records that a background thread keeps writing, about 2,000 a second.
pub struct Stream<'a> {
    pub topic: &'a str,
    pub partitions: i32,
    pub stop: AtomicBool,
    pub written: AtomicU64,
}

impl<'a> Stream<'a> {
    pub fn new(topic: &'a str, partitions: i32) -> Self {
        Self {
            topic,
            partitions,
            stop: AtomicBool::new(false),
            written: AtomicU64::new(0),
        }
    }

    /// Writes until told to stop; ends with everything acknowledged.
    pub fn run(&self, cluster: &ClusterFacts) {
        let writer: Writer = writer(cluster, "lz4");
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            for _ in 0..40 {
                let partition = i32::try_from(number % 1_000).unwrap() % self.partitions;
                writer
                    .send(self.topic, &numbered(partition, number))
                    .unwrap();
                number += 1;
            }
            self.written.store(number, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        }
        writer.flush().unwrap();
    }

    /// Waits until so many more records are written.
    pub fn wait_for(&self, more: u64) {
        let goal = self.written.load(Ordering::Relaxed) + more;
        let deadline = Instant::now() + PATIENCE;
        while self.written.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < deadline, "the stream stands still");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Ends a stream also when a test fails, so that its thread ends.
pub struct Ending<'a>(pub &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn pausing_and_stopping_in_full_stream_loses_and_repeats_nothing() {
    let bench = bench();
    let topic = make_topic(&bench.east, "verbs", 4, &[]);
    let link = unique("verbs");
    let mirror = format!("{link}.{topic}");
    let stream = Stream::new(&topic, 4);
    std::thread::scope(|scope| {
        let _ending = Ending(&stream.stop);
        scope.spawn(|| stream.run(&bench.east));
        bench.start_link(&link, &[&topic]);
        bench.wait_for(&link, "a link that mirrors", |s| s["state"] == "mirroring");
        for (verb, shown, back) in [
            ("pause", "paused", "resume"),
            ("stop", "stopped", "start"),
            ("pause", "paused", "resume"),
        ] {
            stream.wait_for(1_000);
            bench.verb(&link, verb);
            bench.wait_for(&link, shown, |s| {
                s["state"] == shown && s["topics"].as_array().is_none_or(|t| t.iter().all(drained))
            });
            let before = admin(&bench.west).all_watermarks(&mirror).unwrap();
            stream.wait_for(1_500);
            let after = admin(&bench.west).all_watermarks(&mirror).unwrap();
            assert_eq!(before, after, "{shown} and yet written");
            bench.verb(&link, back);
            bench.wait_for(&link, "a link that mirrors", |s| s["state"] == "mirroring");
        }
        stream.wait_for(1_000);
    });
    assert!(bench.expect_exact(&link, &topic, &mirror) > 7_000);
    bench.expect_no_findings(&link);
    bench.retire(&link);
}

/// Says whether every partition of a topic has come to rest.
fn drained(topic: &serde_json::Value) -> bool {
    let partitions = topic["partitions"].as_array().cloned().unwrap_or_default();
    partitions
        .iter()
        .all(|p| p["state"] == "paused" || p["state"] == "stopped")
}
