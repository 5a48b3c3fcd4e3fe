//! The header patch: a source batch becomes one of ours, its records untouched.
//!
//! Everything that a broker refuses from a client or that belongs to the source is replaced: base offset 0, leader
//! epoch -1, all attribute bits but the codec cleared, our producer id, epoch and sequence. The checksum follows from
//! the old one without reading the records, so corruption on the way is still found by the destination's broker.

use bytes::Bytes;

use crate::batch::{BatchView, CHECKED_FROM, Codec, HEADER_LENGTH, TimestampType};
use crate::crc;

/// Bytes of the header that the checksum covers.
const CHECKED_HEADER: usize = HEADER_LENGTH - CHECKED_FROM;

/// Whose batch it becomes, and where it stands in that producer's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
}

/// What of the records' time the copy carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// What a reader of the source sees: for LogAppendTime the append time.
    Visible,
    /// The producers' own times, whatever the topic's timestamp type.
    Producers,
}

/// A batch ready to be sent: our header, the source's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchedBatch {
    /// 61 bytes.
    pub header: Bytes,
    /// The records, a slice of the frame they arrived in.
    pub payload: Bytes,
}

impl PatchedBatch {
    /// Returns how many bytes header and records have.
    pub fn size_bytes(&self) -> usize {
        self.header.len() + self.payload.len()
    }
}

/// Attribute bit of a batch that belongs to a transaction.
const TRANSACTIONAL: u8 = 0x10;

/// Returns a batch's 61-byte header with the batch marked as part of a transaction, `payload_length` bytes follow it.
pub(crate) fn marked_transactional(header: &Bytes, payload_length: usize) -> Bytes {
    let mut new = header.to_vec();
    let mut difference = [0; CHECKED_HEADER];
    difference[22 - CHECKED_FROM] = !new[22] & TRANSACTIONAL;
    new[22] |= TRANSACTIONAL;
    let crc = u32::from_be_bytes([new[17], new[18], new[19], new[20]]);
    let crc = crc::corrected(crc, &difference, payload_length);
    new[17..21].copy_from_slice(&crc.to_be_bytes());
    new.into()
}

/// Tells whether a batch can be forwarded with a patched header alone; otherwise it has to be rebuilt.
///
/// Only data batches may be asked about: control and aborted ones are dropped before.
pub fn passes_through(batch: &BatchView, times: Times) -> bool {
    batch.is_dense() && base_timestamp(batch, times).is_some()
}

impl BatchView {
    /// Returns this batch with `patch` applied, or `None` when it has to be rebuilt (see [`passes_through`]).
    pub fn patch(&self, patch: Patch, times: Times) -> Option<PatchedBatch> {
        if !self.is_dense() {
            return None;
        }
        let old = self.header();
        let mut new = old;
        new[0..8].fill(0);
        new[12..16].copy_from_slice(&(-1i32).to_be_bytes());
        new[21..23].copy_from_slice(&(self.attributes() & Codec::MASK).to_be_bytes());
        new[27..35].copy_from_slice(&base_timestamp(self, times)?.to_be_bytes());
        new[43..51].copy_from_slice(&patch.producer_id.to_be_bytes());
        new[51..53].copy_from_slice(&patch.producer_epoch.to_be_bytes());
        new[53..57].copy_from_slice(&patch.base_sequence.to_be_bytes());
        let difference: [u8; CHECKED_HEADER] =
            std::array::from_fn(|i| old[CHECKED_FROM + i] ^ new[CHECKED_FROM + i]);
        let payload = self.payload();
        if difference != [0; CHECKED_HEADER] {
            let crc = crc::corrected(self.crc(), &difference, payload.len());
            new[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        Some(PatchedBatch {
            header: Bytes::copy_from_slice(&new),
            payload,
        })
    }
}

/// Returns the base timestamp that keeps the records' times once the timestamp type is CreateTime.
///
/// A LogAppendTime batch keeps it only when it holds one record whose own delta can be read without decompressing.
fn base_timestamp(batch: &BatchView, times: Times) -> Option<i64> {
    if times == Times::Producers || batch.timestamp_type() == TimestampType::CreateTime {
        return Some(batch.base_timestamp());
    }
    if batch.records_count() != 1 || batch.codec() != Codec::None {
        return None;
    }
    let delta = crate::records::first_timestamp_delta(&batch.payload())?;
    batch.max_timestamp().checked_sub(delta)
}

#[cfg(test)]
mod tests;
