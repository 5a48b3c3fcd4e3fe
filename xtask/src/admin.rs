//! Administration of a test cluster: topics, their configuration, offsets and groups, by librdkafka.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Wake, Waker},
    thread::Thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

/// How long one administrative call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One partition of a topic as metadata tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFacts {
    pub id: i32,
    /// Node id, `None` while there is no leader.
    pub leader: Option<i32>,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

/// Administrative calls to one cluster; every call blocks, at most 30 s.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    bootstrap: String,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Admin {
    /// Makes a client; no connection is needed yet.
    ///
    /// # Errors
    /// Fails when librdkafka cannot make its threads.
    pub fn new(bootstrap: &str) -> Result<Self> {
        Ok(Self {
            client: client_config(bootstrap).create()?,
            bootstrap: bootstrap.to_owned(),
        })
    }

    /// Returns how many brokers are registered.
    ///
    /// # Errors
    /// Fails when no broker answers within 5 s.
    pub fn broker_count(&self) -> Result<usize> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, Duration::from_secs(5))?;
        Ok(metadata.brokers().len())
    }

    /// Creates a topic with a replication factor of the broker's default and waits until it has leaders.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        self.create_topic_replicated(name, partitions, -1, configs)
    }

    /// As [`Self::create_topic`], with a replication factor; -1 is the broker's default.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn create_topic_replicated(
        &self,
        name: &str,
        partitions: i32,
        factor: i32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(factor));
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        let mut sent_before = false;
        loop {
            let call = block_on(self.client.create_topics([&topic], &options()));
            match call.map_err(Into::into).and_then(one) {
                Ok(()) => break,
                // librdkafka drops calls to a broker that it knew by address alone when it learns that broker's id,
                // perhaps after it has sent them.
                Err(error) if is(&error, RDKafkaErrorCode::DestroyBroker) => sent_before = true,
                Err(error) if sent_before && is(&error, RDKafkaErrorCode::TopicAlreadyExists) => {
                    break;
                }
                Err(error) => return Err(error.context(format!("cannot create topic {name}"))),
            }
        }
        self.wait_for_leaders(name, partitions)
    }

    /// Creates topics of one partition each, many at a time, without waiting for their leaders.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn create_topics(&self, names: &[String]) -> Result<()> {
        const AT_ONCE: usize = 250;
        for some in names.chunks(AT_ONCE) {
            let new = some.iter();
            let new = new.map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(-1)));
            let new: Vec<NewTopic<'_>> = new.collect();
            for made in self.wait(self.client.create_topics(&new, &options()))? {
                made.map_err(|(name, code)| anyhow!("cannot create topic {name}: {code}"))?;
            }
        }
        Ok(())
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        let call = self.client.delete_topics(&[name], &options());
        one(self.wait(call)?).with_context(|| format!("cannot delete topic {name}"))
    }

    /// Grows a topic to `total` partitions and waits until the new ones have leaders.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn grow_topic(&self, name: &str, total: i32) -> Result<()> {
        let grown = NewPartitions::new(name, usize::try_from(total)?);
        let call = self.client.create_partitions([&grown], &options());
        one(self.wait(call)?).with_context(|| format!("cannot grow topic {name}"))?;
        self.wait_for_leaders(name, total)
    }

    /// Replaces the configuration of a topic: what is not named returns to its default.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn set_configs(&self, topic: &str, configs: &[(&str, &str)]) -> Result<()> {
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (key, value) in configs {
            alter = alter.set(key, value);
        }
        let call = self.client.alter_configs([&alter], &options());
        for result in self.wait(call)? {
            result.map_err(|(_, code)| KafkaError::AdminOp(code))?;
        }
        Ok(())
    }

    /// Reads the effective configuration of a topic.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn configs(&self, topic: &str) -> Result<BTreeMap<String, String>> {
        let resource = ResourceSpecifier::Topic(topic);
        let call = self.client.describe_configs([&resource], &options());
        let mut all = BTreeMap::new();
        for resource in self.wait(call)? {
            let resource = resource.map_err(KafkaError::AdminOp)?;
            all.extend(
                resource
                    .entries
                    .into_iter()
                    .filter_map(|e| Some((e.name, e.value?))),
            );
        }
        Ok(all)
    }

    /// Deletes all records of a partition below `before`.
    ///
    /// # Errors
    /// Fails with the broker's reason.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<()> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(before))?;
        let done = self.wait(self.client.delete_records(&offsets, &options()))?;
        for element in done.elements() {
            element.error()?;
        }
        Ok(())
    }

    /// Returns the partitions of a topic in order.
    ///
    /// # Errors
    /// Fails when the topic does not exist.
    pub fn partitions(&self, topic: &str) -> Result<Vec<PartitionFacts>> {
        let metadata = self.client.inner().fetch_metadata(Some(topic), PATIENCE)?;
        let found = metadata.topics().first().context("no such topic")?;
        if let Some(error) = found.error() {
            bail!("topic {topic}: {}", RDKafkaErrorCode::from(error));
        }
        let mut partitions: Vec<PartitionFacts> = found
            .partitions()
            .iter()
            .map(|p| PartitionFacts {
                id: p.id(),
                leader: (p.leader() >= 0).then(|| p.leader()),
                replicas: p.replicas().to_vec(),
                isr: p.isr().to_vec(),
            })
            .collect();
        partitions.sort_by_key(|p| p.id);
        Ok(partitions)
    }

    /// Returns the names of all topics, internal ones included.
    ///
    /// # Errors
    /// Fails when no broker answers.
    pub fn topics(&self) -> Result<Vec<String>> {
        let metadata = self.client.inner().fetch_metadata(None, PATIENCE)?;
        Ok(metadata
            .topics()
            .iter()
            .map(|t| t.name().to_owned())
            .collect())
    }

    /// Returns the first and the end offset (high watermark) of a partition. One without a leader, as after a broker was
    /// frozen, is waited for.
    ///
    /// # Errors
    /// Fails when the partition does not exist or stays without a leader.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked = self
                .client
                .inner()
                .fetch_watermarks(topic, partition, PATIENCE);
            let code = asked
                .as_ref()
                .err()
                .and_then(KafkaError::rdkafka_error_code);
            let leaderless = matches!(
                code,
                Some(
                    RDKafkaErrorCode::NotLeaderForPartition
                        | RDKafkaErrorCode::LeaderNotAvailable
                        | RDKafkaErrorCode::UnknownPartition
                )
            );
            if !leaderless || Instant::now() >= deadline {
                return Ok(asked?);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns first and end offset of every partition of a topic.
    ///
    /// # Errors
    /// As [`Self::watermarks`].
    pub fn all_watermarks(&self, topic: &str) -> Result<Vec<(i64, i64)>> {
        self.partitions(topic)?
            .iter()
            .map(|p| self.watermarks(topic, p.id))
            .collect()
    }

    /// Returns the names of all consumer groups with their states.
    ///
    /// # Errors
    /// Fails when no broker answers.
    pub fn groups(&self) -> Result<BTreeMap<String, String>> {
        let list = self.client.inner().fetch_group_list(None, PATIENCE)?;
        Ok(list
            .groups()
            .iter()
            .map(|g| (g.name().to_owned(), g.state().to_owned()))
            .collect())
    }

    /// Stores an offset for a group that has no members.
    ///
    /// # Errors
    /// Fails with the coordinator's reason.
    pub fn commit_offset(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<()> {
        let consumer: BaseConsumer = client_config(&self.bootstrap)
            .set("group.id", group)
            .create()?;
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        Ok(consumer.commit(&offsets, rdkafka::consumer::CommitMode::Sync)?)
    }

    fn wait_for_leaders(&self, topic: &str, partitions: i32) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.partitions(topic).unwrap_or_default();
            if found.len() == usize::try_from(partitions)?
                && found.iter().all(|p| p.leader.is_some())
            {
                return Ok(());
            }
            if std::time::Instant::now() > deadline {
                bail!(
                    "topic {topic} has no leaders after {} s",
                    PATIENCE.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait<T>(&self, call: impl Future<Output = rdkafka::error::KafkaResult<T>>) -> Result<T> {
        Ok(block_on(call)?)
    }
}

/// Settings every client of the bench shares: it logs nothing and finds brokers again quickly.
pub fn client_config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "bench")
        .set("log_level", "0")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("topic.metadata.refresh.fast.interval.ms", "100")
        .set("allow.auto.create.topics", "false");
    config
}

/// Waits for a future of librdkafka, whose own thread completes it: no runtime is needed, and being inside of one does
/// not matter.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Task::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE))
}

/// Unpacks the answer to a call about one topic.
fn is(error: &anyhow::Error, code: RDKafkaErrorCode) -> bool {
    matches!(error.downcast_ref(), Some(KafkaError::AdminOp(found)) if *found == code)
}

fn one(results: Vec<rdkafka::admin::TopicResult>) -> Result<()> {
    for result in results {
        result.map_err(|(_, code)| KafkaError::AdminOp(code))?;
    }
    Ok(())
}
