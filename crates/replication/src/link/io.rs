//! The protocol's questions over real clusters: [`Wire`] is one link's clients, clocks and control topic.
//!
//! The data itself does not pass here. Control batches have connections of their own, so that a renewal of the lease never
//! waits behind data.

mod control;
mod destination;
mod source;
mod transactions;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use kafka::{
    Connection, Error, Purpose, Timeouts,
    admin::{TopicPartition, TransactionalProducer},
    client::{Client, ClusterMetadata, Options, Topics},
    fetch::{FetchFrom, FetchKey, FetchOptions, FetchedPartition, Isolation, fetch_once},
    produce::ProduceConnection,
};
use model::{cluster::ClusterSpec, link, own};
use uuid::Uuid;

pub(super) use destination::DestinationPort;
pub(super) use source::SourcePort;

use crate::{
    ledger::DesiredLink,
    protocol::{
        ports::{Clock, PortError},
        quiet::longest_on_its_way,
    },
    supervisor::Settings,
};

/// Bytes of one answer when headers or control records are read.
const READ_BYTES: i32 = 1 << 20;

/// One cluster as a link reaches it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) spec: ClusterSpec,
    client: Result<Client, Error>,
    timeouts: Timeouts,
    produce_timeout: Duration,
    /// One connection to each broker for single reads.
    readers: Mutex<HashMap<i32, Connection>>,
    /// One connection to each broker for control batches.
    writers: Mutex<HashMap<i32, ProduceConnection>>,
}

/// A link's two clusters, its control topic and its clocks.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) source: End,
    pub(super) destination: End,
    pub(super) control_topic: Arc<str>,
    /// Id and partitions of the control topic, once it stands.
    control: RwLock<Option<(Uuid, u32)>>,
    link_id: String,
    /// Who writes in transactions, by slot.
    writers: Mutex<HashMap<u32, TransactionalProducer>>,
}

impl Wire {
    pub(super) fn new(settings: &Settings, link: &DesiredLink) -> Self {
        Self {
            source: End::new(&link.source, settings),
            destination: End::new(&link.destination, settings),
            control_topic: own::control_topic(link.spec.name.as_str()).into(),
            control: RwLock::new(None),
            link_id: link.id.clone(),
            writers: Mutex::default(),
        }
    }

    pub(super) fn control_topic_is(&self, id: Uuid, slots: u32) {
        *self.control.write().unwrap_or_else(PoisonError::into_inner) = Some((id, slots));
    }

    fn control_topic_id(&self) -> Uuid {
        let control = self.control.read().unwrap_or_else(PoisonError::into_inner);
        control.map_or(Uuid::nil(), |(id, _)| id)
    }

    pub(super) async fn source_metadata(&self) -> Result<Arc<ClusterMetadata>, Error> {
        Ok(Arc::new(self.source.client()?.metadata(Topics::All).await?))
    }

    pub(super) async fn destination_metadata(
        &self,
        topics: &[String],
    ) -> Result<Arc<ClusterMetadata>, Error> {
        Ok(Arc::new(
            self.destination
                .client()?
                .metadata(Topics::Named(topics))
                .await?,
        ))
    }
}

impl Clock for Wire {
    fn wall_ms(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_millis() as i64)
    }

    fn monotonic_ms(&self) -> i64 {
        boot_ms()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Returns milliseconds since the machine started, suspended time included.
pub(super) fn boot_ms() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
}

impl End {
    fn new(spec: &ClusterSpec, settings: &Settings) -> Self {
        let timeouts = Timeouts {
            connect: settings.connect_timeout,
            request: settings.request_timeout,
        };
        let options = Options {
            client_id: format!("causeway-{}", settings.worker),
            timeouts,
        };
        Self {
            spec: spec.clone(),
            client: Client::new(spec, options),
            timeouts,
            produce_timeout: settings.produce_timeout,
            readers: Mutex::default(),
            writers: Mutex::default(),
        }
    }

    pub(super) fn client(&self) -> Result<&Client, Error> {
        self.client.as_ref().map_err(Clone::clone)
    }

    /// Opens a connection for data.
    pub(super) async fn open(&self, broker: i32, purpose: Purpose) -> Result<Connection, Error> {
        let request = match purpose {
            Purpose::Ask => self.timeouts.request,
            // The broker answers within the produce time-out, or never.
            Purpose::Produce => longest_on_its_way(self.produce_timeout),
        };
        let timeouts = Timeouts {
            request,
            ..self.timeouts
        };
        self.client()?.open_with(broker, purpose, timeouts).await
    }

    pub(super) async fn open_producer(&self, broker: i32) -> Result<ProduceConnection, Error> {
        let connection = self.open(broker, Purpose::Produce).await?;
        ProduceConnection::new(connection, self.produce_timeout)
    }

    async fn reader(&self, broker: i32) -> Result<Connection, Error> {
        let known = lock(&self.readers).get(&broker).cloned();
        if let Some(connection) = known.filter(|connection| !connection.is_closed()) {
            return Ok(connection);
        }
        let connection = self.open(broker, Purpose::Ask).await?;
        lock(&self.readers).insert(broker, connection.clone());
        Ok(connection)
    }

    pub(super) async fn writer(&self, broker: i32) -> Result<ProduceConnection, Error> {
        let known = lock(&self.writers).get(&broker).cloned();
        if let Some(writer) = known.filter(|writer| !writer.connection().is_closed()) {
            return Ok(writer);
        }
        let writer = self.open_producer(broker).await?;
        lock(&self.writers).insert(broker, writer.clone());
        Ok(writer)
    }

    /// Reads one partition once, from its leader.
    async fn read(
        &self,
        key: &FetchKey,
        offset: i64,
        isolation: Isolation,
    ) -> Result<FetchedPartition, PortError> {
        let client = self.client().map_err(port)?;
        let leader = client
            .leader(&key.topic, key.partition)
            .await
            .map_err(port)?;
        let connection = self.reader(leader.broker).await.map_err(port)?;
        let options = FetchOptions {
            isolation,
            max_wait: Duration::ZERO,
            min_bytes: 0,
            max_bytes: READ_BYTES,
            rack: String::new(),
        };
        let from = FetchFrom {
            offset,
            leader_epoch: leader.epoch,
            last_fetched_epoch: -1,
            max_bytes: READ_BYTES,
        };
        let asked = tokio::time::Instant::now();
        let fetched = fetch_once(&connection, &options, key.clone(), from)
            .await
            .map_err(port)?;
        if fetched.error.is_ok() {
            return Ok(fetched);
        }
        if fetched.error.is_stale_metadata() {
            // The caller tries again; the next time the leader is another.
            let _ = client.refresh(&[key.topic.to_string()], asked).await;
        }
        Err(PortError::Broker(fetched.error.0))
    }

    /// Returns the topic's id as the cluster tells it now, `None` where it has no ids.
    pub(super) async fn topic_id(&self, topic: &str) -> Result<Option<Uuid>, PortError> {
        let topics = [topic.to_owned()];
        let asked = self
            .client()
            .map_err(port)?
            .metadata(Topics::Named(&topics));
        let metadata = asked.await.map_err(port)?;
        let unknown = PortError::Broker(kafka::ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);
        let found = metadata.topic(topic).ok_or(unknown)?;
        match found.error {
            Some(error) => Err(PortError::Broker(error.0)),
            None => Ok((!found.id.is_nil()).then_some(found.id)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the one answer of a question about one partition.
fn only<T>(
    mut answers: kafka::admin::PerPartition<T>,
    at: &TopicPartition,
) -> Result<T, PortError> {
    let missing = || PortError::Unreachable(format!("no answer about `{}`", at.topic));
    answers.remove(at).ok_or_else(missing)?.map_err(port)
}

/// Returns an error of the wire as the protocol knows it.
pub(super) fn port(error: Error) -> PortError {
    match error.broker_code() {
        Some(code) => PortError::Broker(code.0),
        None => PortError::Unreachable(error.to_string()),
    }
}

fn admin_isolation(isolation: link::Isolation) -> kafka::admin::Isolation {
    match isolation {
        link::Isolation::ReadCommitted => kafka::admin::Isolation::Committed,
        link::Isolation::ReadUncommitted => kafka::admin::Isolation::Uncommitted,
    }
}

pub(super) fn fetch_isolation(isolation: link::Isolation) -> Isolation {
    match isolation {
        link::Isolation::ReadCommitted => Isolation::ReadCommitted,
        link::Isolation::ReadUncommitted => Isolation::ReadUncommitted,
    }
}
