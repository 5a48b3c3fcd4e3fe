//! One mirror partition as a take-over asks about it.

use std::{collections::BTreeMap, sync::Arc};

use kafka::{
    ErrorCode,
    admin::{At, Isolation, TopicPartition},
    batch::{BatchView, walk},
    client::Topics,
    fetch::{self, FetchKey},
};

use super::{Wire, only, port};
use crate::{
    link::io::source::prints,
    protocol::{
        ports::{Bounds, Destination, DestinationBatch, PortError, ProducerState, RecordPrint},
        position::Identity,
    },
};

/// One mirror partition.
#[derive(Debug)]
pub(in crate::link) struct DestinationPort {
    wire: Arc<Wire>,
    at: TopicPartition,
    key: FetchKey,
}

impl DestinationPort {
    pub(in crate::link) fn new(wire: Arc<Wire>, identity: &Identity) -> Self {
        let topic_id = identity
            .mirror_topic_id
            .parse()
            .unwrap_or(uuid::Uuid::nil());
        Self {
            wire,
            at: TopicPartition::new(identity.mirror_topic.clone(), identity.partition),
            key: FetchKey {
                topic: identity.mirror_topic.as_str().into(),
                topic_id,
                partition: identity.partition,
            },
        }
    }

    async fn batches(&self, from: i64) -> Result<Vec<BatchView>, PortError> {
        let read = self
            .wire
            .destination
            .read(&self.key, from, fetch::Isolation::ReadUncommitted);
        let batches = walk(read.await?.records);
        let broken = |error| PortError::Unreachable(format!("a damaged batch: {error}"));
        batches.map(|batch| batch.map_err(broken)).collect()
    }
}

impl Destination for DestinationPort {
    async fn topic_id(&self) -> Result<String, PortError> {
        let id = self.wire.destination.topic_id(&self.at.topic).await?;
        Ok(id.unwrap_or(self.key.topic_id).to_string())
    }

    async fn leader_epoch(&self) -> Result<i32, PortError> {
        let client = self.wire.destination.client().map_err(port)?;
        client
            .metadata(Topics::Named(std::slice::from_ref(&self.at.topic)))
            .await
            .map_err(port)?;
        let leader = client
            .leader(&self.at.topic, self.at.partition)
            .await
            .map_err(port)?;
        Ok(leader.epoch)
    }

    async fn log_end(&self, epoch: i32) -> Result<i64, PortError> {
        let client = self.wire.destination.client().map_err(port)?;
        let asked = BTreeMap::from([(self.at.clone(), epoch)]);
        let end = only(client.offset_for_leader_epoch(asked).await, &self.at)?;
        let over = client
            .known_leader(&self.at.topic, self.at.partition)
            .is_none_or(|leader| leader.epoch != epoch);
        if over {
            return Err(PortError::Broker(ErrorCode::FENCED_LEADER_EPOCH.0));
        }
        Ok(end.end_offset)
    }

    async fn producer_state(&self, producer_id: i64) -> Result<Option<ProducerState>, PortError> {
        let client = self.wire.destination.client().map_err(port)?;
        let answer = only(
            client.describe_producers(vec![self.at.clone()]).await,
            &self.at,
        );
        let states = match answer {
            Ok(states) => states,
            Err(PortError::Broker(code)) if ErrorCode(code).is_authorization() => return Ok(None),
            Err(error) => return Err(error),
        };
        let ours = states
            .into_iter()
            .find(|state| state.producer_id == producer_id);
        Ok(ours.map(|state| ProducerState {
            epoch: state.producer_epoch as i16,
            last_sequence: state.last_sequence,
            last_timestamp_ms: state.last_timestamp_ms,
        }))
    }

    async fn bounds(&self) -> Result<Bounds, PortError> {
        let client = self.wire.destination.client().map_err(port)?;
        let ask = |at| client.list_offsets(vec![self.at.clone()], at, Isolation::Uncommitted);
        let log_start = only(ask(At::Earliest).await, &self.at)?.offset.unwrap_or(0);
        let end = only(ask(At::Latest).await, &self.at)?.offset.unwrap_or(0);
        Ok(Bounds { log_start, end })
    }

    async fn headers(&self, from: i64) -> Result<Vec<DestinationBatch>, PortError> {
        let header = |batch: BatchView| DestinationBatch {
            base_offset: batch.base_offset(),
            last_offset: batch.last_offset(),
            producer_id: batch.producer_id(),
            epoch: batch.producer_epoch(),
            base_sequence: batch.base_sequence(),
            control: batch.is_control(),
            records: i64::from(batch.records_count()),
        };
        Ok(self.batches(from).await?.into_iter().map(header).collect())
    }

    async fn records(&self, from: i64) -> Result<Vec<RecordPrint>, PortError> {
        let mut records = Vec::new();
        for batch in self
            .batches(from)
            .await?
            .iter()
            .filter(|batch| !batch.is_control())
        {
            prints(batch, from, &mut records)?;
        }
        Ok(records)
    }
}
