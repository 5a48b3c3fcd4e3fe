//! Records that the destination refuses, put aside: each goes to the link's own topic `causeway.dlq.<link>` at the
//! destination, with headers that say where it came from and why.
//!
//! Put aside at least once: a process that ends between this and the store that leaves the record out puts it aside again.
//! Both copies name the same topic, partition and offset.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka::{
    ErrorCode,
    batch::Codec,
    build::{NewRecord, build_batch},
    patch::Patch,
    produce::ProducePart,
    records::RawRecord,
};
use model::{finding::Finding, own};
use uuid::Uuid;

use super::io::{End, SourcePort, Wire, port};
use crate::{
    protocol::ports::PortError,
    topic_sync::{self, ApplyError},
};

/// One partition: these are few, and in the order in which they were refused.
const PARTITION: i32 = 0;
/// How long the topic may take to get a leader, and the broker to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Refusals that are about the record: then its description is put aside alone.
const ABOUT_THE_RECORD: [i16; 5] = [10, 18, 32, 76, 87];

/// A record that is at the destination, though not in its mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PutAside {
    pub(super) topic: String,
    pub(super) offset: i64,
    /// Whether key, value and headers are there, too; else only where it stood, because they were refused here as well or
    /// the source does not hold them any more.
    pub(super) whole: bool,
}

impl PutAside {
    /// Says in one sentence where the record is.
    pub(super) fn sentence(&self) -> String {
        let what = match self.whole {
            true => "It was put aside",
            false => "Its description was put aside, without key, value and headers,",
        };
        format!("{what} in `{}` at offset {}.", self.topic, self.offset)
    }
}

/// Puts the record of a finding aside, and makes the topic for it where there is none.
///
/// # Errors
/// Where one of the clusters does not do its part; nothing is left out then.
pub(super) async fn put_aside(
    wire: Arc<Wire>,
    source: SourcePort,
    link: String,
    finding: Finding,
) -> Result<PutAside, PortError> {
    let offset = finding.source.map_or(-1, |range| range.0);
    let found = source.record(offset).await?;
    let topic = own::dead_letter_topic(&link);
    let topic_id = ready(&wire.destination, &topic).await?;
    let at = |records: &[NewRecord]| part(&topic, topic_id, records);
    let description = headers(&link, &finding, offset);
    if let Some(record) = found
        .as_ref()
        .and_then(|record| whole(record, &description))
    {
        match send(&wire.destination, at(&[record])?).await {
            Err(PortError::Broker(code)) if ABOUT_THE_RECORD.contains(&code) => {}
            sent => {
                let offset = sent?;
                return Ok(PutAside {
                    topic,
                    offset,
                    whole: true,
                });
            }
        }
    }
    let alone = NewRecord {
        headers: description,
        ..NewRecord::new(None, None, finding.found_at_ms)
    };
    let offset = send(&wire.destination, at(&[alone])?).await?;
    Ok(PutAside {
        topic,
        offset,
        whole: false,
    })
}

/// Where a record came from and why it is here, as headers.
fn headers(link: &str, finding: &Finding, offset: i64) -> Vec<(Bytes, Option<Bytes>)> {
    let error = finding.broker_error.clone().unwrap_or_default();
    [
        ("causeway-link", link.to_owned()),
        ("causeway-topic", finding.topic.clone()),
        ("causeway-partition", finding.partition.to_string()),
        ("causeway-offset", offset.to_string()),
        ("causeway-error", error),
    ]
    .into_iter()
    .map(|(name, value)| (Bytes::from_static(name.as_bytes()), Some(value.into())))
    .collect()
}

/// Returns the record with our headers behind its own; `None` if its own cannot be read.
fn whole(record: &RawRecord, description: &[(Bytes, Option<Bytes>)]) -> Option<NewRecord> {
    let copied = Bytes::copy_from_slice;
    let own = record.headers()?;
    let own = own
        .into_iter()
        .map(|(key, value)| (copied(key), value.map(copied)));
    Some(NewRecord {
        key: record.key.clone(),
        value: record.value.clone(),
        timestamp: record.timestamp,
        headers: own.chain(description.iter().cloned()).collect(),
    })
}

fn part(topic: &str, topic_id: Uuid, records: &[NewRecord]) -> Result<ProducePart, PortError> {
    let built = build_batch(records, Codec::Lz4, Patch::NOBODY)
        .map_err(|error| PortError::Unreachable(error.to_string()))?;
    Ok(ProducePart {
        topic: topic.into(),
        topic_id,
        partition: PARTITION,
        header: Bytes::copy_from_slice(&built.header()),
        payload: built.payload(),
    })
}

/// Returns the topic's id, once it can be written to.
async fn ready(destination: &End, topic: &str) -> Result<Uuid, PortError> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
    match destination.topic_id(topic).await {
        Ok(id) => Ok(id.unwrap_or(Uuid::nil())),
        Err(PortError::Broker(code)) if code == unknown => {
            let client = destination.client().map_err(port)?;
            let made = topic_sync::create_dead_letter_topic(client, topic);
            let late = || PortError::Unreachable(format!("`{topic}` is not ready yet"));
            let made = tokio::time::timeout(PATIENCE, made)
                .await
                .map_err(|_| late())?;
            made.map_err(|error| match error {
                ApplyError::Kafka(error) => port(error),
                error => PortError::Unreachable(error.to_string()),
            })
        }
        Err(error) => Err(error),
    }
}

/// Sends one batch of nobody's and returns its offset.
async fn send(destination: &End, part: ProducePart) -> Result<i64, PortError> {
    let topic = part.topic.to_string();
    let client = destination.client().map_err(port)?;
    let leader = client.leader(&topic, PARTITION).await.map_err(port)?;
    let writer = destination.writer(leader.broker).await.map_err(port)?;
    let asked = tokio::time::Instant::now();
    let pending = writer.send(&[part], None).map_err(port)?;
    let reply = pending.answer().await.map_err(port)?;
    let ack = reply.acks.first();
    let ack = ack.ok_or_else(|| PortError::Unreachable("an empty answer".to_owned()))?;
    if ack.error.is_stale_metadata() {
        // The caller tries again; the next time the leader is another.
        let _ = client.refresh(&[topic], asked).await;
    }
    match ack.error.is_ok() {
        true => Ok(ack.base_offset),
        false => Err(PortError::Broker(ack.error.0)),
    }
}

#[cfg(test)]
mod tests {
    use model::finding::{FindingKind, FindingState};

    use super::*;

    fn finding() -> Finding {
        Finding {
            id: String::new(),
            kind: FindingKind::Refused,
            topic: "orders".to_owned(),
            mirror_topic: "dc1.orders".to_owned(),
            partition: 3,
            source: Some((17, 18)),
            destination: None,
            detail: String::new(),
            broker_error: Some("MESSAGE_TOO_LARGE".to_owned()),
            found_at_ms: 5,
            state: FindingState::Recorded,
        }
    }

    #[test]
    fn a_record_keeps_its_parts_and_gets_where_it_came_from() {
        let headers_of_record = build_batch(
            &[NewRecord {
                headers: vec![(Bytes::from_static(b"\xff"), None)],
                ..NewRecord::new(None, None, 9)
            }],
            Codec::None,
            Patch::NOBODY,
        )
        .unwrap();
        let records = kafka::records::Records::open(&headers_of_record).unwrap();
        let record = records.iter().next().unwrap().unwrap();
        let described = whole(&record, &headers("dr", &finding(), 17)).unwrap();
        assert_eq!(
            (described.key, described.value, described.timestamp),
            (None, None, 9)
        );
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let shown: Vec<_> = described
            .headers
            .iter()
            .map(|(name, value)| (text(name), value.as_ref().map(text)))
            .collect();
        let expected = [
            ("\u{fffd}", None),
            ("causeway-link", Some("dr")),
            ("causeway-topic", Some("orders")),
            ("causeway-partition", Some("3")),
            ("causeway-offset", Some("17")),
            ("causeway-error", Some("MESSAGE_TOO_LARGE")),
        ]
        .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(shown, expected);
    }

    #[test]
    fn says_where_a_record_is() {
        let mut aside = PutAside {
            topic: "causeway.dlq.dr".to_owned(),
            offset: 4,
            whole: true,
        };
        assert_eq!(
            aside.sentence(),
            "It was put aside in `causeway.dlq.dr` at offset 4."
        );
        aside.whole = false;
        let description = "Its description was put aside, without key, value and headers, in `causeway.dlq.dr` at offset 4.";
        assert_eq!(aside.sentence(), description);
    }
}
