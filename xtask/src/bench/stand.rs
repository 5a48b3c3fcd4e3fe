//! Where a measurement stands: clusters, their logs on a memory file system, and what of them is looked at.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{
    cells::{Cell, Times},
    copier::Copier,
    load,
};
use crate::{
    admin::Admin,
    client::ReadIsolation,
    cluster::{Broker, ClusterOptions, Jvm, KafkaCluster},
    process::log_tail,
    referee::{Expectation, Report, Side, compare_topics},
};

/// Starts a cluster in a folder of its own, emptied before.
pub(super) fn cluster(name: &str, home: &Home, brokers: u16) -> Result<KafkaCluster> {
    let options = ClusterOptions::new(name).brokers(brokers);
    cluster_with(options, home)
}

/// As [`cluster`], with options.
pub(super) fn cluster_with(mut options: ClusterOptions, home: &Home) -> Result<KafkaCluster> {
    let dir = home.0.join(&options.name);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    options = options
        .property("num.network.threads", "3")
        .property("num.io.threads", "8");
    options.dir = Some(dir);
    options.heap_mb = options.heap_mb.max(512);
    options.jvm = Jvm::Throughput;
    KafkaCluster::start(options)
}

/// Makes the topic that is copied, and returns the administration of its cluster.
pub(super) fn topic(east: &KafkaCluster, cell: &Cell) -> Result<Admin> {
    let admin = Admin::new(&east.bootstrap())?;
    let mut configs = vec![("compression.type", "producer")];
    if cell.times == Times::LastWeek {
        // Or the brokers delete what is copied.
        configs.push(("retention.ms", "-1"));
    }
    admin.create_topic(load::TOPIC, cell.partitions, &configs)?;
    Ok(admin)
}

/// Returns the CPU seconds that all brokers have used.
pub(super) fn broker_cpu(clusters: &[&KafkaCluster]) -> Result<f64> {
    let mut seconds = 0.0;
    for broker in clusters.iter().flat_map(|cluster| cluster.brokers()) {
        seconds += Broker::usage(broker)?.cpu_seconds;
    }
    Ok(seconds)
}

/// Sums the log segments of the benchmark's topic at the first broker, which has a replica of every partition.
pub(super) fn log_bytes(cluster: &KafkaCluster) -> Result<u64> {
    let mut total = 0;
    for partition in fs::read_dir(cluster.dir().join("broker-1/log"))?.flatten() {
        let name = partition.file_name().to_string_lossy().into_owned();
        if !name.starts_with(&format!("{}-", load::TOPIC)) {
            continue;
        }
        for file in fs::read_dir(partition.path())?.flatten() {
            if file.path().extension().is_some_and(|e| e == "log") {
                total += file.metadata()?.len();
            }
        }
    }
    Ok(total)
}

/// Returns how many records stand in the topic, counted by its ends; none where there is no topic yet.
pub(super) fn records(admin: &Admin) -> i64 {
    let ends = admin.all_watermarks(load::TOPIC).unwrap_or_default();
    ends.iter().map(|(_, end)| end).sum()
}

/// Waits until the count of records at the destination is as wanted, and returns it.
///
/// # Errors
/// Fails with the end of the copier's log when that ends by itself or `patience` is over.
pub(super) fn wait_for_records(
    destination: &Admin,
    copier: &mut Copier,
    patience: Duration,
    wanted: impl Fn(i64) -> bool,
) -> Result<i64> {
    let began = Instant::now();
    let mut shown = Instant::now();
    loop {
        let there = records(destination);
        if wanted(there) {
            return Ok(there);
        }
        let why = if !copier.is_running() {
            Some("the copier ended by itself")
        } else if began.elapsed() > patience {
            Some("the copy took too long")
        } else {
            None
        };
        if let Some(why) = why {
            let tail = log_tail(copier.log_file(), 20);
            bail!("{why} at {there} records; its log ends with:\n{tail}");
        }
        if shown.elapsed() > Duration::from_secs(10) {
            eprintln!("  {there} records");
            shown = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Compares every record of both sides.
pub(super) fn compare(east: &KafkaCluster, west: &KafkaCluster) -> Result<Report> {
    let (east, west) = (east.bootstrap(), west.bootstrap());
    let side = |bootstrap| Side {
        bootstrap,
        topic: load::TOPIC,
        isolation: ReadIsolation::Committed,
    };
    compare_topics(side(&east), side(&west), &Expectation::default())
}

/// What a folder's name begins with; the id of its process follows.
const FOLDER: &str = "causeway-bench-";

/// Removes what benchmarks left that were killed: on a memory file system it takes memory.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(FOLDER).map(|id| id.parse::<u32>());
        if let Some(Ok(owner)) = owner
            && !Path::new(&format!("/proc/{owner}")).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A folder on the memory file system where there is one; removed at the end.
pub(super) struct Home(PathBuf);

impl Home {
    pub(super) fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.to_path_buf()
        } else {
            std::env::temp_dir()
        };
        sweep(&base);
        let dir = base.join(format!("{FOLDER}{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Self(dir))
    }

    /// Returns an empty folder for a copier.
    pub(super) fn copier(&self) -> Result<PathBuf> {
        let dir = self.0.join("copier");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
