//! Fetching record batches as they are stored, over one connection and one incremental fetch session (KIP-227).
//!
//! A [`FetchConnection`] keeps one request in flight. A partition that was read is offered again until its position is
//! moved by [`FetchConnection::set`] or it is taken out by [`FetchConnection::remove`]: without credit, take it out.
//! Changes made between two fetches take effect with the next; a pending one lasts at most `max_wait` on a broker
//! without news.

mod codec;
mod session;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Connection, Error, ErrorCode};
use codec::FIRST_WITH_IDS;
use session::{Naming, Next, Session, TopicKey};

const VERSIONS: std::ops::RangeInclusive<i16> = 4..=17;
/// A broker may refuse a session (70, 71, 103, 106) and then the attempt without an old one; not more often.
const SESSION_ATTEMPTS: u32 = 3;

/// What a reader may see (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Up to the high watermark, aborted transactions included.
    ReadUncommitted,
    /// Up to the last stable offset; aborted transactions are listed in the reply.
    ReadCommitted,
}

/// What all requests of a connection ask for.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    pub isolation: Isolation,
    /// How long a broker waits for `min_bytes`.
    pub max_wait: Duration,
    pub min_bytes: i32,
    /// The most one reply holds; a first batch may be larger.
    pub max_bytes: i32,
    /// `client.rack`, to be told a nearer replica (KIP-392); empty for none.
    pub rack: String,
}

/// A partition to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FetchKey {
    pub topic: Arc<str>,
    /// Nil where the cluster has no topic ids.
    pub topic_id: Uuid,
    pub partition: i32,
}

/// Where a partition is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchFrom {
    pub offset: i64,
    /// The leader epoch we know, to be refused by an older or newer leader (KIP-320); -1 for any.
    pub leader_epoch: i32,
    /// Epoch of the last record read, to be told where logs diverge; -1 not to ask.
    pub last_fetched_epoch: i32,
    /// The most a reply holds of this partition; a first batch may be larger.
    pub max_bytes: i32,
}

/// One partition's news.
#[derive(Debug, Clone)]
pub struct FetchedPartition {
    pub key: FetchKey,
    pub error: ErrorCode,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    /// Log start offset; -1 from brokers that do not tell.
    pub log_start: i64,
    /// Aborted transactions within the records, as (producer id, first offset).
    pub aborted: Vec<(i64, i64)>,
    /// Record batches, see [`crate::batch::walk`]; the first may begin below the offset asked for.
    pub records: Bytes,
    /// Largest epoch at or below the one asked about, and its end offset: our log is another one from there.
    pub diverging_epoch: Option<(i32, i64)>,
    /// Leader (broker id) and its epoch, told with errors about leadership (KIP-951).
    pub current_leader: Option<(i32, i32)>,
    /// Broker to be read from instead (KIP-392).
    pub preferred_read_replica: Option<i32>,
}

/// The news of one round trip; partitions that are absent have not changed.
#[derive(Debug, Clone)]
pub struct FetchReply {
    /// How long the broker delays us (KIP-219); the connection waits by itself.
    pub throttle: Duration,
    pub partitions: Vec<FetchedPartition>,
    /// Size of the frame that every `records` slice keeps in memory.
    pub frame_bytes: usize,
    pub arrived: Instant,
}

/// Fetches a changing set of partitions from one broker.
#[derive(Debug)]
pub struct FetchConnection {
    connection: Connection,
    options: FetchOptions,
    version: i16,
    session: Session,
    /// A request was sent whose reply was not read: the caller gave up waiting.
    uncertain: bool,
}

impl FetchConnection {
    /// Takes a connection to the partitions' leader, or to a replica that it prefers.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for brokers without Fetch version 4.
    pub fn new(connection: Connection, options: FetchOptions) -> Result<Self, Error> {
        let version = connection.negotiate(ApiKey::Fetch, VERSIONS)?;
        let naming = match version >= FIRST_WITH_IDS {
            true => Naming::Ids,
            false => Naming::Names,
        };
        Ok(Self {
            connection,
            options,
            version,
            session: Session::new(naming),
            uncertain: false,
        })
    }

    /// Returns the connection below.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Tells whether there is nothing to fetch; then [`FetchConnection::fetch`] has no use.
    pub fn is_empty(&self) -> bool {
        self.session.is_empty()
    }

    /// Sets how long the broker waits for data, from the next request on.
    pub fn set_max_wait(&mut self, max_wait: Duration) {
        self.options.max_wait = max_wait;
    }

    /// Sets how many bytes of batches a response may hold, from the next request on. One batch may always be larger.
    pub fn set_max_bytes(&mut self, max_bytes: usize) {
        self.options.max_bytes = i32::try_from(max_bytes).unwrap_or(i32::MAX);
    }

    /// Adds a partition, or moves where it is read from.
    pub fn set(&mut self, key: FetchKey, from: FetchFrom) {
        if key.topic_id.is_nil() && self.session.naming() == Naming::Ids {
            self.version = self.version.min(FIRST_WITH_IDS - 1);
            self.session.rename(Naming::Names);
        }
        self.session.set(key, from);
    }

    /// Takes a partition out.
    pub fn remove(&mut self, key: &FetchKey) {
        self.session.remove(key);
    }

    /// Makes one round trip and returns the news.
    ///
    /// Dropping the future is safe: the next fetch opens a new session.
    ///
    /// # Errors
    /// What ended the connection, [`Error::Broker`] for an error of the whole request, [`Error::Protocol`] for a
    /// malformed reply.
    pub async fn fetch(&mut self) -> Result<FetchReply, Error> {
        let mut code = ErrorCode::NONE;
        for _ in 0..SESSION_ATTEMPTS {
            if std::mem::replace(&mut self.uncertain, true) {
                self.session.restart();
            }
            let next = self.session.next();
            let reply = exchange(&self.connection, self.version, &self.options, &next).await?;
            self.uncertain = false;
            code = reply.wire.error;
            match code {
                ErrorCode::NONE => {
                    self.session.accepted(reply.wire.session_id);
                    return Ok(reply.named(|topic, index| self.session.key(topic, index).cloned()));
                }
                ErrorCode::FETCH_SESSION_ID_NOT_FOUND => self.session.lost(),
                ErrorCode::INVALID_FETCH_SESSION_EPOCH
                | ErrorCode::INCONSISTENT_TOPIC_ID
                | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR => self.session.restart(),
                _ => break,
            }
        }
        let what = "fetching".to_owned();
        Err(Error::Broker { code, what })
    }
}

/// Fetches one partition once, without a session: for tails and control partitions.
///
/// Answers at once when there is nothing to read, whatever `max_wait` says, if `min_bytes` is 0.
///
/// # Errors
/// As [`FetchConnection::fetch`]; the partition's own error is in the answer.
pub async fn fetch_once(
    connection: &Connection,
    options: &FetchOptions,
    key: FetchKey,
    from: FetchFrom,
) -> Result<FetchedPartition, Error> {
    let mut version = connection.negotiate(ApiKey::Fetch, VERSIONS)?;
    if key.topic_id.is_nil() {
        version = version.min(FIRST_WITH_IDS - 1);
    }
    let topic = match version >= FIRST_WITH_IDS {
        true => TopicKey::Id(key.topic_id),
        false => TopicKey::Name(key.topic.clone()),
    };
    let next = Next {
        session_id: 0,
        // The epoch that asks for no session.
        session_epoch: -1,
        send: vec![(topic, vec![(key.partition, from)])],
        forget: Vec::new(),
    };
    let reply = exchange(connection, version, options, &next).await?;
    if !reply.wire.error.is_ok() {
        let what = "fetching".to_owned();
        return Err(Error::Broker {
            code: reply.wire.error,
            what,
        });
    }
    let missing = connection.protocol("an answer to Fetch without the partition");
    let mut news = reply.named(|_, index| (index == key.partition).then(|| key.clone()));
    news.partitions.pop().ok_or(missing)
}

/// A reply with its frame's facts.
#[derive(Debug)]
struct Exchanged {
    wire: codec::Reply,
    frame_bytes: usize,
    arrived: Instant,
}

async fn exchange(
    connection: &Connection,
    version: i16,
    options: &FetchOptions,
    next: &Next,
) -> Result<Exchanged, Error> {
    let body = codec::encode(version, options, next);
    let frame = connection
        .send(ApiKey::Fetch as i16, version, vec![body])?
        .await?;
    let frame_bytes = frame.body.len();
    let wire = codec::decode(version, frame.body)
        .map_err(|_| connection.protocol("a malformed answer to Fetch"))?;
    if wire.throttle_ms > 0 {
        connection.throttle(Duration::from_millis(wire.throttle_ms as u64));
    }
    Ok(Exchanged {
        wire,
        frame_bytes,
        arrived: frame.arrived,
    })
}

impl Exchanged {
    /// Gives every partition its key; one that was taken out meanwhile has none and is left out.
    fn named(self, key: impl Fn(&TopicKey, i32) -> Option<FetchKey>) -> FetchReply {
        let named = |(topic, p): (TopicKey, codec::Partition)| {
            Some(FetchedPartition {
                key: key(&topic, p.index)?,
                error: p.error,
                high_watermark: p.high_watermark,
                last_stable_offset: p.last_stable_offset,
                log_start: p.log_start,
                aborted: p.aborted,
                records: p.records,
                diverging_epoch: p.diverging_epoch,
                current_leader: p.current_leader,
                preferred_read_replica: p.preferred_read_replica,
            })
        };
        FetchReply {
            throttle: Duration::from_millis(self.wire.throttle_ms.max(0) as u64),
            partitions: self.wire.partitions.into_iter().filter_map(named).collect(),
            frame_bytes: self.frame_bytes,
            arrived: self.arrived,
        }
    }
}

/// Reads a reply of any version and returns the records of its partitions, `None` for what is no reply.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn records_of_reply(version: i16, body: Bytes) -> Option<Vec<Bytes>> {
    let reply = codec::decode(version, body).ok()?;
    let partitions = reply.partitions.into_iter();
    Some(partitions.map(|(_, partition)| partition.records).collect())
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) const REPLY_VERSIONS: std::ops::RangeInclusive<i16> = VERSIONS;
