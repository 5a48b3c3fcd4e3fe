//! Asking the leaders of many partitions.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::join_all;
use kafka_protocol::protocol::Request;
use tokio::time::Instant;

use super::{PerPartition, TopicPartition};
use crate::client::Client;
use crate::{Error, ErrorCode};

/// A request that goes to the leader of each partition.
pub(super) trait LeaderRequest {
    type Request: Request;
    type Answer;

    /// What is asked, for error texts.
    const WHAT: &'static str;
    /// The versions that this code was written for.
    const VERSIONS: RangeInclusive<i16>;

    /// Makes the request to one leader.
    fn request(&self, topics: &ByTopic) -> Self::Request;

    /// Reads one leader's answer.
    fn read(
        &self,
        response: <Self::Request as Request>::Response,
    ) -> Vec<PartitionAnswer<Self::Answer>>;
}

/// What a leader said of one partition.
pub(super) struct PartitionAnswer<T> {
    pub(super) at: TopicPartition,
    pub(super) result: Result<T, ErrorCode>,
}

/// Partitions of one leader, by topic: index and known leader epoch, -1 where it is not known.
pub(super) type ByTopic = BTreeMap<String, Vec<Led>>;

/// A partition with the leader epoch that we know of (KIP-320).
#[derive(Clone, Copy, Debug)]
pub(super) struct Led {
    pub(super) partition: i32,
    pub(super) epoch: i32,
}

/// Pauses before leaders are asked again who do not know yet that they are: a topic was made, or a leader chosen, a moment ago.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
];

/// Asks the leaders of `partitions`. Where an answer tells that our leaders are outdated, they are looked up and asked again:
/// once, or some times within a second where brokers answer.
pub(super) async fn ask<Q: LeaderRequest>(
    client: &Client,
    question: &Q,
    partitions: Vec<TopicPartition>,
) -> PerPartition<Q::Answer> {
    let mut started = Instant::now();
    let mut answers = ask_once(client, question, partitions).await;
    for (tries, pause) in PAUSES.into_iter().enumerate() {
        let again: Vec<TopicPartition> = answers
            .iter()
            .filter(|(_, result)| {
                result
                    .as_ref()
                    .err()
                    .is_some_and(|error| stale(error, tries))
            })
            .map(|(at, _)| at.clone())
            .collect();
        if again.is_empty() {
            break;
        }
        tokio::time::sleep(pause).await;
        let mut topics: Vec<String> = again.iter().map(|at| at.topic.clone()).collect();
        topics.dedup();
        if client.refresh(&topics, started).await.is_err() {
            break;
        }
        started = Instant::now();
        answers.extend(ask_once(client, question, again).await);
    }
    answers
}

/// Says whether somebody else may lead by now. Where nobody answered, asking more than once again would take long.
fn stale(error: &Error, tries: usize) -> bool {
    match error {
        Error::Broker { code, .. } => code.is_stale_metadata(),
        Error::NoLeader { .. } | Error::UnknownBroker { .. } => tries == 0,
        error => tries == 0 && error.is_connection(),
    }
}

async fn ask_once<Q: LeaderRequest>(
    client: &Client,
    question: &Q,
    partitions: Vec<TopicPartition>,
) -> PerPartition<Q::Answer> {
    let mut answers = PerPartition::new();
    let mut leaders: BTreeMap<i32, ByTopic> = BTreeMap::new();
    find_unknown_leaders(client, &partitions).await;
    for at in partitions {
        match client.leader(&at.topic, at.partition).await {
            Ok(leader) => {
                let led = Led {
                    partition: at.partition,
                    epoch: leader.epoch,
                };
                leaders
                    .entry(leader.broker)
                    .or_default()
                    .entry(at.topic)
                    .or_default()
                    .push(led);
            }
            Err(error) => {
                answers.insert(at, Err(error));
            }
        }
    }
    let calls = leaders
        .iter()
        .map(|(broker, topics)| ask_leader(client, question, *broker, topics));
    answers.extend(join_all(calls).await.into_iter().flatten());
    answers
}

/// Looks all unknown topics up in one request, before they are looked at one by one.
async fn find_unknown_leaders(client: &Client, partitions: &[TopicPartition]) {
    let unknown = |at: &&TopicPartition| client.known_leader(&at.topic, at.partition).is_none();
    let mut topics: Vec<String> = partitions
        .iter()
        .filter(unknown)
        .map(|at| at.topic.clone())
        .collect();
    topics.dedup();
    if topics.len() > 1 {
        // A failure shows again, partition by partition, where it is reported.
        let _ = client.refresh(&topics, Instant::now()).await;
    }
}

async fn ask_leader<Q: LeaderRequest>(
    client: &Client,
    question: &Q,
    broker: i32,
    topics: &ByTopic,
) -> PerPartition<Q::Answer> {
    // A list, not a lazy iterator: held across the call, its closures would keep every caller from being spawned.
    let mut asked = Vec::new();
    for (topic, led) in topics {
        asked.extend(
            led.iter()
                .map(|led| TopicPartition::new(topic, led.partition)),
        );
    }
    let response = match client
        .ask_broker(broker, &question.request(topics), Q::VERSIONS)
        .await
    {
        Ok(response) => response,
        Err(error) => {
            return asked
                .into_iter()
                .map(|at| (at, Err(error.clone())))
                .collect();
        }
    };
    let what =
        |at: &TopicPartition| format!("{} of `{}`, partition {}", Q::WHAT, at.topic, at.partition);
    let unanswered = |at: TopicPartition| {
        let error = Error::broker(ErrorCode::UNKNOWN_SERVER_ERROR, what(&at));
        (at, Err(error))
    };
    let mut answers: PerPartition<Q::Answer> = asked.into_iter().map(unanswered).collect();
    for PartitionAnswer { at, result } in question.read(response) {
        let result = result.map_err(|code| Error::broker(code, what(&at)));
        answers.entry(at).and_modify(|answer| *answer = result);
    }
    answers
}
