//! A link under traffic, from which everything must have arrived exactly once when the fault is over.

use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::report::Case;

use crate::{
    harness::{Console, SOON, Topic, link, until},
    traffic::Traffic,
};

pub const PARTITIONS: i32 = 3;
/// How long a link may take to go on after a fault.
pub const HEALED: Duration = Duration::from_secs(60);

/// A link under traffic between two clusters.
pub struct Stream {
    pub link: String,
    pub source: Topic,
    pub mirror: Topic,
    traffic: Option<Traffic>,
}

impl Stream {
    /// Makes a topic and a link of this name, begins to write, and waits until records arrive. Each end is a cluster's name
    /// in the console and its address.
    pub fn start(console: &Console, name: &str, ends: [(&str, &str); 2]) -> Self {
        let [(from, source), (to, destination)] = ends;
        let (source, mirror) = (Topic::new(source, name), Topic::new(destination, name));
        source.create(PARTITIONS);
        let traffic = Some(Traffic::start(&source, PARTITIONS));
        console.post("links", &link(name, from, to, &[&source]));
        console.verb(name, "start");
        let stream = Self {
            link: name.to_owned(),
            source,
            mirror,
            traffic,
        };
        until(
            "records flow",
            SOON,
            || console.status(name),
            || {
                let ends = stream.mirror.admin().all_watermarks(name).ok()?;
                ends.iter().all(|(_, end)| *end > 100).then_some(())
            },
        );
        stream
    }

    pub fn until_state(&self, console: &Console, states: &[&str], patience: Duration) -> Value {
        let status = || console.status(&self.link);
        until(
            &format!("{} is {states:?}", self.link),
            patience,
            status,
            || Some(status()).filter(|s| states.iter().any(|state| s["state"] == *state)),
        )
    }

    /// Waits until each partition of the mirror holds 100 records more than now, and returns how long that took.
    pub fn until_records_arrive(&self, console: &Console) -> Duration {
        let began = Instant::now();
        let ends = || self.mirror.admin().all_watermarks(&self.mirror.name).ok();
        let status = || console.status(&self.link);
        let before = until("the mirror answers", HEALED, status, ends);
        until("records arrive", HEALED, status, || {
            let now = ends()?;
            let mut pairs = now.iter().zip(&before);
            pairs.all(|(now, then)| now.1 > then.1 + 100).then_some(())
        });
        began.elapsed()
    }

    /// Ends the traffic and asserts that every record arrived once, in order, without a finding.
    pub fn assert_exact(&mut self, console: &Console, case: &mut Case) {
        let written = self.traffic.take().unwrap().stop();
        let status = || console.status(&self.link);
        until("all is copied", HEALED, status, || {
            (0..PARTITIONS)
                .all(|p| self.source.end(p) == self.mirror.end(p))
                .then_some(())
        });
        assert!(written > 1_000, "only {written} records");
        case.compared(&self.source.assert_mirrored_exactly(&self.mirror));
        assert_eq!(console.findings(&self.link), Vec::<Value>::new());
    }

    /// Counts how often the link came into a state.
    pub fn times(&self, console: &Console, state: &str) -> usize {
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
