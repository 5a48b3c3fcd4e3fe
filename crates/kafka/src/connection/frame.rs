//! Frames as they arrive: a 4-byte size and that many bytes.
//!
//! Small frames pass through a read buffer; large ones are read straight into a pooled buffer, so that a batch is
//! copied once, by the kernel.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::pool::POOL;
use crate::error::TlsFailure;
use crate::tls;

/// The largest frame that is believed. A size above it means that something other than Kafka speaks.
const LARGEST: usize = 100 << 20;

/// Size of the read buffer; frames that do not fit go to a pooled buffer.
const BUFFER: usize = 16 << 10;

/// Why there is no next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// The connection ended.
    Ended,
    /// It ended with a word about our certificate.
    Refused(TlsFailure),
    /// The bytes are a TLS record: a TLS listener answers plaintext so.
    Tls,
    /// The size is negative, too small for a header or larger than any frame may be.
    Size,
}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    stream: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// Says whether bytes of a further frame have been read already.
    pub(super) fn has_more(&self) -> bool {
        self.end > self.start
    }

    /// Reads the next frame, without its size. Not cancel-safe: a dropped call may have eaten half a frame.
    pub(super) async fn next(&mut self) -> Result<Bytes, FrameError> {
        self.fill(4).await?;
        let head: [u8; 4] = self.take(4).try_into().map_err(|_| FrameError::Size)?;
        let size = frame_size(head)?;
        if size <= BUFFER {
            self.fill(size).await?;
            return Ok(Bytes::copy_from_slice(self.take(size)));
        }
        let mut loan = POOL.lend(size);
        let have = self.end - self.start;
        loan.as_mut()[..have].copy_from_slice(self.take(have));
        self.stream
            .read_exact(&mut loan.as_mut()[have..])
            .await
            .map_err(ended)?;
        Ok(loan.freeze())
    }

    /// Reads until at least `wanted` bytes, at most the buffer's size, are in the buffer.
    async fn fill(&mut self, wanted: usize) -> Result<(), FrameError> {
        if self.start + wanted > BUFFER {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < wanted {
            match self
                .stream
                .read(&mut self.buffer[self.end..])
                .await
                .map_err(ended)?
            {
                0 => return Err(FrameError::Ended),
                read => self.end += read,
            }
        }
        Ok(())
    }

    /// Takes bytes that [`Self::fill`] made sure of.
    fn take(&mut self, len: usize) -> &[u8] {
        let from = self.start;
        self.start += len;
        let taken = &self.buffer[from..from + len];
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        taken
    }
}

fn ended(error: io::Error) -> FrameError {
    tls::refusal(&error).map_or(FrameError::Ended, FrameError::Refused)
}

/// Judges the first four bytes of a frame.
fn frame_size(head: [u8; 4]) -> Result<usize, FrameError> {
    // A TLS alert or handshake record begins with its type and version 3.x.
    if matches!(head, [0x15 | 0x16, 3, ..]) {
        return Err(FrameError::Tls);
    }
    match usize::try_from(i32::from_be_bytes(head)) {
        Ok(size) if (4..=LARGEST).contains(&size) => Ok(size),
        _ => Err(FrameError::Size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Vec<u8> {
        let mut bytes = (len as i32).to_be_bytes().to_vec();
        bytes.extend((0..len).map(|i| i as u8));
        bytes
    }

    #[tokio::test]
    async fn cuts_small_and_large_frames_wherever_the_stream_breaks() {
        let sizes = [
            4,
            100,
            BUFFER - 4,
            BUFFER,
            BUFFER + 1,
            300_000,
            5,
            70_000,
            4,
        ];
        let stream: Vec<u8> = sizes.iter().flat_map(|&len| frame(len)).collect();
        for step in [1, 7, 4096, 65_536, stream.len()] {
            let mut mock = tokio_test_stream(&stream, step);
            let mut frames = FrameReader::new(&mut mock);
            for &len in &sizes {
                assert_eq!(
                    frames.next().await.unwrap(),
                    frame(len)[4..],
                    "{len} in steps of {step}"
                );
            }
            assert_eq!(frames.next().await, Err(FrameError::Ended));
        }
    }

    /// A reader that gives at most `step` bytes at once.
    fn tokio_test_stream(bytes: &[u8], step: usize) -> Slow<'_> {
        Slow { bytes, step }
    }

    struct Slow<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl AsyncRead for Slow<'_> {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            into: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            let len = self.step.min(self.bytes.len()).min(into.remaining());
            let (now, later) = self.bytes.split_at(len);
            into.put_slice(now);
            self.bytes = later;
            std::task::Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn garbage_is_known_by_its_size() {
        let cases = [
            (*b"HTTP", FrameError::Size),
            ([0xff; 4], FrameError::Size),
            ([0, 0, 0, 3], FrameError::Size),
            ([0x15, 3, 3, 0], FrameError::Tls),
            ([0x16, 3, 1, 2], FrameError::Tls),
        ];
        for (head, error) in cases {
            assert_eq!(frame_size(head), Err(error));
        }
        assert_eq!(frame_size([0, 0, 1, 0]), Ok(256));
    }
}
