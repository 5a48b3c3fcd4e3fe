//! What partitions without news cost.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use super::{
    Bench,
    cells::BASE,
    copier::{Copier, CopierKind, Setting},
    load, stand,
};
use crate::{
    admin::Admin,
    cluster::{ClusterOptions, KafkaCluster},
    process::log_tail,
};

/// Partitions of one topic.
const PER_TOPIC: i32 = 100;
/// What follows the last mirror's appearance must be over before the minute that is measured.
const SETTLE: Duration = Duration::from_secs(30);
const MEASURED: Duration = Duration::from_secs(60);

/// A minute of idleness.
#[derive(Clone, Debug, Serialize)]
pub struct Idle {
    pub copier: CopierKind,
    pub partitions: i32,
    /// From the order to copy until every mirror stood.
    pub start_up_seconds: f64,
    pub start_up_cpu_seconds: f64,
    /// Of one core.
    pub cpu_percent: f64,
    pub rss_bytes: u64,
    pub peak_rss_bytes: u64,
    pub broker_cpu_percent: f64,
}

/// Measures one copier.
pub(super) fn measure(bench: &Bench<'_>, kind: CopierKind) -> Result<Idle> {
    let topics = bench.options.idle_partitions / PER_TOPIC;
    let partitions = topics * PER_TOPIC;
    eprintln!("\nidle, {kind}: {partitions} partitions");
    let start = |name: &str| {
        let mut options = ClusterOptions::new(name);
        options.heap_mb = 1_536;
        stand::cluster_with(options, &bench.home)
    };
    let (east, west) = (start("east")?, start("west")?);
    let admin = Admin::new(&east.bootstrap())?;
    for topic in 0..topics {
        admin.create_topic(&format!("{}-{topic}", load::TOPIC), PER_TOPIC, &[])?;
    }
    let home = bench.home.copier()?;
    let mut copier = Copier::prepare(
        kind,
        &Setting {
            binary: &bench.binary,
            home: &home,
            east: &east.facts(),
            west: &west.facts(),
            cell: &BASE,
        },
    )?;
    let ordered = Instant::now();
    copier.go()?;
    wait_for_mirrors(bench, &west, &mut copier, topics)?;
    let start_up_seconds = ordered.elapsed().as_secs_f64();
    let start_up_cpu_seconds = copier.usage()?.cpu_seconds;
    std::thread::sleep(SETTLE);
    let brokers = || stand::broker_cpu(&[&east, &west]);
    let before = (copier.usage()?, brokers()?, Instant::now());
    std::thread::sleep(MEASURED);
    let (used, took) = (copier.usage()?, before.2.elapsed().as_secs_f64());
    let idle = Idle {
        copier: kind,
        partitions,
        start_up_seconds,
        start_up_cpu_seconds,
        cpu_percent: 100.0 * (used.cpu_seconds - before.0.cpu_seconds) / took,
        rss_bytes: used.rss_bytes,
        peak_rss_bytes: used.peak_rss_bytes,
        broker_cpu_percent: 100.0 * (brokers()? - before.1) / took,
    };
    copier.stop()?;
    Ok(idle)
}

/// Waits until every topic has its mirror.
fn wait_for_mirrors(
    bench: &Bench<'_>,
    west: &KafkaCluster,
    copier: &mut Copier,
    topics: i32,
) -> Result<()> {
    let admin = Admin::new(&west.bootstrap())?;
    let deadline = Instant::now() + Duration::from_secs(bench.options.patience);
    let prefix = format!("{}-", load::TOPIC);
    loop {
        let names = admin.topics().unwrap_or_default();
        let there = names
            .iter()
            .filter(|name| name.starts_with(&prefix))
            .count();
        if there == usize::try_from(topics)? {
            return Ok(());
        }
        if Instant::now() > deadline || !copier.is_running() {
            let tail = log_tail(copier.log_file(), 20);
            bail!("{there} of {topics} mirrors; the copier's log ends with:\n{tail}");
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}
