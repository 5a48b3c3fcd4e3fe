//! The independent Kafka client: librdkafka, with records exactly as they are stored.
//!
//! A null key or value is not an empty one, headers keep order, duplicates, null values and names that are not text.
//! Everything blocks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rdkafka::{
    Message, Offset, Timestamp, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, Producer, ProducerContext},
    util::Timeout,
};

use crate::admin::{Admin, client_config};

mod raw;

/// How long reading may stand still, and how long a flush or a transactional call may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which time a stored record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    Create,
    LogAppend,
    None,
}

/// Whose records a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadIsolation {
    Committed,
    Uncommitted,
}

/// A record header: its name and its value, which may be null.
pub type RawHeader = (Vec<u8>, Option<Vec<u8>>);

/// One record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the epoch, -1 where there is none.
    pub timestamp: i64,
    pub timestamp_type: TimestampType,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<RawHeader>,
}

/// One record to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// -1 leaves the choice to the writer's partitioner.
    pub partition: i32,
    /// Milliseconds since the epoch; `None` is now.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<RawHeader>,
}

/// Reads a topic from its start to the ends at the time of the call; each partition in order.
///
/// # Errors
/// Fails when the topic does not exist, a checksum is wrong, or nothing comes for 60 s.
pub fn read_all(bootstrap: &str, topic: &str, isolation: ReadIsolation) -> Result<Vec<RawRecord>> {
    let mut records = Vec::new();
    read_each(bootstrap, topic, isolation, |record| records.push(record))?;
    records.sort_by_key(|r| (r.partition, r.offset));
    Ok(records)
}

/// As [`read_all`], handing over each record as it arrives; partitions take turns.
///
/// # Errors
/// As [`read_all`].
pub fn read_each(
    bootstrap: &str,
    topic: &str,
    isolation: ReadIsolation,
    mut each: impl FnMut(RawRecord),
) -> Result<()> {
    let ends: Vec<i64> = Admin::new(bootstrap)?
        .all_watermarks(topic)?
        .into_iter()
        .map(|(_, end)| end)
        .collect();
    let consumer = reader(bootstrap, topic, isolation, ends.len())?;
    let mut open = vec![true; ends.len()];
    let mut last_news = Instant::now();
    while open.contains(&true) {
        let Some(message) = consumer.poll(Timeout::After(Duration::from_millis(200))) else {
            if last_news.elapsed() > PATIENCE {
                bail!("nothing to read in {topic} for {} s", PATIENCE.as_secs());
            }
            continue;
        };
        last_news = Instant::now();
        match message {
            Ok(message) => {
                let partition = usize::try_from(message.partition())?;
                if message.offset() < ends[partition] {
                    each(record_of(&message));
                }
                if message.offset() + 1 >= ends[partition] {
                    open[partition] = false;
                }
            }
            Err(KafkaError::PartitionEOF(partition)) => open[usize::try_from(partition)?] = false,
            // librdkafka finds brokers again by itself; the patience above bounds it.
            Err(error) if passes(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn passes(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut)
    )
}

fn reader(
    bootstrap: &str,
    topic: &str,
    isolation: ReadIsolation,
    partitions: usize,
) -> Result<BaseConsumer> {
    let level = match isolation {
        ReadIsolation::Committed => "read_committed",
        ReadIsolation::Uncommitted => "read_uncommitted",
    };
    let consumer: BaseConsumer = client_config(bootstrap)
        .set("group.id", "bench-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", level)
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", "50")
        .set("fetch.message.max.bytes", "4194304")
        .create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions)? {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    Ok(consumer)
}

fn record_of(message: &rdkafka::message::BorrowedMessage<'_>) -> RawRecord {
    let (timestamp, timestamp_type) = match message.timestamp() {
        Timestamp::CreateTime(time) => (time, TimestampType::Create),
        Timestamp::LogAppendTime(time) => (time, TimestampType::LogAppend),
        Timestamp::NotAvailable => (-1, TimestampType::None),
    };
    RawRecord {
        partition: message.partition(),
        offset: message.offset(),
        timestamp,
        timestamp_type,
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: raw::headers(message),
    }
}

/// How a [`Writer`] writes; start from the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub codec: String,
    /// Largest batch in bytes.
    pub batch_bytes: u32,
    /// How long a batch waits to be filled, in milliseconds.
    pub linger_ms: u32,
    /// Makes the writer transactional.
    pub transactional_id: Option<String>,
    /// Further librdkafka properties.
    pub properties: Vec<(String, String)>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            codec: "none".to_owned(),
            batch_bytes: 65_536,
            linger_ms: 5,
            transactional_id: None,
            properties: Vec::new(),
        }
    }
}

/// What came back from the brokers so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    pub acknowledged: u64,
    pub failed: u64,
    /// The first failure's reason.
    pub first_failure: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct DeliveryLog(Arc<Mutex<Deliveries>>);

impl rdkafka::ClientContext for DeliveryLog {}

impl ProducerContext for DeliveryLog {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => log.acknowledged += 1,
            Err((error, _)) => {
                log.failed += 1;
                log.first_failure.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// An idempotent producer that waits for all replicas and counts acknowledgements.
pub struct Writer {
    producer: BaseProducer<DeliveryLog>,
    log: DeliveryLog,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("deliveries", &self.deliveries())
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Makes a writer; a transactional one signs in with the coordinator, waiting until it is there.
    ///
    /// # Errors
    /// Fails on an unknown codec or property, or when the coordinator does not answer within 60 s.
    pub fn new(bootstrap: &str, options: &WriterOptions) -> Result<Self> {
        let mut config = client_config(bootstrap);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.codec", &options.codec)
            .set("batch.size", options.batch_bytes.to_string())
            .set("batch.num.messages", "1000000")
            .set("message.max.bytes", "8388608")
            .set("queue.buffering.max.messages", "200000")
            .set("linger.ms", options.linger_ms.to_string());
        if let Some(id) = &options.transactional_id {
            config.set("transactional.id", id);
        }
        for (key, value) in &options.properties {
            config.set(key, value);
        }
        let log = DeliveryLog::default();
        let producer: BaseProducer<DeliveryLog> = config.create_with_context(log.clone())?;
        if options.transactional_id.is_some() {
            producer.init_transactions(PATIENCE)?;
        }
        Ok(Self { producer, log })
    }

    /// Hands one record to librdkafka; waits while its queue is full.
    ///
    /// # Errors
    /// Fails when the record is too large or the topic or partition does not exist.
    pub fn send(&self, topic: &str, record: &NewRecord) -> Result<()> {
        self.producer.poll(Timeout::After(Duration::ZERO));
        while !raw::produce(&self.producer, topic, record)? {
            self.producer
                .poll(Timeout::After(Duration::from_millis(10)));
        }
        Ok(())
    }

    /// Waits until everything sent is acknowledged, at most 60 s.
    ///
    /// # Errors
    /// Fails when a record was refused or not acknowledged in time.
    pub fn flush(&self) -> Result<()> {
        self.producer.flush(PATIENCE)?;
        let deliveries = self.deliveries();
        if let Some(reason) = deliveries.first_failure {
            bail!("{} records were not written: {reason}", deliveries.failed);
        }
        Ok(())
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Fails when one is open or the writer is fenced.
    pub fn begin(&self) -> Result<()> {
        Ok(self.producer.begin_transaction()?)
    }

    /// Commits the open transaction with everything sent in it.
    ///
    /// # Errors
    /// Fails when the coordinator refuses, after which the transaction is aborted or unknown.
    pub fn commit(&self) -> Result<()> {
        Ok(self.producer.commit_transaction(PATIENCE)?)
    }

    /// Writes out what was sent, so that it stands in the log, then aborts the open transaction.
    ///
    /// # Errors
    /// Fails when the coordinator refuses.
    pub fn abort(&self) -> Result<()> {
        self.producer.flush(PATIENCE)?;
        Ok(self.producer.abort_transaction(PATIENCE)?)
    }

    /// Returns what came back so far.
    pub fn deliveries(&self) -> Deliveries {
        self.log
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
