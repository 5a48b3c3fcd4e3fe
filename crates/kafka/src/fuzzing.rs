//! What bytes from a cluster reach first, as functions of bytes alone: for the fuzz targets in `fuzz/`, and for tests that
//! feed them what random changes make of good bytes.
//!
//! Whatever the bytes, no function panics, and none takes more memory than a small multiple of them and what
//! [`UNFOLDED_LIMIT_BYTES`](crate::records::UNFOLDED_LIMIT_BYTES) allows. Each returns a number that depends on what was read,
//! so that nothing of the work can be left out.

use bytes::Bytes;

use crate::aborted::{AbortedIndex, Verdict};
use crate::batch::{BatchView, walk};
use crate::build::rebuild;
use crate::patch::{Patch, Times};
use crate::records::Records;
use crate::{fetch, produce};

const PATCH: Patch = Patch {
    producer_id: 4_711,
    producer_epoch: 3,
    base_sequence: i32::MAX,
};

/// Walks batches by their headers, judges and patches each.
pub fn headers(data: &[u8]) -> i64 {
    let mut sum = 0_i64;
    let mut aborted = AbortedIndex::new([(4_711, 0), (1, i64::MAX)]);
    for batch in walk(Bytes::copy_from_slice(data)).flatten() {
        let kept = aborted.judge(&batch) == Verdict::Keep;
        let patched = batch.patch(PATCH, Times::Visible);
        let patched = patched.map_or(0, |p| i64::try_from(p.size_bytes()).unwrap_or(0));
        sum = sum
            .wrapping_add(batch.next_offset())
            .wrapping_add(i64::from(kept && batch.verify().is_ok()))
            .wrapping_add(patched);
    }
    sum
}

/// Reads the records of each batch, whatever its checksum, and builds batches of them anew.
pub fn records(data: &[u8]) -> i64 {
    walk(Bytes::copy_from_slice(data))
        .flatten()
        .fold(0, |sum: i64, batch| sum.wrapping_add(records_of(&batch)))
}

fn records_of(batch: &BatchView) -> i64 {
    let mut sum = 0_i64;
    if let Ok(records) = Records::open(batch) {
        for record in records.iter().flatten() {
            let headers = record.headers().map_or(-1, |h| h.len() as i64);
            sum = sum
                .wrapping_add(record.offset)
                .wrapping_add(record.timestamp)
                .wrapping_add(headers);
        }
    }
    for wanted in [0..i64::MAX, batch.base_offset() + 1..batch.last_offset()] {
        if let Ok(Some(rebuilt)) = rebuild(batch, wanted) {
            sum = sum.wrapping_add(rebuilt.batch.next_offset());
        }
    }
    sum
}

/// Reads an answer to Fetch, of the version that the first byte chooses, and walks what it holds.
pub fn fetch_reply(data: &[u8]) -> i64 {
    let Some((version, body)) = versioned(data, fetch::REPLY_VERSIONS) else {
        return -1;
    };
    let partitions = fetch::records_of_reply(version, Bytes::copy_from_slice(body));
    let partitions = partitions.unwrap_or_default();
    partitions
        .iter()
        .fold(0, |sum: i64, records| sum.wrapping_add(headers(records)))
}

/// Reads an answer to Produce, of the version that the first byte chooses.
pub fn produce_reply(data: &[u8]) -> i64 {
    let Some((version, body)) = versioned(data, produce::REPLY_VERSIONS) else {
        return -1;
    };
    let acks = produce::acks_of_reply(version, Bytes::copy_from_slice(body));
    acks.map_or(-1, |count| count as i64)
}

fn versioned(data: &[u8], versions: std::ops::RangeInclusive<i16>) -> Option<(i16, &[u8])> {
    let (choice, body) = data.split_first()?;
    let count = versions.end() - versions.start() + 1;
    Some((versions.start() + i16::from(*choice) % count, body))
}

#[cfg(test)]
mod tests;
