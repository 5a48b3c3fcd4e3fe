//! The topic for what a link put aside: made when the first record is.

use kafka::{Client, ErrorCode, admin::NewTopic, client::Topics};
use uuid::Uuid;

use super::{ApplyError, Sieve, create, wait_until_ready};
use crate::plan::configs::ALWAYS;

/// Kept until somebody deletes it, and taking what its mirrors do not.
const PROPERTIES: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("max.message.bytes", "67108864"),
];

/// Makes a link's dead-letter topic, of one partition, and waits until it can be written to; one that appeared meanwhile is
/// as good. Returns its id, nil where the destination knows none.
///
/// # Errors
/// Why there is none; properties that the destination refuses are no reason.
pub(crate) async fn create_dead_letter_topic(
    destination: &Client,
    name: &str,
) -> Result<Uuid, ApplyError> {
    let brokers = destination.metadata(Topics::None).await?.brokers.len();
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: 1,
        replication_factor: i16::try_from(brokers.clamp(1, 3)).unwrap_or(3),
        configs: PROPERTIES
            .into_iter()
            .chain(ALWAYS)
            .map(|(property, value)| (property.to_owned(), value.to_owned()))
            .collect(),
    };
    match create(destination, topic, &Sieve::default()).await {
        Ok(_) => {}
        Err(error) if error.broker_code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(wait_until_ready(destination, name, 1).await?.id)
}
