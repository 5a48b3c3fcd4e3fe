//! Asks the destination whether it would do what a plan says, with `validateOnly`: policies, limits and rights refuse in
//! the plan, not at run time.

use std::collections::BTreeMap;

use kafka::{
    Client, Error,
    admin::{NewTopic, Run},
};
use model::plan::{TopicAction, TopicPlan};

use crate::topic_sync::{Properties, Sieve, attempt_create, is_about_properties};

/// Topics in one request.
const TOPICS_AT_ONCE: usize = 100;

/// Turns what the destination would refuse into refusals, and properties that it would refuse into warnings.
///
/// # Errors
/// Where the destination does not answer.
pub async fn check_with_destination(
    destination: &Client,
    plans: &mut [TopicPlan],
) -> Result<(), Error> {
    let sieve = Sieve::default();
    for chunk in plans.chunks_mut(TOPICS_AT_ONCE) {
        check_new(destination, chunk, &sieve).await?;
        check_growing(destination, chunk).await?;
    }
    Ok(())
}

fn new_topic(plan: &TopicPlan) -> Option<NewTopic> {
    let TopicAction::Create {
        partitions,
        replication_factor,
        configs,
    } = &plan.action
    else {
        return None;
    };
    Some(NewTopic {
        name: plan.mirror_topic.clone(),
        partitions: *partitions,
        replication_factor: *replication_factor,
        configs: configs.clone(),
    })
}

async fn check_new(
    destination: &Client,
    plans: &mut [TopicPlan],
    sieve: &Sieve,
) -> Result<(), Error> {
    let topics: Vec<NewTopic> = plans.iter().filter_map(new_topic).collect();
    if topics.is_empty() {
        return Ok(());
    }
    let mut answers = destination.create_topics(&topics, Run::CheckOnly).await?;
    for plan in plans {
        let Some(topic) = new_topic(plan) else {
            continue;
        };
        match answers.remove(&topic.name) {
            Some(Err(error)) if is_about_properties(&error) => {
                sift(destination, plan, topic, sieve).await?
            }
            Some(Err(error)) => refuse(plan, &error),
            Some(Ok(_)) | None => {}
        }
    }
    Ok(())
}

/// Finds the properties that the destination refuses, and plans without them.
async fn sift(
    destination: &Client,
    plan: &mut TopicPlan,
    topic: NewTopic,
    sieve: &Sieve,
) -> Result<(), Error> {
    let wanted: Properties = topic.configs.iter().cloned().collect();
    let attempt = |properties: Properties, _| {
        let configs = properties.into_iter().collect();
        attempt_create(
            destination,
            NewTopic {
                configs,
                ..topic.clone()
            },
            Run::CheckOnly,
        )
    };
    let taken = match sieve.pass(&wanted, attempt).await {
        Ok(taken) => taken,
        Err(error) if error.broker_code().is_some() => {
            refuse(plan, &error);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    plan.warnings
        .extend(taken.not_applied.iter().map(|row| row.warning()));
    if let TopicAction::Create { configs, .. } = &mut plan.action {
        *configs = taken.properties.into_iter().collect();
    }
    Ok(())
}

async fn check_growing(destination: &Client, plans: &mut [TopicPlan]) -> Result<(), Error> {
    let growing: BTreeMap<String, i32> = plans
        .iter()
        .filter_map(|plan| match plan.action {
            TopicAction::Grow { to, .. } => Some((plan.mirror_topic.clone(), to)),
            _ => None,
        })
        .collect();
    if growing.is_empty() {
        return Ok(());
    }
    let wanted: Vec<(String, i32)> = growing.into_iter().collect();
    let mut answers = destination
        .create_partitions(&wanted, Run::CheckOnly)
        .await?;
    for plan in plans
        .iter_mut()
        .filter(|plan| matches!(plan.action, TopicAction::Grow { .. }))
    {
        if let Some(Err(error)) = answers.remove(&plan.mirror_topic) {
            refuse(plan, &error);
        }
    }
    Ok(())
}

fn refuse(plan: &mut TopicPlan, error: &Error) {
    let name = error.broker_code().map_or("no answer", |code| code.name());
    let (code, remedy) = if error.code() == "acl.missing" {
        (
            "acl.missing",
            "grant CREATE and ALTER on it at the destination",
        )
    } else {
        (
            "topic.refused",
            "look at the policies of the destination, or exclude the topic",
        )
    };
    plan.action = TopicAction::Refuse {
        code: code.to_owned(),
        message: format!(
            "The destination refuses `{}` ({name}): {remedy}.",
            plan.mirror_topic
        ),
    };
}
