//! The copier is killed at random moments under load, and started again at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::{
    Bench,
    cells::BASE,
    copier::{Copier, CopierKind, Setting},
    load, stand,
    summary::Spread,
};
use crate::{
    admin::Admin,
    client::{NewRecord, Writer, WriterOptions},
    referee::Report,
};

/// Records a second; they are small, so that many are on their way at any moment.
const RATE: u64 = 5_000;
const RECORD_BYTES: usize = 200;
/// Nothing more comes when the destination has not grown for this long.
const STILL: Duration = Duration::from_secs(15);

/// What kills did.
#[derive(Clone, Debug, Serialize)]
pub struct Crashes {
    pub copier: CopierKind,
    pub kills: u32,
    pub records: u64,
    /// From a kill until records arrive again, the start of the process included.
    pub recovery_seconds: Spread,
    /// What is missing, repeated and out of order.
    pub referee: Report,
}

/// Measures one copier.
pub(super) fn measure(bench: &Bench<'_>, kind: CopierKind) -> Result<Crashes> {
    let kills = bench.options.kills.max(1);
    eprintln!("\ncrash, {kind}: {kills} kills");
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
    let load = Load::start(&east.bootstrap());
    let destination = Admin::new(&west.bootstrap())?;
    let patience = Duration::from_secs(bench.options.patience);
    stand::wait_for_records(&destination, &mut copier, patience, |there| there > 0)?;
    let mut recoveries = Vec::new();
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(fastrand::u64(200..3_000)));
        let killed = Instant::now();
        copier.kill_and_start()?;
        // What was on its way at the kill may still arrive: growth counts from here.
        let left = stand::records(&destination);
        let grown = |there| there > left + i64::try_from(RATE / 10).unwrap_or(0);
        stand::wait_for_records(&destination, &mut copier, patience, grown)?;
        recoveries.push(killed.elapsed().as_secs_f64());
    }
    let records = load.stop()?;
    let goal = i64::try_from(records)?;
    stand::wait_for_records(&destination, &mut copier, patience, |there| there >= goal)?;
    wait_until_still(&destination);
    copier.stop()?;
    Ok(Crashes {
        copier: kind,
        kills,
        records,
        recovery_seconds: Spread::of(recoveries),
        referee: stand::compare(&east, &west)?,
    })
}

/// Waits until nothing has come for a while: duplicates come last.
fn wait_until_still(destination: &Admin) {
    let mut last = (stand::records(destination), Instant::now());
    while last.1.elapsed() < STILL {
        let now = stand::records(destination);
        if now != last.0 {
            last = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Records that keep coming.
struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64>>,
}

impl Load {
    fn start(bootstrap: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, bootstrap) = (Arc::clone(&stop), bootstrap.to_owned());
        let thread = std::thread::spawn(move || write(&bootstrap, &stopped));
        Self { stop, thread }
    }

    /// Returns how many records were acknowledged.
    fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the load panicked"))?
    }
}

/// Writes at a fixed rate until told to stop.
fn write(bootstrap: &str, stop: &AtomicBool) -> Result<u64> {
    let writer = Writer::new(bootstrap, &WriterOptions::default())?;
    let bodies = load::bodies(RECORD_BYTES);
    let began = Instant::now();
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = began.elapsed().as_millis() as u64 * RATE / 1_000;
        while written < due {
            writer.send(
                load::TOPIC,
                &NewRecord {
                    partition: (written % u64::try_from(BASE.partitions)?) as i32,
                    value: Some(load::value(&bodies, written)),
                    ..NewRecord::default()
                },
            )?;
            written += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    writer.flush()?;
    Ok(written)
}
