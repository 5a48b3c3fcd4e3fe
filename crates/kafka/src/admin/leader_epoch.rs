//! Where a leader epoch ended (OffsetForLeaderEpoch, KIP-320); for the current epoch that is the log end.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    BrokerId, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::per_leader::{self, ByTopic, LeaderRequest, PartitionAnswer};
use super::{PerPartition, TopicPartition};
use crate::ErrorCode;
use crate::client::{Client, topic_name};

/// The end of the largest leader epoch that is not above the one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// That epoch; -1 when the log holds none so old.
    pub leader_epoch: i32,
    /// The offset after its last record; the log end for the current epoch; -1 with epoch -1.
    pub end_offset: i64,
}

impl Client {
    /// Asks where leader epochs ended: for each partition the epoch in question.
    pub async fn offset_for_leader_epoch(
        &self,
        epochs: BTreeMap<TopicPartition, i32>,
    ) -> PerPartition<EpochEnd> {
        let partitions = epochs.keys().cloned().collect();
        per_leader::ask(self, &EpochEnds { epochs }, partitions).await
    }
}

struct EpochEnds {
    epochs: BTreeMap<TopicPartition, i32>,
}

impl LeaderRequest for EpochEnds {
    type Request = OffsetForLeaderEpochRequest;
    type Answer = EpochEnd;
    const WHAT: &'static str = "looking for the end of a leader epoch";
    const VERSIONS: RangeInclusive<i16> = 2..=4;

    fn request(&self, topics: &ByTopic) -> OffsetForLeaderEpochRequest {
        let topics = topics.iter().map(|(topic, partitions)| {
            let partitions = partitions.iter().map(|led| {
                let wanted = self.epochs.get(&TopicPartition::new(topic, led.partition));
                OffsetForLeaderPartition::default()
                    .with_partition(led.partition)
                    .with_current_leader_epoch(led.epoch)
                    .with_leader_epoch(wanted.copied().unwrap_or(led.epoch))
            });
            OffsetForLeaderTopic::default()
                .with_topic(topic_name(topic))
                .with_partitions(partitions.collect())
        });
        OffsetForLeaderEpochRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(topics.collect())
    }

    fn read(&self, response: OffsetForLeaderEpochResponse) -> Vec<PartitionAnswer<EpochEnd>> {
        let mut answers = Vec::new();
        for topic in response.topics {
            for partition in topic.partitions {
                let end = EpochEnd {
                    leader_epoch: partition.leader_epoch,
                    end_offset: partition.end_offset,
                };
                answers.push(PartitionAnswer {
                    at: TopicPartition::new(topic.topic.to_string(), partition.partition),
                    result: ErrorCode::check(partition.error_code).map(|()| end),
                });
            }
        }
        answers
    }
}
