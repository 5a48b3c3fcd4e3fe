//! How many records lie between a link's start and the source's end.

use std::collections::BTreeMap;

use kafka::{
    Client,
    admin::{At, Isolation, ListedOffset, PerPartition},
    client::{ClusterMetadata, TopicMetadata},
};
use model::{
    link::{self, LinkSpec, Start},
    plan::{TopicAction, TopicPlan},
};

use super::gather::partitions;

/// Fills in the backlog of every topic that has no position yet, as far as the source tells. Offsets are counted, so
/// that transaction markers and compacted records are among them.
pub async fn tell_backlog(
    source: &Client,
    spec: &LinkSpec,
    metadata: &ClusterMetadata,
    plans: &mut [TopicPlan],
) {
    let begins =
        |plan: &&TopicPlan| !matches!(plan.action, TopicAction::Keep | TopicAction::Refuse { .. });
    let topics: Vec<&TopicMetadata> = plans
        .iter()
        .filter(begins)
        .filter_map(|plan| metadata.topic(&plan.topic))
        .collect();
    let isolation = match spec.isolation {
        link::Isolation::ReadCommitted => Isolation::Committed,
        link::Isolation::ReadUncommitted => Isolation::Uncommitted,
    };
    let from = match spec.start {
        Start::Earliest => At::Earliest,
        Start::Latest => At::Latest,
        Start::Timestamp(at_ms) => At::Time(at_ms),
    };
    let starts = source
        .list_offsets(partitions(&topics), from, isolation)
        .await;
    let ends = source
        .list_offsets(partitions(&topics), At::Latest, isolation)
        .await;
    let backlog = sum(&starts, &ends);
    for plan in plans {
        plan.backlog_records = backlog.get(plan.topic.as_str()).copied().flatten();
    }
}

/// Returns the sum per topic; `None` where a partition did not answer.
fn sum<'a>(
    starts: &'a PerPartition<ListedOffset>,
    ends: &PerPartition<ListedOffset>,
) -> BTreeMap<&'a str, Option<i64>> {
    let mut backlog = BTreeMap::new();
    for (at, start) in starts {
        let end = ends.get(at).and_then(|end| end.as_ref().ok()?.offset);
        // No record that young: the start is the end.
        let start = start.as_ref().ok().map(|start| start.offset.or(end));
        let records = start
            .flatten()
            .zip(end)
            .map(|(start, end)| (end - start).max(0));
        let total = backlog.entry(at.topic.as_str()).or_insert(Some(0));
        *total = total
            .zip(records)
            .map(|(total, records): (i64, i64)| total + records);
    }
    backlog
}
