//! Carries a plan out at the destination: makes, grows and takes over mirror topics, one by one (SEMANTICS 3).
//!
//! Guarantees: what is returned as applied exists with as many partitions as planned, and each of them has a leader.
//! Repeating is harmless: a topic that an earlier attempt made is taken over while it is empty. Properties of
//! mirrors that exist are set as the source's change.

mod control;
mod dead_letter;
mod properties;
mod sieve;

use std::{collections::BTreeMap, time::Duration};

use kafka::{
    Client, Error, ErrorCode,
    admin::{At, Isolation, NewTopic, Run, TopicPartition},
    backoff::Backoff,
    client::{TopicMetadata, Topics},
};
use model::plan::{TopicAction, TopicPlan};
use tokio::time::Instant;
use uuid::Uuid;

pub use control::{ControlTopicFacts, control_topic_facts, create_control_topic};
pub(crate) use dead_letter::create_dead_letter_topic;
pub(crate) use properties::{Outcome, set_properties};
pub use sieve::Sieve;
pub(crate) use sieve::{Attempt, Properties, Taken, is_about_properties};

/// What was done about one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Id of the mirror; nil where the destination knows none.
    pub topic_id: Uuid,
    /// Partitions of the mirror now.
    pub partitions: i32,
    /// What was changed, one sentence; `None` when there was nothing to do.
    pub done: Option<String>,
    /// Such as a property that was not applied.
    pub warnings: Vec<String>,
    /// What the mirror was made with; `None` where it was there.
    pub properties: Option<BTreeMap<String, String>>,
}

/// Why a topic is not ready to be copied to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    #[error("the plan refuses the topic: {message}")]
    Refused { code: String, message: String },
    #[error(
        "`{topic}` appeared at the destination since it was planned for; it is planned for again"
    )]
    Appeared { topic: String },
    #[error("`{topic}` exists already")]
    Exists { topic: String },
    #[error("`{topic}` does not exist at the destination any more")]
    Gone { topic: String },
    #[error("`{topic}` has no leader for every partition after {after:?}")]
    NotReady { topic: String, after: Duration },
    #[error(transparent)]
    Kafka(#[from] Error),
}

impl ApplyError {
    /// Says whether trying again may help without anybody changing the link.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Appeared { .. } | Self::Gone { .. } | Self::NotReady { .. } => true,
            // A right that is missing may be granted while the link waits.
            Self::Kafka(error) => {
                error.is_retriable() || error.broker_code().is_some_and(|c| c.is_authorization())
            }
            Self::Refused { .. } | Self::Exists { .. } => false,
        }
    }
}

/// Does what the plan says about one topic, and waits until it can be written to.
///
/// # Errors
/// Why it cannot be copied to yet; see [`ApplyError::is_retriable`].
pub async fn apply(
    destination: &Client,
    plan: &TopicPlan,
    sieve: &Sieve,
) -> Result<Applied, ApplyError> {
    let name = plan.mirror_topic.as_str();
    match &plan.action {
        TopicAction::Refuse { code, message } => Err(ApplyError::Refused {
            code: code.clone(),
            message: message.clone(),
        }),
        TopicAction::Create {
            partitions,
            replication_factor,
            configs,
        } => {
            let topic = NewTopic {
                name: name.to_owned(),
                partitions: *partitions,
                replication_factor: *replication_factor,
                configs: configs.clone(),
            };
            create_mirror(destination, topic, sieve).await
        }
        TopicAction::Grow { from, to } => {
            grow(destination, name, *to).await?;
            let topic = wait_until_ready(destination, name, *to).await?;
            Ok(applied(
                &topic,
                Some(format!("`{name}` grown from {from} to {to} partitions.")),
            ))
        }
        TopicAction::Adopt => {
            let topic = wait_until_ready(destination, name, plan.partitions).await?;
            Ok(applied(
                &topic,
                Some(format!(
                    "`{name}` taken over as the mirror of `{}`.",
                    plan.topic
                )),
            ))
        }
        TopicAction::Keep => {
            let topic = wait_until_ready(destination, name, plan.partitions).await?;
            Ok(applied(&topic, None))
        }
    }
}

fn applied(topic: &TopicMetadata, done: Option<String>) -> Applied {
    Applied {
        topic_id: topic.id,
        partitions: count(topic),
        done,
        warnings: Vec::new(),
        properties: None,
    }
}

async fn create_mirror(
    destination: &Client,
    topic: NewTopic,
    sieve: &Sieve,
) -> Result<Applied, ApplyError> {
    let (name, partitions) = (topic.name.clone(), topic.partitions);
    let taken = match create(destination, topic, sieve).await {
        Ok(taken) => taken,
        Err(error) if error.broker_code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
            return take_over(destination, &name, partitions).await;
        }
        Err(error) => return Err(error.into()),
    };
    let ready = wait_until_ready(destination, &name, partitions).await?;
    let warnings = taken
        .not_applied
        .iter()
        .map(sieve::NotApplied::warning)
        .collect();
    let done = Some(format!("`{name}` made with {partitions} partitions."));
    Ok(Applied {
        warnings,
        properties: Some(taken.properties),
        ..applied(&ready, done)
    })
}

/// Makes a topic with as many of its properties as the destination takes.
async fn create(destination: &Client, topic: NewTopic, sieve: &Sieve) -> Result<Taken<()>, Error> {
    let wanted: Properties = topic.configs.iter().cloned().collect();
    let attempt = |properties: Properties, attempt| {
        let configs = properties.into_iter().collect();
        let run = match attempt {
            Attempt::Make => Run::Carry,
            Attempt::Ask => Run::CheckOnly,
        };
        attempt_create(
            destination,
            NewTopic {
                configs,
                ..topic.clone()
            },
            run,
        )
    };
    sieve.pass(&wanted, attempt).await
}

/// Asks for one topic to be made, or whether it could be.
pub(crate) async fn attempt_create(
    destination: &Client,
    topic: NewTopic,
    run: Run,
) -> Result<(), Error> {
    let name = topic.name.clone();
    let mut answers = destination.create_topics(&[topic], run).await?;
    let unanswered = || {
        Error::broker(
            ErrorCode::UNKNOWN_SERVER_ERROR,
            format!("creating `{name}`"),
        )
    };
    answers
        .remove(&name)
        .unwrap_or_else(|| Err(unanswered()))
        .map(drop)
}

/// A topic that is there although it was to be made: ours from an attempt whose answer was lost, if it is empty.
async fn take_over(
    destination: &Client,
    name: &str,
    partitions: i32,
) -> Result<Applied, ApplyError> {
    let topic = wait_until_ready(destination, name, partitions).await?;
    if count(&topic) != partitions || has_records(destination, &topic).await? {
        return Err(ApplyError::Appeared {
            topic: name.to_owned(),
        });
    }
    Ok(applied(
        &topic,
        Some(format!(
            "`{name}` was there already and is empty: taken over."
        )),
    ))
}

async fn has_records(destination: &Client, topic: &TopicMetadata) -> Result<bool, Error> {
    let partitions: Vec<TopicPartition> = topic
        .partitions
        .iter()
        .map(|partition| TopicPartition::new(&topic.name, partition.index))
        .collect();
    let starts = destination
        .list_offsets(partitions.clone(), At::Earliest, Isolation::Uncommitted)
        .await;
    let mut ends = destination
        .list_offsets(partitions, At::Latest, Isolation::Uncommitted)
        .await;
    for (at, start) in starts {
        let end = ends.remove(&at).transpose()?.and_then(|end| end.offset);
        if start?.offset != end {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Two workers may grow one topic at once, or our answer may have been lost: then it has the partitions already.
async fn grow(destination: &Client, name: &str, to: i32) -> Result<(), ApplyError> {
    let mut answers = destination
        .create_partitions(&[(name.to_owned(), to)], Run::Carry)
        .await?;
    match answers.remove(name) {
        Some(Err(error)) if error.broker_code() != Some(ErrorCode::INVALID_PARTITIONS) => {
            Err(error.into())
        }
        Some(_) => Ok(()),
        None => Err(Error::broker(
            ErrorCode::UNKNOWN_SERVER_ERROR,
            format!("adding partitions to `{name}`"),
        )
        .into()),
    }
}

/// Asks until every one of the first `partitions` partitions has a leader; at most as long as a request may take.
async fn wait_until_ready(
    destination: &Client,
    name: &str,
    partitions: i32,
) -> Result<TopicMetadata, ApplyError> {
    let after = destination.timeouts().request;
    let deadline = Instant::now() + after;
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
    let asked = [name.to_owned()];
    loop {
        let metadata = destination.metadata(Topics::Named(&asked)).await?;
        let topic = metadata.topic(name);
        if let Some(topic) = topic.filter(|topic| is_ready(topic, partitions)) {
            return Ok(topic.clone());
        }
        if Instant::now() < deadline {
            tokio::time::sleep(backoff.next_delay()).await;
            continue;
        }
        let topic_error = topic.and_then(|topic| topic.error);
        return Err(match topic_error {
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => ApplyError::Gone {
                topic: name.to_owned(),
            },
            Some(code) => Error::broker(code, format!("waiting for `{name}`")).into(),
            None => ApplyError::NotReady {
                topic: name.to_owned(),
                after,
            },
        });
    }
}

fn is_ready(topic: &TopicMetadata, partitions: i32) -> bool {
    let led = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader.is_some())
        .count();
    topic.error.is_none() && led == topic.partitions.len() && count(topic) >= partitions
}

fn count(topic: &TopicMetadata) -> i32 {
    i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: &T) {}

    #[tokio::test]
    async fn applying_a_plan_may_be_spawned_and_a_refusal_touches_nothing() {
        let spec = serde_json::from_str(r#"{"name":"west","bootstrap":["127.0.0.1:1"]}"#).unwrap();
        let options = kafka::client::Options {
            client_id: "test".to_owned(),
            timeouts: kafka::Timeouts::default(),
        };
        let client = Client::new(&spec, options).unwrap();
        let plan = TopicPlan {
            topic: "orders".to_owned(),
            mirror_topic: "orders".to_owned(),
            partitions: 1,
            reason: String::new(),
            action: TopicAction::Refuse {
                code: "rename.collision".to_owned(),
                message: "no".to_owned(),
            },
            warnings: Vec::new(),
            backlog_records: None,
        };
        let sieve = Sieve::default();
        let applying = apply(&client, &plan, &sieve);
        is_send(&applying);
        assert!(!applying.await.unwrap_err().is_retriable());
    }
}
