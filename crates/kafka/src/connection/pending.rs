//! The requests of one connection that wait for their answer.
//!
//! **Invariants:** answers come in the order of the requests (Kafka promises that per connection); every waiting
//! request ends with an answer or with the error that ended the connection, exactly once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frame::FrameError;
use super::{ReplyFrame, header};
use crate::{Address, Error};

/// What reader, writer and handles of a connection share.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) address: Address,
    /// Ends both tasks.
    pub(super) stop: CancellationToken,
    timeout: Duration,
    state: Mutex<State>,
    /// Wakes the watchdog when a request is the first to wait.
    busy: Notify,
}

#[derive(Debug)]
struct State {
    open: VecDeque<Waiting>,
    /// Since when the first of `open` has been the oldest unanswered request.
    oldest_since: Instant,
    /// Until when the broker said it delays us; neither are requests sent nor does their time-out count before.
    throttled_until: Instant,
    dead: Option<Error>,
}

/// One request on the wire.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) correlation: i32,
    /// Version of the response's header: 1 has tagged fields.
    pub(super) header_version: i16,
    pub(super) answer: oneshot::Sender<Result<ReplyFrame, Error>>,
}

impl Pending {
    pub(super) fn new(address: Address, timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            address,
            stop: CancellationToken::new(),
            timeout,
            state: Mutex::new(State {
                open: VecDeque::new(),
                oldest_since: now,
                throttled_until: now,
                dead: None,
            }),
            busy: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request that is about to be written.
    pub(super) fn push(&self, waiting: Waiting) {
        let mut state = self.state();
        if let Some(error) = &state.dead {
            let _ = waiting.answer.send(Err(error.clone()));
            return;
        }
        if state.open.is_empty() {
            state.oldest_since = Instant::now();
            self.busy.notify_one();
        }
        state.open.push_back(waiting);
    }

    /// Gives a frame to the oldest request. An error means that the stream can no longer be trusted.
    pub(super) fn answer(&self, mut frame: Bytes) -> Result<(), Error> {
        let arrived = Instant::now();
        let correlation = frame.get_i32();
        let mut state = self.state();
        let oldest = state
            .open
            .pop_front()
            .ok_or_else(|| self.protocol("an answer nobody asked for"))?;
        state.oldest_since = arrived;
        drop(state);
        if oldest.correlation != correlation {
            let error = self.protocol("an answer out of order");
            let _ = oldest.answer.send(Err(error.clone()));
            return Err(error);
        }
        if oldest.header_version > 0 && header::skip_tags(&mut frame).is_none() {
            let error = self.protocol("a broken response header");
            let _ = oldest.answer.send(Err(error.clone()));
            return Err(error);
        }
        // Nobody waits any more when the caller dropped its reply.
        let _ = oldest.answer.send(Ok(ReplyFrame {
            body: frame,
            arrived,
        }));
        Ok(())
    }

    /// Returns how many requests wait for their answer.
    pub(super) fn open(&self) -> usize {
        self.state().open.len()
    }

    /// Ends the connection: every waiting request gets `error`, unless it already ended with another.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.state();
        let error = state.dead.get_or_insert(error).clone();
        let open = std::mem::take(&mut state.open);
        drop(state);
        for waiting in open {
            let _ = waiting.answer.send(Err(error.clone()));
        }
        self.stop.cancel();
    }

    /// Returns what ended the connection, if it ended.
    pub(super) fn dead(&self) -> Option<Error> {
        self.state().dead.clone()
    }

    /// Notes that the broker delays us for `delay` from now (KIP-219).
    pub(super) fn throttle(&self, delay: Duration) {
        let until = Instant::now() + delay;
        let mut state = self.state();
        state.throttled_until = state.throttled_until.max(until);
    }

    pub(super) async fn wait_while_throttled(&self) {
        loop {
            let until = self.state().throttled_until;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// Waits until the oldest request has waited too long, and says so. Never returns otherwise.
    pub(super) async fn watch(&self) -> Error {
        loop {
            match self.deadline() {
                None => self.busy.notified().await,
                Some(deadline) if deadline <= Instant::now() => return self.timed_out(),
                Some(deadline) => tokio::time::sleep_until(deadline).await,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let since = state.oldest_since.max(state.throttled_until);
        (!state.open.is_empty()).then(|| since + self.timeout)
    }

    fn timed_out(&self) -> Error {
        Error::Timeout {
            address: self.address.clone(),
            what: "a request",
            after: self.timeout,
        }
    }

    pub(super) fn protocol(&self, what: &'static str) -> Error {
        Error::Protocol {
            address: self.address.clone(),
            what,
        }
    }

    pub(super) fn frame_error(&self, error: FrameError) -> Error {
        let address = self.address.clone();
        match error {
            FrameError::Ended => Error::Disconnected { address },
            FrameError::Refused(reason) => Error::Tls { address, reason },
            FrameError::Tls => Error::PlaintextToTls { address },
            FrameError::Size => Error::Protocol {
                address,
                what: "a frame of impossible size",
            },
        }
    }
}
