//! Messages as clients before Kafka 0.11 wrote them (formats 0 and 1), for logs that hold such.

use std::io::Write as _;

use anyhow::Result;
use flate2::{Compression, Crc, write::GzEncoder};

const GZIP: u8 = 1;

/// One message of format 0 or 1.
#[derive(Clone, Debug)]
pub struct OldMessage {
    pub offset: i64,
    /// Milliseconds; format 0 has none.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl OldMessage {
    /// Returns the message as it stands in a log of this format.
    pub fn bytes(&self, format: u8) -> Vec<u8> {
        self.write(format, 0, self.offset)
    }

    fn write(&self, format: u8, attributes: u8, offset: i64) -> Vec<u8> {
        let mut body = vec![format, attributes];
        if format == 1 {
            body.extend(self.timestamp.to_be_bytes());
        }
        for part in [&self.key, &self.value] {
            let length = part.as_ref().map_or(-1, |part| part.len() as i32);
            body.extend(length.to_be_bytes());
            body.extend(part.iter().flatten());
        }
        let mut crc = Crc::new();
        crc.update(&body);
        let mut bytes = offset.to_be_bytes().to_vec();
        bytes.extend((body.len() as i32 + 4).to_be_bytes());
        bytes.extend(crc.sum().to_be_bytes());
        bytes.extend(body);
        bytes
    }
}

/// Returns the one message that wraps these, at least one, compressed with gzip.
///
/// # Errors
/// Fails when gzip does.
pub fn wrapped(format: u8, messages: &[OldMessage]) -> Result<Vec<u8>> {
    let (first, last) = (messages[0].offset, messages[messages.len() - 1].offset);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    for message in messages {
        // Format 1 counts from the first message of the run.
        let offset = message.offset - if format == 1 { first } else { 0 };
        packed.write_all(&message.write(format, 0, offset))?;
    }
    let wrapper = OldMessage {
        offset: last,
        timestamp: messages.iter().map(|m| m.timestamp).max().unwrap_or(0),
        key: None,
        value: Some(packed.finish()?),
    };
    Ok(wrapper.write(format, GZIP, last))
}
