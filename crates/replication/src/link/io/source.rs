//! One source partition as a take-over asks about it.

use std::{collections::BTreeMap, sync::Arc};

use kafka::{
    ErrorCode,
    aborted::{AbortedIndex, Verdict},
    admin::{At, TopicPartition},
    batch::{BatchView, walk},
    fetch::FetchKey,
    records::{RawRecord, Records, RecordsError},
};
use model::link::Isolation;
use sha2::{Digest, Sha256};

use super::{Wire, admin_isolation, fetch_isolation, only, port};
use crate::protocol::{
    ports::{Bounds, PortError, RecordPrint, Source, SourceBatch, SourceClass},
    position::Identity,
};

/// One source partition.
#[derive(Debug)]
pub(in crate::link) struct SourcePort {
    wire: Arc<Wire>,
    at: TopicPartition,
    key: FetchKey,
}

impl SourcePort {
    pub(in crate::link) fn new(wire: Arc<Wire>, identity: &Identity) -> Self {
        let topic_id = identity
            .source_topic_id
            .parse()
            .unwrap_or(uuid::Uuid::nil());
        Self {
            wire,
            at: TopicPartition::new(identity.source_topic.clone(), identity.partition),
            key: FetchKey {
                topic: identity.source_topic.as_str().into(),
                topic_id,
                partition: identity.partition,
            },
        }
    }

    /// Returns the first offset with a timestamp at or after `at_ms`, `None` when there is none.
    pub(in crate::link) async fn offset_at(&self, at_ms: i64) -> Result<Option<i64>, PortError> {
        let client = self.wire.source.client().map_err(port)?;
        let isolation = kafka::admin::Isolation::Uncommitted;
        let answers = client.list_offsets(vec![self.at.clone()], At::Time(at_ms), isolation);
        Ok(only(answers.await, &self.at)?.offset)
    }

    /// Returns the record at this offset with all its parts, `None` when it is not there any more.
    pub(in crate::link) async fn record(
        &self,
        offset: i64,
    ) -> Result<Option<RawRecord>, PortError> {
        let read = self.batches(offset, Isolation::ReadUncommitted).await;
        let batches = match read {
            Err(PortError::Broker(code)) if code == ErrorCode::OFFSET_OUT_OF_RANGE.0 => {
                return Ok(None);
            }
            read => read?,
        };
        let holds =
            |batch: &BatchView| (batch.base_offset()..batch.next_offset()).contains(&offset);
        let Some((batch, _)) = batches.into_iter().find(|(batch, _)| holds(batch)) else {
            return Ok(None);
        };
        let records = Records::open(&batch).map_err(broken)?;
        let found = records
            .iter()
            .find(|r| r.as_ref().map_or(true, |r| r.offset == offset));
        found.transpose().map_err(broken)
    }

    /// Reads batches with what they hold for a reader.
    async fn batches(
        &self,
        from: i64,
        isolation: Isolation,
    ) -> Result<Vec<(BatchView, SourceClass)>, PortError> {
        let read = self
            .wire
            .source
            .read(&self.key, from, fetch_isolation(isolation));
        let fetched = read.await?;
        let mut aborted = AbortedIndex::new(fetched.aborted);
        let mut batches = Vec::new();
        for batch in walk(fetched.records) {
            let batch =
                batch.map_err(|e| PortError::Unreachable(format!("a damaged batch: {e}")))?;
            let verdict = aborted.judge(&batch);
            let class = if batch.is_control() {
                SourceClass::Control
            } else if verdict != Verdict::Keep && isolation == Isolation::ReadCommitted {
                SourceClass::Aborted
            } else {
                SourceClass::Data
            };
            batches.push((batch, class));
        }
        Ok(batches)
    }
}

impl Source for SourcePort {
    async fn topic_id(&self) -> Result<String, PortError> {
        let id = self.wire.source.topic_id(&self.at.topic).await?;
        Ok(id.unwrap_or(self.key.topic_id).to_string())
    }

    async fn bounds(&self, isolation: Isolation) -> Result<Bounds, PortError> {
        let client = self.wire.source.client().map_err(port)?;
        let ask = |at, isolation| client.list_offsets(vec![self.at.clone()], at, isolation);
        let earliest = ask(At::Earliest, kafka::admin::Isolation::Uncommitted).await;
        let log_start = only(earliest, &self.at)?.offset.unwrap_or(0);
        let latest = ask(At::Latest, admin_isolation(isolation)).await;
        let end = only(latest, &self.at)?.offset.unwrap_or(0);
        Ok(Bounds { log_start, end })
    }

    async fn end_of_epoch(&self, epoch: i32) -> Result<Option<(i32, i64)>, PortError> {
        if epoch < 0 {
            return Ok(None);
        }
        let client = self.wire.source.client().map_err(port)?;
        let asked = BTreeMap::from([(self.at.clone(), epoch)]);
        match only(client.offset_for_leader_epoch(asked).await, &self.at) {
            Ok(end) if end.end_offset >= 0 => Ok(Some((end.leader_epoch, end.end_offset))),
            Ok(_) => Ok(None),
            Err(PortError::Broker(code)) if ErrorCode(code).is_authorization() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn headers(
        &self,
        from: i64,
        isolation: Isolation,
    ) -> Result<Vec<SourceBatch>, PortError> {
        let header = |(batch, class): (BatchView, SourceClass)| SourceBatch {
            base_offset: batch.base_offset(),
            last_offset: batch.last_offset(),
            records: i64::from(batch.records_count()),
            leader_epoch: batch.leader_epoch(),
            class,
        };
        Ok(self
            .batches(from, isolation)
            .await?
            .into_iter()
            .map(header)
            .collect())
    }

    async fn records(
        &self,
        from: i64,
        isolation: Isolation,
    ) -> Result<(Vec<RecordPrint>, i64), PortError> {
        let mut records = Vec::new();
        let mut next = from;
        for (batch, class) in self.batches(from, isolation).await? {
            next = next.max(batch.next_offset());
            if class == SourceClass::Data {
                prints(&batch, from, &mut records)?;
            }
        }
        Ok((records, next))
    }
}

fn broken(error: RecordsError) -> PortError {
    PortError::Unreachable(format!("a damaged batch: {error}"))
}

/// Adds the prints of a batch's records from `from` on.
pub(super) fn prints(
    batch: &BatchView,
    from: i64,
    prints: &mut Vec<RecordPrint>,
) -> Result<(), PortError> {
    for record in Records::open(batch).map_err(broken)?.iter() {
        let record = record.map_err(broken)?;
        if record.offset < from {
            continue;
        }
        let mut hash = Sha256::new();
        hash.update(record.timestamp.to_be_bytes());
        for part in [&record.key, &record.value] {
            let length = part.as_ref().map_or(-1, |bytes| bytes.len() as i64);
            hash.update(length.to_be_bytes());
            hash.update(part.as_deref().unwrap_or_default());
        }
        hash.update(&record.raw_headers);
        let digest = hash.finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        prints.push(RecordPrint {
            offset: record.offset,
            print: u128::from_be_bytes(first),
        });
    }
    Ok(())
}
