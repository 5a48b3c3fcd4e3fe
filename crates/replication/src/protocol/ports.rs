//! What the protocol asks of the world: brokers and clocks, as small traits.
//!
//! The engine answers them over connections, the simulation over a simulated broker. Every call may be abandoned at any
//! point (its future dropped): a write may then have happened or not.

use std::{future::Future, time::Duration};

use model::{broker_error, link::Isolation};

/// Why a question got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The broker answered with an error code of Kafka's.
    #[error("the broker answered with {name} ({0})", name = broker_error::name(*.0))]
    Broker(i16),
    /// No answer: time-out, lost or refused connection.
    #[error("no answer: {0}")]
    Unreachable(String),
}

/// Clocks of the shell.
pub trait Clock: Send + Sync {
    /// Returns the wall clock, milliseconds since the epoch UTC.
    fn wall_ms(&self) -> i64;

    /// Returns milliseconds of a clock that never goes back and counts suspended time (`CLOCK_BOOTTIME`).
    fn monotonic_ms(&self) -> i64;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// A record of the control topic as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlEntry {
    pub offset: i64,
    /// Producer id and epoch of the record's batch.
    pub producer_id: i64,
    pub epoch: i16,
    /// Written in a transaction, which was committed.
    pub transactional: bool,
    pub key: String,
    /// `None` for a tombstone.
    pub value: Option<String>,
}

/// A record of the control topic to be written: key, and value or tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlWrite {
    pub key: String,
    pub value: Option<String>,
}

/// One idempotent batch for a partition of the control topic, sent alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlBatch {
    pub slot: u32,
    pub producer_id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
    pub records: Vec<ControlWrite>,
}

/// Why a control batch was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The broker refused it with this error code.
    #[error("the broker refused the batch with {name} ({0})", name = broker_error::name(*.0))]
    Refused(i16),
    /// Nobody knows: no reply, or one that does not tell.
    #[error("the broker did not say whether the batch was written: {0}")]
    Indefinite(String),
}

/// The control topic of one link; its partitions are the slots.
pub trait ControlLog: Send + Sync {
    /// Returns all records of a slot from offset `from` on up to the end (last stable offset, which is the high watermark
    /// but for open transactions) at the time of the call, without those of aborted transactions, and that end; less than
    /// `from` only if the log does not reach there any more.
    fn read(
        &self,
        slot: u32,
        from: i64,
    ) -> impl Future<Output = Result<(Vec<ControlEntry>, i64), PortError>> + Send;

    /// Appends a batch with acks=all; returns its base offset. No retry inside.
    fn append(&self, batch: ControlBatch) -> impl Future<Output = Result<i64, AppendError>> + Send;
}

/// The producer that writes a slot's open transaction, or will write the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    pub producer_id: i64,
    /// Another one for each transaction (KIP-890).
    pub epoch: i16,
}

/// Transactions at the destination: one transactional id per slot of one link.
pub trait Transactions: ControlLog {
    /// Makes the caller the only one that writes in transactions of a slot (InitProducerId). When it returns, every
    /// transaction that was open is committed or aborted, and its writer is fenced.
    fn begin(&self, slot: u32) -> impl Future<Output = Result<Writer, PortError>> + Send;

    /// Appends a batch within the open transaction of its slot. No retry inside.
    fn append_within(
        &self,
        batch: ControlBatch,
    ) -> impl Future<Output = Result<i64, AppendError>> + Send;

    /// Commits the open transaction; once all partitions know, returns the writer of the next one.
    fn commit(
        &self,
        slot: u32,
        writer: Writer,
    ) -> impl Future<Output = Result<Writer, AppendError>> + Send;
}

/// Header of a batch in a mirror partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationBatch {
    pub base_offset: i64,
    pub last_offset: i64,
    /// -1 without an idempotent producer.
    pub producer_id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
    pub control: bool,
    /// Records that are left in it; fewer than its offsets after compaction.
    pub records: i64,
}

/// What DescribeProducers (KIP-664) tells of one producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerState {
    pub epoch: i16,
    pub last_sequence: i32,
    /// Maximum timestamp of its last batch, milliseconds since the epoch.
    pub last_timestamp_ms: i64,
}

/// First offset and the offset that readers may read to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub log_start: i64,
    /// Of a source: last stable offset or high watermark, by isolation. Of a destination: high watermark.
    pub end: i64,
}

/// A record reduced to what tells it from others: offset, and a hash of key, value, headers and timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPrint {
    pub offset: i64,
    pub print: u128,
}

/// One mirror partition.
pub trait Destination: Send + Sync {
    /// Returns the topic's id as text.
    fn topic_id(&self) -> impl Future<Output = Result<String, PortError>> + Send;

    /// Returns the current leader epoch.
    fn leader_epoch(&self) -> impl Future<Output = Result<i32, PortError>> + Send;

    /// Returns the log end of the leader at this epoch (OffsetForLeaderEpoch); an error when the epoch is over.
    fn log_end(&self, epoch: i32) -> impl Future<Output = Result<i64, PortError>> + Send;

    /// Returns what the leader knows of a producer id, `None` when it knows nothing or may not be asked.
    fn producer_state(
        &self,
        producer_id: i64,
    ) -> impl Future<Output = Result<Option<ProducerState>, PortError>> + Send;

    /// Returns log start and high watermark.
    fn bounds(&self) -> impl Future<Output = Result<Bounds, PortError>> + Send;

    /// Returns headers at isolation level 0 from the batch that holds `from`, or the first behind it: one or more,
    /// none when no batch is left below the high watermark.
    fn headers(
        &self,
        from: i64,
    ) -> impl Future<Output = Result<Vec<DestinationBatch>, PortError>> + Send;

    /// Returns the prints of records at isolation level 0 from `from` on, as `headers` does.
    fn records(
        &self,
        from: i64,
    ) -> impl Future<Output = Result<Vec<RecordPrint>, PortError>> + Send;
}

/// What a batch of the source holds for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceClass {
    /// Records to copy.
    Data,
    /// Transaction markers.
    Control,
    /// Records of a transaction that was aborted (at isolation `ReadCommitted` only).
    Aborted,
}

/// Header of a batch in a source partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceBatch {
    pub base_offset: i64,
    pub last_offset: i64,
    /// Records in it; fewer than its offsets where compaction made holes.
    pub records: i64,
    pub leader_epoch: i32,
    pub class: SourceClass,
}

impl SourceBatch {
    /// Says whether each of its offsets holds a record.
    pub fn dense(&self) -> bool {
        self.records == self.last_offset - self.base_offset + 1
    }
}

/// One source partition.
pub trait Source: Send + Sync {
    /// Returns the topic's id as text.
    fn topic_id(&self) -> impl Future<Output = Result<String, PortError>> + Send;

    /// Returns log start and end at an isolation level.
    fn bounds(
        &self,
        isolation: Isolation,
    ) -> impl Future<Output = Result<Bounds, PortError>> + Send;

    /// Returns OffsetForLeaderEpoch: the largest epoch at or below `epoch` that the log holds, and its end (KIP-320);
    /// `None` when the source does not tell.
    fn end_of_epoch(
        &self,
        epoch: i32,
    ) -> impl Future<Output = Result<Option<(i32, i64)>, PortError>> + Send;

    /// Returns headers from the batch that holds `from`, or the first behind it, below the end at this isolation level:
    /// one or more, none when no batch is left.
    fn headers(
        &self,
        from: i64,
        isolation: Isolation,
    ) -> impl Future<Output = Result<Vec<SourceBatch>, PortError>> + Send;

    /// Returns the prints of the records to copy (no control or aborted ones) from `from` on, and the offset to ask
    /// from next; that offset is `from` itself when nothing is left.
    fn records(
        &self,
        from: i64,
        isolation: Isolation,
    ) -> impl Future<Output = Result<(Vec<RecordPrint>, i64), PortError>> + Send;
}
