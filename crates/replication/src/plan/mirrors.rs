//! The mirrors that links have at a destination, as their control topics tell (`topic/` records, DESIGN 6).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka::{
    Client, Connection, Error, Purpose,
    aborted::{AbortedIndex, Verdict},
    batch::walk,
    client::{ClusterMetadata, TopicMetadata, Topics},
    fetch::{FetchFrom, FetchKey, FetchOptions, Isolation, fetch_once},
    records::Records,
};
use model::{Name, own::CONTROL_TOPICS, preview::Taken};

use super::facts::FixedMirror;
use crate::protocol::{
    control::{ControlState, TopicRecord},
    ports::ControlEntry,
};

/// Bytes of one answer.
const READ_BYTES: i32 = 1 << 20;

/// Mirrors of one link and of all others.
#[derive(Clone, Debug, Default)]
pub struct Mirrors {
    pub fixed: Vec<FixedMirror>,
    pub taken: Vec<Taken>,
    /// Control topics that could not be read, with the reason.
    pub warnings: Vec<String>,
}

/// Why a control topic tells nothing.
#[derive(Clone, Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Kafka(#[from] Error),
    #[error("{0}")]
    Malformed(String),
}

/// Returns the mirrors that the records of a control topic's partition 0 name.
pub fn fixed_mirrors(state: &ControlState) -> Vec<FixedMirror> {
    state
        .topics
        .iter()
        .map(|(id, record)| fixed(id, record))
        .collect()
}

/// Ids that are no UUID were made up for a source without topic ids: such topics are known by their names.
fn fixed(topic_id: &str, record: &TopicRecord) -> FixedMirror {
    FixedMirror {
        topic: record.topic.clone(),
        topic_id: topic_id.parse().unwrap_or_default(),
        mirror_topic: record.mirror_topic.clone(),
        mirror_id: Some(record.mirror_topic_id.parse().unwrap_or_default()),
    }
}

/// Reads the control topics of a destination; `link` is the one that is planned for.
///
/// # Errors
/// Where the destination does not answer, or the link's own control topic cannot be read: a plan without it would offer
/// to begin anew what exists.
pub async fn read_mirrors(destination: &Client, link: &Name) -> Result<Mirrors, Error> {
    let metadata = destination.metadata(Topics::All).await?;
    let mut mirrors = Mirrors::default();
    for topic in &metadata.topics {
        let Some(name) = topic.name.strip_prefix(CONTROL_TOPICS) else {
            continue;
        };
        let state = read_root(destination, &metadata, topic).await;
        match state {
            Ok(state) if name == link.as_str() => mirrors.fixed = fixed_mirrors(&state),
            Ok(state) => mirrors.taken.extend(taken(name, &state)),
            Err(Unread::Kafka(error)) if name == link.as_str() || error.is_connection() => {
                return Err(error);
            }
            Err(unread) => mirrors.warnings.push(format!(
                "`{}` cannot be read, so the mirrors of link `{name}` are not known: {unread}.",
                topic.name
            )),
        }
    }
    Ok(mirrors)
}

/// Returns the mirrors of all links as far as their control topics can be read: what a preview leaves out, the plan tells.
///
/// # Errors
/// Where the destination does not answer.
pub(super) async fn read_all(
    destination: &Client,
    metadata: &ClusterMetadata,
) -> Result<Vec<Taken>, Error> {
    let mut mirrors = Vec::new();
    for topic in &metadata.topics {
        let Some(name) = topic.name.strip_prefix(CONTROL_TOPICS) else {
            continue;
        };
        match read_root(destination, metadata, topic).await {
            Ok(state) => mirrors.extend(taken(name, &state)),
            Err(Unread::Kafka(error)) if error.is_connection() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(mirrors)
}

fn taken(link: &str, state: &ControlState) -> Vec<Taken> {
    let Ok(link) = link.parse::<Name>() else {
        return Vec::new();
    };
    let of = |record: &TopicRecord| Taken {
        mirror: record.mirror_topic.clone(),
        link: link.clone(),
        topic: record.topic.clone(),
    };
    state.topics.values().map(of).collect()
}

/// Reads partition 0 from its start to the end that it had at first.
async fn read_root(
    client: &Client,
    metadata: &ClusterMetadata,
    topic: &TopicMetadata,
) -> Result<ControlState, Unread> {
    let missing = || Error::NoLeader {
        topic: topic.name.clone(),
        partition: 0,
    };
    let partition = topic.partition(0).ok_or_else(missing)?;
    let leader = partition
        .leader
        .and_then(|leader| metadata.broker(leader))
        .ok_or_else(missing)?;
    let connection = client.open_to_broker(leader.id, Purpose::Ask).await?;
    let key = FetchKey {
        topic: Arc::from(topic.name.as_str()),
        topic_id: topic.id,
        partition: 0,
    };
    let state = fold(client, &connection, &key).await;
    connection.close().await;
    state
}

async fn fold(
    client: &Client,
    connection: &Connection,
    key: &FetchKey,
) -> Result<ControlState, Unread> {
    let options = FetchOptions {
        isolation: Isolation::ReadCommitted,
        max_wait: Duration::ZERO,
        min_bytes: 0,
        max_bytes: READ_BYTES,
        rack: String::new(),
    };
    let mut state = ControlState::default();
    let mut next = log_start(client, key).await?;
    let mut end = None;
    loop {
        let from = FetchFrom {
            offset: next,
            leader_epoch: -1,
            last_fetched_epoch: -1,
            max_bytes: READ_BYTES,
        };
        let fetched = fetch_once(connection, &options, key.clone(), from).await?;
        if !fetched.error.is_ok() {
            return Err(Error::broker(fetched.error, format!("reading `{}`", key.topic)).into());
        }
        let end = *end.get_or_insert(fetched.last_stable_offset);
        let before = next;
        let mut aborted = AbortedIndex::new(fetched.aborted);
        for batch in walk(fetched.records) {
            let batch = batch.map_err(malformed)?;
            next = next.max(batch.next_offset());
            if aborted.judge(&batch) != Verdict::Keep {
                continue;
            }
            for entry in entries(&batch)? {
                state.apply(&entry).map_err(malformed)?;
            }
        }
        if next >= end || next == before {
            return Ok(state);
        }
    }
}

async fn log_start(client: &Client, key: &FetchKey) -> Result<i64, Error> {
    use kafka::admin::{At, Isolation, TopicPartition};
    let at = TopicPartition::new(key.topic.to_string(), key.partition);
    let mut answers = client
        .list_offsets(vec![at.clone()], At::Earliest, Isolation::Uncommitted)
        .await;
    Ok(answers
        .remove(&at)
        .transpose()?
        .and_then(|start| start.offset)
        .unwrap_or(0))
}

fn entries(batch: &kafka::batch::BatchView) -> Result<Vec<ControlEntry>, Unread> {
    let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
    let records = Records::open(batch).map_err(malformed)?;
    let mut entries = Vec::new();
    for record in records.iter() {
        let record = record.map_err(malformed)?;
        entries.push(ControlEntry {
            offset: record.offset,
            producer_id: batch.producer_id(),
            epoch: batch.producer_epoch(),
            transactional: batch.is_transactional(),
            key: record.key.map(text).unwrap_or_default(),
            value: record.value.map(text),
        });
    }
    Ok(entries)
}

fn malformed(error: impl std::fmt::Display) -> Unread {
    Unread::Malformed(error.to_string())
}
