//! The two tasks of a connection: one writes requests in the order of the calls, one reads answers.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::frame::FrameReader;
use super::header::{self, Call};
use super::pending::{Pending, Waiting};
use super::{Gate, Outgoing, Queued};
use crate::Error;

/// Requests are gathered into one write up to this many bytes; a large one is written alone.
const GATHER: usize = 64 << 10;

/// Reads answers until the connection ends; then every waiting request ends with the reason.
pub(super) async fn read<R: AsyncRead + Unpin>(stream: R, pending: Arc<Pending>) {
    let error = tokio::select! {
        () = pending.stop.cancelled() => closed(&pending),
        error = read_answers(stream, &pending) => error,
    };
    pending.fail(error);
}

async fn read_answers<R: AsyncRead + Unpin>(stream: R, pending: &Pending) -> Error {
    let mut frames = FrameReader::new(stream);
    let mut gathering = Gathering::new(Instant::now());
    loop {
        let answered = match frames.next().await {
            Ok(frame) => pending.answer(frame),
            Err(error) => Err(pending.frame_error(error)),
        };
        if let Err(error) = answered {
            return error;
        }
        gathering.answered();
        if !frames.has_more()
            && let Some(pause) = gathering.pause(pending.open(), Instant::now())
        {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Writes requests until the connection ends, and ends it when an answer is overdue.
pub(super) async fn write<W: AsyncWrite + Unpin>(
    stream: W,
    mut queue: mpsc::Receiver<Queued>,
    client_id: Arc<str>,
    pending: Arc<Pending>,
) {
    let mut writer = Writer {
        stream,
        client_id,
        pending: &pending,
        correlation: 0,
    };
    let error = tokio::select! {
        () = pending.stop.cancelled() => closed(&pending),
        error = writer.write_requests(&mut queue) => error,
        error = pending.watch() => error,
    };
    pending.fail(error.clone());
    queue.close();
    while let Ok(queued) = queue.try_recv() {
        // A sign-in ends with its channel.
        if let Queued::Request(request) = queued {
            let _ = request.answer.send(Err(error.clone()));
        }
    }
}

/// Decides how long answers are left in the socket, so that one wake-up takes several: waking up costs more than reading
/// an answer.
///
/// Only while many requests are open, which then wait for a broker that is busy with those before them: a pause is a
/// quarter of the time that the broker needs for what is open, so the broker never runs out of requests meanwhile, and
/// no answer is later by more than a quarter of what it took anyway.
#[derive(Debug)]
struct Gathering {
    since: Instant,
    answers: u32,
}

/// Open requests from which on answers are gathered.
const MANY: usize = 16;
/// Tokio's timer knows no shorter time; answers that come faster gather by themselves.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

impl Gathering {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            answers: 0,
        }
    }

    fn answered(&mut self) {
        self.answers += 1;
    }

    /// Returns the pause before the next read, `None` to read on; called when all that was read is answered.
    fn pause(&mut self, open: usize, now: Instant) -> Option<Duration> {
        let each = now.duration_since(self.since) / self.answers.max(1);
        *self = Self::new(now);
        let pause = each.saturating_mul(u32::try_from(open / 4).unwrap_or(u32::MAX));
        (open >= MANY && pause >= SHORTEST_PAUSE).then_some(pause.min(LONGEST_PAUSE))
    }
}

fn closed(pending: &Pending) -> Error {
    Error::Closed {
        address: pending.address.clone(),
    }
}

struct Writer<'a, W> {
    stream: W,
    client_id: Arc<str>,
    pending: &'a Pending,
    correlation: i32,
}

impl<W: AsyncWrite + Unpin> Writer<'_, W> {
    /// Returns when the stream breaks or the last handle is gone.
    async fn write_requests(&mut self, queue: &mut mpsc::Receiver<Queued>) -> Error {
        let mut chunks = Chunks::default();
        while let Some(first) = queue.recv().await {
            self.pending.wait_while_throttled().await;
            let mut sign_in = self.stage_queued(first, &mut chunks);
            while sign_in.is_none()
                && chunks.len < GATHER
                && let Ok(next) = queue.try_recv()
            {
                sign_in = self.stage_queued(next, &mut chunks);
            }
            let mut written = self.write_out(&mut chunks).await;
            if let Some(alone) = sign_in
                && written.is_ok()
            {
                written = self.write_alone(alone, &mut chunks).await;
            }
            if let Err(error) = written {
                return error;
            }
        }
        closed(self.pending)
    }

    /// Writes a sign-in's requests until it is over; what else is queued waits.
    async fn write_alone(
        &mut self,
        mut requests: mpsc::Receiver<Queued>,
        chunks: &mut Chunks,
    ) -> Result<(), Error> {
        while let Some(queued) = requests.recv().await {
            if let Queued::Request(request) = queued {
                self.stage(request, chunks);
                self.write_out(chunks).await?;
            }
        }
        Ok(())
    }

    async fn write_out(&mut self, chunks: &mut Chunks) -> Result<(), Error> {
        if self.stream.write_all_buf(chunks).await.is_ok() && self.stream.flush().await.is_ok() {
            return Ok(());
        }
        Err(Error::Disconnected {
            address: self.pending.address.clone(),
        })
    }

    /// Stages a request, or returns the sign-in that is to be written next.
    fn stage_queued(
        &mut self,
        queued: Queued,
        chunks: &mut Chunks,
    ) -> Option<mpsc::Receiver<Queued>> {
        match queued {
            Queued::Request(request) => {
                self.stage(request, chunks);
                None
            }
            Queued::SignIn(requests) => Some(requests),
        }
    }

    /// Puts a request behind the others of this write, unless its right to be sent has ended.
    fn stage(&mut self, request: Outgoing, chunks: &mut Chunks) {
        let Outgoing {
            api_key,
            version,
            headers,
            body,
            gate,
            answer,
        } = request;
        if gate.is_some_and(|Gate(may_send)| !may_send()) {
            let _ = answer.send(Err(Error::Withheld));
            return;
        }
        self.correlation = self.correlation.wrapping_add(1);
        let call = Call {
            api_key,
            version,
            correlation: self.correlation,
            client_id: &self.client_id,
            flexible: headers.flexible_request,
        };
        let Some(header) = header::write(&call, body.iter().map(Bytes::len).sum()) else {
            let _ = answer.send(Err(self
                .pending
                .protocol("a request too large for a frame")));
            return;
        };
        self.pending.push(Waiting {
            correlation: self.correlation,
            header_version: headers.response,
            answer,
        });
        chunks.push(header);
        body.into_iter().for_each(|chunk| chunks.push(chunk));
    }
}

/// Bytes to be written in order, as one vectored write.
#[derive(Default)]
struct Chunks {
    parts: VecDeque<Bytes>,
    len: usize,
}

impl Chunks {
    fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.len += part.len();
            self.parts.push_back(part);
        }
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let count = into.len().min(self.parts.len());
        for (slot, part) in into.iter_mut().zip(&self.parts) {
            *slot = IoSlice::new(part);
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while let Some(front) = self.parts.front_mut() {
            if front.len() > count {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_gathered_only_while_many_requests_are_open() {
        let ms = Duration::from_millis;
        // Answers since the last read, the time they took, open requests, pause.
        let cases = [
            (1, ms(3), 40, Some(ms(30).min(LONGEST_PAUSE))),
            (4, ms(4), 16, Some(ms(4))),
            (1, ms(3), 15, None),
            (1, ms(100), 1, None),
            (10, ms(1), 20, None),
            (1, ms(60_000), 64, Some(LONGEST_PAUSE)),
        ];
        for (answers, took, open, pause) in cases {
            let began = Instant::now();
            let mut gathering = Gathering::new(began);
            (0..answers).for_each(|_| gathering.answered());
            assert_eq!(
                gathering.pause(open, began + took),
                pause,
                "{answers} in {took:?}"
            );
        }
    }
}
