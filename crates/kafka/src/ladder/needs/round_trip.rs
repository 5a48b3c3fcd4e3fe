//! A record written to and read from a topic of our own, which is made for it and removed afterwards. The broker stamps it,
//! which tells how far its clock is from ours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use model::own::TEST_TOPICS;
use tokio::time::Instant;

use crate::admin::{NewTopic, Run};
use crate::batch::{Codec, walk};
use crate::build::{NewRecord, build_batch};
use crate::client::{Client, Topics};
use crate::fetch::{FetchFrom, FetchKey, FetchOptions, Isolation, fetch_once};
use crate::patch::Patch;
use crate::produce::{ProduceConnection, ProducePart};
use crate::records::Records;
use crate::{Error, ErrorCode, Purpose};

/// How long until a broker is asked again for a topic that was just made.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the topic keeps records, should nobody be able to remove it: an hour.
const RETENTION_MS: &str = "3600000";

/// What came of a record that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// From sending the record to its acknowledgement.
    pub(super) took: Duration,
    /// Milliseconds by which the leader's clock is ahead of ours, give or take half of `took`; negative: behind.
    pub(super) ahead_ms: Option<i64>,
}

/// How long the record may take there and back.
const TRIP: Duration = Duration::from_secs(8);

/// Goes the whole way, and removes the topic whatever came of it: let nothing drop this half-way.
pub(super) async fn go(client: Client) -> Result<Written, Error> {
    let name = format!("{TEST_TOPICS}{:016x}", fastrand::u64(..));
    let topic = NewTopic {
        name: name.clone(),
        partitions: 1,
        replication_factor: -1,
        configs: vec![
            ("retention.ms".to_owned(), RETENTION_MS.to_owned()),
            (
                "message.timestamp.type".to_owned(),
                "LogAppendTime".to_owned(),
            ),
        ],
    };
    let made = client.create_topics(&[topic], Run::Carry).await?;
    made.into_values().next().transpose()?;
    let copied = tokio::time::timeout(TRIP, there_and_back(&client, &name)).await;
    let removed = client.delete_topics(std::slice::from_ref(&name)).await;
    let overdue = |_| Error::Settings {
        what: format!("the record was not back after {} s", TRIP.as_secs()),
    };
    let written = copied.map_err(overdue)??;
    removed?.into_values().next().transpose()?;
    Ok(written)
}

async fn there_and_back(client: &Client, name: &str) -> Result<Written, Error> {
    let (key, broker) = ready(client, name).await?;
    let value = Bytes::from(name.to_owned());
    let written = write(client, &key, broker, value.clone()).await?;
    match read(client, &key, broker).await? == Some(value) {
        true => Ok(written),
        false => Err(Error::Settings {
            what: "what was read is not what was written".to_owned(),
        }),
    }
}

/// Waits until the topic is led. [`TRIP`] ends it.
async fn ready(client: &Client, name: &str) -> Result<(FetchKey, i32), Error> {
    let names = [name.to_owned()];
    loop {
        let metadata = client.metadata(Topics::Named(&names)).await?;
        let topic = metadata.topic(name);
        let leader = topic.and_then(|topic| topic.partitions.first()?.leader);
        if let (Some(topic), Some(leader)) = (topic, leader) {
            let key = FetchKey {
                topic: name.into(),
                topic_id: topic.id,
                partition: 0,
            };
            return Ok((key, leader));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

async fn write(
    client: &Client,
    key: &FetchKey,
    broker: i32,
    value: Bytes,
) -> Result<Written, Error> {
    let record = NewRecord::new(None, Some(value), now_ms());
    let broken = |_| Error::Settings {
        what: "the test's record cannot be built".to_owned(),
    };
    let batch = build_batch(&[record], Codec::None, Patch::NOBODY).map_err(broken)?;
    let connection = client.open_to_broker(broker, Purpose::Produce).await?;
    let produce = ProduceConnection::new(connection, client.timeouts().request)?;
    // A leader that was just chosen may not know it yet.
    loop {
        let part = ProducePart {
            topic: key.topic.clone(),
            topic_id: key.topic_id,
            partition: 0,
            header: Bytes::copy_from_slice(&batch.header()),
            payload: batch.payload(),
        };
        let (began, began_ms) = (Instant::now(), now_ms());
        let reply = produce.send(&[part], None)?.answer().await?;
        let took = began.elapsed();
        let Some(ack) = reply.acks.first() else {
            let what = "the broker's answer tells nothing of the record".to_owned();
            return Err(Error::Settings { what });
        };
        match ack.error {
            ErrorCode::NONE => {
                let halfway_ms = i64::try_from(took.as_millis() / 2).unwrap_or(0);
                let stamped = (ack.log_append_time_ms >= 0).then_some(ack.log_append_time_ms);
                return Ok(Written {
                    took,
                    ahead_ms: stamped.map(|stamped_ms| stamped_ms - began_ms - halfway_ms),
                });
            }
            code if code.is_retriable() => tokio::time::sleep(PAUSE).await,
            code => return Err(Error::broker(code, "writing a test record")),
        }
    }
}

async fn read(client: &Client, key: &FetchKey, broker: i32) -> Result<Option<Bytes>, Error> {
    let connection = client.open_to_broker(broker, Purpose::Ask).await?;
    let options = FetchOptions {
        isolation: Isolation::ReadUncommitted,
        max_wait: PAUSE,
        min_bytes: 1,
        max_bytes: 1 << 20,
        rack: String::new(),
    };
    let from = FetchFrom {
        offset: 0,
        leader_epoch: -1,
        last_fetched_epoch: -1,
        max_bytes: 1 << 20,
    };
    loop {
        let fetched = fetch_once(&connection, &options, key.clone(), from).await?;
        match fetched.error {
            ErrorCode::NONE => {}
            code if code.is_retriable() => {}
            code => return Err(Error::broker(code, "reading the test record")),
        }
        let batch = walk(fetched.records).next().and_then(Result::ok);
        let first = batch.and_then(|batch| {
            let records = Records::open(&batch).ok()?;
            records.iter().next()?.ok()
        });
        if let Some(record) = first {
            return Ok(record.value);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
