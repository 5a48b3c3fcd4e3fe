//! Record batches of format 2 (KIP-98), seen through their 61-byte header alone.
//!
//! A [`BatchView`] is a slice of the frame it arrived in; nothing here copies, decompresses or reads a record. Its
//! constructor guarantees that the header is complete, the magic is 2, the codec is known, count and last offset delta
//! are not negative and do not contradict each other, and all offsets up to the one after the batch exist. The checksum is
//! checked only by [`BatchView::verify`].

mod old;
mod walk;

use bytes::Bytes;

use crate::crc;
pub use walk::{Walk, begins_old, walk};

/// Bytes of a batch before its records.
pub const HEADER_LENGTH: usize = 61;
/// Bytes before the field that `batchLength` counts from.
const LENGTH_PREFIX: usize = 12;
/// First byte that the checksum covers.
pub(crate) const CHECKED_FROM: usize = 21;

/// Why bytes are not a record batch that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("a record batch says that it is {length} bytes long, less than its header")]
    TooShort { length: i32 },
    #[error(
        "the message at offset {base_offset}, of the old format {magic}, cannot be read: {cause}"
    )]
    Old {
        base_offset: i64,
        magic: i8,
        cause: String,
    },
    #[error("unknown record batch format {magic}")]
    UnknownMagic { magic: i8 },
    #[error("unknown compression codec {codec} at offset {base_offset}")]
    UnknownCodec { base_offset: i64, codec: i16 },
    #[error(
        "the record batch at offset {base_offset} contradicts itself: {count} records, last offset delta {last_offset_delta}"
    )]
    Contradiction {
        base_offset: i64,
        count: i32,
        last_offset_delta: i32,
    },
    #[error(
        "the record batch at offset {base_offset} is corrupt: checksum {stored:#010x}, computed {computed:#010x}"
    )]
    Corrupt {
        base_offset: i64,
        stored: u32,
        computed: u32,
    },
}

/// A compression codec, bits 0–2 of a batch's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Whose time the records of a batch carry, bit 3 of its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// Each record has its own time.
    CreateTime,
    /// Every record has the batch's maximum timestamp, set by the broker.
    LogAppendTime,
}

/// One complete record batch, header and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchView {
    bytes: Bytes,
}

impl BatchView {
    /// Takes `bytes`, which must be exactly one batch.
    ///
    /// # Errors
    /// Every variant of [`BatchError`] but `Corrupt`.
    pub fn new(bytes: Bytes) -> Result<Self, BatchError> {
        let mut walk = walk(bytes);
        match walk.next() {
            Some(Ok(batch)) if walk.rest().is_empty() => Ok(batch),
            Some(Err(error)) => Err(error),
            Some(Ok(batch)) => Err(BatchError::TooShort {
                length: batch.batch_length(),
            }),
            None => Err(BatchError::TooShort {
                length: walk.rest().len() as i32,
            }),
        }
    }

    fn checked(bytes: Bytes) -> Result<Self, BatchError> {
        let batch = Self { bytes };
        let base_offset = batch.base_offset();
        let (count, last_offset_delta) = (batch.records_count(), batch.last_offset_delta());
        if Codec::from_bits(batch.attributes()).is_none() {
            let codec = batch.attributes() & Codec::MASK;
            return Err(BatchError::UnknownCodec { base_offset, codec });
        }
        // A batch that compaction emptied keeps its last offset delta, so the count may only be smaller.
        let fits = count >= 0 && last_offset_delta >= 0 && count - 1 <= last_offset_delta;
        // The offset after the batch must be one, too.
        let end = base_offset.checked_add(i64::from(last_offset_delta) + 1);
        if !fits || base_offset < 0 || end.is_none() {
            return Err(BatchError::Contradiction {
                base_offset,
                count,
                last_offset_delta,
            });
        }
        Ok(batch)
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[at..at + N]);
        array
    }

    /// Returns the whole batch.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the 61 bytes before the records.
    pub fn header(&self) -> [u8; HEADER_LENGTH] {
        self.array(0)
    }

    /// Returns the records as stored, compressed or not.
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(HEADER_LENGTH..)
    }

    /// Returns how many bytes the whole batch has.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// `baseOffset`.
    pub fn base_offset(&self) -> i64 {
        i64::from_be_bytes(self.array(0))
    }

    /// `batchLength`: bytes after this field.
    pub fn batch_length(&self) -> i32 {
        i32::from_be_bytes(self.array(8))
    }

    /// `partitionLeaderEpoch`, -1 when unknown.
    pub fn leader_epoch(&self) -> i32 {
        i32::from_be_bytes(self.array(12))
    }

    /// `magic`, always 2.
    pub fn magic(&self) -> i8 {
        self.bytes[16] as i8
    }

    /// `crc`: CRC-32C of everything behind it.
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(self.array(17))
    }

    /// `attributes`, all bits.
    pub fn attributes(&self) -> i16 {
        i16::from_be_bytes(self.array(CHECKED_FROM))
    }

    /// Returns the compression codec.
    pub fn codec(&self) -> Codec {
        Codec::from_bits(self.attributes()).unwrap_or(Codec::None)
    }

    /// Returns whose time the records carry.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes() & 0x08 == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Tells whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & 0x10 != 0
    }

    /// Tells whether the batch holds a control record (transaction marker, leader change) and no data.
    pub fn is_control(&self) -> bool {
        self.attributes() & 0x20 != 0
    }

    /// Tells whether compaction put a delete horizon into the base timestamp (KIP-534).
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes() & 0x40 != 0
    }

    /// `lastOffsetDelta`.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.array(23))
    }

    /// `baseTimestamp`, milliseconds; record times are relative to it.
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(self.array(27))
    }

    /// `maxTimestamp`, milliseconds.
    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(self.array(35))
    }

    /// `producerId`, -1 without one.
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(self.array(43))
    }

    /// `producerEpoch`, -1 without one.
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(self.array(51))
    }

    /// `baseSequence`, -1 without one.
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(self.array(53))
    }

    /// `recordsCount`.
    pub fn records_count(&self) -> i32 {
        i32::from_be_bytes(self.array(57))
    }

    /// Returns the offset of the last record, or of the last one there ever was.
    pub fn last_offset(&self) -> i64 {
        self.base_offset() + i64::from(self.last_offset_delta())
    }

    /// Returns the offset after the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// Tells whether every offset of the batch holds a record; only such a batch can be produced as it is.
    pub fn is_dense(&self) -> bool {
        i64::from(self.records_count()) == i64::from(self.last_offset_delta()) + 1
    }

    /// Tells whether compaction removed every record and kept the header for the producer's state.
    pub fn is_empty(&self) -> bool {
        self.records_count() == 0
    }

    /// Checks the checksum.
    ///
    /// # Errors
    /// [`BatchError::Corrupt`] when it does not match.
    pub fn verify(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.crc(), crc::checksum(&self.bytes[CHECKED_FROM..]));
        if stored == computed {
            return Ok(());
        }
        Err(BatchError::Corrupt {
            base_offset: self.base_offset(),
            stored,
            computed,
        })
    }
}

impl Codec {
    /// The attribute bits that name the codec.
    pub(crate) const MASK: i16 = 0x07;

    fn from_bits(attributes: i16) -> Option<Self> {
        let codecs = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];
        codecs
            .into_iter()
            .find(|codec| codec.bits() == attributes & Self::MASK)
    }

    /// Returns the codec's attribute bits.
    pub(crate) fn bits(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }
}

#[cfg(test)]
mod tests;
