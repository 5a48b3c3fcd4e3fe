//! Small batches put together: a request carries one batch of each partition, and a broker answers a connection's requests
//! one after another, so that many batches of few records would cost a round of replication each.
//!
//! Only what arrived in one response is merged, so nothing ever waits for company: a link that keeps up sends what there is,
//! and the further it is behind, the more stands in each response. Where batches end says nothing about sequences, which
//! count records.

use kafka::{
    batch::{BatchView, Codec},
    build::merge,
};

use super::{Decoded, Payload};
use crate::protocol::flow::{Outgoing, Runs};

/// Bytes below which a batch is merged with its neighbours. Larger ones cost less as they are than copied.
const SMALL_BYTES: usize = 8 << 10;
/// Bytes up to which batches are put together.
const MERGED_BYTES: usize = 64 << 10;
/// Compressed batches of one response from which they are unfolded and compressed together: below, that costs more than
/// the requests it saves.
pub(super) const MANY_COMPRESSED: usize = 8;

fn is_small(batch: &BatchView) -> bool {
    batch.size_bytes() < SMALL_BYTES
}

pub(super) fn is_small_compressed(batch: &BatchView) -> bool {
    is_small(batch) && batch.codec() != Codec::None
}

/// Merges neighbours of one leader epoch and codec. Nothing near `alone_bytes` is made.
pub(super) fn merge_small(decoded: &mut Decoded, alone_bytes: usize) {
    let batches = &decoded.outgoing;
    let compressed = batches
        .iter()
        .filter(|one| is_small_compressed(&one.payload.batch));
    let with_compressed = compressed.count() >= MANY_COMPRESSED;
    let mergeable = |one: &Outgoing<Payload>| {
        let batch = &one.payload.batch;
        one.explained
            && !one.alone
            && is_small(batch)
            && (with_compressed || batch.codec() == Codec::None)
    };
    if !batches.windows(2).any(|pair| pair.iter().all(mergeable)) {
        return;
    }
    let most = MERGED_BYTES.min(alone_bytes.saturating_sub(1));
    let mut groups: Vec<Vec<Outgoing<Payload>>> = Vec::new();
    let mut bytes = 0;
    for one in std::mem::take(&mut decoded.outgoing) {
        let size = one.payload.batch.size_bytes();
        let joins = mergeable(&one)
            && groups.last().is_some_and(|group| {
                group.last().is_some_and(|last| {
                    mergeable(last)
                        && last.leader_epoch == one.leader_epoch
                        && last.payload.batch.codec() == one.payload.batch.codec()
                }) && bytes + size <= most
            });
        match groups.last_mut() {
            Some(group) if joins => {
                group.push(one);
                bytes += size;
            }
            _ => {
                groups.push(vec![one]);
                bytes = size;
            }
        }
    }
    for group in groups {
        match joined(&group) {
            Some(merged) => {
                decoded.merged += group.len() as u64;
                let before: usize = group.iter().map(|one| one.payload.batch.size_bytes()).sum();
                decoded.bytes = decoded.bytes + merged.payload.batch.size_bytes() - before;
                decoded.outgoing.push(merged);
            }
            None => decoded.outgoing.extend(group),
        }
    }
}

/// Returns a group as one, `None` where it is one already or cannot be read: then it goes as it is.
fn joined(group: &[Outgoing<Payload>]) -> Option<Outgoing<Payload>> {
    let [first, .., last] = group else {
        return None;
    };
    let views: Vec<BatchView> = group.iter().map(|one| one.payload.batch.clone()).collect();
    let batch = merge(&views).ok().flatten()?;
    // Whoever sends the same records in smaller pieces has none that is older than this.
    let oldest = group.iter().map(|one| one.first_timestamp_ms).min()?;
    Some(Outgoing {
        source_from: first.source_from,
        source_to: last.source_to,
        leader_epoch: first.leader_epoch,
        runs: runs(group),
        explained: true,
        first_timestamp_ms: oldest,
        max_timestamp_ms: batch.max_timestamp(),
        alone: false,
        payload: Payload {
            batch,
            credit: first.payload.credit.clone(),
        },
    })
}

/// Returns where the records lie at the source, neighbouring runs as one.
fn runs(group: &[Outgoing<Payload>]) -> Runs {
    let mut all: Vec<(i64, i64)> = Vec::new();
    for (start, length) in group.iter().flat_map(|one| one.runs.iter()) {
        match all.last_mut() {
            Some((from, before)) if *from + *before == start => *before += length,
            _ => all.push((start, length)),
        }
    }
    match all[..] {
        [(from, length)] => Runs::Dense(from, length),
        _ => Runs::Sparse(all),
    }
}

#[cfg(test)]
mod tests;
