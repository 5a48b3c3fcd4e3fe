//! The machine that figures were measured on.

use anyhow::Result;
use serde::Serialize;

use super::relay;
use crate::setup::KAFKA_NEWEST;

/// What a reader of figures must know of the machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub kernel: String,
    pub kafka: &'static str,
    /// Processes that wanted to run, on average of the minute before the start: above 0.5 somebody else was at work.
    pub load_before: f64,
    /// What a relay of bytes over loopback costs without brokers, CPU seconds per GB: no copier can cost less.
    pub relay_cpu_seconds_per_gb: f64,
}

impl Machine {
    /// Reads what `/proc` tells, and lets a relay run; what cannot be read stays empty.
    pub(super) fn here() -> Result<Self> {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let processor = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kib = read("/proc/meminfo").lines().find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        });
        let load = read("/proc/loadavg");
        let load = load.split_whitespace().next().and_then(|n| n.parse().ok());
        let load_before = load.unwrap_or(0.0);
        Ok(Self {
            processor: processor.map_or_else(String::new, |(_, name)| name.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kib.unwrap_or(0_u64) * 1_024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            kafka: KAFKA_NEWEST,
            load_before,
            relay_cpu_seconds_per_gb: relay::cpu_seconds_per_gb()?,
        })
    }
}
