//! The words that stand in a link's form for the values of its spec.

use crate::{
    Name,
    link::{
        Configs, DefaultsFrom, Guarantee, Isolation, LinkSpec, OnDrift, OnFewerBrokers, OnRefused,
        Policy, Rename, ReplicationFactor, RowKind, Start, Timestamps, TopicSelection,
    },
};

/// Which list a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Include,
    Exclude,
}

pub(super) const ACTIONS: [(&str, Action); 2] =
    [("include", Action::Include), ("exclude", Action::Exclude)];

pub(super) const KINDS: [(&str, RowKind); 3] = [
    ("exact", RowKind::Exact),
    ("prefix", RowKind::Prefix),
    ("regex", RowKind::Regex),
];

pub(super) const ISOLATIONS: [(&str, Isolation); 2] = [
    ("read_committed", Isolation::ReadCommitted),
    ("read_uncommitted", Isolation::ReadUncommitted),
];

pub(super) const FEWER_BROKERS: [(&str, OnFewerBrokers); 2] = [
    ("refuse", OnFewerBrokers::Refuse),
    ("reduce", OnFewerBrokers::Reduce),
];

pub(super) const ORIGINS: [(&str, DefaultsFrom); 2] = [
    ("destination", DefaultsFrom::Destination),
    ("source", DefaultsFrom::Source),
];

pub(super) const DRIFTS: [(&str, OnDrift); 3] = [
    ("overwrite", OnDrift::Overwrite),
    ("report", OnDrift::Report),
    ("ignore", OnDrift::Ignore),
];

pub(super) const POLICIES: [(&str, Policy); 2] =
    [("continue", Policy::Continue), ("ask", Policy::Ask)];

pub(super) const REFUSED: [(&str, OnRefused); 3] = [
    ("hold", OnRefused::Hold),
    ("dead_letter", OnRefused::DeadLetter),
    ("skip", OnRefused::Skip),
];

pub(super) const GUARANTEES: [(&str, Guarantee); 2] = [
    ("exactly_once", Guarantee::ExactlyOnce),
    ("transactional", Guarantee::Transactional),
];

pub(super) fn start(start: &Start) -> &'static str {
    match start {
        Start::Earliest => "earliest",
        Start::Latest => "latest",
        Start::Timestamp(_) => "timestamp",
    }
}

pub(super) fn replication_factor(factor: ReplicationFactor) -> &'static str {
    match factor {
        ReplicationFactor::Source => "source",
        ReplicationFactor::Destination => "destination",
        ReplicationFactor::Exactly(_) => "exactly",
    }
}

/// Returns milliseconds as seconds, with the fraction that they have.
pub(super) fn seconds(ms: u64) -> String {
    decimal(ms, 3)
}

/// Reads seconds with up to three digits after the point; the inverse of [`seconds`].
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    from_decimal(text, 3)
}

/// Returns bytes as megabytes (10^6 bytes), with the fraction that they have.
pub(super) fn megabytes(bytes: u64) -> String {
    decimal(bytes, 6)
}

/// Reads megabytes with up to six digits after the point; the inverse of [`megabytes`].
pub(super) fn bytes(text: &str) -> Option<u64> {
    from_decimal(text, 6)
}

/// Writes a number of units of 10^-`places`.
fn decimal(units: u64, places: usize) -> String {
    let one = 10_u64.pow(places as u32);
    let (whole, rest) = (units / one, units % one);
    if rest == 0 {
        return whole.to_string();
    }
    let fraction = format!("{rest:0places$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Reads what [`decimal`] writes.
fn from_decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(whole, 9) || !digits(fraction, places) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<places$}").parse().ok()?;
    Some(whole * 10_u64.pow(places as u32) + fraction)
}

/// Returns a link of the product's defaults between two clusters that have no real names yet.
pub(super) fn blank() -> LinkSpec {
    LinkSpec {
        name: placeholder("unnamed"),
        title: String::new(),
        source: placeholder("unnamed-source"),
        destination: placeholder("unnamed-destination"),
        topics: TopicSelection::default(),
        rename: Rename::default(),
        start: Start::default(),
        isolation: Isolation::default(),
        timestamps: Timestamps::default(),
        create: true,
        grow: true,
        replication_factor: ReplicationFactor::default(),
        on_fewer_brokers: OnFewerBrokers::default(),
        configs: Configs::default(),
        detect_interval_ms: crate::link::default_detect_interval_ms(),
        append_to: Vec::new(),
        policies: std::collections::BTreeMap::new(),
        on_refused: OnRefused::default(),
        limit_bytes_per_s: None,
        guarantee: Guarantee::default(),
        slots: crate::link::default_slots(),
    }
}

fn placeholder(name: &str) -> Name {
    name.parse().expect("the placeholder is a legal name")
}
