//! The control topic of a link: made once, looked at ever after (DESIGN 6, EXACTLY_ONCE 2.6).

use kafka::{
    Client, Error, ErrorCode,
    admin::{ConfigResource, NewTopic},
    client::Topics,
};
use uuid::Uuid;

use super::{ApplyError, Sieve, count, create, wait_until_ready};

/// What there is to know of a control topic before its slots are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlTopicFacts {
    pub id: Uuid,
    pub partitions: i32,
    /// Effective `cleanup.policy`; anything but `compact` loses positions.
    pub cleanup_policy: String,
}

impl ControlTopicFacts {
    /// Says whether the newest record of every key is kept for ever.
    pub fn keeps_all(&self) -> bool {
        self.cleanup_policy == CLEANUP.1
    }
}

const CLEANUP: (&str, &str) = ("cleanup.policy", "compact");

/// Small segments and an eager cleaner keep what a new owner has to read short.
const PROPERTIES: [(&str, &str); 6] = [
    CLEANUP,
    ("compression.type", "producer"),
    ("message.timestamp.type", "LogAppendTime"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("segment.bytes", "33554432"),
    ("segment.ms", "3600000"),
];

/// Makes a link's control topic with one partition per slot, and waits until it can be written to.
///
/// # Errors
/// [`ApplyError::Exists`] where there is one: then [`control_topic_facts`] tells what it is.
pub async fn create_control_topic(
    destination: &Client,
    name: &str,
    slots: u32,
) -> Result<Uuid, ApplyError> {
    let brokers = destination.metadata(Topics::None).await?.brokers.len();
    let replication_factor = i16::try_from(brokers.clamp(1, 3)).unwrap_or(3);
    let min_in_sync = (replication_factor - 1).max(1).to_string();
    let properties = PROPERTIES
        .into_iter()
        .chain([("min.insync.replicas", min_in_sync.as_str())]);
    let partitions = i32::try_from(slots).unwrap_or(i32::MAX);
    let topic = NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor,
        configs: properties
            .map(|(property, value)| (property.to_owned(), value.to_owned()))
            .collect(),
    };
    // Of its own: what was learnt about mirrors says nothing about a topic that must be compacted.
    let taken = match create(destination, topic, &Sieve::requiring(&[CLEANUP.0])).await {
        Ok(taken) => taken,
        Err(error) if error.broker_code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
            return Err(ApplyError::Exists {
                topic: name.to_owned(),
            });
        }
        Err(error) => return Err(error.into()),
    };
    for row in &taken.not_applied {
        tracing::warn!(topic = name, "{}", row.warning());
    }
    Ok(wait_until_ready(destination, name, partitions).await?.id)
}

/// Returns what a control topic is; `None` where there is none.
///
/// # Errors
/// Where the destination does not tell; never taken for "there is none".
pub async fn control_topic_facts(
    destination: &Client,
    name: &str,
) -> Result<Option<ControlTopicFacts>, Error> {
    let asked = [name.to_owned()];
    let metadata = destination.metadata(Topics::Named(&asked)).await?;
    let doing = || format!("looking at `{name}`");
    let Some(topic) = metadata.topic(name) else {
        return Err(Error::broker(ErrorCode::UNKNOWN_SERVER_ERROR, doing()));
    };
    match topic.error {
        None => {}
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => return Ok(None),
        Some(code) => return Err(Error::broker(code, doing())),
    }
    let resource = ConfigResource::Topic(name.to_owned());
    let mut answers = destination
        .describe_configs(std::slice::from_ref(&resource))
        .await?;
    let entries = answers
        .remove(&resource)
        .unwrap_or_else(|| Err(Error::broker(ErrorCode::UNKNOWN_SERVER_ERROR, doing())))?;
    let policy = entries
        .into_iter()
        .find(|entry| entry.name == CLEANUP.0)
        .and_then(|entry| entry.value);
    Ok(Some(ControlTopicFacts {
        id: topic.id,
        partitions: count(topic),
        cleanup_policy: policy.unwrap_or_default(),
    }))
}
