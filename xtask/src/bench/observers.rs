//! Who writes the steady load and who watches it arrive: an open loop, and a reader on each side.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
    types::RDKafkaErrorCode,
    util::Timeout,
};

use super::{cells::Cell, latency::Moments, load};
use crate::admin::client_config;

/// How long the last records may take until they are acknowledged.
const FLUSH: Duration = Duration::from_secs(60);

/// Notes each acknowledgement.
#[derive(Clone, Debug)]
struct Acknowledged(Arc<Moments>);

impl rdkafka::ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if result.is_ok() {
            self.0.note(number);
        }
    }
}

/// Writes numbered records at a fixed rate, whatever becomes of them: a record's time to leave depends on the clock alone.
/// Returns by how much it fell behind its clock at most.
pub(super) fn write(
    bootstrap: &str,
    cell: &Cell,
    per_second: f64,
    acknowledged: Arc<Moments>,
    records: usize,
) -> Result<Duration> {
    let producer: ThreadedProducer<Acknowledged> = client_config(bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.codec", cell.codec)
        .set("batch.size", cell.batch_bytes.to_string())
        .set("linger.ms", "5")
        .create_with_context(Acknowledged(acknowledged))?;
    let bodies = load::bodies(cell.record_bytes);
    let began = Instant::now();
    let mut behind = Duration::ZERO;
    for number in 0..records {
        let due = Duration::from_secs_f64(number as f64 / per_second);
        match due.checked_sub(began.elapsed()) {
            Some(early) => std::thread::sleep(early),
            None => behind = behind.max(began.elapsed() - due),
        }
        let key = (number as u64).to_be_bytes();
        let value = load::value(&bodies, number as u64);
        let partition = i32::try_from(number % usize::try_from(cell.partitions)?)?;
        let mut record = BaseRecord::with_opaque_to(load::TOPIC, number)
            .partition(partition)
            .key(&key[..])
            .payload(&value[..]);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            record = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    producer.flush(FLUSH)?;
    Ok(behind)
}

/// A thread that reads a topic and notes when it sees each numbered record.
#[derive(Debug)]
pub(super) struct Observer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Observer {
    pub(super) fn start(bootstrap: &str, partitions: i32, seen: Arc<Moments>) -> Result<Self> {
        let consumer: BaseConsumer = client_config(bootstrap)
            .set("group.id", "bench-observer")
            .set("enable.auto.commit", "false")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "500")
            .create()?;
        let mut all = TopicPartitionList::new();
        for partition in 0..partitions {
            all.add_partition_offset(load::TOPIC, partition, Offset::Beginning)?;
        }
        consumer.assign(&all)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || observe(&consumer, &stopped, &seen));
        Ok(Self { stop, thread })
    }

    /// Ends the thread.
    pub(super) fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("an observer panicked"))?
            .context("while observing")
    }
}

/// Reads until told to stop.
fn observe(consumer: &BaseConsumer, stop: &AtomicBool, seen: &Moments) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        match consumer.poll(Timeout::After(Duration::from_millis(100))) {
            None => {}
            Some(Ok(message)) => {
                // Records that begin the topic have no number.
                if let Some(number) = message.key().and_then(|key| key.try_into().ok()) {
                    seen.note(usize::try_from(u64::from_be_bytes(number))?);
                }
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure))) => {
            }
            Some(Err(error)) => bail!("{error}"),
        }
    }
    Ok(())
}
