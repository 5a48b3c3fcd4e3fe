//! `cargo xtask bench`: how fast preloaded topics are copied and at what cost. A benchmark, never a timed test: absolute
//! times on a shared machine mean little, CPU seconds per gigabyte mean much.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde::Serialize;

use crate::{
    admin::Admin,
    causeway,
    client::ReadIsolation,
    cluster::{ClusterOptions, Jvm, KafkaCluster},
    process::{Usage, log_tail},
    referee::{Expectation, Report, Side, compare_topics},
    setup::{self, seconds},
};

mod copier;
mod load;

use copier::{Copier, CopierKind};

/// Options of `cargo xtask bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchOptions {
    /// The smallest set: 1 KB records, codecs none and lz4, 6 partitions, catch-up.
    #[arg(long, required = true)]
    pub smoke: bool,
    /// Write the results there as well.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Size of each preloaded topic in MiB of record values, before compression.
    #[arg(long, default_value_t = 1_024)]
    pub megabytes: u64,
    /// Longest time for one copy, in seconds.
    #[arg(long, default_value_t = 900)]
    pub patience: u64,
    /// Use the development build of Causeway; its figures say nothing.
    #[arg(long)]
    pub dev: bool,
    /// Measure this executable of Causeway instead of building one: to compare two versions.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    pub binary: Option<PathBuf>,
}

/// One combination that is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    pub record_bytes: usize,
    pub codec: &'static str,
    pub partitions: i32,
    pub batch_bytes: u32,
}

const SMOKE: &[Cell] = &[
    Cell {
        record_bytes: 1_024,
        codec: "none",
        partitions: 6,
        batch_bytes: 65_536,
    },
    Cell {
        record_bytes: 1_024,
        codec: "lz4",
        partitions: 6,
        batch_bytes: 65_536,
    },
];

/// What was measured in one cell. Sizes are stored bytes (compressed, as in the log), 1 MB = 10^6 bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    pub copier: CopierKind,
    pub cell: Cell,
    pub records: u64,
    pub stored_bytes: u64,
    pub destination_bytes: u64,
    pub seconds: f64,
    pub mb_per_second: f64,
    pub records_per_second: f64,
    /// Of the copier alone, from the order to copy until the last record stands at the destination: the start of the
    /// link is in it, that of the process is not.
    pub cpu_seconds_per_gb: f64,
    /// The part of it spent outside the kernel.
    pub user_seconds_per_gb: f64,
    /// CPU of the copier before the order to copy: start of the process, making clusters and link.
    pub start_up_cpu_seconds: f64,
    pub broker_cpu_seconds: f64,
    pub peak_rss_bytes: u64,
    /// The content comparison; a fast wrong copy is worth nothing.
    pub referee: Report,
}

/// Runs the benchmark and prints a table; the JSON goes to the named file.
///
/// # Errors
/// Fails when a part does not start, a copy does not end in time, or a copy is not exact.
pub fn run(options: &BenchOptions) -> Result<()> {
    setup::prerequisites()?;
    let kind = CopierKind::Causeway;
    let binary = match (&options.binary, options.dev) {
        (Some(binary), _) => binary.clone(),
        (None, true) => causeway::build(causeway::Profile::Dev)?,
        (None, false) => causeway::build(causeway::Profile::Release)?,
    };
    let home = Home::new()?;
    let mut measured = Vec::new();
    for cell in SMOKE {
        eprintln!(
            "\n{kind:?}: {} B, {}, {} partitions",
            cell.record_bytes, cell.codec, cell.partitions
        );
        measured.push(measure(options, kind, cell, &binary, &home.0)?);
    }
    println!("\n{}", table(&measured));
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string_pretty(&measured)?)?;
        eprintln!("The figures stand in {}.", file.display());
    }
    match measured.iter().find(|m| !m.referee.is_exact()) {
        Some(wrong) => bail!("the copy is not exact: {:?}", wrong.referee),
        None => Ok(()),
    }
}

/// Each cell gets clusters of its own, so that no cell pays for another's log.
fn measure(
    options: &BenchOptions,
    kind: CopierKind,
    cell: &Cell,
    binary: &Path,
    home: &Path,
) -> Result<Measurement> {
    let east = cluster("east", home)?;
    let west = cluster("west", home)?;
    let admin = Admin::new(&east.bootstrap())?;
    admin.create_topic(
        load::TOPIC,
        cell.partitions,
        &[("compression.type", "producer")],
    )?;
    let began = Instant::now();
    let records = load::preload(&east.bootstrap(), cell, options.megabytes * 1_048_576)?;
    let stored_bytes = log_bytes(&east)?;
    eprintln!(
        "{records} records, {:.0} MB stored, written in {}",
        stored_bytes as f64 / 1e6,
        seconds(began.elapsed())
    );

    let before = (broker_cpu(&east)?, broker_cpu(&west)?);
    let mut copier = Copier::start(
        kind,
        binary,
        &home.join("copier"),
        &east.facts(),
        &west.facts(),
    )?;
    let idle = copier.usage()?;
    let began = Instant::now();
    copier.go()?;
    wait_for_end(
        &admin,
        &west,
        Duration::from_secs(options.patience),
        &mut copier,
    )?;
    let took = began.elapsed().as_secs_f64();
    let used = copier.usage()?;
    let brokers = broker_cpu(&east)? + broker_cpu(&west)? - before.0 - before.1;
    let destination_bytes = log_bytes(&west)?;
    copier.stop();

    eprintln!("copied in {took:.1} s; comparing every record …");
    let east_side = Side {
        bootstrap: &east.bootstrap(),
        topic: load::TOPIC,
        isolation: ReadIsolation::Committed,
    };
    let west_side = Side {
        bootstrap: &west.bootstrap(),
        ..east_side
    };
    let referee = compare_topics(east_side, west_side, &Expectation::default())?;
    let result = Figures {
        cell,
        records,
        stored_bytes,
        destination_bytes,
        took,
        idle,
        used,
        brokers,
    };
    drop((east, west));
    fs::remove_dir_all(home.join("copier"))?;
    Ok(result.into_measurement(kind, referee))
}

/// The raw figures of one cell.
struct Figures<'a> {
    cell: &'a Cell,
    records: u64,
    stored_bytes: u64,
    destination_bytes: u64,
    took: f64,
    /// Of the copier before it was told to begin, and at the end.
    idle: Usage,
    used: Usage,
    brokers: f64,
}

impl Figures<'_> {
    fn into_measurement(self, copier: CopierKind, referee: Report) -> Measurement {
        let stored = self.stored_bytes as f64;
        let cpu = self.used.cpu_seconds - self.idle.cpu_seconds;
        let user = self.used.user_seconds - self.idle.user_seconds;
        Measurement {
            copier,
            cell: self.cell.clone(),
            records: self.records,
            stored_bytes: self.stored_bytes,
            destination_bytes: self.destination_bytes,
            seconds: self.took,
            mb_per_second: stored / 1e6 / self.took,
            records_per_second: self.records as f64 / self.took,
            cpu_seconds_per_gb: cpu / (stored / 1e9),
            user_seconds_per_gb: user / (stored / 1e9),
            start_up_cpu_seconds: self.idle.cpu_seconds,
            broker_cpu_seconds: self.brokers,
            peak_rss_bytes: self.used.peak_rss_bytes,
            referee,
        }
    }
}

fn cluster(name: &str, home: &Path) -> Result<KafkaCluster> {
    let dir = home.join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let mut options = ClusterOptions::new(name)
        .property("num.network.threads", "3")
        .property("num.io.threads", "8");
    options.dir = Some(dir);
    options.heap_mb = 512;
    options.jvm = Jvm::Throughput;
    KafkaCluster::start(options)
}

fn broker_cpu(cluster: &KafkaCluster) -> Result<f64> {
    Ok(cluster.broker(0).usage()?.cpu_seconds)
}

/// Sums the log segments of the benchmark's topic.
fn log_bytes(cluster: &KafkaCluster) -> Result<u64> {
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

/// Waits until every partition of the mirror ends where the source ends.
fn wait_for_end(
    source: &Admin,
    west: &KafkaCluster,
    patience: Duration,
    copier: &mut Copier,
) -> Result<()> {
    let goal = source.all_watermarks(load::TOPIC)?;
    let destination = Admin::new(&west.bootstrap())?;
    let began = Instant::now();
    let mut shown = Instant::now();
    loop {
        let reached = destination.all_watermarks(load::TOPIC).unwrap_or_default();
        if reached == goal {
            return Ok(());
        }
        let sum = |ends: &[(i64, i64)]| ends.iter().map(|(_, end)| end).sum::<i64>();
        let progress = format!("{} of {} records", sum(&reached), sum(&goal));
        let why = if !copier.is_running() {
            Some("the copier ended by itself")
        } else if began.elapsed() > patience {
            Some("the copy took too long")
        } else {
            None
        };
        if let Some(why) = why {
            let tail = log_tail(copier.log_file(), 20);
            bail!("{why}, {progress}; its log ends with:\n{tail}");
        }
        if shown.elapsed() > Duration::from_secs(5) {
            eprintln!("  {progress}");
            shown = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes the table that people read.
fn table(all: &[Measurement]) -> String {
    let mut lines = vec![format!(
        "{:<10} {:<22} {:>8} {:>8} {:>10} {:>9} {:>10} {:>9} {:>12} {:>9}  {}",
        "copier",
        "cell",
        "MB",
        "MB/s",
        "records/s",
        "CPU-s/GB",
        "of it user",
        "start-up",
        "brokers CPU",
        "peak RSS",
        "content"
    )];
    for m in all {
        let cell = format!(
            "{} B, {}, {} p.",
            m.cell.record_bytes, m.cell.codec, m.cell.partitions
        );
        lines.push(format!(
            "{:<10} {:<22} {:>8.0} {:>8.1} {:>10.0} {:>9.2} {:>10.2} {:>7.2} s {:>10.1} s {:>6.0} MB  {}",
            format!("{:?}", m.copier),
            cell,
            m.stored_bytes as f64 / 1e6,
            m.mb_per_second,
            m.records_per_second,
            m.cpu_seconds_per_gb,
            m.user_seconds_per_gb,
            m.start_up_cpu_seconds,
            m.broker_cpu_seconds,
            m.peak_rss_bytes as f64 / 1e6,
            if m.referee.is_exact() {
                "exact"
            } else {
                "WRONG"
            },
        ));
    }
    lines.join("\n")
}

/// A folder on the memory file system where there is one; removed at the end.
struct Home(PathBuf);

impl Home {
    fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.to_path_buf()
        } else {
            std::env::temp_dir()
        };
        let dir = base.join(format!("causeway-bench-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
