//! The tables that people read.

use super::{
    Results,
    copier::CopierKind,
    crash::Crashes,
    idle::Idle,
    latency::Latency,
    steady::Steady,
    summary::{Spread, Summary},
};
use crate::referee::Report;

/// Returns one table for each mode that was measured.
pub(super) fn all(results: &Results) -> String {
    let mut parts = Vec::new();
    if !results.summary.is_empty() {
        parts.push(catch_up(&results.summary));
        parts.push(format!(
            "A relay of bytes over loopback, without brokers, costs {:.2} CPU-s/GB on this machine.",
            results.machine.relay_cpu_seconds_per_gb
        ));
    }
    if !results.steady.is_empty() {
        parts.push(steady(&results.steady));
    }
    if !results.idle.is_empty() {
        parts.push(idle(&results.idle));
    }
    if !results.crash.is_empty() {
        parts.push(crash(&results.crash));
    }
    parts.join("\n\n")
}

/// Spread stands behind the median where there was more than one round.
fn spread(of: Spread, rounds: usize, digits: usize) -> String {
    let Spread {
        median,
        least,
        most,
    } = of;
    if rounds > 1 {
        format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
    } else {
        format!("{median:.digits$}")
    }
}

fn catch_up(all: &[Summary]) -> String {
    let mut lines = vec![format!(
        "{:<28} {:<12} {:>7} {:>7} {:>20} {:>10} {:>20} {:>18} {:>16} {:>11} {:>8}  {:<7} ratio",
        "catch-up",
        "copier",
        "MB",
        "MB dst",
        "MB/s",
        "records/s",
        "CPU-s/GB",
        "of it user",
        "start-up",
        "brokers CPU",
        "peak RSS",
        "content",
    )];
    for s in all {
        let ratio = s.ratio.map_or_else(String::new, |r| {
            format!(
                "causeway: {:.1} times less CPU, {:.1} times the MB/s",
                r.times_less_cpu, r.times_the_speed
            )
        });
        lines.push(format!(
            "{:<28} {:<12} {:>7.0} {:>7.0} {:>20} {:>10.0} {:>20} {:>18} {:>16} {:>9.1} s {:>5.0} MB  {:<7} {ratio}",
            s.cell.to_string(),
            s.copier,
            s.stored_bytes as f64 / 1e6,
            s.destination_bytes as f64 / 1e6,
            spread(s.mb_per_second, s.rounds, 1),
            s.records_per_second.median,
            spread(s.cpu_seconds_per_gb, s.rounds, 2),
            spread(s.user_seconds_per_gb, s.rounds, 2),
            format!(
                "{:.1} s, {:.1} CPU",
                s.start_up_seconds.median, s.start_up_cpu_seconds.median
            ),
            s.broker_cpu_seconds.median,
            s.peak_rss_bytes.median / 1e6,
            if s.exact { "exact" } else { "WRONG" },
        ));
    }
    lines.join("\n")
}

fn steady(all: &[Steady]) -> String {
    let mut lines = vec![format!(
        "{:<18} {:<12} {:>24} {:>24} {:>24} {:>6} {:>9} {:>8}  content",
        "steady",
        "copier",
        "source p50/p99/max ms",
        "destination",
        "added",
        "CPU",
        "CPU-s/GB",
        "peak RSS",
    )];
    for s in all {
        let latency = |l: Latency| format!("{:.1} / {:.1} / {:.1}", l.p50_ms, l.p99_ms, l.max_ms);
        let unseen = match s.unseen {
            0 => String::new(),
            some => format!(", {some} of {} never seen", s.records),
        };
        lines.push(format!(
            "{:<18} {:<12} {:>24} {:>24} {:>24} {:>4.0} % {:>9.2} {:>5.0} MB  {}{unseen}",
            format!("{:.0} MB/s, {} s", s.rate, s.seconds),
            s.copier,
            latency(s.source),
            latency(s.destination),
            latency(s.added),
            s.cpu_percent,
            s.cpu_seconds_per_gb,
            s.peak_rss_bytes as f64 / 1e6,
            verdict(s.copier, &s.referee),
        ));
    }
    lines.join("\n")
}

fn idle(all: &[Idle]) -> String {
    let mut lines = vec![format!(
        "{:<18} {:<12} {:>16} {:>8} {:>8} {:>8} {:>12}",
        "idle", "copier", "start-up", "CPU", "RSS", "peak", "brokers CPU"
    )];
    for i in all {
        lines.push(format!(
            "{:<18} {:<12} {:>16} {:>6.1} % {:>5.0} MB {:>5.0} MB {:>10.1} %",
            format!("{} partitions", i.partitions),
            i.copier,
            format!(
                "{:.1} s, {:.1} CPU",
                i.start_up_seconds, i.start_up_cpu_seconds
            ),
            i.cpu_percent,
            i.rss_bytes as f64 / 1e6,
            i.peak_rss_bytes as f64 / 1e6,
            i.broker_cpu_percent,
        ));
    }
    lines.join("\n")
}

fn crash(all: &[Crashes]) -> String {
    let mut lines = vec![format!(
        "{:<12} {:<12} {:>9} {:>8} {:>11} {:>13} {:>20}",
        "crash",
        "copier",
        "records",
        "missing",
        "duplicated",
        "out of order",
        "copying again after"
    )];
    for c in all {
        lines.push(format!(
            "{:<12} {:<12} {:>9} {:>8} {:>11} {:>13} {:>20}",
            format!("{} kills", c.kills),
            c.copier,
            c.records,
            c.referee.missing,
            c.referee.duplicated,
            c.referee.out_of_order,
            format!(
                "{:.1} s (most {:.1})",
                c.recovery_seconds.median, c.recovery_seconds.most
            ),
        ));
    }
    lines.join("\n")
}

fn verdict(copier: CopierKind, report: &Report) -> &'static str {
    match (report.is_exact(), copier) {
        (true, _) => "exact",
        (false, CopierKind::Causeway) => "WRONG",
        (false, _) => "not exact",
    }
}
