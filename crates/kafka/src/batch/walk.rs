//! Finding the batches in a run of bytes by their length fields alone.

use bytes::Bytes;

use super::{BatchError, BatchView, HEADER_LENGTH, LENGTH_PREFIX, old};

/// The smallest `batchLength` that a message of magic 0 has.
const SHORTEST_OLD: i32 = 14;

/// Walks the batches of a Fetch response's `records`.
///
/// Messages of the old formats 0 and 1 come as batches of format 2 with the same offsets, times, keys and values. A last
/// batch that is cut off ends the walk silently (brokers cut at the size limit); anything that is no batch is
/// an error, after which the walk ends.
pub fn walk(records: Bytes) -> Walk {
    Walk { rest: records }
}

/// Says whether a Fetch response's `records` begin with a message of an old format, which takes long to [`walk`]. A log goes
/// from old formats to new ones; the few that went back are walked as well, only not faster than others.
pub fn begins_old(records: &Bytes) -> bool {
    matches!(
        walk(records.clone()).complete_length(),
        Ok(Some((_, 0 | 1)))
    )
}

/// The batches of one partition's reply, in order. See [`walk`].
#[derive(Debug, Clone)]
pub struct Walk {
    rest: Bytes,
}

impl Walk {
    /// Returns what has not been walked yet; at the end, a cut-off batch.
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }

    /// Returns how many bytes the next batch has, and its format.
    fn complete_length(&self) -> Result<Option<(usize, i8)>, BatchError> {
        let Some(header) = self.rest.get(..LENGTH_PREFIX + 5) else {
            return Ok(None);
        };
        let length = i32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let magic = header[16] as i8;
        let shortest = match magic {
            0 | 1 => SHORTEST_OLD,
            2 => (HEADER_LENGTH - LENGTH_PREFIX) as i32,
            _ => return Err(BatchError::UnknownMagic { magic }),
        };
        if length < shortest {
            return Err(BatchError::TooShort { length });
        }
        let total = LENGTH_PREFIX + length as usize;
        if self.rest.len() < total {
            return Ok(None);
        }
        Ok(Some((total, magic)))
    }
}

impl Iterator for Walk {
    type Item = Result<BatchView, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = match self.complete_length() {
            Ok(None) => return None,
            Ok(Some((length, 2))) => BatchView::checked(self.rest.split_to(length)),
            Ok(Some((length, _))) => old::convert(&self.rest.split_to(length)),
            Err(error) => Err(error),
        };
        if result.is_err() {
            self.rest.clear();
        }
        Some(result)
    }
}
