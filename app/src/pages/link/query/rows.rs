//! Which topics of a status are shown: a page of thousands is made without copying the rest.

use std::cmp::Reverse;

use model::{
    matching::fit,
    nearest::nearest,
    status::{LinkStatus, PartitionStatus, TopicStatus},
};

use crate::pages::{
    ROWS,
    link::{
        listing::{Listing, Sort},
        partitions::{MOST, OpenTopic, PartitionRow},
        topics::{TopicRow, TopicsView},
    },
};

/// Topics that resemble a filter which nothing matches.
const NEAREST: usize = 3;

/// Returns the `count` worst topics.
pub fn worst_of(status: &LinkStatus, count: usize) -> TopicsView {
    view(status, &Listing::default(), count)
}

/// Returns the page of topics that `listing` names.
pub fn page_of(status: &LinkStatus, listing: &Listing) -> TopicsView {
    view(status, listing, ROWS as usize)
}

fn view(status: &LinkStatus, listing: &Listing, rows: usize) -> TopicsView {
    let mut found: Vec<&TopicStatus> = status
        .topics
        .iter()
        .filter(|topic| matches(topic, listing))
        .collect();
    sort(&mut found, listing.sort);
    let start = (listing.page as usize).saturating_mul(rows);
    let shown = || found.iter().skip(start).take(rows);
    let partitions: usize = status
        .topics
        .iter()
        .map(|topic| topic.partitions.len())
        .sum();
    let open = shown().find(|topic| topic.topic == listing.open);
    let names = status.topics.iter().map(|topic| topic.topic.as_str());
    let nearest = match found.is_empty() && !listing.filter.is_empty() {
        true => nearest(&listing.filter, names, NEAREST),
        false => Vec::new(),
    };
    TopicsView {
        total: status.topics.len() as u32,
        partitions: partitions as u32,
        lag_as_of_ms: status.lag_as_of_ms(),
        matching: found.len() as u32,
        order: shown().map(|topic| topic.topic.clone()).collect(),
        rows: shown()
            .map(|topic| (topic.topic.clone(), row(topic)))
            .collect(),
        open: open.map(|topic| opened(topic)),
        nearest: nearest.into_iter().map(str::to_owned).collect(),
    }
}

fn matches(topic: &TopicStatus, listing: &Listing) -> bool {
    let in_state = listing.state.is_none_or(|state| state == topic.state);
    in_state
        && [&topic.topic, &topic.mirror_topic]
            .into_iter()
            .any(|name| fit(name, &listing.filter).is_some())
}

fn sort(topics: &mut [&TopicStatus], sort: Sort) {
    // An unknown lag may be any: it comes first.
    let lag = |topic: &TopicStatus| Reverse(topic.lag_records.unwrap_or(i64::MAX));
    let rate = |topic: &TopicStatus| Reverse(topic.rates.records_per_s as i64);
    topics.sort_by(|a, b| {
        let first = match sort {
            Sort::Worst => (a.state, lag(a)).cmp(&(b.state, lag(b))),
            Sort::Lag => lag(a).cmp(&lag(b)),
            Sort::Rate => rate(a).cmp(&rate(b)),
            Sort::Name => std::cmp::Ordering::Equal,
        };
        first.then_with(|| a.topic.cmp(&b.topic))
    });
}

fn row(topic: &TopicStatus) -> TopicRow {
    let problem = topic.problem.as_ref();
    TopicRow {
        mirror: topic.mirror_topic.clone(),
        partitions: topic.partitions.len() as u32,
        lag_records: topic.lag_records,
        unknown: topic
            .partitions
            .iter()
            .filter(|partition| partition.lag_records.is_none())
            .count() as u32,
        records_per_s: rate(topic.rates.records_per_s),
        state: topic.state,
        note: problem
            .map(|problem| problem.title.clone())
            .unwrap_or_else(|| differing(topic)),
    }
}

/// Says how many of the mirror's settings are not as they are wanted, if any.
fn differing(topic: &TopicStatus) -> String {
    match topic.deviations.as_slice() {
        [] => String::new(),
        [only] => only.to_string(),
        several => format!("{} settings differ: open the topic.", several.len()),
    }
}

/// Rounds a rate to what is shown of it, so that a stream tells only what can be seen.
pub fn rate(per_s: f64) -> f64 {
    match per_s < 9.95 {
        true => (per_s * 10.0).round() / 10.0,
        false => per_s.round(),
    }
}

fn opened(topic: &TopicStatus) -> OpenTopic {
    let mut all: Vec<&PartitionStatus> = topic.partitions.iter().collect();
    if all.len() > MOST {
        let lag = |partition: &PartitionStatus| Reverse(partition.lag_records.unwrap_or(i64::MAX));
        all.sort_by_key(|partition| (partition.state, lag(partition), partition.partition));
        all.truncate(MOST);
    }
    OpenTopic {
        topic: topic.topic.clone(),
        rows: all
            .into_iter()
            .map(|partition| (partition.partition, partition_row(partition)))
            .collect(),
        total: topic.partitions.len() as u32,
        settings: topic.deviations.iter().map(ToString::to_string).collect(),
    }
}

fn partition_row(partition: &PartitionStatus) -> PartitionRow {
    let problem = partition.problem.as_ref();
    PartitionRow {
        slot: partition.slot,
        state: partition.state,
        source_start: partition.source_start,
        source_end: partition.source_end,
        position: partition.position,
        destination_end: partition.destination_end,
        lag_records: partition.lag_records,
        guarded: partition.guarded,
        problem: problem
            .map(|problem| problem.title.clone())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
