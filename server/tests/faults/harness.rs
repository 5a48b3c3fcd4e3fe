//! A running Causeway, links through it, and what tests wait for.

use std::{
    fmt::Debug,
    ops::Range,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use xtask::{
    admin::Admin,
    causeway::{Causeway, ServeOptions},
    client::{NewRecord, RawRecord, ReadIsolation, Writer, WriterOptions, read_all},
    cluster::shared,
    referee::{Expectation, Report, Side, compare_topics},
};

/// How long anything may take that should take a moment, on a busy machine.
pub const SOON: Duration = Duration::from_secs(45);

/// Waits until `look` returns something; `show` tells what there was instead when it never does.
pub fn until<T, S: Debug>(
    what: &str,
    patience: Duration,
    show: impl Fn() -> S,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "not within {patience:?}: {what}; there is {:#?}",
            show()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns a name that no other test and no earlier run uses.
pub fn unique(stem: &str) -> String {
    format!("{stem}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8])
}

/// A folder for data, empty at first. Folders of earlier runs are removed on the way.
fn data_dir() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
    for entry in std::fs::read_dir(&base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.split('-').next().unwrap_or_default();
        let gone = !Path::new("/proc").join(pid).exists();
        let made = entry.metadata().and_then(|about| about.modified()).ok();
        let age = made.and_then(|at| at.elapsed().ok()).unwrap_or_default();
        // Logs of the last run stay readable for a while.
        if gone && age > Duration::from_secs(3_600) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let dir = base.join(unique(&std::process::id().to_string()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A running Causeway.
pub struct Console {
    pub process: Causeway,
    options: ServeOptions,
}

impl Console {
    pub fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// Starts with these variables set.
    pub fn start_with(environment: Vec<(String, String)>) -> Self {
        let options = ServeOptions {
            binary: env!("CARGO_BIN_EXE_causeway").into(),
            data_dir: data_dir(),
            port: None,
            arguments: Vec::new(),
            environment,
        };
        let process = Causeway::start(&options).unwrap();
        Self { process, options }
    }

    /// Starts with these clusters connected, by name and bootstrap address.
    pub fn start_between(clusters: &[(&str, &str)]) -> Self {
        let console = Self::start();
        for (name, bootstrap) in clusters {
            console.connect(name, bootstrap);
        }
        console
    }

    /// Starts with the shared clusters `east` and `west` connected.
    pub fn start_between_shared() -> Self {
        let of = |name: &str| shared(name).unwrap().bootstrap;
        Self::start_between(&[("east", &of("east")), ("west", &of("west"))])
    }

    /// The one that most tests share, with the shared clusters `east` and `west`.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Console> = OnceLock::new();
        SHARED.get_or_init(Self::start_between_shared)
    }

    /// Kills the process at once and starts it again on its data.
    pub fn kill_and_start(&mut self) {
        self.process.kill();
        self.process = Causeway::start(&self.options).unwrap();
    }

    pub fn get(&self, path: &str) -> Value {
        self.process.get(path).unwrap()
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.process.post(path, body).unwrap()
    }

    /// Posts what must be refused, and returns the problem.
    pub fn refused(&self, path: &str, body: &Value) -> Value {
        let error = self.process.post(path, body).unwrap_err();
        let text = error.root_cause().to_string();
        let json = text.find('{').map_or("", |at| &text[at..]);
        serde_json::from_str(json).unwrap_or_else(|_| panic!("{path} is no problem: {text}"))
    }

    /// Connects a plaintext cluster.
    pub fn connect(&self, name: &str, bootstrap: &str) {
        let entries: Vec<&str> = bootstrap.split(',').collect();
        self.post("clusters", &json!({ "name": name, "bootstrap": entries }));
    }

    pub fn status(&self, link: &str) -> Value {
        self.get(&format!("links/{link}/status"))
    }

    /// Waits until the link is in this state, and returns its status then.
    pub fn until_state(&self, link: &str, state: &str) -> Value {
        let status = || self.status(link);
        until(&format!("{link} is {state}"), SOON, status, || {
            Some(status()).filter(|status| status["state"] == state)
        })
    }

    pub fn findings(&self, link: &str) -> Vec<Value> {
        let page = self.get(&format!("links/{link}/findings?limit=1000"));
        page["items"].as_array().unwrap().clone()
    }

    pub fn verb(&self, link: &str, verb: &str) {
        self.post(&format!("links/{link}/{verb}"), &Value::Null);
    }

    /// Returns the log's lines that contain `words`.
    pub fn log_lines(&self, words: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.process.log_file()).unwrap();
        let lines = log.lines().filter(|line| line.contains(words));
        lines.map(str::to_owned).collect()
    }
}

/// A topic on one cluster.
#[derive(Clone, Debug)]
pub struct Topic {
    pub bootstrap: String,
    pub name: String,
}

impl Topic {
    pub fn new(bootstrap: &str, name: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            name: name.to_owned(),
        }
    }

    pub fn admin(&self) -> Admin {
        Admin::new(&self.bootstrap).unwrap()
    }

    pub fn create(&self, partitions: i32) {
        self.admin()
            .create_topic(&self.name, partitions, &[])
            .unwrap();
    }

    /// Deletes the topic and waits until nobody sees it any more.
    pub fn delete(&self) {
        let admin = self.admin();
        admin.delete_topic(&self.name).unwrap();
        until("the topic is gone", SOON, String::new, || {
            (!admin.topics().unwrap().contains(&self.name)).then_some(())
        });
    }

    /// Writes one numbered record per number into a partition.
    pub fn write(&self, partition: i32, words: &str, numbers: Range<usize>) {
        let writer = Writer::new(&self.bootstrap, &WriterOptions::default()).unwrap();
        for number in numbers {
            writer
                .send(&self.name, &record(partition, words, number))
                .unwrap();
        }
        writer.flush().unwrap();
    }

    pub fn end(&self, partition: i32) -> i64 {
        self.admin().watermarks(&self.name, partition).unwrap().1
    }

    /// Waits until the partition ends at this offset.
    pub fn wait_for_end(&self, partition: i32, end: i64) {
        let what = format!("{} [{partition}] ends at {end}", self.name);
        let look = || self.admin().watermarks(&self.name, partition).ok();
        until(&what, SOON, look, || {
            look().filter(|seen| seen.1 == end).map(drop)
        });
    }

    pub fn read(&self) -> Vec<RawRecord> {
        read_all(&self.bootstrap, &self.name, ReadIsolation::Committed).unwrap()
    }

    /// Returns the values of one partition as text.
    pub fn values(&self, partition: i32) -> Vec<String> {
        let of = self.read().into_iter().filter(|r| r.partition == partition);
        of.map(|r| String::from_utf8(r.value.unwrap()).unwrap())
            .collect()
    }

    pub fn compare(&self, mirror: &Self, expectation: &Expectation) -> Report {
        compare_topics(self.side(), mirror.side(), expectation).unwrap()
    }

    /// Asserts that the mirror holds every record once, in order, and nothing else; returns what was counted.
    pub fn assert_mirrored_exactly(&self, mirror: &Self) -> Report {
        let report = self.compare(mirror, &Expectation::default());
        assert!(report.is_exact(), "{}: {report:#?}", self.name);
        assert_eq!(report.valid, report.expected);
        report
    }

    fn side(&self) -> Side<'_> {
        Side {
            bootstrap: &self.bootstrap,
            topic: &self.name,
            isolation: ReadIsolation::Committed,
        }
    }
}

pub fn record(partition: i32, words: &str, number: usize) -> NewRecord {
    NewRecord {
        partition,
        key: Some(format!("key-{}", number % 17).into_bytes()),
        value: Some(format!("{words}-{number}").into_bytes()),
        ..NewRecord::default()
    }
}

/// Returns the values that [`Topic::write`] writes.
pub fn words(words: &str, numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{words}-{number}")).collect()
}

/// Returns the settings of a link that copies exactly these topics and looks for changes every second.
pub fn link(name: &str, source: &str, destination: &str, topics: &[&Topic]) -> Value {
    let rows: Vec<Value> = topics
        .iter()
        .map(|topic| json!({ "kind": "exact", "pattern": topic.name }))
        .collect();
    json!({
        "name": name,
        "source": source,
        "destination": destination,
        "topics": { "include": rows },
        "detect_interval_ms": 1_000,
        "slots": 4,
    })
}

/// Returns the status of one topic of a link.
pub fn topic_of(status: &Value, topic: &str) -> Value {
    let topics = status["topics"].as_array().unwrap().iter();
    let mut found = topics.filter(|t| t["topic"] == topic);
    found.next_back().cloned().unwrap_or(Value::Null)
}

/// Asserts that a problem tells state, cause, next step, first time and count.
pub fn assert_whole(problem: &Value, state: &str) {
    assert_eq!(problem["state"], state, "{problem:#}");
    for field in ["code", "title", "detail", "cause", "next_step"] {
        let text = problem[field].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "no {field}: {problem:#}");
    }
    assert!(
        problem["first_seen_ms"].as_i64().is_some_and(|at| at > 0),
        "{problem:#}"
    );
    assert!(
        problem["count"].as_u64().is_some_and(|n| n > 0),
        "{problem:#}"
    );
}
