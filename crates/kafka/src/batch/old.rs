//! Messages of the formats 0 and 1, which logs from before Kafka 0.11 still hold, turned into batches of format 2.
//!
//! A message stands alone, or is the wrapper of a compressed run of messages. What comes out has the same offsets, codec,
//! visible times, keys and values; format 0 has no times, which is -1. Its checksum is made anew after the message's own
//! (CRC-32 over everything behind it) was compared, and its leader epoch is unknown (-1).

use bytes::{Buf, Bytes};
use crc_fast::crc32_iso_hdlc;
use twox_hash::XxHash32;

use super::{BatchError, BatchView, Codec};
use crate::build::{NewRecord, build_sparse};
use crate::compression::decompress;
use crate::records::UNFOLDED_LIMIT_BYTES;

/// Bytes before the part that the checksum covers: offset, size, checksum.
const CHECKED_FROM: usize = 16;
const NO_TIMESTAMP: i64 = -1;
/// Bit 3 of format 1's attributes: the broker set the time.
const LOG_APPEND_TIME: i8 = 0x08;

/// One message, as it stands.
struct Message {
    /// In a wrapper of format 1: counted from the wrapper's first message.
    offset: i64,
    magic: i8,
    attributes: i8,
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
}

/// Returns one message, or the run of messages that it wraps, as a batch of format 2.
///
/// # Errors
/// [`BatchError::Old`] when it cannot be read.
pub(super) fn convert(bytes: &Bytes) -> Result<BatchView, BatchError> {
    let (base_offset, magic) = ((&bytes[..]).get_i64(), bytes[CHECKED_FROM] as i8);
    let broken = |cause: String| BatchError::Old {
        base_offset,
        magic,
        cause,
    };
    let stored = (&bytes[12..]).get_u32();
    let computed = crc32_iso_hdlc(&bytes[CHECKED_FROM..]);
    if stored != computed {
        let cause = format!("checksum {stored:#010x}, computed {computed:#010x}");
        return Err(broken(cause));
    }
    let mut rest = bytes.clone();
    let message = Message::read(&mut rest).ok_or_else(|| broken("it is malformed".to_owned()))?;
    let codec = message.codec().map_err(broken)?;
    let run = match codec {
        Codec::None => Run::single(bytes.clone()),
        _ => message.unfold(codec).map_err(broken)?,
    };
    build_sparse(run, codec).map_err(|error| broken(error.to_string()))
}

impl Message {
    /// Takes the next message; `None` where there is no whole one.
    fn read(rest: &mut Bytes) -> Option<Self> {
        let (offset, size) = (rest.try_get_i64().ok()?, rest.try_get_i32().ok()?);
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= rest.len())?;
        let mut body = rest.split_to(size);
        let _checksum = body.try_get_u32().ok()?;
        let (magic, attributes) = (body.try_get_i8().ok()?, body.try_get_i8().ok()?);
        let timestamp = match magic {
            0 => NO_TIMESTAMP,
            1 => body.try_get_i64().ok()?,
            _ => return None,
        };
        let (key, value) = (nullable(&mut body)?, nullable(&mut body)?);
        body.is_empty().then_some(Self {
            offset,
            magic,
            attributes,
            timestamp,
            key,
            value,
        })
    }

    fn codec(&self) -> Result<Codec, String> {
        let bits = i16::from(self.attributes) & Codec::MASK;
        // These formats are older than zstd.
        let codec = Codec::from_bits(bits).filter(|codec| *codec != Codec::Zstd);
        codec.ok_or_else(|| format!("unknown compression codec {bits}"))
    }

    /// Returns the messages that this one wraps.
    fn unfold(&self, codec: Codec) -> Result<Run, String> {
        let payload = self.value.clone().ok_or("its messages are missing")?;
        let payload = match (codec, self.magic) {
            (Codec::Lz4, 0) => with_right_checksum(&payload),
            _ => payload,
        };
        let unfolded = decompress(codec, &payload, UNFOLDED_LIMIT_BYTES);
        let unfolded = unfolded.map_err(|error| error.to_string())?;
        let (mut rest, mut ends) = (unfolded.clone(), None);
        while !rest.is_empty() {
            let message = Self::read(&mut rest).ok_or("a message in it is malformed")?;
            if message.magic != self.magic || message.codec()? != Codec::None {
                return Err("a message in it is of another kind".to_owned());
            }
            let first = ends.map_or(message.offset, |(first, _)| first);
            ends = Some((first, message.offset));
        }
        let (first, last) = ends.ok_or("it holds no message")?;
        // The wrapper has the last message's offset; format 1 counts from the run's first message.
        let base = self.offset.checked_sub(last);
        let base = base.filter(|base| match self.magic {
            0 => *base == 0,
            _ => first.checked_add(*base).is_some_and(|first| first >= 0),
        });
        let stamped = self.attributes & LOG_APPEND_TIME != 0;
        Ok(Run {
            rest: unfolded,
            base: base.ok_or("its offsets are impossible")?,
            timestamp: stamped.then_some(self.timestamp),
        })
    }
}

/// Messages one after another that were looked at before: their records are made one by one.
struct Run {
    rest: Bytes,
    /// What to add to their offsets.
    base: i64,
    /// The time that stands for their own.
    timestamp: Option<i64>,
}

impl Run {
    fn single(rest: Bytes) -> Self {
        let (base, timestamp) = (0, None);
        Self {
            rest,
            base,
            timestamp,
        }
    }
}

impl Iterator for Run {
    /// A record with its offset.
    type Item = (i64, NewRecord);

    fn next(&mut self) -> Option<Self::Item> {
        let message = Message::read(&mut self.rest)?;
        let timestamp = self.timestamp.unwrap_or(message.timestamp);
        let record = NewRecord::new(message.key, message.value, timestamp);
        Some((self.base.checked_add(message.offset)?, record))
    }
}

fn nullable(body: &mut Bytes) -> Option<Option<Bytes>> {
    let length = body.try_get_i32().ok()?;
    if length < 0 {
        return Some(None);
    }
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= body.len())?;
    Some(Some(body.split_to(length)))
}

/// Clients of format 0 computed the header checksum of an lz4 frame over the wrong bytes (KAFKA-3160): sets it right.
fn with_right_checksum(frame: &Bytes) -> Bytes {
    const MAGIC: usize = 4;
    let Some(flags) = frame.get(MAGIC) else {
        return frame.clone();
    };
    let content_size = if flags & 0x08 != 0 { 8 } else { 0 };
    let dictionary = if flags & 0x01 != 0 { 4 } else { 0 };
    let end = MAGIC + 2 + content_size + dictionary;
    let mut frame = frame.to_vec();
    if end < frame.len() {
        frame[end] = (XxHash32::oneshot(0, &frame[MAGIC..end]) >> 8) as u8;
    }
    frame.into()
}

#[cfg(test)]
mod tests;
