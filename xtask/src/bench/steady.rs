//! A steady load and how late it is at the destination.
//!
//! The load is an open loop: it goes on whatever the copier does, and a record that comes late makes no other record
//! leave later. Latency counts from a record's acknowledgement at the source until a reader of the destination has it;
//! what is *added* counts from the moment at which a reader of the source has it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::Serialize;

use super::{
    Bench,
    cells::BASE,
    copier::{Copier, CopierKind, Setting},
    latency::{Latency, Moments, delays},
    load,
    observers::{self, Observer},
    stand,
};
use crate::{
    admin::Admin,
    client::{NewRecord, Writer, WriterOptions},
    cluster::KafkaCluster,
    process::Usage,
    referee::Report,
};

/// How long the destination may take for what is on its way when the load ends.
const LATE: Duration = Duration::from_secs(60);

/// One steady load with one copier.
#[derive(Clone, Debug, Serialize)]
pub struct Steady {
    pub copier: CopierKind,
    /// MB of values a second.
    pub rate: f64,
    pub seconds: u64,
    /// Records that were measured, those of the warm-up left out.
    pub records: usize,
    /// Of these, never seen at the destination.
    pub unseen: usize,
    /// From acknowledgement to a reader of the source.
    pub source: Latency,
    /// From acknowledgement to a reader of the destination.
    pub destination: Latency,
    /// From a reader of the source to a reader of the destination.
    pub added: Latency,
    /// How far the load fell behind its own clock at most, in milliseconds.
    pub load_behind_ms: f64,
    /// Of one core, while the load ran.
    pub cpu_percent: f64,
    pub cpu_seconds_per_gb: f64,
    pub broker_cpu_percent: f64,
    pub peak_rss_bytes: u64,
    pub referee: Report,
}

/// What the threads of one load note.
struct Watch {
    acknowledged: Arc<Moments>,
    at_source: Arc<Moments>,
    at_destination: Arc<Moments>,
}

/// Measures one copier at one rate.
pub(super) fn measure(bench: &Bench<'_>, kind: CopierKind, rate: f64) -> Result<Steady> {
    eprintln!(
        "\nsteady, {kind}: {rate:.0} MB/s for {} s",
        bench.options.seconds
    );
    let east = stand::cluster("east", &bench.home, 1)?;
    let west = stand::cluster("west", &bench.home, 1)?;
    stand::topic(&east, &BASE)?;
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
    copier.go()?;
    first_records(&east, &west, &mut copier, bench.options.patience)?;
    let mut steady = under_load(bench, (&east, &west), &mut copier, rate)?;
    copier.stop()?;
    steady.copier = kind;
    steady.referee = stand::compare(&east, &west)?;
    Ok(steady)
}

/// Writes one record into each partition and waits until they are copied: the mirror stands then, and the copier runs.
fn first_records(
    east: &KafkaCluster,
    west: &KafkaCluster,
    copier: &mut Copier,
    patience: u64,
) -> Result<()> {
    let writer = Writer::new(&east.bootstrap(), &WriterOptions::default())?;
    for partition in 0..BASE.partitions {
        writer.send(
            load::TOPIC,
            &NewRecord {
                partition,
                value: Some(b"first".to_vec()),
                ..NewRecord::default()
            },
        )?;
    }
    writer.flush()?;
    let destination = Admin::new(&west.bootstrap())?;
    let patience = Duration::from_secs(patience);
    let all = i64::from(BASE.partitions);
    stand::wait_for_records(&destination, copier, patience, |there| there >= all)?;
    Ok(())
}

fn under_load(
    bench: &Bench<'_>,
    (east, west): (&KafkaCluster, &KafkaCluster),
    copier: &mut Copier,
    rate: f64,
) -> Result<Steady> {
    let per_second = rate * 1e6 / BASE.record_bytes as f64;
    let warm = (per_second * bench.options.seconds as f64 / 3.0) as usize;
    let records = warm + (per_second * bench.options.seconds as f64) as usize;
    let began = Instant::now();
    let moments = || Arc::new(Moments::new(began, records));
    let watch = Watch {
        acknowledged: moments(),
        at_source: moments(),
        at_destination: moments(),
    };
    let partitions = BASE.partitions;
    let readers = [
        Observer::start(&east.bootstrap(), partitions, watch.at_source.clone())?,
        Observer::start(&west.bootstrap(), partitions, watch.at_destination.clone())?,
    ];
    let before = (
        copier.usage()?,
        stand::broker_cpu(&[east, west])?,
        Instant::now(),
    );
    let acknowledged = watch.acknowledged.clone();
    let behind = observers::write(&east.bootstrap(), &BASE, per_second, acknowledged, records)?;
    let used = (copier.usage()?, stand::broker_cpu(&[east, west])?);
    let took = before.2.elapsed().as_secs_f64();
    wait_for_the_late(&watch, records);
    for reader in readers {
        reader.stop()?;
    }
    let cpu = used.0.cpu_seconds - before.0.cpu_seconds;
    let gb = (records * BASE.record_bytes) as f64 / 1e9;
    Ok(Steady {
        rate,
        seconds: bench.options.seconds,
        load_behind_ms: behind.as_secs_f64() * 1e3,
        cpu_percent: 100.0 * cpu / took,
        cpu_seconds_per_gb: cpu / gb,
        broker_cpu_percent: 100.0 * (used.1 - before.1) / took,
        ..latencies(&watch, warm..records, began, used.0)
    })
}

/// Waits until both readers have every record that was acknowledged, or long enough.
fn wait_for_the_late(watch: &Watch, records: usize) {
    let deadline = Instant::now() + LATE;
    let whole = |moments: &Moments| moments.count() == records;
    while Instant::now() < deadline && !(whole(&watch.at_source) && whole(&watch.at_destination)) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns what the watch tells of these records; the rest is left at nothing.
fn latencies(
    watch: &Watch,
    measured: std::ops::Range<usize>,
    began: Instant,
    usage: Usage,
) -> Steady {
    let end = began.elapsed().as_nanos() as u64;
    let latency =
        |from: &Moments, to: &Moments| Latency::of(delays(measured.clone(), from, to, end));
    let seen = |number: &usize| watch.at_destination.get(*number).is_some();
    Steady {
        copier: CopierKind::Causeway,
        rate: 0.0,
        seconds: 0,
        records: measured.len(),
        unseen: measured.len() - measured.clone().filter(seen).count(),
        source: latency(&watch.acknowledged, &watch.at_source),
        destination: latency(&watch.acknowledged, &watch.at_destination),
        added: latency(&watch.at_source, &watch.at_destination),
        load_behind_ms: 0.0,
        cpu_percent: 0.0,
        cpu_seconds_per_gb: 0.0,
        broker_cpu_percent: 0.0,
        peak_rss_bytes: usage.peak_rss_bytes,
        referee: Report::default(),
    }
}
