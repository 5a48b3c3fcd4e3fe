//! What a cluster says of its brokers, topics and leaders (Metadata, versions 4 to 13).

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse};
use uuid::Uuid;

use crate::{Address, ErrorCode};

/// One answer to a metadata request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterMetadata {
    pub cluster_id: Option<String>,
    /// The controller, or with KRaft any broker that passes requests on to it.
    pub controller: Option<i32>,
    pub brokers: Vec<Broker>,
    /// Sorted by name.
    pub topics: Vec<TopicMetadata>,
}

/// One broker and where it says that it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    pub name: String,
    /// Nil where the cluster has no topic ids (KIP-516).
    pub id: Uuid,
    pub internal: bool,
    /// Why the rest is missing, such as `UNKNOWN_TOPIC_OR_PARTITION`.
    pub error: Option<ErrorCode>,
    /// Sorted by index.
    pub partitions: Vec<PartitionMetadata>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    pub index: i32,
    /// `None` while nobody leads it.
    pub leader: Option<i32>,
    /// -1 where the broker does not tell (before version 7).
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
    pub offline: Vec<i32>,
}

/// Which topics to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topics<'a> {
    /// Every topic that we may see.
    All,
    /// These; those that do not exist come back with an error. None are created by asking.
    Named(&'a [String]),
    /// Only the brokers.
    None,
}

impl Topics<'_> {
    pub(crate) fn request(self) -> MetadataRequest {
        let named = |name: &String| {
            MetadataRequestTopic::default().with_name(Some(super::topic_name(name)))
        };
        let topics = match self {
            Self::All => None,
            Self::Named(names) => Some(names.iter().map(named).collect()),
            Self::None => Some(Vec::new()),
        };
        MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(false)
    }
}

impl ClusterMetadata {
    /// Returns a topic by name.
    pub fn topic(&self, name: &str) -> Option<&TopicMetadata> {
        self.topics
            .binary_search_by(|topic| topic.name.as_str().cmp(name))
            .ok()
            .map(|at| &self.topics[at])
    }

    /// Returns a broker by id.
    pub fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers.iter().find(|broker| broker.id == id)
    }
}

impl Broker {
    /// Returns where the broker listens; `None` when it advertises something that is no address.
    pub fn address(&self) -> Option<Address> {
        Address::new(self.host.clone(), self.port).ok()
    }
}

impl TopicMetadata {
    /// Returns a partition by index.
    pub fn partition(&self, index: i32) -> Option<&PartitionMetadata> {
        self.partitions
            .binary_search_by_key(&index, |partition| partition.index)
            .ok()
            .map(|at| &self.partitions[at])
    }
}

impl From<MetadataResponse> for ClusterMetadata {
    fn from(answer: MetadataResponse) -> Self {
        let brokers = answer.brokers.into_iter().map(|broker| Broker {
            id: broker.node_id.0,
            host: broker.host.to_string(),
            port: broker.port,
            rack: broker.rack.map(|rack| rack.to_string()),
        });
        let mut topics: Vec<_> = answer.topics.into_iter().filter_map(topic).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            cluster_id: answer.cluster_id.map(|id| id.to_string()),
            controller: some_broker(answer.controller_id),
            brokers: brokers.collect(),
            topics,
        }
    }
}

fn topic(topic: MetadataResponseTopic) -> Option<TopicMetadata> {
    let mut partitions: Vec<_> = topic.partitions.into_iter().map(partition).collect();
    partitions.sort_by_key(|partition| partition.index);
    Some(TopicMetadata {
        name: topic.name?.to_string(),
        id: topic.topic_id,
        internal: topic.is_internal,
        error: ErrorCode::check(topic.error_code).err(),
        partitions,
    })
}

fn partition(partition: MetadataResponsePartition) -> PartitionMetadata {
    let ids = |ids: Vec<BrokerId>| ids.into_iter().map(|id| id.0).collect();
    PartitionMetadata {
        index: partition.partition_index,
        leader: some_broker(partition.leader_id),
        leader_epoch: partition.leader_epoch,
        replicas: ids(partition.replica_nodes),
        isr: ids(partition.isr_nodes),
        offline: ids(partition.offline_replicas),
    }
}

fn some_broker(id: BrokerId) -> Option<i32> {
    (id.0 >= 0).then_some(id.0)
}
