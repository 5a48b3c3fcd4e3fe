//! The control topic as the protocol reads and writes it.

use bytes::Bytes;
use kafka::{
    Error, ErrorCode,
    aborted::{AbortedIndex, Verdict},
    batch::{Codec, walk},
    build::{NewRecord, build_batch},
    fetch::{FetchKey, Isolation},
    patch::Patch,
    produce::ProducePart,
    records::Records,
};

use super::{Wire, port};
use crate::crash::crash_point;
use crate::protocol::ports::{
    AppendError, Bounds, Clock, ControlBatch, ControlEntry, ControlLog, PortError,
};

impl ControlLog for Wire {
    async fn read(&self, slot: u32, from: i64) -> Result<(Vec<ControlEntry>, i64), PortError> {
        let key = FetchKey {
            topic: self.control_topic.clone(),
            topic_id: self.control_topic_id(),
            partition: slot as i32,
        };
        let mut entries = Vec::new();
        let mut next = from;
        let mut end = None;
        loop {
            let fetched = match self
                .destination
                .read(&key, next, Isolation::ReadCommitted)
                .await
            {
                // Compaction removed what the reader was behind of: begin where the log does.
                Err(PortError::Broker(code))
                    if code == ErrorCode::OFFSET_OUT_OF_RANGE.0 && next == 0 =>
                {
                    next = self.bounds(&key).await?.log_start;
                    continue;
                }
                // Either the log is shorter than what was read of it, or its beginning was deleted.
                Err(PortError::Broker(code)) if code == ErrorCode::OFFSET_OUT_OF_RANGE.0 => {
                    let end = self.bounds(&key).await?.end;
                    if end < next {
                        return Ok((entries, end));
                    }
                    return Err(PortError::Broker(code));
                }
                other => other?,
            };
            let end = *end.get_or_insert(fetched.last_stable_offset);
            let before = next;
            let mut aborted = AbortedIndex::new(fetched.aborted);
            for batch in walk(fetched.records) {
                let batch = batch.and_then(|b| b.verify().map(|()| b)).map_err(broken)?;
                next = next.max(batch.next_offset());
                if aborted.judge(&batch) == Verdict::Keep {
                    read_batch(&batch, from, &mut entries)?;
                }
            }
            if next >= end || next == before {
                return Ok((entries, next.max(end)));
            }
        }
    }

    async fn append(&self, batch: ControlBatch) -> Result<i64, AppendError> {
        self.append_batch(batch, None).await
    }
}

impl Wire {
    /// Appends a batch, within the open transaction of a transactional id where one is given.
    pub(super) async fn append_batch(
        &self,
        batch: ControlBatch,
        transactional_id: Option<&str>,
    ) -> Result<i64, AppendError> {
        let indefinite = |error: Error| AppendError::Indefinite(error.to_string());
        let client = self.destination.client().map_err(unsent)?;
        let leader = client
            .leader(&self.control_topic, batch.slot as i32)
            .await
            .map_err(unsent)?;
        let writer = self
            .destination
            .writer(leader.broker)
            .await
            .map_err(unsent)?;
        let part = self.part(&batch)?;
        let stores = batch
            .records
            .iter()
            .any(|record| record.key.starts_with("position/"));
        if stores {
            crash_point("store-before-append");
        }
        let asked = tokio::time::Instant::now();
        let pending = match transactional_id {
            None => writer.send(&[part], None),
            Some(id) => writer.send_within(id, &[part], None),
        };
        let pending = pending.map_err(unsent)?;
        let reply = pending.answer().await.map_err(indefinite)?;
        let Some(ack) = reply.acks.first() else {
            return Err(AppendError::Indefinite("an empty answer".to_owned()));
        };
        if ack.error.is_ok() {
            crash_point(if stores {
                "store-after-append"
            } else {
                "claim-before-read-back"
            });
            return Ok(ack.base_offset);
        }
        if ack.error.is_stale_metadata() {
            let topics = [self.control_topic.to_string()];
            let _ = client.refresh(&topics, asked).await;
        }
        Err(AppendError::Refused(ack.error.0))
    }

    fn part(&self, batch: &ControlBatch) -> Result<ProducePart, AppendError> {
        let now_ms = self.wall_ms();
        let records: Vec<NewRecord> = batch
            .records
            .iter()
            .map(|record| {
                let bytes = |text: &String| Bytes::from(text.clone());
                NewRecord::new(
                    Some(bytes(&record.key)),
                    record.value.as_ref().map(bytes),
                    now_ms,
                )
            })
            .collect();
        let patch = Patch {
            producer_id: batch.producer_id,
            producer_epoch: batch.epoch,
            base_sequence: batch.base_sequence,
        };
        let built = build_batch(&records, Codec::Lz4, patch)
            .map_err(|error| AppendError::Indefinite(error.to_string()))?;
        Ok(ProducePart {
            topic: self.control_topic.clone(),
            topic_id: self.control_topic_id(),
            partition: batch.slot as i32,
            header: Bytes::copy_from_slice(&built.header()),
            payload: built.payload(),
        })
    }

    async fn bounds(&self, key: &FetchKey) -> Result<Bounds, PortError> {
        use kafka::admin::{At, Isolation, TopicPartition};
        let at = TopicPartition::new(key.topic.to_string(), key.partition);
        let client = self.destination.client().map_err(port)?;
        let ask = async |which| {
            let answers = client.list_offsets(vec![at.clone()], which, Isolation::Uncommitted);
            Ok(super::only(answers.await, &at)?.offset.unwrap_or(0))
        };
        Ok(Bounds {
            log_start: ask(At::Earliest).await?,
            end: ask(At::Latest).await?,
        })
    }
}

/// The broker's refusal, or nobody knows.
pub(super) fn unsent(error: Error) -> AppendError {
    match error.broker_code() {
        Some(code) => AppendError::Refused(code.0),
        None => AppendError::Indefinite(error.to_string()),
    }
}

fn broken(error: impl std::fmt::Display) -> PortError {
    PortError::Unreachable(format!("the control topic cannot be read: {error}"))
}

fn read_batch(
    batch: &kafka::batch::BatchView,
    from: i64,
    entries: &mut Vec<ControlEntry>,
) -> Result<(), PortError> {
    let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
    let records = Records::open(batch).map_err(broken)?;
    for record in records.iter() {
        let record = record.map_err(broken)?;
        if record.offset < from {
            continue;
        }
        entries.push(ControlEntry {
            offset: record.offset,
            producer_id: batch.producer_id(),
            epoch: batch.producer_epoch(),
            transactional: batch.is_transactional(),
            key: record.key.map(text).unwrap_or_default(),
            value: record.value.map(text),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kafka::admin::{NewTopic, Run};

    use super::*;
    use crate::{
        link::testing,
        protocol::control::{CONTROL_PRODUCER_ID, Claim},
    };

    /// A control topic of one slot with one claim in it.
    async fn wire() -> Wire {
        let east = xtask::cluster::shared("east").unwrap().bootstrap;
        let mut link = testing::desired(&east, &east);
        let name = format!("control-{}", uuid::Uuid::new_v4().simple());
        link.spec.name = name.parse().unwrap();
        let wire = Wire::new(&crate::supervisor::Settings::default(), &link);
        let topic = NewTopic {
            name: wire.control_topic.to_string(),
            partitions: 1,
            replication_factor: 1,
            configs: Vec::new(),
        };
        let client = wire.destination.client().unwrap();
        let made = client.create_topics(&[topic], Run::Carry).await.unwrap();
        let made = made[&*wire.control_topic].as_ref().unwrap();
        wire.control_topic_is(made.id, 1);
        let claim = Claim {
            worker: "worker".to_owned(),
            process: "process".to_owned(),
            generation: 0,
            epoch: 0,
            produce_timeout_ms: 0,
            released: true,
        };
        let batch = ControlBatch {
            slot: 0,
            producer_id: CONTROL_PRODUCER_ID,
            epoch: 0,
            base_sequence: 0,
            records: vec![claim.write(0)],
        };
        // The new topic's leader may take a moment to answer; a repeated batch is not appended twice.
        for _ in 0..100 {
            if wire.append(batch.clone()).await.is_ok() {
                return wire;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("`{}` takes nothing", wire.control_topic);
    }

    #[tokio::test]
    #[ignore = "needs brokers: cargo xtask test"]
    async fn a_log_that_is_shorter_than_what_was_read_tells_its_true_end() {
        let wire = wire().await;
        let (entries, end) = wire.read(0, 0).await.unwrap();
        assert_eq!((entries.len(), end), (1, 1));
        assert_eq!(wire.read(0, 1).await.unwrap(), (Vec::new(), 1));
        assert_eq!(wire.read(0, 50).await.unwrap(), (Vec::new(), 1));
    }
}
