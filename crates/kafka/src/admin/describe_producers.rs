//! Which producers a partition's leader remembers, and their last sequence (DescribeProducers, KIP-664).

use std::ops::RangeInclusive;

use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, describe_producers_response,
};

use super::per_leader::{self, ByTopic, LeaderRequest, PartitionAnswer};
use super::{PerPartition, TopicPartition};
use crate::ErrorCode;
use crate::client::{Client, topic_name};

/// What a leader remembers of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerState {
    pub producer_id: i64,
    pub producer_epoch: i32,
    /// Sequence of its last record, counted to the log end; -1 before the first.
    pub last_sequence: i32,
    /// Largest record time of its last batch, milliseconds since 1970; the state expires by it.
    pub last_timestamp_ms: i64,
    /// Where its open transaction began.
    pub open_transaction_start: Option<i64>,
}

impl Client {
    /// Asks which producers each partition knows. A producer that is absent is unknown to the broker's guard, which
    /// says nothing about whether it ever wrote.
    pub async fn describe_producers(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> PerPartition<Vec<ProducerState>> {
        per_leader::ask(self, &DescribeProducers, partitions).await
    }
}

struct DescribeProducers;

impl LeaderRequest for DescribeProducers {
    type Request = DescribeProducersRequest;
    type Answer = Vec<ProducerState>;
    const WHAT: &'static str = "asking for the producers";
    const VERSIONS: RangeInclusive<i16> = 0..=0;

    fn request(&self, topics: &ByTopic) -> DescribeProducersRequest {
        let topics = topics.iter().map(|(topic, partitions)| {
            TopicRequest::default()
                .with_name(topic_name(topic))
                .with_partition_indexes(partitions.iter().map(|led| led.partition).collect())
        });
        DescribeProducersRequest::default().with_topics(topics.collect())
    }

    fn read(
        &self,
        response: DescribeProducersResponse,
    ) -> Vec<PartitionAnswer<Vec<ProducerState>>> {
        let mut answers = Vec::new();
        for topic in response.topics {
            for partition in topic.partitions {
                let producers = partition.active_producers.iter().map(state).collect();
                answers.push(PartitionAnswer {
                    at: TopicPartition::new(topic.name.to_string(), partition.partition_index),
                    result: ErrorCode::check(partition.error_code).map(|()| producers),
                });
            }
        }
        answers
    }
}

fn state(producer: &describe_producers_response::ProducerState) -> ProducerState {
    let start = producer.current_txn_start_offset;
    ProducerState {
        producer_id: producer.producer_id.0,
        producer_epoch: producer.producer_epoch,
        last_sequence: producer.last_sequence,
        last_timestamp_ms: producer.last_timestamp,
        open_transaction_start: (start >= 0).then_some(start),
    }
}
