//! One connection to one broker: many requests in flight, answered in order.
//!
//! Guarantees: requests are written in the order of the calls; every call ends, with its answer or with the error that
//! ended the connection; a request that nobody answers in time ends the connection, since what became of it and of
//! those behind it is unknown. A closed connection never opens again: its owner opens another and decides what to do
//! about what was in flight.

mod about;
mod api_versions;
mod certificate;
mod frame;
mod header;
mod open;
mod pending;
mod pool;
mod session;
mod settings;
mod tasks;

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::{Decodable, Request};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

pub(crate) use open::{Stream, dial, resolve, secure};
pub(crate) use settings::Credentials;
pub use settings::{Purpose, Settings, Timeouts};

use crate::{Address, Error};
use api_versions::ApiVersions;
use header::HeaderVersions;
use pending::Pending;

/// Requests that may wait for the writer. A full queue is an error for the caller: whoever sends this far ahead has
/// lost count of its credit.
const QUEUE: usize = 512;

/// A cheap handle to an open connection; the connection closes when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Connection {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    pending: Arc<Pending>,
    queue: mpsc::Sender<Queued>,
    apis: OnceLock<ApiVersions>,
    round_trip: OnceLock<Duration>,
    certificate_ends_ms: OnceLock<i64>,
    tasks: TaskTracker,
    /// Closes the connection with its last owner; `None` for a handle that only signs in anew.
    _closes: Option<DropGuard>,
}

/// What waits for the writer.
#[derive(Debug)]
enum Queued {
    Request(Outgoing),
    /// From here on only these are written, until their channel is closed: a sign-in.
    SignIn(mpsc::Receiver<Queued>),
}

/// A request on its way to the writer.
#[derive(Debug)]
struct Outgoing {
    api_key: i16,
    version: i16,
    headers: HeaderVersions,
    body: Vec<Bytes>,
    gate: Option<Gate>,
    answer: oneshot::Sender<Result<ReplyFrame, Error>>,
}

/// Asked by the writer right before a request is written; a request whose gate says no ends with
/// [`Error::Withheld`], and nothing of it was sent.
#[derive(Clone)]
pub struct Gate(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

/// A raw request: its body is written as it stands, without being copied.
#[derive(Debug)]
pub(crate) struct RawRequest {
    pub(crate) api_key: i16,
    pub(crate) version: i16,
    pub(crate) body: Vec<Bytes>,
    pub(crate) gate: Option<Gate>,
}

/// The answer to a raw request.
#[derive(Clone, Debug)]
pub struct ReplyFrame {
    /// The response after its header. A slice of it keeps the whole frame in memory.
    pub body: Bytes,
    /// When the frame was complete.
    pub arrived: Instant,
}

/// An answer that is awaited. Dropping it gives up the answer, not the request.
#[derive(Debug)]
pub struct Reply {
    answer: oneshot::Receiver<Result<ReplyFrame, Error>>,
    address: Address,
}

impl Future for Reply {
    type Output = Result<ReplyFrame, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(cx);
        answer.map(|answer| {
            answer.unwrap_or_else(|_| {
                Err(Error::Disconnected {
                    address: self.address.clone(),
                })
            })
        })
    }
}

impl Connection {
    /// Opens a connection: name, TCP, TLS, versions (KIP-35), sign-in. Takes at most the connect time-out.
    pub async fn open(address: &Address, settings: &Settings) -> Result<Self, Error> {
        open::open(address, settings).await
    }

    /// Takes over an open stream and starts the two tasks.
    pub(crate) fn start(stream: Stream, address: &Address, settings: &Settings) -> Self {
        let pending = Arc::new(Pending::new(address.clone(), settings.timeouts.request));
        let (queue, requests) = mpsc::channel(QUEUE);
        let tasks = TaskTracker::new();
        let (reader, writer) = stream.split();
        let span = tracing::info_span!("reader", broker = %address);
        tasks.spawn(tasks::read(reader, Arc::clone(&pending)).instrument(span));
        let span = tracing::info_span!("writer", broker = %address);
        let client_id = Arc::clone(&settings.client_id);
        tasks.spawn(
            tasks::write(writer, requests, client_id, Arc::clone(&pending)).instrument(span),
        );
        tasks.close();
        let closes = Some(pending.stop.clone().drop_guard());
        Self {
            handle: Arc::new(Handle {
                _closes: closes,
                pending,
                queue,
                apis: OnceLock::new(),
                round_trip: OnceLock::new(),
                certificate_ends_ms: OnceLock::new(),
                tasks,
            }),
        }
    }

    /// Returns the address that was dialled.
    pub fn address(&self) -> &Address {
        &self.handle.pending.address
    }

    /// Closes the connection and waits until nothing more is written to or read from it.
    pub async fn close(&self) {
        self.handle.pending.stop.cancel();
        self.handle.tasks.wait().await;
    }

    /// Says whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.pending.stop.is_cancelled()
    }

    /// Waits until the connection has ended, and returns why.
    pub async fn closed(&self) -> Error {
        self.handle.tasks.wait().await;
        self.ended()
    }

    /// Returns the versions of an API that the broker offers, as (lowest, highest); `None` when it has none.
    pub fn api(&self, api_key: i16) -> Option<(i16, i16)> {
        self.handle.apis.get()?.get(api_key)
    }

    /// Returns how long the TCP handshake took: about one round trip, without any work of the broker. Zero for a connection
    /// that was opened step by step.
    pub fn round_trip(&self) -> Duration {
        self.handle.round_trip.get().copied().unwrap_or_default()
    }

    /// Notes that the broker's answer said `throttle_time_ms`: nothing is sent before that time is over, and it does
    /// not count towards a time-out (KIP-219).
    pub fn throttle(&self, delay: Duration) {
        self.handle.pending.throttle(delay);
    }

    /// Returns the highest version that both sides speak.
    pub(crate) fn negotiate(&self, api: ApiKey, ours: RangeInclusive<i16>) -> Result<i16, Error> {
        let theirs = self.api(api as i16);
        theirs
            .and_then(|theirs| common_version(theirs, ours))
            .ok_or_else(|| Error::Unsupported {
                address: self.address().clone(),
                api: api_versions::name(api as i16),
            })
    }

    /// Sends a request in the highest version both sides speak within `ours`, and awaits its answer.
    pub(crate) async fn call<Req: Request>(
        &self,
        request: &Req,
        ours: RangeInclusive<i16>,
    ) -> Result<Req::Response, Error> {
        let api = ApiKey::try_from(Req::KEY).map_err(|()| self.protocol("an unknown request"))?;
        let version = self.negotiate(api, ours)?;
        self.call_at(request, version).await
    }

    /// Sends a request in a given version, and awaits its answer.
    pub(crate) async fn call_at<Req: Request>(
        &self,
        request: &Req,
        version: i16,
    ) -> Result<Req::Response, Error> {
        let mut body = BytesMut::new();
        request
            .encode(&mut body, version)
            .map_err(|_| self.protocol("a request that cannot be encoded"))?;
        let mut reply = self.send(Req::KEY, version, vec![body.freeze()])?.await?;
        Req::Response::decode(&mut reply.body, version)
            .map_err(|_| self.protocol("an answer that cannot be decoded"))
    }

    /// Queues a request whose body is already encoded. The order of calls is the order on the wire.
    pub(crate) fn send(
        &self,
        api_key: i16,
        version: i16,
        body: Vec<Bytes>,
    ) -> Result<Reply, Error> {
        self.send_raw(RawRequest {
            api_key,
            version,
            body,
            gate: None,
        })
    }

    /// As [`Self::send`], for a request that may lose its right to be sent while it waits in the queue. Requests
    /// without an answer (Produce with acks 0) cannot be sent.
    pub(crate) fn send_raw(&self, request: RawRequest) -> Result<Reply, Error> {
        let RawRequest {
            api_key,
            version,
            body,
            gate,
        } = request;
        let headers = header::versions(api_key, version)
            .ok_or_else(|| self.protocol("an unknown request"))?;
        let (answer, receiver) = oneshot::channel();
        let outgoing = Outgoing {
            api_key,
            version,
            headers,
            body,
            gate,
            answer,
        };
        match self.handle.queue.try_send(Queued::Request(outgoing)) {
            Ok(()) => Ok(Reply {
                answer: receiver,
                address: self.address().clone(),
            }),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Error::QueueFull {
                address: self.address().clone(),
            }),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(self.ended()),
        }
    }

    pub(crate) fn protocol(&self, what: &'static str) -> Error {
        self.handle.pending.protocol(what)
    }

    fn ended(&self) -> Error {
        self.handle.pending.dead().unwrap_or_else(|| Error::Closed {
            address: self.address().clone(),
        })
    }
}

/// Picks the highest version in both ranges.
fn common_version((lowest, highest): (i16, i16), ours: RangeInclusive<i16>) -> Option<i16> {
    let version = highest.min(*ours.end());
    (version >= lowest && version >= *ours.start()).then_some(version)
}

#[cfg(test)]
mod tests;
