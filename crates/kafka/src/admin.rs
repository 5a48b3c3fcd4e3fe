//! Questions and commands to a cluster, one short file each.
//!
//! Calls about many partitions ask every leader once, all at the same time, and answer for each partition by itself: one
//! that cannot be answered fails alone.

mod configs;
mod delete_records;
mod describe_cluster;
mod describe_producers;
mod leader_epoch;
mod list_offsets;
mod per_leader;
mod producer_id;
mod topics;
mod transactions;

use std::collections::BTreeMap;

pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource, PerResource};
pub use describe_cluster::ClusterDescription;
pub use describe_producers::ProducerState;
pub use leader_epoch::EpochEnd;
pub use list_offsets::{At, Isolation, ListedOffset};
pub use producer_id::ProducerId;
pub use topics::{CreatedTopic, NewTopic, Run};
pub use transactions::TransactionalProducer;

use crate::Error;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

/// An answer for each partition that was asked for.
pub type PerPartition<T> = BTreeMap<TopicPartition, Result<T, Error>>;

/// An answer for each topic that was asked for, by name.
pub type PerTopic<T> = BTreeMap<String, Result<T, Error>>;
