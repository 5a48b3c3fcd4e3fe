//! The connections that carry a link's data: opened when wanted, counted here, given up when lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::stream::FuturesUnordered;
use kafka::{Connection, Error, backoff::Backoff, produce::ProduceConnection};

use super::{
    decode::Payload,
    event::PartitionId,
    fetch::{FETCH_BYTES, Fetcher},
    problems::Problems,
    queued::Queued,
};
use crate::credit::Credit;

/// Decides how many connections carry data to and from one broker. Set once, before anything is sent: a partition's batches
/// keep their order on the connection that they are pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionCount {
    pub(super) fetch: usize,
    pub(super) produce: usize,
}

impl Default for ConnectionCount {
    fn default() -> Self {
        Self {
            fetch: 2,
            produce: 2,
        }
    }
}

/// The line that is to be filled, bytes a second.
const WANTED_BYTES_PER_S: u128 = 50_000_000;
/// What one connection has on its way to or from a broker with Kafka's default socket buffers of 102,400 bytes: such a
/// connection carries 1.6 MB/s over a round trip of 100 ms.
const WINDOW_BYTES: u128 = 160_000;
/// A fetch that waits for news does not keep others from being answered.
const LEAST_TO_FETCH: usize = 2;
const MOST_CONNECTIONS: u128 = 32;

impl ConnectionCount {
    /// Chooses by the round trips that were measured: what one connection carries falls with their length.
    pub(super) fn over(source: Duration, destination: Duration) -> Self {
        Self {
            fetch: connections_over(source).max(LEAST_TO_FETCH),
            // As few as fill the line: a request holds one batch of each partition of its connection.
            produce: connections_over(destination),
        }
    }

    /// Keeps to what a memory budget feeds: each fetch that waits for an answer holds its share of it.
    pub(super) fn within(self, budget_bytes: usize) -> Self {
        let fed = budget_bytes / (2 * FETCH_BYTES);
        Self {
            fetch: self.fetch.min(fed.max(LEAST_TO_FETCH)),
            ..self
        }
    }
}

fn connections_over(round_trip: Duration) -> usize {
    let filled = (WANTED_BYTES_PER_S * round_trip.as_micros()).div_ceil(WINDOW_BYTES * 1_000_000);
    filled.clamp(1, MOST_CONNECTIONS) as usize
}

/// Which side of the link a connection serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Side {
    Fetch,
    Produce,
}

/// One of the connections to one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ConnectionKey {
    pub(super) side: Side,
    pub(super) broker: i32,
    pub(super) shard: usize,
}

impl ConnectionCount {
    /// Returns the connection that a partition is pinned to, so that its batches keep their order.
    pub(super) fn key(self, side: Side, broker: i32, id: PartitionId) -> ConnectionKey {
        let count = match side {
            Side::Fetch => self.fetch,
            Side::Produce => self.produce,
        };
        ConnectionKey {
            side,
            broker,
            shard: id.0 % count.max(1),
        }
    }

    /// Returns the connection of a partition for batches that its broker would not check ([`Producer::alone`]).
    pub(super) fn alone_key(self, broker: i32, id: PartitionId) -> ConnectionKey {
        let key = self.key(Side::Produce, broker, id);
        ConnectionKey {
            shard: key.shard + self.produce.max(1),
            ..key
        }
    }

    pub(super) fn is_alone(self, key: ConnectionKey) -> bool {
        key.side == Side::Produce && key.shard >= self.produce.max(1)
    }
}

/// A connection that is wanted.
#[derive(Debug)]
pub(super) enum Line {
    Opening,
    Fetch { fetcher: Fetcher, serial: u64 },
    Produce(Box<Producer>),
    Failed { retry_at_ms: i64 },
}

impl Line {
    /// Returns the partitions that have something for it.
    fn ready(self) -> VecDeque<PartitionId> {
        match self {
            Self::Produce(producer) => producer.ready,
            _ => VecDeque::new(),
        }
    }
}

/// Requests on one produce connection at a time.
const MAX_REQUESTS: usize = 64;
/// Bytes in flight on one produce connection, the least and the most. What is in flight longer than it must arrives no sooner,
/// and memory that was not touched for long is dear to read: it has left the processor's cache.
const LEAST_IN_FLIGHT_BYTES: usize = 2 << 20;
const MOST_IN_FLIGHT_BYTES: usize = 8 << 20;
/// The fastest line that is kept full: 1 GB/s on one connection.
const LINE_BYTES_PER_MICROSECOND: u64 = 1_000;
/// Bytes after which a request takes no further batch.
const REQUEST_BYTES: usize = 1 << 20;
/// The same where only one request is open at a time.
const ALONE_REQUEST_BYTES: usize = MOST_IN_FLIGHT_BYTES;

/// An open produce connection with the partitions that have something for it.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) connection: ProduceConnection,
    pub(super) serial: u64,
    pub(super) ready: VecDeque<PartitionId>,
    pub(super) requests: usize,
    pub(super) bytes: usize,
    /// Batches on their way, by slot.
    pub(super) open: BTreeMap<u32, usize>,
    /// For batches that the broker would not check: one request at a time, so that none stands behind another there.
    pub(super) alone: bool,
    /// Bytes that may be in flight.
    bytes_limit: usize,
}

impl Producer {
    pub(super) fn new(connection: ProduceConnection, serial: u64, alone: bool) -> Self {
        let bytes_limit = in_flight_limit(connection.connection().round_trip());
        Self {
            connection,
            serial,
            ready: VecDeque::new(),
            requests: 0,
            bytes: 0,
            open: BTreeMap::new(),
            alone,
            bytes_limit,
        }
    }

    pub(super) fn may_send(&self) -> bool {
        let most = if self.alone { 1 } else { MAX_REQUESTS };
        !self.ready.is_empty() && self.requests < most && self.bytes < self.bytes_limit
    }

    /// Returns the bytes after which a request takes no further batch.
    pub(super) fn request_bytes(&self) -> usize {
        if self.alone {
            ALONE_REQUEST_BYTES
        } else {
            REQUEST_BYTES
        }
    }

    /// Counts a batch of a slot that came back, or never will.
    pub(super) fn came_back(&mut self, slot: u32) {
        if let Some(open) = self.open.get_mut(&slot) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&slot);
            }
        }
    }
}

/// Returns how many bytes keep a line busy: what it holds itself, and what the broker works on meanwhile.
fn in_flight_limit(round_trip: Duration) -> usize {
    let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
    let held = micros.saturating_mul(LINE_BYTES_PER_MICROSECOND);
    let held = usize::try_from(held).unwrap_or(usize::MAX);
    LEAST_IN_FLIGHT_BYTES
        .saturating_add(held)
        .min(MOST_IN_FLIGHT_BYTES)
}

/// What is remembered of a batch while it is in flight.
#[derive(Debug)]
pub(super) struct SentPart {
    pub(super) id: PartitionId,
    pub(super) generation: u64,
    pub(super) queued: Queued,
    pub(super) bytes: usize,
    pub(super) records: u32,
    pub(super) first_timestamp_ms: i64,
    pub(super) max_timestamp_ms: i64,
    pub(super) source_base: i64,
    /// Gives the frame's memory back when the answer is there.
    _credit: Arc<Credit>,
}

impl SentPart {
    pub(super) fn new(id: PartitionId, generation: u64, queued: Queued, payload: Payload) -> Self {
        let batch = &payload.batch;
        queued.sent(batch.size_bytes());
        Self {
            id,
            generation,
            queued,
            bytes: batch.size_bytes(),
            records: batch.records_count().unsigned_abs(),
            first_timestamp_ms: batch.base_timestamp(),
            max_timestamp_ms: batch.max_timestamp(),
            source_base: batch.base_offset(),
            _credit: payload.credit,
        }
    }
}

/// A produce request that was answered, or never will be.
#[derive(Debug)]
pub(super) struct Replied {
    pub(super) key: ConnectionKey,
    pub(super) serial: u64,
    pub(super) parts: Vec<SentPart>,
    pub(super) result: Result<kafka::produce::ProduceReply, Error>,
}

type Reply = std::pin::Pin<Box<dyn Future<Output = Replied> + Send>>;

/// All connections of a link in this process.
pub(super) struct Traffic {
    pub(super) count: ConnectionCount,
    pub(super) lines: BTreeMap<ConnectionKey, Line>,
    backoffs: HashMap<ConnectionKey, Backoff>,
    pub(super) replies: FuturesUnordered<Reply>,
    serial: u64,
    /// Why the last attempt to reach a side's broker failed, by connection.
    pub(super) problems: Problems<ConnectionKey>,
    /// Connections with something to send.
    pub(super) sending: BTreeSet<ConnectionKey>,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self {
            count: ConnectionCount::default(),
            lines: BTreeMap::new(),
            backoffs: HashMap::new(),
            replies: FuturesUnordered::new(),
            serial: 0,
            problems: Problems::default(),
            sending: BTreeSet::new(),
        }
    }

    /// Returns whether the connection must be opened now; it then counts as opening.
    pub(super) fn want(&mut self, key: ConnectionKey, now_ms: i64) -> bool {
        match self.lines.get(&key) {
            None => {}
            Some(Line::Failed { retry_at_ms }) if *retry_at_ms <= now_ms => {}
            Some(_) => return false,
        }
        self.lines.insert(key, Line::Opening);
        true
    }

    /// Says whether a connection is awaited: what is opened for another reason comes too late, or twice.
    pub(super) fn is_opening(&self, key: ConnectionKey) -> bool {
        matches!(self.lines.get(&key), Some(Line::Opening))
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn opened(&mut self, key: ConnectionKey, line: Line) {
        self.backoffs.remove(&key);
        self.problems.clear(&key);
        self.lines.insert(key, line);
    }

    /// Notes that a connection could not be opened, or was lost; tried again after a growing while. Returns the partitions
    /// that waited for it.
    pub(super) fn failed(&mut self, key: ConnectionKey, now_ms: i64) -> VecDeque<PartitionId> {
        let backoff = self
            .backoffs
            .entry(key)
            .or_insert_with(|| Backoff::new(Duration::from_millis(200), Duration::from_secs(10)));
        let retry_at_ms = now_ms + backoff.next_delay().as_millis() as i64;
        self.sending.remove(&key);
        let line = self.lines.insert(key, Line::Failed { retry_at_ms });
        line.map(Line::ready).unwrap_or_default()
    }

    /// Puts the next attempt to open a lost connection off.
    pub(super) fn postpone(&mut self, key: ConnectionKey, until_ms: i64) {
        if let Some(Line::Failed { retry_at_ms }) = self.lines.get_mut(&key) {
            *retry_at_ms = until_ms;
        }
    }

    /// Closes connections that nobody needs any more. Returns the partitions that waited for them.
    pub(super) fn retain(&mut self, wanted: &BTreeSet<ConnectionKey>) -> Vec<PartitionId> {
        let needless = |(key, line): (&ConnectionKey, &mut Line)| {
            let open = matches!(line, Line::Produce(producer) if producer.requests > 0);
            (!wanted.contains(key) && !open).then_some(*key)
        };
        let gone: Vec<_> = self.lines.iter_mut().filter_map(needless).collect();
        let lines = gone.iter().filter_map(|key| self.lines.remove(key));
        let ready = lines.flat_map(Line::ready).collect();
        self.problems.retain(|key| wanted.contains(key));
        self.sending.retain(|key| wanted.contains(key));
        ready
    }

    /// Returns the produce connections that carry requests of a slot.
    pub(super) fn carrying(&self, slot: u32) -> Vec<(ConnectionKey, Connection)> {
        let carrying = |(key, line): (&ConnectionKey, &Line)| match line {
            Line::Produce(producer) if producer.open.contains_key(&slot) => {
                Some((*key, producer.connection.connection().clone()))
            }
            _ => None,
        };
        self.lines.iter().filter_map(carrying).collect()
    }

    pub(super) fn fetcher(&self, key: ConnectionKey) -> Option<&Fetcher> {
        match self.lines.get(&key) {
            Some(Line::Fetch { fetcher, .. }) => Some(fetcher),
            _ => None,
        }
    }

    pub(super) fn producer(&mut self, key: ConnectionKey) -> Option<&mut Producer> {
        match self.lines.get_mut(&key) {
            Some(Line::Produce(producer)) => Some(producer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_get_more_connections() {
        let over = |ms| ConnectionCount::over(Duration::from_millis(ms), Duration::ZERO);
        let fetching = |ms| over(ms).fetch;
        assert_eq!(
            [0, 6, 10, 20, 100, 60_000].map(fetching),
            [2, 2, 4, 7, 32, 32]
        );
        assert_eq!(over(100).produce, 1);
        let producing =
            |ms| ConnectionCount::over(Duration::ZERO, Duration::from_millis(ms)).produce;
        assert_eq!([0, 3, 6, 100].map(producing), [1, 1, 2, 32]);
        let within = |bytes| over(100).within(bytes).fetch;
        assert_eq!([1 << 20, 16 << 20, 1 << 30].map(within), [2, 8, 32]);
    }

    #[test]
    fn a_long_line_may_hold_more_than_a_short_one() {
        let limit = |micros| in_flight_limit(Duration::from_micros(micros));
        assert_eq!(limit(0), 2 << 20);
        assert_eq!(limit(1_000), (2 << 20) + 1_000_000);
        assert_eq!(limit(100_000), 8 << 20);
        assert_eq!(in_flight_limit(Duration::MAX), 8 << 20);
    }
}
