//! Reading and writing Kafka's primitive types, for the two requests that carry records.
//!
//! The codec crate serves every other request. Fetch and Produce are written by hand so that records are never
//! copied, and so that a false array length in a reply is an error before it is an allocation.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

/// Whether a request's version uses compact lengths and tagged fields (KIP-482).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Classic,
    Flexible,
}

/// The bytes are not what the protocol promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reply ends early or has a length that cannot be")]
pub(crate) struct Malformed;

/// Writes one request body.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) buffer: BytesMut,
    encoding: Encoding,
}

impl Writer {
    pub(crate) fn new(encoding: Encoding, capacity: usize) -> Self {
        Self {
            buffer: BytesMut::with_capacity(capacity),
            encoding,
        }
    }

    pub(crate) fn i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.buffer.put_slice(value.as_bytes());
    }

    /// Writes an array's length.
    pub(crate) fn array(&mut self, length: usize) {
        match self.encoding {
            Encoding::Classic => self.i32(length as i32),
            Encoding::Flexible => self.length(length),
        }
    }

    pub(crate) fn string(&mut self, value: &str) {
        match self.encoding {
            Encoding::Classic => self.i16(value.len() as i16),
            Encoding::Flexible => self.length(value.len()),
        }
        self.buffer.put_slice(value.as_bytes());
    }

    /// Writes the null of a compact nullable type.
    pub(crate) fn null(&mut self) {
        self.buffer.put_u8(0);
    }

    /// Writes a compact length; lengths are kept one higher, 0 being null.
    pub(crate) fn length(&mut self, length: usize) {
        let mut rest = length + 1;
        while rest > 0x7f {
            self.buffer.put_u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.buffer.put_u8(rest as u8);
    }

    /// Writes that a structure has no tagged fields, where its version could have some.
    pub(crate) fn no_tags(&mut self) {
        if self.encoding == Encoding::Flexible {
            self.buffer.put_u8(0);
        }
    }
}

/// Reads one reply body; slices share the frame.
#[derive(Debug)]
pub(crate) struct Reader {
    rest: Bytes,
    encoding: Encoding,
}

impl Reader {
    pub(crate) fn new(encoding: Encoding, body: Bytes) -> Self {
        Self {
            rest: body,
            encoding,
        }
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        self.rest.try_get_i16().map_err(|_| Malformed)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.rest.try_get_i32().map_err(|_| Malformed)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.rest.try_get_i64().map_err(|_| Malformed)
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, Malformed> {
        let bytes = self.take(16)?;
        Uuid::from_slice(&bytes).map_err(|_| Malformed)
    }

    /// Reads an array's length; null counts as empty, more elements than bytes are left as malformed.
    pub(crate) fn array(&mut self) -> Result<usize, Malformed> {
        let length = match self.encoding {
            Encoding::Classic => self.i32()?.max(0) as usize,
            Encoding::Flexible => self.length()?.unwrap_or(0),
        };
        if length > self.rest.len() {
            return Err(Malformed);
        }
        Ok(length)
    }

    /// Reads a string or null, at most `limit` characters of it.
    pub(crate) fn text(&mut self, limit: usize) -> Result<Option<String>, Malformed> {
        let length = match self.encoding {
            Encoding::Classic => usize::try_from(self.i16()?).ok(),
            Encoding::Flexible => self.length()?,
        };
        let Some(length) = length else {
            return Ok(None);
        };
        let bytes = self.take(length)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(Some(text.chars().take(limit).collect()))
    }

    /// Reads bytes or null without copying them.
    pub(crate) fn bytes(&mut self) -> Result<Option<Bytes>, Malformed> {
        let length = match self.encoding {
            Encoding::Classic => usize::try_from(self.i32()?).ok(),
            Encoding::Flexible => self.length()?,
        };
        length.map(|length| self.take(length)).transpose()
    }

    /// Calls `each` with the number and a reader of every tagged field.
    pub(crate) fn tags(
        &mut self,
        mut each: impl FnMut(u64, &mut Reader) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.encoding == Encoding::Classic {
            return Ok(());
        }
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = usize::try_from(self.uvarint()?).map_err(|_| Malformed)?;
            let mut field = Reader::new(self.encoding, self.take(size)?);
            each(tag, &mut field)?;
        }
        Ok(())
    }

    pub(crate) fn skip_tags(&mut self) -> Result<(), Malformed> {
        self.tags(|_, _| Ok(()))
    }

    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        let length = usize::try_from(self.uvarint()?).map_err(|_| Malformed)?;
        Ok(length.checked_sub(1))
    }

    fn uvarint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.rest.try_get_u8().map_err(|_| Malformed)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.rest.len() {
            return Err(Malformed);
        }
        Ok(self.rest.split_to(length))
    }
}
