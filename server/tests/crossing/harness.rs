//! One running Causeway for many tests, links between the shared clusters, and the comparison of both sides.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use xtask::{
    admin::Admin,
    causeway::{Causeway, ServeOptions},
    client::{NewRecord, ReadIsolation, Writer, WriterOptions, read_all},
    cluster::{ClusterFacts, shared},
    process::log_tail,
    referee::{Expectation, Report, Side, compare_topics},
};

/// How long anything may take that happens by itself; busy machines are slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running Causeway that knows two clusters, `east` and `west`; it ends with the last test that uses it.
pub struct Bench {
    pub east: ClusterFacts,
    pub west: ClusterFacts,
    pub causeway: Causeway,
    folder: Folder,
}

/// A data directory of its own, removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns the Causeway that all tests share that run at the same time.
pub fn bench() -> Arc<Bench> {
    static SHARED: Mutex<Weak<Bench>> = Mutex::new(Weak::new());
    let mut shared_bench = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bench) = shared_bench.upgrade() {
        return bench;
    }
    let bench = Arc::new(Bench::start(
        shared("east").unwrap(),
        shared("west").unwrap(),
    ));
    *shared_bench = Arc::downgrade(&bench);
    bench
}

impl Bench {
    /// Starts a Causeway of its own and connects the clusters.
    pub fn start(east: ClusterFacts, west: ClusterFacts) -> Self {
        let folder = Folder(std::env::temp_dir().join(unique("causeway-crossing")));
        let causeway = Causeway::start(&serve_options(&folder)).unwrap();
        let bench = Self {
            east,
            west,
            causeway,
            folder,
        };
        for cluster in [&bench.east, &bench.west] {
            let bootstrap: Vec<&str> = cluster.bootstrap.split(',').collect();
            bench.post(
                "clusters",
                &json!({ "name": cluster.name, "bootstrap": bootstrap }),
            );
        }
        bench
    }

    /// Asks the process to end, which it must do by itself, and starts it again over the same data directory.
    pub fn restart(&mut self) {
        assert!(
            self.causeway.terminate(),
            "causeway did not end on SIGTERM by itself:\n{}",
            self.log()
        );
        self.causeway = Causeway::start(&serve_options(&self.folder)).unwrap();
    }

    /// Starts a link over these topics with names of their own at the destination: `<link>.<topic>`.
    pub fn start_link(&self, link: &str, topics: &[&str]) {
        self.start_spec(&self.spec(link, topics));
    }

    /// Returns the settings of a link over these topics, which looks for changes every second.
    pub fn spec(&self, link: &str, topics: &[&str]) -> Value {
        let rows: Vec<Value> = topics
            .iter()
            .map(|topic| json!({ "kind": "exact", "pattern": topic }))
            .collect();
        json!({
            "name": link,
            "source": self.east.name,
            "destination": self.west.name,
            "topics": { "include": rows },
            "rename": { "prefix": format!("{link}.") },
            "detect_interval_ms": 1_000,
            "slots": 4,
        })
    }

    /// Makes and starts a link.
    pub fn start_spec(&self, spec: &Value) {
        self.post("links", spec);
        let name = spec["name"].as_str().unwrap();
        self.verb(name, "start");
    }

    /// Runs a verb on a link.
    pub fn verb(&self, link: &str, verb: &str) {
        self.post(&format!("links/{link}/{verb}"), &Value::Null);
    }

    /// Stops a link at the end of a test, so that it takes nothing from the others.
    pub fn retire(&self, link: &str) {
        self.verb(link, "stop");
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.causeway
            .post(path, body)
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.log()))
    }

    pub fn get(&self, path: &str) -> Value {
        self.causeway
            .get(path)
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.log()))
    }

    pub fn status(&self, link: &str) -> Value {
        self.get(&format!("links/{link}/status"))
    }

    /// Waits until a link's status fulfils a condition; returns that status.
    pub fn wait_for(&self, link: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.wait_at_most(PATIENCE, link, what, holds)
    }

    /// As [`Self::wait_for`], with a limit.
    pub fn wait_at_most(
        &self,
        limit: Duration,
        link: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.status(link);
            if holds(&status) {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "not within {} s: {what}\n{}\n{}",
                limit.as_secs(),
                brief(&status),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the position of every partition is behind the last record that a reader of the source sees.
    pub fn wait_until_copied(&self, link: &str, topic: &str) {
        let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
        for record in read_all(&self.east.bootstrap, topic, ReadIsolation::Committed).unwrap() {
            ends.insert(record.partition, record.offset + 1);
        }
        let what = format!("{topic} is copied up to {ends:?}");
        self.wait_for(link, &what, |status| {
            let positions = positions(status, topic);
            ends.iter()
                .all(|(partition, end)| positions.get(partition).is_some_and(|p| p >= end))
        });
    }

    /// Compares a topic with its mirror as readers of committed records see them.
    pub fn compare(&self, topic: &str, mirror: &str, expectation: &Expectation) -> Report {
        let source = Side {
            bootstrap: &self.east.bootstrap,
            topic,
            isolation: ReadIsolation::Committed,
        };
        let destination = Side {
            bootstrap: &self.west.bootstrap,
            topic: mirror,
            ..source
        };
        compare_topics(source, destination, expectation).unwrap()
    }

    /// Waits for a topic's last record, then demands that its mirror holds the same records, each once, in order and
    /// unchanged; returns how many those are.
    pub fn expect_exact(&self, link: &str, topic: &str, mirror: &str) -> u64 {
        self.expect_exact_from(link, topic, mirror, BTreeMap::new())
    }

    /// As [`Self::expect_exact`], for a link that began at these offsets.
    pub fn expect_exact_from(
        &self,
        link: &str,
        topic: &str,
        mirror: &str,
        from: BTreeMap<i32, i64>,
    ) -> u64 {
        self.wait_until_copied(link, topic);
        let expectation = Expectation {
            from,
            ..Expectation::default()
        };
        let report = self.compare(topic, mirror, &expectation);
        assert!(
            report.is_exact(),
            "{topic} and {mirror} differ: {report:?}\n{}\n{}",
            brief(&self.status(link)),
            self.log()
        );
        report.expected
    }

    /// Demands that a link has found nothing: what it went through was healthy.
    pub fn expect_no_findings(&self, link: &str) {
        let findings = self.get(&format!("links/{link}/findings"));
        assert_eq!(findings["items"], json!([]), "{}", self.log());
        assert_eq!(self.status(link)["findings"], json!([]), "{}", self.log());
    }

    /// Returns the end of the process's log, for the message of a failed test.
    pub fn log(&self) -> String {
        log_tail(self.causeway.log_file(), 60)
    }
}

fn serve_options(folder: &Folder) -> ServeOptions {
    ServeOptions {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_causeway")),
        data_dir: folder.0.clone(),
        port: None,
        arguments: Vec::new(),
        environment: Vec::new(),
    }
}

/// Returns the next source offset of each partition of a topic.
pub fn positions(status: &Value, topic: &str) -> BTreeMap<i32, i64> {
    let partitions = partitions(status, topic);
    let position = |p: &Value| {
        let partition = i32::try_from(p["partition"].as_i64()?).ok()?;
        Some((partition, p["position"].as_i64()?))
    };
    partitions.iter().filter_map(position).collect()
}

/// Returns the partitions of a topic as a status shows them.
pub fn partitions(status: &Value, topic: &str) -> Vec<Value> {
    let topics = status["topics"].as_array().cloned().unwrap_or_default();
    let of_topic = topics.into_iter().filter(|t| t["topic"] == topic);
    of_topic
        .flat_map(|t| t["partitions"].as_array().cloned().unwrap_or_default())
        .collect()
}

/// Returns what matters of a status, one line per topic.
fn brief(status: &Value) -> String {
    let topics = status["topics"].as_array().cloned().unwrap_or_default();
    let lines: Vec<String> = topics
        .iter()
        .map(|t| {
            let partitions: Vec<String> = t["partitions"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|p| {
                    format!(
                        "{}: {} {} of {} {}",
                        p["partition"], p["state"], p["position"], p["source_end"], p["problem"]
                    )
                })
                .collect();
            format!(
                "  {} {} [{}]",
                t["topic"],
                t["problem"],
                partitions.join("; ")
            )
        })
        .collect();
    format!(
        "{} {}, problems {}\n{}",
        status["link"],
        status["state"],
        status["problems"],
        lines.join("\n")
    )
}

/// Returns a name that nothing else has: letters, digits and `-`.
pub fn unique(name: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{name}-{}", &id[..8])
}

/// Makes a topic with a name of its own on a cluster.
pub fn make_topic(
    cluster: &ClusterFacts,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> String {
    let name = unique(name);
    admin(cluster)
        .create_topic(&name, partitions, configs)
        .unwrap();
    name
}

pub fn admin(cluster: &ClusterFacts) -> Admin {
    Admin::new(&cluster.bootstrap).unwrap()
}

/// Makes a writer that compresses with `codec`.
pub fn writer(cluster: &ClusterFacts, codec: &str) -> Writer {
    let options = WriterOptions {
        codec: codec.to_owned(),
        ..WriterOptions::default()
    };
    Writer::new(&cluster.bootstrap, &options).unwrap()
}

/// Returns a record whose key and value are made of a number.
pub fn numbered(partition: i32, number: u64) -> NewRecord {
    NewRecord {
        partition,
        key: Some(format!("key-{number}").into_bytes()),
        value: Some(format!("value-{number} {}", "-".repeat(100)).into_bytes()),
        ..NewRecord::default()
    }
}

/// Returns bytes that do not compress.
pub fn random_bytes(length: usize) -> Vec<u8> {
    let ids = std::iter::repeat_with(|| uuid::Uuid::new_v4().into_bytes());
    ids.flatten().take(length).collect()
}

/// Writes numbered records to the partitions in turn and waits for their acknowledgements.
pub fn write_numbered(
    cluster: &ClusterFacts,
    topic: &str,
    partitions: i32,
    numbers: std::ops::Range<u64>,
) {
    let writer = writer(cluster, "none");
    for number in numbers {
        let partition = i32::try_from(number).unwrap() % partitions;
        writer.send(topic, &numbered(partition, number)).unwrap();
    }
    writer.flush().unwrap();
}
