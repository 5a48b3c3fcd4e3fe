//! Before a link asks for slots: both clusters answer, and its control topic stands and is what was left there.

use std::{sync::Arc, time::Duration};

use kafka::{
    Error,
    admin::ConfigResource,
    client::{Client, Topics},
};
use model::{finding::Finding, link::Guarantee, problem::Problem};
use tokio::time::Instant;

use super::{
    event::Prepared,
    io::{End, Wire},
    traffic::ConnectionCount,
};
use crate::{
    grants,
    ledger::DesiredLink,
    plan::no_transactions_v2,
    protocol::ports::Clock,
    topic_sync::{ApplyError, ControlTopicFacts, control_topic_facts, create_control_topic},
};

mod retired;

/// Half of `producer.id.expiration.ms` where it cannot be read.
const GUARD_MS: i64 = 3_600_000;

/// Why a link cannot run yet.
#[derive(Debug)]
pub(super) struct NotPrepared {
    pub(super) problem: Box<Problem>,
    /// What somebody must choose first.
    pub(super) asks: Option<Box<Finding>>,
    /// An earlier link's control topic is gone, as was chosen: the next attempt makes it anew.
    pub(super) removed: bool,
}

impl From<Box<Problem>> for NotPrepared {
    fn from(problem: Box<Problem>) -> Self {
        Self {
            problem,
            asks: None,
            removed: false,
        }
    }
}

/// Makes the control topic at the link's first start, checks it at every other.
pub(super) async fn prepare(
    wire: &Arc<Wire>,
    link: &DesiredLink,
    installation: &str,
) -> Result<Prepared, NotPrepared> {
    let source = reach(&wire.source, "source").await?;
    let destination = reach(&wire.destination, "destination").await?;
    if source.cluster_id == destination.cluster_id {
        return Err(same_cluster(link).into());
    }
    let client = wire
        .destination
        .client()
        .map_err(|e| unreachable(&wire.destination, "destination", &e))?;
    if link.spec.guarantee == Guarantee::Transactional {
        let has = client.has_transactions_v2().await;
        match has.map_err(|e| unreachable(&wire.destination, "destination", &e))? {
            true => {}
            false => return Err(no_transactions(link).into()),
        }
    }
    let (facts, first_start, made) = control_topic(client, wire, link).await?;
    let partitions = facts.partitions.unsigned_abs();
    wire.control_topic_is(facts.id, partitions);
    let earlier = match retired::may_be(link, facts.id, made) {
        true => retired::earlier_spec(wire, installation, link).await?,
        false => None,
    };
    let adopts = match earlier {
        None => false,
        Some(spec) => match retired::judge(&spec, facts.id, link, &source.cluster_id) {
            Ok(retired::Way::GoOn) => true,
            Ok(retired::Way::Remove) => {
                retired::remove(client, wire, link).await?;
                return Err(NotPrepared {
                    removed: true,
                    ..retired::removed(&wire.control_topic).into()
                });
            }
            Err(problem) => {
                let asks = retired::finding(&problem, facts.id, link, wire.wall_ms());
                return Err(NotPrepared {
                    asks: Some(Box::new(asks)),
                    ..problem.into()
                });
            }
        },
    };
    Ok(Prepared {
        source_cluster_id: source.cluster_id,
        destination_cluster_id: destination.cluster_id,
        connections: ConnectionCount::over(source.round_trip, destination.round_trip),
        control_topic_id: facts.id,
        slots: partitions,
        guard_ms: guard_ms(client).await,
        first_start,
        adopts,
    })
}

/// How often a cluster is asked the same, to know how long an answer takes at best.
const LOOKS: usize = 3;

struct Reached {
    cluster_id: String,
    /// The quickest answer.
    round_trip: Duration,
}

/// Returns the cluster's own id and how far away it is.
async fn reach(end: &End, side: &str) -> Result<Reached, Box<Problem>> {
    let asked = async {
        let mut reached = Reached {
            cluster_id: String::new(),
            round_trip: Duration::MAX,
        };
        for _ in 0..LOOKS {
            let asked = Instant::now();
            let metadata = end.client()?.metadata(Topics::None).await?;
            reached.round_trip = reached.round_trip.min(asked.elapsed());
            reached.cluster_id = metadata.cluster_id.unwrap_or_default();
        }
        Ok(reached)
    };
    asked
        .await
        .map_err(|error: Error| unreachable(end, side, &error))
}

async fn control_topic(
    client: &Client,
    wire: &Wire,
    link: &DesiredLink,
) -> Result<(ControlTopicFacts, bool, bool), Box<Problem>> {
    let name = &*wire.control_topic;
    let look = || async {
        let found = control_topic_facts(client, name).await;
        found.map_err(|error| {
            let problem = unreachable(&wire.destination, "destination", &error);
            Box::new(grants::named(*problem, &error, || {
                grants::own(&link.destination)
            }))
        })
    };
    let mut found = look().await?;
    let mut made = false;
    if found.is_none() && link.control_topic_id.is_none() {
        match create_control_topic(client, name, link.spec.slots).await {
            Ok(_) => made = true,
            Err(error) => {
                tracing::debug!(%error, "control topic not made");
                if look().await?.is_none() {
                    return Err(not_made(name, link, &error));
                }
            }
        }
        found = look().await?;
    }
    let Some(facts) = found else {
        return Err(damaged(name, "it was deleted"));
    };
    let id = facts.id.to_string();
    if link
        .control_topic_id
        .as_ref()
        .is_some_and(|known| *known != id)
    {
        return Err(damaged(
            name,
            "it was deleted and made again (its topic id is another)",
        ));
    }
    if !facts.keeps_all() {
        return Err(damaged(name, "its cleanup.policy is not `compact`"));
    }
    let first_start = link.control_topic_id.is_none();
    Ok((facts, first_start, made))
}

/// Returns how young our last batch must be for the broker to keep its producer state: half of the expiry time.
async fn guard_ms(client: &Client) -> i64 {
    let Ok(metadata) = client.metadata(Topics::None).await else {
        return GUARD_MS;
    };
    let Some(broker) = metadata.brokers.first().map(|broker| broker.id) else {
        return GUARD_MS;
    };
    let resource = ConfigResource::Broker(broker);
    let Ok(mut configs) = client
        .describe_configs(std::slice::from_ref(&resource))
        .await
    else {
        return GUARD_MS;
    };
    let Some(Ok(entries)) = configs.remove(&resource) else {
        return GUARD_MS;
    };
    entries
        .iter()
        .find(|entry| entry.name == "producer.id.expiration.ms")
        .and_then(|entry| entry.value.as_ref()?.parse::<i64>().ok())
        .map_or(GUARD_MS, |expiry_ms| expiry_ms / 2)
}

fn unreachable(end: &End, side: &str, error: &Error) -> Box<Problem> {
    let cluster = &end.spec.name;
    let problem = Problem {
        code: error.code().to_owned(),
        status: 503,
        title: format!("The {side} `{cluster}` does not answer."),
        detail: error.to_string(),
        state: Some("waiting".to_owned()),
        cause: Some(error.to_string()),
        broker_error: error.broker_code().map(|code| code.name().to_owned()),
        next_step: Some(format!(
            "Test the connection of cluster `{cluster}`; the link starts by itself once it answers."
        )),
        ..Problem::default()
    };
    Box::new(grants::let_in(problem, error, cluster))
}

fn same_cluster(link: &DesiredLink) -> Box<Problem> {
    Box::new(Problem {
        code: "topology.same_cluster".to_owned(),
        status: 409,
        title: "Source and destination are one cluster.".to_owned(),
        detail: format!(
            "`{}` and `{}` have the same cluster id; the link would copy its own output.",
            link.spec.source, link.spec.destination
        ),
        state: Some("needs_decision".to_owned()),
        next_step: Some("Correct the bootstrap addresses of one of them.".to_owned()),
        ..Problem::default()
    })
}

fn no_transactions(link: &DesiredLink) -> Box<Problem> {
    let why = no_transactions_v2(link.spec.destination.as_str());
    Box::new(Problem {
        code: "destination.transactions".to_owned(),
        status: 409,
        title: "The destination lacks the transactions that this link is to use.".to_owned(),
        cause: Some(why.clone()),
        detail: why,
        state: Some("waiting".to_owned()),
        next_step: Some(
            "Upgrade the destination and finalize the feature (`kafka-features.sh upgrade --feature transaction.version=2`); the link starts by itself then."
                .to_owned(),
        ),
        ..Problem::default()
    })
}

fn not_made(name: &str, link: &DesiredLink, error: &ApplyError) -> Box<Problem> {
    let cause = error.to_string();
    let problem = Problem {
        code: "control.not_made".to_owned(),
        status: 503,
        title: format!(
            "The control topic could not be made at `{}`.",
            link.spec.destination
        ),
        detail: format!("Topic `{name}`: {cause}"),
        state: Some("waiting".to_owned()),
        cause: Some(cause),
        next_step: Some(format!(
            "Grant CREATE, READ, WRITE and DESCRIBE on `{name}` at the destination; it is tried again."
        )),
        ..Problem::default()
    };
    Box::new(match error {
        ApplyError::Kafka(error) => {
            grants::named(problem, error, || grants::own(&link.destination))
        }
        _ => problem,
    })
}

fn damaged(name: &str, cause: &str) -> Box<Problem> {
    Box::new(Problem {
        code: "control.damaged".to_owned(),
        status: 409,
        title: "The control topic is not what was left there.".to_owned(),
        detail: format!("Topic `{name}`: {cause}. Nothing is copied until that is settled."),
        state: Some("needs_decision".to_owned()),
        cause: Some(cause.to_owned()),
        next_step: Some(
            "Restore the control topic, or delete the link and make it anew under another name."
                .to_owned(),
        ),
        ..Problem::default()
    })
}
