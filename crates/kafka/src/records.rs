//! The records inside a batch of format 2, for the slow path: rebuilding, matching content, reading control topics.
//!
//! Keys, values and headers stay raw bytes: order, duplicate header keys, keys that are not UTF-8 and null values are
//! kept as they are. Nothing is decoded before the iterator reaches it.

use bytes::Bytes;

use crate::batch::{BatchError, BatchView, TimestampType};
use crate::compression::{CompressionError, decompress};

/// The most that one batch may unfold to.
pub const UNFOLDED_LIMIT_BYTES: usize = 256 << 20;

/// Why a batch's records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Compression(#[from] CompressionError),
    #[error("record {index} of the batch at offset {base_offset} is malformed")]
    Malformed { base_offset: i64, index: i32 },
    #[error("a batch of {size_bytes} bytes does not fit a record batch")]
    TooLarge { size_bytes: usize },
}

/// One record with its parts still raw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    pub offset: i64,
    /// Milliseconds; the batch's append time where the topic stamps records.
    pub timestamp: i64,
    /// `None` is null, which is not empty.
    pub key: Option<Bytes>,
    /// `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Count and headers as they stand in the log; see [`RawRecord::headers`].
    pub raw_headers: Bytes,
}

/// One header: its key's bytes, and its value, which may be null.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

impl RawRecord {
    /// Returns the headers in order, duplicates included, or `None` if they are malformed.
    pub fn headers(&self) -> Option<Vec<Header<'_>>> {
        let mut reader = Reader {
            rest: &self.raw_headers,
        };
        let count = reader.varint()?;
        // Each header takes two bytes at least: a false count must not allocate.
        let mut headers = Vec::with_capacity((count.max(0) as usize).min(reader.rest.len() / 2));
        for _ in 0..count {
            headers.push((reader.nullable()??, reader.nullable()?));
        }
        Some(headers)
    }
}

/// One record as it stands in the batch; `body` is key, value and headers, lengths included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSlice<'a> {
    pub attributes: i8,
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub body: &'a [u8],
}

/// The unfolded records of one batch.
#[derive(Debug, Clone)]
pub struct Records {
    unfolded: Bytes,
    base_offset: i64,
    base_timestamp: i64,
    /// The time of every record, when the broker stamped them.
    append_time: Option<i64>,
    count: i32,
    last_offset_delta: i32,
}

impl Records {
    /// Unfolds the records of `batch`, up to [`UNFOLDED_LIMIT_BYTES`].
    ///
    /// # Errors
    /// [`RecordsError::Compression`] when the payload cannot be decompressed within the limit.
    pub fn open(batch: &BatchView) -> Result<Self, RecordsError> {
        let unfolded = match batch.is_empty() {
            // Java writes an empty batch with no payload at all, whatever its codec.
            true => Bytes::new(),
            false => decompress(batch.codec(), &batch.payload(), UNFOLDED_LIMIT_BYTES)?,
        };
        let stamped = batch.timestamp_type() == TimestampType::LogAppendTime;
        Ok(Self {
            unfolded,
            base_offset: batch.base_offset(),
            base_timestamp: batch.base_timestamp(),
            append_time: stamped.then(|| batch.max_timestamp()),
            count: batch.records_count(),
            last_offset_delta: batch.last_offset_delta(),
        })
    }

    /// Returns the records as slices, in order; offset deltas are proven to grow and to lie within the batch.
    pub fn slices(&self) -> Slices<'_> {
        Slices {
            reader: Reader {
                rest: &self.unfolded,
            },
            base_offset: self.base_offset,
            index: 0,
            count: self.count,
            last_delta: -1,
            last_offset_delta: self.last_offset_delta,
        }
    }

    /// Returns the records with key, value and headers apart, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<RawRecord, RecordsError>> + '_ {
        self.slices().enumerate().map(|(index, slice)| {
            let slice = slice?;
            self.raw(&slice).ok_or(RecordsError::Malformed {
                base_offset: self.base_offset,
                index: index as i32,
            })
        })
    }

    /// Returns the time a reader sees for a record.
    pub fn timestamp(&self, slice: &RecordSlice<'_>) -> i64 {
        // The sum wraps for garbage only, which must not panic.
        let own = self.base_timestamp.wrapping_add(slice.timestamp_delta);
        self.append_time.unwrap_or(own)
    }

    /// Returns the offset of a record.
    pub fn offset(&self, slice: &RecordSlice<'_>) -> i64 {
        self.base_offset + i64::from(slice.offset_delta)
    }

    fn raw(&self, slice: &RecordSlice<'_>) -> Option<RawRecord> {
        let mut reader = Reader { rest: slice.body };
        let key = reader.nullable()?.map(|key| self.unfolded.slice_ref(key));
        let value = reader
            .nullable()?
            .map(|value| self.unfolded.slice_ref(value));
        Some(RawRecord {
            offset: self.offset(slice),
            timestamp: self.timestamp(slice),
            key,
            value,
            raw_headers: self.unfolded.slice_ref(reader.rest),
        })
    }
}

/// The records of a batch as slices. See [`Records::slices`].
#[derive(Debug, Clone)]
pub struct Slices<'a> {
    reader: Reader<'a>,
    base_offset: i64,
    index: i32,
    count: i32,
    last_delta: i32,
    last_offset_delta: i32,
}

impl<'a> Iterator for Slices<'a> {
    type Item = Result<RecordSlice<'a>, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.count {
            return None;
        }
        let index = self.index;
        match self.reader.record().filter(|r| {
            r.offset_delta > self.last_delta && r.offset_delta <= self.last_offset_delta
        }) {
            Some(record) => {
                self.index += 1;
                self.last_delta = record.offset_delta;
                Some(Ok(record))
            }
            None => {
                self.index = self.count;
                Some(Err(RecordsError::Malformed {
                    base_offset: self.base_offset,
                    index,
                }))
            }
        }
    }
}

/// Returns the timestamp delta of the first record of uncompressed records.
pub(crate) fn first_timestamp_delta(records: &[u8]) -> Option<i64> {
    Some(Reader { rest: records }.record()?.timestamp_delta)
}

/// Returns the key of the first record of uncompressed records.
pub(crate) fn first_key(records: &[u8]) -> Option<&[u8]> {
    let record = Reader { rest: records }.record()?;
    Reader { rest: record.body }.nullable()?
}

/// Reads the zigzag variable-length integers and length-prefixed bytes that records are made of.
#[derive(Debug, Clone)]
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn record(&mut self) -> Option<RecordSlice<'a>> {
        let length = usize::try_from(self.varint()?).ok()?;
        let mut record = Reader {
            rest: self.take(length)?,
        };
        Some(RecordSlice {
            attributes: record.take(1)?[0] as i8,
            timestamp_delta: record.varlong()?,
            offset_delta: record.varint()?,
            body: record.rest,
        })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads bytes whose length -1 means null; the outer `None` is malformed input.
    fn nullable(&mut self) -> Option<Option<&'a [u8]>> {
        match self.varint()? {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }

    fn varint(&mut self) -> Option<i32> {
        i32::try_from(self.varlong()?).ok()
    }

    fn varlong(&mut self) -> Option<i64> {
        let mut zigzag = 0u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            zigzag |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
