//! Two clusters, workers and the questions of these tests.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use xtask::{
    admin::Admin,
    causeway::{Causeway, ServeOptions},
    client::{ReadIsolation, read_all},
    cluster::{ClusterOptions, KafkaCluster},
    postgres::Postgres,
    process::Signal,
    referee::{Expectation, Side, compare_topics},
    report::Case,
};

const LINK: &str = "killed";
/// Setting a topic's configuration replaces all of it: without this its history would be deleted.
const KEEP: (&str, &str) = ("retention.ms", "-1");
/// How long a link may take to catch up at the end.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Bench {
    pub east: KafkaCluster,
    pub west: KafkaCluster,
    folder: PathBuf,
    postgres: RefCell<Option<Postgres>>,
    random: RefCell<u64>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl Bench {
    pub fn start(east: ClusterOptions, west: ClusterOptions) -> Self {
        let (east, west) = std::thread::scope(|scope| {
            let east = scope.spawn(|| KafkaCluster::start(east).unwrap());
            let west = scope.spawn(|| KafkaCluster::start(west).unwrap());
            (east.join().unwrap(), west.join().unwrap())
        });
        let seed = std::time::UNIX_EPOCH
            .elapsed()
            .map_or(1, |time| time.as_nanos() as u64)
            | 1;
        println!("seed {seed}");
        let folder =
            std::env::temp_dir().join(format!("causeway-kills-{}-{seed:x}", std::process::id()));
        Self {
            east,
            west,
            folder,
            postgres: RefCell::new(None),
            random: RefCell::new(seed),
        }
    }

    /// Waits between two times in milliseconds: the random moment of a fault.
    pub fn pause(&self, from: u64, to: u64) {
        let mut state = self.random.borrow_mut();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        std::thread::sleep(Duration::from_millis(from + *state % (to - from)));
    }

    pub fn topic(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        Admin::new(&self.east.bootstrap())
            .unwrap()
            .create_topic(name, partitions, configs)
            .unwrap();
    }

    pub fn replicated_topic(&self, name: &str, partitions: i32) {
        let admin = Admin::new(&self.east.bootstrap()).unwrap();
        admin
            .create_topic_replicated(name, partitions, 3, &[("min.insync.replicas", "2")])
            .unwrap();
    }

    /// Settings that let two workers share one database.
    pub fn shared_database(&self) -> Vec<(String, String)> {
        let postgres = Postgres::start().unwrap();
        postgres.create_database("causeway").unwrap();
        let url = postgres.url("causeway");
        *self.postgres.borrow_mut() = Some(postgres);
        let key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
        vec![
            ("CAUSEWAY_DATABASE".to_owned(), url),
            ("CAUSEWAY_KEY".to_owned(), key.to_owned()),
        ]
    }

    pub fn worker(&self, name: &str, environment: &[(String, String)]) -> Worker {
        let options = ServeOptions {
            binary: env!("CARGO_BIN_EXE_causeway").into(),
            data_dir: self.folder.join(name),
            port: None,
            arguments: vec!["--worker".to_owned(), name.to_owned()],
            environment: environment.to_vec(),
        };
        let causeway = Causeway::start(&options).unwrap();
        Worker {
            options,
            causeway: Some(causeway),
        }
    }

    pub fn link(&self, worker: &Worker, topics: &[&str]) {
        self.link_with(worker, &link_body(topics, "read_committed"));
    }

    pub fn link_in_transactions(&self, worker: &Worker, topics: &[&str]) {
        let mut body = link_body(topics, "read_committed");
        body["guarantee"] = json!("transactional");
        self.link_with(worker, &body);
    }

    fn link_with(&self, worker: &Worker, body: &Value) {
        for (name, cluster) in [("east", &self.east), ("west", &self.west)] {
            let bootstrap: Vec<String> =
                cluster.bootstrap().split(',').map(str::to_owned).collect();
            worker
                .api()
                .post("clusters", &json!({ "name": name, "bootstrap": bootstrap }))
                .unwrap();
        }
        worker.api().post("links", body).unwrap();
        worker
            .api()
            .post(&format!("links/{LINK}/start"), &Value::Null)
            .unwrap();
    }

    /// Makes sequences mean something else: the other isolation level.
    pub fn change_isolation(&self, worker: &Worker) {
        let link = worker.api().get(&format!("links/{LINK}")).unwrap();
        let mut spec = link["spec"].clone();
        let before = spec["isolation"].as_str().unwrap_or_default();
        spec["isolation"] = match before {
            "read_committed" => json!("read_uncommitted"),
            _ => json!("read_committed"),
        };
        let revision = link["revision"].as_i64().unwrap();
        worker
            .api()
            .put(&format!("links/{LINK}"), &spec, revision)
            .unwrap();
    }

    pub fn wait_for(&self, patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + patience;
        while !condition() {
            assert!(Instant::now() < deadline, "waited {patience:?} for: {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Lets the destination refuse writes to a mirror for moments: fewer replicas than it asks for.
    pub fn refuse_now_and_then(&self, mirror: &str) -> Refusals {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, bootstrap, mirror) = (stop.clone(), self.west.bootstrap(), mirror.to_owned());
        let task = std::thread::spawn(move || {
            let admin = Admin::new(&bootstrap).unwrap();
            let mut refused = 0;
            while !ended.load(Ordering::Relaxed) {
                // The mirror may not stand yet.
                if admin
                    .set_configs(&mirror, &[("min.insync.replicas", "2"), KEEP])
                    .is_ok()
                {
                    refused += 1;
                    std::thread::sleep(Duration::from_millis(150));
                    admin
                        .set_configs(&mirror, &[("min.insync.replicas", "1"), KEEP])
                        .unwrap();
                }
                std::thread::sleep(Duration::from_millis(700));
            }
            refused
        });
        Refusals { stop, task }
    }

    /// Waits until the mirrors hold as much as the sources, and compares every record.
    pub fn assert_exact(&self, worker: &Worker, topics: &[&str], case: &mut Case) {
        let (east, west) = (self.east.bootstrap(), self.west.bootstrap());
        self.wait_for(PATIENCE, "the link has caught up", || {
            let status = worker.status();
            status["lag_records"] == 0
                && status["slots_owned"].as_u64() > Some(0)
                && ends_agree(&east, &west, topics)
        });
        for topic in topics {
            let side = |bootstrap| Side {
                bootstrap,
                topic,
                isolation: ReadIsolation::Committed,
            };
            let report = compare_topics(side(&east), side(&west), &Expectation::default()).unwrap();
            println!("{topic}: {report:?}");
            case.compared(&report);
            assert!(report.expected > 0, "{topic} was written to");
            assert!(report.is_exact(), "{topic}: {report:?}");
        }
    }

    /// Waits until readers of committed records find in the mirror what the source holds, and compares every record.
    pub fn assert_exact_committed(&self, worker: &Worker, topics: &[&str]) {
        let (east, west) = (self.east.bootstrap(), self.west.bootstrap());
        self.wait_for(PATIENCE, "the link has caught up", || {
            let status = worker.status();
            status["lag_records"] == 0 && status["slots_owned"].as_u64() > Some(0)
        });
        for topic in topics {
            let side = |bootstrap| Side {
                bootstrap,
                topic,
                isolation: ReadIsolation::Committed,
            };
            let compare =
                || compare_topics(side(&east), side(&west), &Expectation::default()).unwrap();
            // The last transaction is committed a moment after its records were acknowledged.
            self.wait_for(PATIENCE, "the last transaction", || compare().missing == 0);
            let report = compare();
            println!("{topic}: {report:?}");
            assert!(report.expected > 0, "{topic} was written to");
            assert!(report.is_exact(), "{topic}: {report:?}");
        }
    }

    /// Returns how many records of a mirror only readers of uncommitted records see.
    pub fn aborted_records(&self, topic: &str) -> usize {
        let west = self.west.bootstrap();
        let count = |isolation| read_all(&west, topic, isolation).unwrap().len();
        count(ReadIsolation::Uncommitted) - count(ReadIsolation::Committed)
    }

    /// While no worker runs: each stored position counts exactly the committed records of its partition. An open transaction
    /// ends with its time-out at the latest.
    pub fn assert_positions_count_committed_records(&self, topic: &str) {
        let west = self.west.bootstrap();
        let control = format!("causeway.link.{LINK}");
        let mut positions: BTreeMap<i64, i64> = BTreeMap::new();
        for record in read_all(&west, &control, ReadIsolation::Committed).unwrap() {
            let key = String::from_utf8(record.key.unwrap_or_default()).unwrap();
            if !key.starts_with("position/") {
                continue;
            }
            let position: Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
            if position["source_topic"] != topic {
                continue;
            }
            let number = |field: &str| position[field].as_i64().unwrap();
            positions.insert(number("partition"), number("epoch_records"));
        }
        let mut committed: BTreeMap<i64, i64> = positions.keys().map(|key| (*key, 0)).collect();
        for record in read_all(&west, topic, ReadIsolation::Committed).unwrap() {
            *committed.entry(i64::from(record.partition)).or_default() += 1;
        }
        println!("{topic}: positions {positions:?}");
        assert!(!positions.is_empty(), "no position was stored");
        assert_eq!(positions, committed);
    }

    pub fn assert_no_finding(&self, worker: &Worker) {
        let findings = worker.api().get(&format!("links/{LINK}/findings")).unwrap();
        assert_eq!(
            findings["items"],
            json!([]),
            "a healthy link has no finding"
        );
        assert_eq!(
            worker.status()["findings"],
            json!([]),
            "a healthy link has no finding"
        );
    }
}

fn ends_agree(east: &str, west: &str, topics: &[&str]) -> bool {
    let ends = |bootstrap: &str, topic: &str| {
        let marks = Admin::new(bootstrap).unwrap().all_watermarks(topic).ok()?;
        Some(marks.into_iter().map(|(_, end)| end).collect::<Vec<_>>())
    };
    topics
        .iter()
        .all(|topic| ends(east, topic) == ends(west, topic))
}

fn link_body(topics: &[&str], isolation: &str) -> Value {
    let include: Vec<Value> = topics
        .iter()
        .map(|topic| json!({ "kind": "exact", "pattern": topic }))
        .collect();
    json!({
        "name": LINK, "source": "east", "destination": "west",
        "topics": { "include": include }, "isolation": isolation,
    })
}

/// Refusals in the background.
pub struct Refusals {
    stop: Arc<AtomicBool>,
    task: JoinHandle<u32>,
}

impl Refusals {
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(
            self.task.join().unwrap() > 0,
            "the destination never refused anything"
        );
    }
}

/// One process.
pub struct Worker {
    options: ServeOptions,
    causeway: Option<Causeway>,
}

impl Worker {
    pub fn api(&self) -> &Causeway {
        self.causeway.as_ref().expect("the worker runs")
    }

    pub fn status(&self) -> Value {
        self.api()
            .get(&format!("links/{LINK}/status"))
            .unwrap_or_default()
    }

    /// Records that this process has delivered.
    pub fn records_copied(&self) -> u64 {
        self.status()["rates"]["records_total"]
            .as_u64()
            .unwrap_or(0)
    }

    /// Says whether no partition's appends are checked by the broker's producer state.
    pub fn all_unguarded(&self) -> bool {
        let status = self.status();
        let topics = status["topics"].as_array().into_iter().flatten();
        topics
            .flat_map(|topic| topic["partitions"].as_array().into_iter().flatten())
            .all(|partition| partition["guarded"] == false)
    }

    pub fn slots_owned(&self) -> u64 {
        self.status()["slots_owned"].as_u64().unwrap_or(0)
    }

    pub fn kill(&mut self) {
        if let Some(mut causeway) = self.causeway.take() {
            causeway.kill();
        }
    }

    pub fn start_again(&mut self) {
        self.causeway = Some(Causeway::start(&self.options).unwrap());
    }

    /// Starts the process so that it ends itself where it comes to this point.
    pub fn start_to_crash(&mut self, point: &str) {
        let mut options = self.options.clone();
        options
            .environment
            .push(("CAUSEWAY_CRASH_AT".to_owned(), point.to_owned()));
        // It may have crashed before it answered.
        self.causeway = Causeway::start(&options).ok();
    }

    pub fn wait_until_crashed(&mut self, point: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.causeway.as_mut().is_some_and(Causeway::is_running) {
            assert!(
                Instant::now() < deadline,
                "the process never came to `{point}`"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.options.data_dir.join("causeway.log")).unwrap();
        assert!(
            log.contains(&format!("crashing at `{point}`")),
            "it ended for another reason:\n{log}"
        );
        self.causeway = None;
    }

    pub fn signal(&self, signal: Signal) {
        self.api().signal(signal).unwrap();
    }

    pub fn terminate(&mut self) -> bool {
        self.causeway.as_mut().is_none_or(Causeway::terminate)
    }
}
