//! The invariants: what must hold when a schedule came to its end.

use std::collections::BTreeMap;

use model::{
    finding::{Finding, FindingKind},
    link::Policy,
};
use replication::protocol::{
    control::{CONTROL_PRODUCER_ID, Claim, ControlState},
    ports::ControlBatch,
    takeover::Policies,
};

use crate::{
    Kind,
    logs::{Fate, MirrorLog, Rec},
    worker::spec,
    world::World,
};

/// Operators who always go on.
pub fn policies(kind: Kind) -> Policies {
    let mut policies = Policies::default();
    if kind == Kind::Destructive {
        policies
            .by_kind
            .insert(FindingKind::Divergence, Policy::Continue);
    }
    policies
}

/// A control topic whose slot was claimed almost as often as 16 bits count.
pub fn old_claim(world: &mut World) {
    let claim = Claim {
        worker: "before".to_owned(),
        process: "before".to_owned(),
        generation: 0,
        epoch: i16::MAX - world.rng.i16(0..6),
        produce_timeout_ms: 10_000,
        released: true,
    };
    let batch = ControlBatch {
        slot: 0,
        producer_id: CONTROL_PRODUCER_ID,
        epoch: claim.epoch,
        base_sequence: 0,
        records: vec![claim.write(0), spec().write()],
    };
    world.control[0].append(&batch).unwrap();
}

/// Checks everything.
pub fn check(world: &World, kind: Kind) -> Result<(), String> {
    if let Some(broken) = world.broken_rules.first() {
        return Err(broken.clone());
    }
    let mut state = ControlState::default();
    for entry in &world.control[0].entries {
        state.apply(entry).map_err(|e| e.to_string())?;
    }
    let findings: Vec<&Finding> = state.findings.values().collect();
    if kind != Kind::Destructive
        && let Some(finding) = findings.first()
    {
        return Err(format!("a finding in a healthy schedule: {finding:?}"));
    }
    if kind != Kind::Destructive
        && let Some(held) = world.held.first()
    {
        return Err(format!("in a healthy schedule {held}"));
    }
    for partition in 0..world.mirror.len() {
        let number = i32::try_from(partition).unwrap();
        let found: Vec<&Finding> = findings
            .iter()
            .copied()
            .filter(|f| f.partition == number)
            .collect();
        let seen = order(world, partition, &found)?;
        let position = &state.positions[&(format!("source-{partition}"), number)];
        complete(
            world,
            partition,
            position.anchor.source_start,
            &seen,
            &found,
        )?;
        map(world, partition, &state)?;
    }
    Ok(())
}

fn within(range: Option<(i64, i64)>, offset: i64) -> bool {
    range.is_some_and(|range| range.0 <= offset && offset < range.1)
}

fn says(found: &[&Finding], kind: FindingKind, rec: &Rec, offsets: &[i64]) -> bool {
    found.iter().any(|f| {
        f.kind == kind
            && (within(f.source, rec.offset) || offsets.iter().any(|o| within(f.destination, *o)))
    })
}

/// Nothing twice and nothing out of order outside findings; returns what is there, with its offset.
fn order(
    world: &World,
    partition: usize,
    found: &[&Finding],
) -> Result<BTreeMap<u64, i64>, String> {
    let repeated = |rec: &Rec, offsets: &[i64]| {
        let kinds = [FindingKind::Duplicate, FindingKind::DestinationChanged];
        kinds.iter().any(|kind| says(found, *kind, rec, offsets))
    };
    let mut seen: BTreeMap<u64, i64> = BTreeMap::new();
    let history = &world.mirror[partition].history;
    let last_of_ours = history
        .iter()
        .rev()
        .find(|r| r.1.id != 0)
        .map_or(0, |r| r.0);
    for (offset, rec) in history {
        if rec.id == 0 {
            // What nothing of ours followed is not noticed yet, what was deleted leaves no trace, and in a log that was cut
            // others may have filled the cut.
            let start = world.mirror[partition].log_start;
            let cut = filled(&world.mirror[partition])
                || found
                    .iter()
                    .any(|f| f.kind == FindingKind::DestinationChanged);
            let said = [FindingKind::ForeignWrite, FindingKind::Duplicate];
            let said = said.iter().any(|kind| says(found, *kind, rec, &[*offset]));
            if !cut && (start..last_of_ours).contains(offset) && !said {
                return Err(format!(
                    "foreign write at p{partition} {offset} without a finding"
                ));
            }
            continue;
        }
        let last = seen.keys().next_back().copied().unwrap_or(0);
        if let Some(first) = seen.insert(rec.id, *offset) {
            if !repeated(rec, &[first, *offset]) {
                return Err(format!(
                    "p{partition} record {} twice, at {first} and {offset}",
                    rec.id
                ));
            }
        } else if rec.id < last && !repeated(rec, &[*offset]) {
            return Err(format!(
                "p{partition} record {} at {offset} after {last}",
                rec.id
            ));
        }
    }
    Ok(seen)
}

/// Nothing lost outside findings, and no finding of a loss that was none.
fn complete(
    world: &World,
    partition: usize,
    start: i64,
    seen: &BTreeMap<u64, i64>,
    found: &[&Finding],
) -> Result<(), String> {
    let log = &world.source[partition];
    for (id, record) in &log.all {
        let lost = found
            .iter()
            .any(|f| f.kind == FindingKind::Loss && within(f.source, record.offset));
        let there = seen.contains_key(id);
        let taken = found
            .iter()
            .any(|f| f.kind == FindingKind::DestinationChanged);
        // Of deleted records the headers are gone that would tell markers from records: the range begins at the least
        // offset up to which the tail must have come, and may hold some of what was copied.
        if there && lost && !taken && record.fate == Fate::Stands {
            return Err(format!(
                "p{partition} record {id} reported lost, but it is there"
            ));
        }
        let wanted = record.committed
            && record.offset >= start
            && matches!(record.fate, Fate::Stands | Fate::Deleted);
        // Deletion also destroys the evidence that a log was truncated and filled anew.
        let hidden = record.fate == Fate::Deleted
            && log
                .truncated
                .iter()
                .any(|range| within(Some(*range), record.offset));
        let filled = filled(&world.mirror[partition]);
        if wanted && !there && !lost && !taken && !hidden && !filled {
            return Err(format!(
                "p{partition} record {id} of offset {} lost",
                record.offset
            ));
        }
    }
    Ok(())
}

/// Says whether an election cut the mirror, and others filled the cut or deletion hid it, between two looks of ours: where
/// no batch of ours is left to check, headers do not tell (the mirror's leader epochs would).
fn filled(mirror: &MirrorLog) -> bool {
    let Some(cut) = mirror.truncated.iter().map(|record| record.0).min() else {
        return false;
    };
    mirror.log_start > 0
        || mirror
            .history
            .iter()
            .any(|record| record.1.id == 0 && record.0 >= cut)
}

/// Both records of each pair of the offset map are the same.
fn map(world: &World, partition: usize, state: &ControlState) -> Result<(), String> {
    if filled(&world.mirror[partition]) {
        return Ok(());
    }
    let history: BTreeMap<i64, Rec> = world.mirror[partition].history.iter().copied().collect();
    let map = state.map(
        &format!("source-{partition}"),
        i32::try_from(partition).unwrap(),
    );
    for segment in map.segments() {
        for step in 0..segment.length {
            let (source, destination) = (
                segment.source_start + step,
                segment.destination_start + step,
            );
            let Some(rec) = history.get(&destination) else {
                return Err(format!(
                    "p{partition} map holds {destination}, the mirror does not"
                ));
            };
            if rec.offset != source {
                let text = format!("p{partition} map error: {source} -> {destination}, {rec:?}");
                return Err(text);
            }
        }
    }
    Ok(())
}
