//! Producing patched batches on one connection: many requests in flight, payloads written from where they arrived.
//!
//! Brokers take exactly one batch per partition and request (KIP-98), lose one of two entries for one partition
//! without a word, and answer in order. A partition listed twice is therefore refused here; which batch may follow
//! which is the caller's to know.

mod codec;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::time::Instant;
use uuid::Uuid;

use crate::connection::RawRequest;
use crate::{Connection, Error, ErrorCode, Gate, patch};
use codec::{FIRST_WITH_IDS, TopicKey};

/// Version 9 is the first flexible one (Kafka 2.8); older brokers are refused as destinations.
const VERSIONS: std::ops::RangeInclusive<i16> = 9..=13;

/// One batch for one partition, as [`crate::patch::PatchedBatch`] holds it.
#[derive(Debug, Clone)]
pub struct ProducePart {
    pub topic: Arc<str>,
    /// The topic's id, so that a re-created topic is refused (KIP-516); nil to go by name.
    pub topic_id: Uuid,
    pub partition: i32,
    /// The batch's 61-byte header.
    pub header: Bytes,
    /// The batch's records.
    pub payload: Bytes,
}

/// A broker's answer for one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceAck {
    /// Index of the part in its request.
    pub part: usize,
    pub error: ErrorCode,
    /// Offset of the batch's first record, -1 with most errors.
    pub base_offset: i64,
    /// Milliseconds; -1 unless the topic stamps records.
    pub log_append_time_ms: i64,
    /// -1 with most errors.
    pub log_start_offset: i64,
    /// The broker's own words about the error, shortened.
    pub message: Option<String>,
}

/// A broker's answer to one request.
#[derive(Debug, Clone)]
pub struct ProduceReply {
    /// One per part, in the order of the parts.
    pub acks: Vec<ProduceAck>,
    /// How long the broker delays us (KIP-219); the connection waits by itself.
    pub throttle: Duration,
    pub arrived: Instant,
}

/// A request on its way. Dropping it gives up the answer, not the request.
#[derive(Debug)]
#[must_use = "a request without its answer is an indefinite one"]
pub struct PendingProduce {
    reply: crate::Reply,
    connection: Connection,
    version: i16,
    parts: Vec<(TopicKey, i32)>,
}

/// First version that adds partitions to a transaction by itself (KIP-890).
const FIRST_OF_TRANSACTIONS_V2: i16 = 12;

/// Produces on one connection with acks=all.
#[derive(Debug, Clone)]
pub struct ProduceConnection {
    connection: Connection,
    version: i16,
    timeout_ms: i32,
}

impl ProduceConnection {
    /// Takes a connection to the partitions' leader; `timeout` is how long a broker waits for its followers.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for brokers below Produce version 9.
    pub fn new(connection: Connection, timeout: Duration) -> Result<Self, Error> {
        let version = connection.negotiate(ApiKey::Produce, VERSIONS)?;
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        Ok(Self {
            connection,
            version,
            timeout_ms,
        })
    }

    /// Returns the connection below.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Queues one request; requests are written in the order of the calls. `gate` is asked right before writing.
    ///
    /// # Errors
    /// [`Error::Protocol`] if a partition is listed twice, else what [`Connection`] says.
    pub fn send(&self, parts: &[ProducePart], gate: Option<Gate>) -> Result<PendingProduce, Error> {
        self.queue(None, parts, gate)
    }

    /// As [`Self::send`], within the open transaction of a transactional id: the batches, which carry its producer's id and
    /// epoch, are marked as transactional.
    ///
    /// # Errors
    /// As [`Self::send`]; [`Error::Unsupported`] where the broker has no transactions V2.
    pub fn send_within(
        &self,
        transactional_id: &str,
        parts: &[ProducePart],
        gate: Option<Gate>,
    ) -> Result<PendingProduce, Error> {
        self.connection
            .negotiate(ApiKey::Produce, FIRST_OF_TRANSACTIONS_V2..=*VERSIONS.end())?;
        let marked = |part: &ProducePart| ProducePart {
            header: patch::marked_transactional(&part.header, part.payload.len()),
            ..part.clone()
        };
        let parts: Vec<ProducePart> = parts.iter().map(marked).collect();
        self.queue(Some(transactional_id), &parts, gate)
    }

    fn queue(
        &self,
        transactional_id: Option<&str>,
        parts: &[ProducePart],
        gate: Option<Gate>,
    ) -> Result<PendingProduce, Error> {
        let version = self.version_for(parts);
        let body = codec::encode(version, transactional_id, self.timeout_ms, parts).map_err(
            |codec::Twice| {
                self.connection
                    .protocol("a partition twice in one Produce request")
            },
        )?;
        let reply = self.connection.send_raw(RawRequest {
            api_key: ApiKey::Produce as i16,
            version,
            body,
            gate,
        })?;
        let key = |part: &ProducePart| (TopicKey::of(part, version), part.partition);
        Ok(PendingProduce {
            reply,
            connection: self.connection.clone(),
            version,
            parts: parts.iter().map(key).collect(),
        })
    }

    fn version_for(&self, parts: &[ProducePart]) -> i16 {
        if parts.iter().any(|part| part.topic_id.is_nil()) {
            return self.version.min(FIRST_WITH_IDS - 1);
        }
        self.version
    }
}

impl PendingProduce {
    /// Awaits the broker's answer.
    ///
    /// # Errors
    /// What ended the connection: then it is unknown whether anything was appended, except after
    /// [`Error::Withheld`]. [`Error::Protocol`] when the answer is malformed or lacks a part.
    pub async fn answer(self) -> Result<ProduceReply, Error> {
        let frame = self.reply.await?;
        let (acks, throttle_ms) = codec::decode(self.version, frame.body, &self.parts)
            .map_err(|_| self.connection.protocol("a malformed answer to Produce"))?;
        let throttle = Duration::from_millis(throttle_ms.max(0) as u64);
        if !throttle.is_zero() {
            self.connection.throttle(throttle);
        }
        Ok(ProduceReply {
            acks,
            throttle,
            arrived: frame.arrived,
        })
    }
}

/// Reads a reply to a request for partitions 0 and 1 of one topic; `None` for what is no reply to it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn acks_of_reply(version: i16, body: Bytes) -> Option<usize> {
    let topic = match version >= FIRST_WITH_IDS {
        true => TopicKey::Id(Uuid::nil()),
        false => TopicKey::Name("t".into()),
    };
    let parts = [(topic.clone(), 0), (topic, 1)];
    let (acks, _) = codec::decode(version, body, &parts).ok()?;
    Some(acks.len())
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) const REPLY_VERSIONS: std::ops::RangeInclusive<i16> = VERSIONS;
