//! Writing record batches of format 2: rebuilding one that cannot pass through, and new ones for the control topic.
//!
//! A rebuilt batch is dense and CreateTime, keeps codec, order and the visible time of every record, and copies record
//! bodies byte by byte. Its producer fields are those of nobody (-1): [`BatchView::patch`] sets them.

use std::ops::Range;

use bytes::{BufMut, Bytes};

use crate::batch::{BatchView, CHECKED_FROM, Codec, HEADER_LENGTH};
use crate::compression::compress;
use crate::crc;
use crate::patch::Patch;
use crate::records::{Records, RecordsError};

/// Consecutive source offsets that became consecutive records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub source_start: i64,
    /// Records.
    pub length: i64,
}

/// A rebuilt batch and where its records came from.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// Dense; its base offset is the source offset of its first record.
    pub batch: BatchView,
    /// Source offsets in order, at least one run.
    pub runs: Vec<Run>,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    pub key: Option<Bytes>,
    /// `None` writes a tombstone.
    pub value: Option<Bytes>,
    /// Milliseconds.
    pub timestamp: i64,
    /// Keys and values in order; duplicates and null values are kept.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

impl NewRecord {
    /// Returns a record without headers.
    pub fn new(key: Option<Bytes>, value: Option<Bytes>, timestamp: i64) -> Self {
        Self {
            key,
            value,
            timestamp,
            headers: Vec::new(),
        }
    }
}

/// Returns a new batch with the records of `batch` whose offsets are within `wanted`, or `None` if there are none.
///
/// Closes compaction holes, crops, and turns LogAppendTime into the same times as CreateTime.
///
/// # Errors
/// [`RecordsError`] when the batch cannot be read, or has become too large for its length field.
pub fn rebuild(batch: &BatchView, wanted: Range<i64>) -> Result<Option<Rebuilt>, RecordsError> {
    let records = Records::open(batch)?;
    let mut writer = Writer::default();
    let mut runs: Vec<Run> = Vec::new();
    for slice in records.slices() {
        let slice = slice?;
        let offset = records.offset(&slice);
        if !wanted.contains(&offset) {
            continue;
        }
        writer.push(records.timestamp(&slice), slice.attributes, slice.body);
        match runs.last_mut() {
            Some(run) if run.source_start + run.length == offset => run.length += 1,
            _ => runs.push(Run {
                source_start: offset,
                length: 1,
            }),
        }
    }
    let Some(first) = runs.first().map(|run| run.source_start) else {
        return Ok(None);
    };
    let batch = writer.finish(batch.codec(), first, Patch::NOBODY)?;
    Ok(Some(Rebuilt { batch, runs }))
}

/// Returns each record of `batch` whose offset is within `wanted` as a batch of its own.
///
/// # Errors
/// As [`rebuild`].
pub fn rebuild_singly(batch: &BatchView, wanted: Range<i64>) -> Result<Vec<Rebuilt>, RecordsError> {
    let records = Records::open(batch)?;
    let mut singles = Vec::new();
    for slice in records.slices() {
        let slice = slice?;
        let offset = records.offset(&slice);
        if !wanted.contains(&offset) {
            continue;
        }
        let mut writer = Writer::default();
        writer.push(records.timestamp(&slice), slice.attributes, slice.body);
        singles.push(Rebuilt {
            batch: writer.finish(batch.codec(), offset, Patch::NOBODY)?,
            runs: vec![Run {
                source_start: offset,
                length: 1,
            }],
        });
    }
    Ok(singles)
}

/// Returns one batch with all records of `batches`, in their order, in the codec and at the base offset of the first.
///
/// A broker takes one batch per partition in a request, and answers a connection's requests one after another: many batches
/// of few records each would cost a round of replication each.
///
/// # Errors
/// [`RecordsError`] when a batch cannot be read, or what comes out is too large for its length field.
pub fn merge(batches: &[BatchView]) -> Result<Option<BatchView>, RecordsError> {
    let Some(first) = batches.first() else {
        return Ok(None);
    };
    let mut writer = Writer::default();
    let bytes: usize = batches.iter().map(BatchView::size_bytes).sum();
    writer.records.reserve(bytes);
    for batch in batches {
        let records = Records::open(batch)?;
        for slice in records.slices() {
            let slice = slice?;
            writer.push(records.timestamp(&slice), slice.attributes, slice.body);
        }
    }
    let merged = writer.finish(first.codec(), first.base_offset(), Patch::NOBODY)?;
    Ok(Some(merged))
}

/// Returns a batch of `records`, at least one, at base offset 0.
///
/// # Errors
/// [`RecordsError::TooLarge`] above 2 GiB, [`RecordsError::Compression`] when the codec fails.
pub fn build_batch(
    records: &[NewRecord],
    codec: Codec,
    patch: Patch,
) -> Result<BatchView, RecordsError> {
    let mut writer = Writer::default();
    let mut body = Vec::new();
    for record in records {
        put_body(&mut body, record);
        writer.push(record.timestamp, 0, &body);
    }
    writer.finish(codec, 0, patch)
}

/// Returns a batch of records that keep their offsets, at least one and in order; the offsets between them are holes.
///
/// # Errors
/// As [`build_batch`], and [`RecordsError::Malformed`] for offsets that do not fit one batch.
pub(crate) fn build_sparse(
    records: impl IntoIterator<Item = (i64, NewRecord)>,
    codec: Codec,
) -> Result<BatchView, RecordsError> {
    let mut records = records.into_iter().peekable();
    let base_offset = records.peek().map_or(0, |(offset, _)| *offset);
    let mut writer = Writer::default();
    let mut body = Vec::new();
    for (index, (offset, record)) in (0_i32..).zip(records) {
        let delta = offset.checked_sub(base_offset);
        let delta = delta.and_then(|delta| i32::try_from(delta).ok());
        let delta = delta.filter(|delta| index == 0 || *delta > writer.last_offset_delta);
        let delta = delta.ok_or(RecordsError::Malformed { base_offset, index })?;
        put_body(&mut body, &record);
        writer.push_at(delta, record.timestamp, 0, &body);
    }
    writer.finish(codec, base_offset, Patch::NOBODY)
}

/// Fills `body` with key, value and headers as they stand in a record.
fn put_body(body: &mut Vec<u8>, record: &NewRecord) {
    body.clear();
    put_nullable(body, record.key.as_deref());
    put_nullable(body, record.value.as_deref());
    put_varlong(body, record.headers.len() as i64);
    for (key, value) in &record.headers {
        put_nullable(body, Some(key));
        put_nullable(body, value.as_deref());
    }
}

impl Patch {
    /// Nobody's producer fields, as a producer without idempotence writes them.
    pub const NOBODY: Self = Self {
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
    };
}

#[derive(Default)]
struct Writer {
    records: Vec<u8>,
    count: i32,
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl Writer {
    fn push(&mut self, timestamp: i64, attributes: i8, body: &[u8]) {
        self.push_at(self.count, timestamp, attributes, body);
    }

    fn push_at(&mut self, offset_delta: i32, timestamp: i64, attributes: i8, body: &[u8]) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        self.last_offset_delta = offset_delta;
        let offset_delta = i64::from(offset_delta);
        let length = 1 + varlong_size(timestamp_delta) + varlong_size(offset_delta) + body.len();
        put_varlong(&mut self.records, length as i64);
        self.records.put_i8(attributes);
        put_varlong(&mut self.records, timestamp_delta);
        put_varlong(&mut self.records, offset_delta);
        self.records.put_slice(body);
        self.count += 1;
    }

    fn finish(
        self,
        codec: Codec,
        base_offset: i64,
        patch: Patch,
    ) -> Result<BatchView, RecordsError> {
        let payload = compress(codec, self.records)?;
        let size_bytes = HEADER_LENGTH + payload.len();
        let length =
            i32::try_from(size_bytes - 12).map_err(|_| RecordsError::TooLarge { size_bytes })?;
        let mut batch = Vec::with_capacity(size_bytes);
        batch.put_i64(base_offset);
        batch.put_i32(length);
        batch.put_i32(-1);
        batch.put_i8(2);
        batch.put_u32(0);
        batch.put_i16(codec.bits());
        batch.put_i32(match self.count {
            0 => -1,
            _ => self.last_offset_delta,
        });
        batch.put_i64(self.base_timestamp);
        batch.put_i64(self.max_timestamp);
        batch.put_i64(patch.producer_id);
        batch.put_i16(patch.producer_epoch);
        batch.put_i32(patch.base_sequence);
        batch.put_i32(self.count);
        batch.put_slice(&payload);
        let crc = crc::checksum(&batch[CHECKED_FROM..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        Ok(BatchView::new(batch.into())?)
    }
}

fn put_nullable(buffer: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varlong(buffer, -1),
        Some(bytes) => {
            put_varlong(buffer, bytes.len() as i64);
            buffer.put_slice(bytes);
        }
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn put_varlong(buffer: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest > 0x7f {
        buffer.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    buffer.put_u8(rest as u8);
}

fn varlong_size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests;
