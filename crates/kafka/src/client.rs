//! A client of one cluster: who leads what, and one shared connection per broker for questions.
//!
//! Guarantees: making a client connects to nothing and never fails because a cluster is away; a broker that does not
//! answer delays only the questions to that broker; asking for a topic never creates it. Omits: fetching and producing,
//! which have connections of their own ([`Client::open_to_broker`]).

mod about;
mod ask;
mod metadata;
mod shared;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use model::cluster::ClusterSpec;
use tokio::time::Instant;

pub use about::AboutBrokers;
pub use metadata::{Broker, ClusterMetadata, PartitionMetadata, TopicMetadata, Topics};

use crate::{Address, Connection, Error, ErrorCode, Purpose, Settings, Timeouts};
use shared::SharedConnection;

/// A cheap handle to a client of one cluster.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bootstrap: Vec<Address>,
    settings: Settings,
    view: RwLock<View>,
    connections: Mutex<HashMap<Address, Arc<SharedConnection>>>,
    /// Held while leaders are looked up again, so that a thousand partitions that lost theirs ask once.
    refresh: tokio::sync::Mutex<()>,
}

/// What the cluster last told.
#[derive(Debug, Default)]
struct View {
    cluster_id: Option<String>,
    controller: Option<i32>,
    brokers: Vec<Broker>,
    topics: HashMap<String, (TopicMetadata, Instant)>,
}

/// How a client presents itself and how long it waits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Shown in brokers' logs, metrics and quotas.
    pub client_id: String,
    pub timeouts: Timeouts,
}

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    pub broker: i32,
    /// -1 where the cluster does not tell.
    pub epoch: i32,
}

impl Client {
    /// Makes a client; connects to nothing yet. Fails only for settings that can never work: an address without a
    /// port, a certificate that is none.
    pub fn new(spec: &ClusterSpec, options: Options) -> Result<Self, Error> {
        let parse = |entry: &String| {
            entry.parse::<Address>().map_err(|error| Error::Settings {
                what: format!("`{entry}`: {error}"),
            })
        };
        let inner = Inner {
            bootstrap: spec.bootstrap.iter().map(parse).collect::<Result<_, _>>()?,
            settings: Settings::from_spec(spec, &options.client_id)?
                .with_timeouts(options.timeouts),
            view: RwLock::default(),
            connections: Mutex::default(),
            refresh: tokio::sync::Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Asks the cluster for its brokers and topics, and remembers the answer.
    pub async fn metadata(&self, topics: Topics<'_>) -> Result<ClusterMetadata, Error> {
        let asked = Instant::now();
        let answer = self.ask_any(&topics.request(), 4..=13).await?;
        ErrorCode::check(answer.error_code)
            .map_err(|code| Error::broker(code, "asking for metadata"))?;
        let answer = ClusterMetadata::from(answer);
        self.remember(&answer, topics, asked);
        Ok(answer)
    }

    /// Returns Kafka's own id of the cluster, if it was connected to before.
    pub fn cluster_id(&self) -> Option<String> {
        self.view().cluster_id.clone()
    }

    /// Returns who leads a partition as far as is known, else asks.
    pub async fn leader(&self, topic: &str, partition: i32) -> Result<Leader, Error> {
        if let Some(leader) = self.known_leader(topic, partition) {
            return Ok(leader);
        }
        self.refresh(&[topic.to_owned()], Instant::now()).await?;
        let error = self
            .view()
            .topics
            .get(topic)
            .and_then(|(topic, _)| topic.error);
        if let Some(code) = error {
            return Err(Error::broker(
                code,
                format!("looking for the leader of `{topic}`"),
            ));
        }
        let missing = || Error::NoLeader {
            topic: topic.to_owned(),
            partition,
        };
        self.known_leader(topic, partition).ok_or_else(missing)
    }

    /// Returns who leads a partition, as far as is known.
    pub fn known_leader(&self, topic: &str, partition: i32) -> Option<Leader> {
        let view = self.view();
        let partition = view.topics.get(topic)?.0.partition(partition)?;
        partition.leader.map(|broker| Leader {
            broker,
            epoch: partition.leader_epoch,
        })
    }

    /// Looks up again who leads these topics, unless somebody did so after `noticed`, when the old answer was found
    /// to be wrong.
    pub async fn refresh(&self, topics: &[String], noticed: Instant) -> Result<(), Error> {
        let _one_at_a_time = self.inner.refresh.lock().await;
        let outdated: Vec<String> = {
            let view = self.view();
            let current = |name: &String| {
                view.topics
                    .get(name)
                    .is_some_and(|(_, asked)| *asked >= noticed)
            };
            topics
                .iter()
                .filter(|name| !current(name))
                .cloned()
                .collect()
        };
        if outdated.is_empty() {
            return Ok(());
        }
        self.metadata(Topics::Named(&outdated)).await.map(drop)
    }

    /// Opens a connection of its own to a broker, for fetching or producing.
    pub async fn open_to_broker(&self, broker: i32, purpose: Purpose) -> Result<Connection, Error> {
        let address = self.address_of(broker).await?;
        Connection::open(&address, &self.inner.settings.clone().with_purpose(purpose)).await
    }

    /// As [`Self::open_to_broker`], with a request time-out of its own.
    pub async fn open_with(
        &self,
        broker: i32,
        purpose: Purpose,
        timeouts: Timeouts,
    ) -> Result<Connection, Error> {
        let address = self.address_of(broker).await?;
        let settings = self
            .inner
            .settings
            .clone()
            .with_purpose(purpose)
            .with_timeouts(timeouts);
        Connection::open(&address, &settings).await
    }

    /// Closes the shared connections. The client stays usable and opens them again when asked.
    pub async fn close(&self) {
        let connections: Vec<_> = self
            .connections()
            .drain()
            .map(|(_, connection)| connection)
            .collect();
        for connection in connections {
            connection.close().await;
        }
    }

    /// Returns how long brokers are waited for.
    pub fn timeouts(&self) -> Timeouts {
        self.inner.settings.timeouts
    }

    async fn address_of(&self, broker: i32) -> Result<Address, Error> {
        let known = |client: &Self| {
            client
                .view()
                .brokers
                .iter()
                .find(|b| b.id == broker)
                .map(Broker::address)
        };
        let mut found = known(self);
        if found.is_none() {
            self.metadata(Topics::None).await?;
            found = known(self);
        }
        found.flatten().ok_or(Error::UnknownBroker { id: broker })
    }

    fn shared(&self, address: Address) -> Arc<SharedConnection> {
        let fresh = || Arc::new(SharedConnection::new(address.clone()));
        Arc::clone(
            self.connections()
                .entry(address.clone())
                .or_insert_with(fresh),
        )
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Arc<SharedConnection>>> {
        self.inner
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> std::sync::RwLockReadGuard<'_, View> {
        self.inner
            .view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, answer: &ClusterMetadata, topics: Topics<'_>, asked: Instant) {
        let mut view = self
            .inner
            .view
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        view.cluster_id.clone_from(&answer.cluster_id);
        view.controller = answer.controller;
        // A broker that only just started may not know the others yet.
        if !answer.brokers.is_empty() {
            view.brokers.clone_from(&answer.brokers);
        }
        if topics == Topics::All {
            view.topics.clear();
        }
        for topic in &answer.topics {
            view.topics
                .insert(topic.name.clone(), (topic.clone(), asked));
        }
    }
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

#[cfg(test)]
mod tests;
