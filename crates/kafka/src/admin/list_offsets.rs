//! Where partitions begin and end, and which record is the first after a time (ListOffsets, KIP-79, KIP-207).

use std::ops::RangeInclusive;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, ListOffsetsResponse};

use super::per_leader::{self, ByTopic, LeaderRequest, PartitionAnswer};
use super::{PerPartition, TopicPartition};
use crate::ErrorCode;
use crate::client::{Client, topic_name};

/// Which offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The log start offset.
    Earliest,
    /// The end: the high watermark, or with [`Isolation::Committed`] the last stable offset. Neither is the log end
    /// while followers lag; [`Client::offset_for_leader_epoch`] gives that.
    Latest,
    /// The first record whose timestamp is at least this, in milliseconds since 1970.
    Time(i64),
}

/// What a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Everything below the high watermark.
    Uncommitted,
    /// Everything below the last stable offset (KIP-98).
    Committed,
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// `None`: no record is that young ([`At::Time`]).
    pub offset: Option<i64>,
    /// Of the record at [`At::Time`], milliseconds since 1970, else -1.
    pub timestamp_ms: i64,
    /// Leader epoch of the record at the offset, -1 where it is not known.
    pub leader_epoch: i32,
}

impl Client {
    /// Asks where each partition begins, ends, or is at a time. High watermarks that a new leader does not know yet
    /// are a retriable error (`OFFSET_NOT_AVAILABLE`).
    pub async fn list_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        at: At,
        isolation: Isolation,
    ) -> PerPartition<ListedOffset> {
        per_leader::ask(self, &ListOffsets { at, isolation }, partitions).await
    }
}

struct ListOffsets {
    at: At,
    isolation: Isolation,
}

impl LeaderRequest for ListOffsets {
    type Request = ListOffsetsRequest;
    type Answer = ListedOffset;
    const WHAT: &'static str = "looking for an offset";
    const VERSIONS: RangeInclusive<i16> = 2..=10;

    fn request(&self, topics: &ByTopic) -> ListOffsetsRequest {
        let timestamp = match self.at {
            At::Earliest => -2,
            At::Latest => -1,
            At::Time(time) => time,
        };
        let topics = topics.iter().map(|(topic, partitions)| {
            let partitions = partitions.iter().map(|led| {
                ListOffsetsPartition::default()
                    .with_partition_index(led.partition)
                    .with_current_leader_epoch(led.epoch)
                    .with_timestamp(timestamp)
            });
            ListOffsetsTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(partitions.collect())
        });
        ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(match self.isolation {
                Isolation::Uncommitted => 0,
                Isolation::Committed => 1,
            })
            .with_topics(topics.collect())
    }

    fn read(&self, response: ListOffsetsResponse) -> Vec<PartitionAnswer<ListedOffset>> {
        let mut answers = Vec::new();
        for topic in response.topics {
            for partition in topic.partitions {
                let found = ListedOffset {
                    offset: (partition.offset >= 0).then_some(partition.offset),
                    timestamp_ms: partition.timestamp,
                    leader_epoch: partition.leader_epoch,
                };
                answers.push(PartitionAnswer {
                    at: TopicPartition::new(topic.name.to_string(), partition.partition_index),
                    result: ErrorCode::check(partition.error_code).map(|()| found),
                });
            }
        }
        answers
    }
}
