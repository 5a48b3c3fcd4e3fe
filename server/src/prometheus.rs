//! The metrics endpoint's text (Prometheus exposition format 0.0.4), made from the last snapshot of all links.
//!
//! Names and labels are SEMANTICS 9's. Only what is known is written: an unknown lag has no line.

use std::{collections::BTreeMap, fmt::Write};

use model::{
    finding::FindingKind,
    status::{LinkStatus, State, TopicStatus},
};

pub mod process;

/// Topic series above this number fold into the topic `_other`.
const LARGEST_TOPIC_SERIES: usize = 10_000;

/// Source and destination cluster of links, by link name.
pub type Ends = BTreeMap<String, (String, String)>;

/// Returns the text for these links; `ends` names their clusters.
pub fn links(statuses: &[LinkStatus], ends: &Ends) -> String {
    let mut page = Page::default();
    let rows = topic_rows(statuses, ends);
    write_topics(&mut page, &rows);
    for family in LINK_FAMILIES {
        page.family(family.name, family.kind, family.help);
        for status in statuses {
            let labels = link_labels(status, ends);
            (family.write)(&mut page, family.name, &labels, status);
        }
    }
    page.text
}

/// Text in the making.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// Opens a family of samples.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Writes one sample; `labels` come from `labels`.
    pub fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    /// Returns what was written.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Returns label pairs as text, values escaped.
fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| {
        value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    };
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    pairs.join(",")
}

fn link_labels(status: &LinkStatus, ends: &Ends) -> String {
    let (source, destination) = clusters(status, ends);
    labels(&[
        ("link", &status.link),
        ("source", source),
        ("destination", destination),
    ])
}

fn clusters<'a>(status: &LinkStatus, ends: &'a Ends) -> (&'a str, &'a str) {
    ends.get(&status.link)
        .map_or(("", ""), |(source, destination)| (source, destination))
}

/// One topic's series, or the rest of a link's topics.
#[derive(Debug, Default)]
struct TopicRow {
    labels: String,
    records: u64,
    bytes: u64,
    lag_records: Option<i64>,
}

fn topic_rows(statuses: &[LinkStatus], ends: &Ends) -> Vec<TopicRow> {
    let mut rows = Vec::new();
    for status in statuses {
        let (source, destination) = clusters(status, ends);
        let row_labels = |topic: &str| {
            labels(&[
                ("link", &status.link),
                ("source", source),
                ("destination", destination),
                ("topic", topic),
            ])
        };
        let room = LARGEST_TOPIC_SERIES
            .saturating_sub(rows.len())
            .min(status.topics.len());
        let (shown, folded) = status.topics.split_at(room);
        rows.extend(
            shown
                .iter()
                .map(|topic| row(row_labels(&topic.topic), std::slice::from_ref(topic))),
        );
        if !folded.is_empty() {
            rows.push(row(row_labels("_other"), folded));
        }
    }
    rows
}

fn row(labels: String, topics: &[TopicStatus]) -> TopicRow {
    TopicRow {
        labels,
        records: topics.iter().map(|topic| topic.rates.records_total).sum(),
        bytes: topics.iter().map(|topic| topic.rates.bytes_total).sum(),
        lag_records: topics.iter().map(|topic| topic.lag_records).sum(),
    }
}

fn write_topics(page: &mut Page, rows: &[TopicRow]) {
    let name = "causeway_link_records_total";
    page.family(
        name,
        "counter",
        "Records acknowledged by the destination since this process started.",
    );
    for row in rows {
        page.sample(name, &row.labels, row.records as f64);
    }
    let name = "causeway_link_bytes_total";
    page.family(
        name,
        "counter",
        "Stored bytes of whole batches acknowledged by the destination.",
    );
    for row in rows {
        page.sample(name, &row.labels, row.bytes as f64);
    }
    let name = "causeway_link_lag_records";
    page.family(
        name,
        "gauge",
        "Source offsets that are not at the destination yet.",
    );
    for row in rows {
        if let Some(lag) = row.lag_records {
            page.sample(name, &row.labels, lag.max(0) as f64);
        }
    }
}

/// A family whose series are per link.
struct LinkFamily {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    write: fn(&mut Page, &str, &str, &LinkStatus),
}

const LINK_FAMILIES: [LinkFamily; 12] = [
    LinkFamily {
        name: "causeway_link_lag_seconds",
        kind: "gauge",
        help: "Age of the oldest record that is not at the destination yet.",
        write: |page, name, labels, status| {
            if let Some(lag) = status.lag_time_ms {
                page.sample(name, labels, lag.max(0) as f64 / 1_000.0);
            }
        },
    },
    LinkFamily {
        name: "causeway_link_latency_seconds",
        kind: "gauge",
        help: "Record timestamp to acknowledged write, live records of the last 60 s; quantile 1 is the largest.",
        write: write_latency,
    },
    LinkFamily {
        name: "causeway_link_state",
        kind: "gauge",
        help: "1 for the state that the link is in, 0 for all others.",
        write: write_state,
    },
    LinkFamily {
        name: "causeway_link_partitions",
        kind: "gauge",
        help: "Partitions by state.",
        write: write_partitions,
    },
    LinkFamily {
        name: "causeway_link_throttle_seconds_total",
        kind: "counter",
        help: "Time that connections waited: for a broker's quota (side source or destination), or for the link's own limit.",
        write: write_throttled,
    },
    LinkFamily {
        name: "causeway_link_slow_path_batches_total",
        kind: "counter",
        help: "Source batches that took more than a new header: rebuilt, or merged with others.",
        write: |page, name, labels, status| {
            let batches = status.batches;
            for (reason, count) in [
                ("rebuilt", batches.rebuilt_total),
                ("merged", batches.merged_total),
            ] {
                page.sample(name, &format!("{labels},reason=\"{reason}\""), count as f64);
            }
        },
    },
    LinkFamily {
        name: "causeway_link_memory_bytes",
        kind: "gauge",
        help: "Record batches of this link in memory.",
        write: |page, name, labels, status| page.sample(name, labels, status.memory_bytes as f64),
    },
    LinkFamily {
        name: "causeway_link_lost_records_total",
        kind: "counter",
        help: "Source offsets recorded as lost.",
        write: |page, name, labels, status| {
            page.sample(name, labels, offsets(status, FindingKind::Loss));
        },
    },
    LinkFamily {
        name: "causeway_link_duplicated_records_total",
        kind: "counter",
        help: "Offsets recorded as possibly written twice.",
        write: |page, name, labels, status| {
            page.sample(name, labels, offsets(status, FindingKind::Duplicate));
        },
    },
    LinkFamily {
        name: "causeway_link_skipped_records_total",
        kind: "counter",
        help: "Source offsets left out by an operator's choice.",
        write: |page, name, labels, status| {
            page.sample(name, labels, offsets(status, FindingKind::Skip));
        },
    },
    LinkFamily {
        name: "causeway_link_dead_letters_total",
        kind: "counter",
        help: "Refused records put aside into the link's dead-letter topic.",
        write: |page, name, labels, status| {
            page.sample(name, labels, offsets(status, FindingKind::DeadLetter));
        },
    },
    LinkFamily {
        name: "causeway_link_findings",
        kind: "gauge",
        help: "Findings on record, by kind.",
        write: write_findings,
    },
];

fn write_latency(page: &mut Page, name: &str, labels: &str, status: &LinkStatus) {
    let Some(latency) = status.latency else {
        return;
    };
    for (quantile, value_ms) in [
        ("0.5", latency.p50_ms),
        ("0.99", latency.p99_ms),
        ("1", latency.max_ms),
    ] {
        page.sample(
            name,
            &format!("{labels},quantile=\"{quantile}\""),
            value_ms / 1_000.0,
        );
    }
}

fn write_throttled(page: &mut Page, name: &str, labels: &str, status: &LinkStatus) {
    let by = &status.throttled;
    for (side, by) in [
        ("limit", by.limit),
        ("source", by.source),
        ("destination", by.destination),
    ] {
        page.sample(name, &format!("{labels},side=\"{side}\""), by.seconds_total);
    }
}

const STATES: [State; 12] = [
    State::NeedsDecision,
    State::Waiting,
    State::Unknown,
    State::FallingBehind,
    State::CatchingUp,
    State::Starting,
    State::SourceDeleted,
    State::Retired,
    State::Paused,
    State::Stopped,
    State::Mirroring,
    State::Draft,
];

fn write_state(page: &mut Page, name: &str, labels: &str, status: &LinkStatus) {
    for state in STATES {
        let on = f64::from(u8::from(status.state == state));
        page.sample(name, &format!("{labels},state=\"{}\"", word(&state)), on);
    }
}

fn write_partitions(page: &mut Page, name: &str, labels: &str, status: &LinkStatus) {
    let mut counts = BTreeMap::new();
    for partition in status.topics.iter().flat_map(|topic| &topic.partitions) {
        *counts.entry(partition.state).or_insert(0_u32) += 1;
    }
    for (state, count) in counts {
        page.sample(
            name,
            &format!("{labels},state=\"{}\"", word(&state)),
            f64::from(count),
        );
    }
}

fn write_findings(page: &mut Page, name: &str, labels: &str, status: &LinkStatus) {
    let mut counts = BTreeMap::new();
    for finding in &status.findings {
        *counts.entry(finding.kind).or_insert(0_u32) += 1;
    }
    for (kind, count) in counts {
        page.sample(
            name,
            &format!("{labels},kind=\"{}\"", word(&kind)),
            f64::from(count),
        );
    }
}

/// Returns how many offsets the findings of one kind cover: at the source where they say so, else at the destination.
fn offsets(status: &LinkStatus, kind: FindingKind) -> f64 {
    let ranges = status
        .findings
        .iter()
        .filter(|finding| finding.kind == kind);
    let lengths = ranges.filter_map(|finding| finding.source.or(finding.destination));
    lengths.map(|(from, to)| (to - from).max(0) as f64).sum()
}

/// Returns the word that JSON uses for a unit variant.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests;
