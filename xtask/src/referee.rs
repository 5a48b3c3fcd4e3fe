//! The referee: compares what stands in two topics, record by record, and counts what differs.
//!
//! Records are compared by fingerprint (partition, key, value, headers in order, timestamp), so topics of any size fit
//! into memory at about 60 bytes per record.

use std::collections::{BTreeMap, HashMap, VecDeque};

use anyhow::Result;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::client::{RawRecord, ReadIsolation, read_each};

/// Which times must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompareTimestamps {
    /// The destination's record carries the time a reader of the source sees.
    #[default]
    Equal,
    /// The destination's broker sets its own.
    Ignored,
}

/// What the destination should hold.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    pub timestamps: CompareTimestamps,
    /// Source offset from which a partition is mirrored; partitions left out are mirrored from their start.
    pub from: BTreeMap<i32, i64>,
    /// Source offset before which a partition is mirrored; partitions left out are mirrored to their end.
    pub until: BTreeMap<i32, i64>,
    /// Source ranges `(partition, first, end)` that findings report as lost or skipped: missing there is counted apart.
    pub reported: Vec<(i32, i64, i64)>,
}

/// What a record is, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub partition: i32,
    pub offset: i64,
    /// Everything that must agree.
    whole: u128,
    /// Key and value alone: finds records whose headers or time differ.
    body: u128,
    /// The key alone, `None` for a null key: finds records whose value differs.
    key: Option<u128>,
}

/// One place where the two sides differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub kind: DifferenceKind,
    pub partition: i32,
    /// Offset at the source for what is missing, else at the destination.
    pub offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    Missing,
    Duplicated,
    OutOfOrder,
    Invalid,
    OutOfScope,
}

/// The counters of one comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Source records in the mirrored range.
    pub expected: u64,
    /// Found at the destination with equal content.
    pub valid: u64,
    /// Expected and not found, outside of reported ranges.
    pub missing: u64,
    /// Expected and not found, inside of reported ranges.
    pub reported_missing: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    /// Found with another value, header or time.
    pub invalid: u64,
    /// Found and written by nobody at the source.
    pub out_of_scope: u64,
    /// The first 20 differences.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Says whether every expected record arrived exactly once, in order and unchanged, and nothing else.
    pub fn is_exact(&self) -> bool {
        self.missing == 0
            && self.duplicated == 0
            && self.out_of_order == 0
            && self.invalid == 0
            && self.out_of_scope == 0
    }

    fn note(&mut self, kind: DifferenceKind, partition: i32, offset: i64) {
        *match kind {
            DifferenceKind::Missing => &mut self.missing,
            DifferenceKind::Duplicated => &mut self.duplicated,
            DifferenceKind::OutOfOrder => &mut self.out_of_order,
            DifferenceKind::Invalid => &mut self.invalid,
            DifferenceKind::OutOfScope => &mut self.out_of_scope,
        } += 1;
        if self.differences.len() < 20 {
            self.differences.push(Difference {
                kind,
                partition,
                offset,
            });
        }
    }
}

/// Compares two lists of records; see [`compare_topics`] for big topics.
pub fn compare(
    source: &[RawRecord],
    destination: &[RawRecord],
    expectation: &Expectation,
) -> Report {
    let marks = |records: &[RawRecord]| {
        records
            .iter()
            .map(|r| fingerprint(r, expectation.timestamps))
            .collect::<Vec<_>>()
    };
    compare_fingerprints(&marks(source), &marks(destination), expectation)
}

/// One topic on one cluster, as a reader of that isolation level sees it.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    pub bootstrap: &'a str,
    pub topic: &'a str,
    pub isolation: ReadIsolation,
}

/// Reads both topics as they stand now and compares them.
///
/// # Errors
/// Fails when either cannot be read.
pub fn compare_topics(
    source: Side<'_>,
    destination: Side<'_>,
    expectation: &Expectation,
) -> Result<Report> {
    let read = |side: Side<'_>| -> Result<Vec<Fingerprint>> {
        let mut marks = Vec::new();
        read_each(side.bootstrap, side.topic, side.isolation, |record| {
            marks.push(fingerprint(&record, expectation.timestamps));
        })?;
        Ok(marks)
    };
    Ok(compare_fingerprints(
        &read(source)?,
        &read(destination)?,
        expectation,
    ))
}

/// Takes a record's fingerprint.
pub fn fingerprint(record: &RawRecord, timestamps: CompareTimestamps) -> Fingerprint {
    let mut key = Sha256::new();
    feed(&mut key, record.key.as_deref());
    let mut body = key.clone();
    feed(&mut body, record.value.as_deref());
    let mut whole = body.clone();
    for (name, value) in &record.headers {
        feed(&mut whole, Some(name));
        feed(&mut whole, value.as_deref());
    }
    if timestamps == CompareTimestamps::Equal {
        whole.update(record.timestamp.to_be_bytes());
    }
    Fingerprint {
        partition: record.partition,
        offset: record.offset,
        whole: short(whole),
        body: short(body),
        key: record.key.is_some().then(|| short(key)),
    }
}

/// Feeds bytes so that null, empty and neighbouring fields stay apart.
fn feed(hash: &mut Sha256, bytes: Option<&[u8]>) {
    let length = bytes.map_or(u64::MAX, |b| b.len() as u64);
    hash.update(length.to_be_bytes());
    hash.update(bytes.unwrap_or_default());
}

fn short(hash: Sha256) -> u128 {
    hash.finalize()
        .iter()
        .take(16)
        .fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

/// Compares fingerprints; those of one partition stand in offset order on each side.
pub fn compare_fingerprints(
    source: &[Fingerprint],
    destination: &[Fingerprint],
    expectation: &Expectation,
) -> Report {
    let mut report = Report::default();
    let mut sides: BTreeMap<i32, (Vec<Fingerprint>, Vec<Fingerprint>)> = BTreeMap::new();
    for mark in source.iter().filter(|mark| in_range(mark, expectation)) {
        sides.entry(mark.partition).or_default().0.push(*mark);
        report.expected += 1;
    }
    for mark in destination {
        sides.entry(mark.partition).or_default().1.push(*mark);
    }
    for (source, destination) in sides.values() {
        compare_partition(source, destination, expectation, &mut report);
    }
    report
}

fn in_range(mark: &Fingerprint, expectation: &Expectation) -> bool {
    let from = expectation
        .from
        .get(&mark.partition)
        .copied()
        .unwrap_or(i64::MIN);
    let until = expectation
        .until
        .get(&mark.partition)
        .copied()
        .unwrap_or(i64::MAX);
    (from..until).contains(&mark.offset)
}

fn compare_partition(
    source: &[Fingerprint],
    destination: &[Fingerprint],
    expectation: &Expectation,
    report: &mut Report,
) {
    let mut places: HashMap<u128, VecDeque<usize>> = HashMap::new();
    for (place, mark) in source.iter().enumerate() {
        places.entry(mark.whole).or_default().push_back(place);
    }
    let mut strangers = Vec::new();
    let mut highest = None;
    for mark in destination {
        match places.get_mut(&mark.whole).map(VecDeque::pop_front) {
            Some(Some(place)) => {
                report.valid += 1;
                if highest.is_some_and(|h| place < h) {
                    report.note(DifferenceKind::OutOfOrder, mark.partition, mark.offset);
                }
                highest = highest.max(Some(place));
            }
            Some(None) => report.note(DifferenceKind::Duplicated, mark.partition, mark.offset),
            None => strangers.push(*mark),
        }
    }
    let mut left: Vec<usize> = places.into_values().flatten().collect();
    left.sort_unstable();
    let mut left: Vec<Fingerprint> = left.into_iter().map(|place| source[place]).collect();
    judge_strangers(&strangers, &mut left, report);
    for mark in left {
        let reported = expectation.reported.iter().any(|(partition, first, end)| {
            *partition == mark.partition && (*first..*end).contains(&mark.offset)
        });
        if reported {
            report.reported_missing += 1;
        } else {
            report.note(DifferenceKind::Missing, mark.partition, mark.offset);
        }
    }
}

/// A record that stands at the destination only is a changed one when a missing record has its key and value or its
/// key; that record then counts as changed, not as missing. Else nobody wrote it.
fn judge_strangers(strangers: &[Fingerprint], left: &mut Vec<Fingerprint>, report: &mut Report) {
    for stranger in strangers {
        let original = left
            .iter()
            .position(|mark| mark.body == stranger.body)
            .or_else(|| {
                left.iter()
                    .position(|mark| mark.key.is_some() && mark.key == stranger.key)
            });
        let kind = match original {
            Some(place) => {
                left.remove(place);
                DifferenceKind::Invalid
            }
            None => DifferenceKind::OutOfScope,
        };
        report.note(kind, stranger.partition, stranger.offset);
    }
}

#[cfg(test)]
mod tests;
