//! Moving log start offsets up (DeleteRecords, KIP-107).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use super::per_leader::{self, ByTopic, LeaderRequest, PartitionAnswer};
use super::{PerPartition, TopicPartition};
use crate::ErrorCode;
use crate::client::{Client, topic_name};

impl Client {
    /// Deletes every record below the given offset of each partition (-1: below the high watermark). Returns the new
    /// log start offsets.
    pub async fn delete_records(&self, before: BTreeMap<TopicPartition, i64>) -> PerPartition<i64> {
        let partitions = before.keys().cloned().collect();
        let timeout_ms = super::topics::broker_timeout_ms(self);
        per_leader::ask(self, &DeleteRecords { before, timeout_ms }, partitions).await
    }
}

struct DeleteRecords {
    before: BTreeMap<TopicPartition, i64>,
    timeout_ms: i32,
}

impl LeaderRequest for DeleteRecords {
    type Request = DeleteRecordsRequest;
    type Answer = i64;
    const WHAT: &'static str = "deleting records";
    const VERSIONS: RangeInclusive<i16> = 0..=2;

    fn request(&self, topics: &ByTopic) -> DeleteRecordsRequest {
        let topics = topics.iter().map(|(topic, partitions)| {
            let partitions = partitions.iter().filter_map(|led| {
                let offset = self
                    .before
                    .get(&TopicPartition::new(topic, led.partition))?;
                Some(
                    DeleteRecordsPartition::default()
                        .with_partition_index(led.partition)
                        .with_offset(*offset),
                )
            });
            DeleteRecordsTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(partitions.collect())
        });
        DeleteRecordsRequest::default()
            .with_timeout_ms(self.timeout_ms)
            .with_topics(topics.collect())
    }

    fn read(&self, response: DeleteRecordsResponse) -> Vec<PartitionAnswer<i64>> {
        let mut answers = Vec::new();
        for topic in response.topics {
            for partition in topic.partitions {
                answers.push(PartitionAnswer {
                    at: TopicPartition::new(topic.name.to_string(), partition.partition_index),
                    result: ErrorCode::check(partition.error_code)
                        .map(|()| partition.low_watermark),
                });
            }
        }
        answers
    }
}
