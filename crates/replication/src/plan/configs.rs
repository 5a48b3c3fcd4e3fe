//! Which properties a mirror topic is made with (SEMANTICS 3, configs). Pure.
//!
//! Omitted here: what the destination refuses although it knows the property; that is found out by asking it.

use std::collections::BTreeMap;

use model::link::{Configs, DefaultsFrom};

use super::facts::{Destination, TopicConfigs};

/// Set on every mirror that knows them: the broker must neither recompress nor judge or replace timestamps.
pub const ALWAYS: [(&str, &str); 4] = [
    ("compression.type", "producer"),
    ("message.timestamp.type", "CreateTime"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
    ("message.timestamp.after.max.ms", "9223372036854775807"),
];

/// Copied from the source topic.
const COPIED: [&str; 17] = [
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "delete.retention.ms",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "max.compaction.lag.ms",
    "segment.bytes",
    "segment.ms",
    "segment.jitter.ms",
    "segment.index.bytes",
    "index.interval.bytes",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "preallocate",
    MAX_MESSAGE_BYTES,
];

const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

/// The properties of a mirror to be made, and what is to be said about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorConfigs {
    pub set: BTreeMap<String, String>,
    pub warnings: Vec<String>,
}

/// Works out what a new mirror of a topic with these effective values is made with.
pub fn mirror_configs(
    source: &TopicConfigs,
    wanted: &Configs,
    destination: &Destination,
) -> MirrorConfigs {
    let mut mirror = MirrorConfigs::default();
    for (property, value) in source {
        let overridden_only = wanted.defaults_from == DefaultsFrom::Destination;
        if !is_copied(property, wanted) || (overridden_only && !value.overridden) {
            continue;
        }
        if destination.knows(property) {
            mirror.set.insert(property.clone(), value.value.clone());
        } else if value.overridden {
            mirror.warnings.push(format!(
                "Not applied: `{property}` = `{}`, the destination does not know this property.",
                value.value
            ));
        }
    }
    for (property, value) in ALWAYS {
        if destination.knows(property) {
            mirror.set.insert(property.to_owned(), value.to_owned());
        }
    }
    fit_largest_batch(&mut mirror, source, destination);
    for excluded in &wanted.exclude {
        mirror.set.remove(excluded);
    }
    warn_of_smaller_limit(&mut mirror, source, wanted, destination);
    mirror
}

/// Says whether a link looks after this property of its mirrors.
pub fn is_kept(property: &str, wanted: &Configs) -> bool {
    let always = ALWAYS.iter().any(|(name, _)| *name == property);
    let excluded = wanted.exclude.iter().any(|name| name == property);
    (always || is_copied(property, wanted)) && !excluded
}

fn is_copied(property: &str, wanted: &Configs) -> bool {
    let listed = |names: &[String]| names.iter().any(|name| name == property);
    !Configs::is_never_copied(property) && (COPIED.contains(&property) || listed(&wanted.include))
}

/// A mirror must take every batch that the source took: without an override its limit is its brokers' default.
fn fit_largest_batch(mirror: &mut MirrorConfigs, source: &TopicConfigs, destination: &Destination) {
    let Some(limit) = number(
        source
            .get(MAX_MESSAGE_BYTES)
            .map(|value| value.value.as_str()),
    ) else {
        return;
    };
    if mirror.set.contains_key(MAX_MESSAGE_BYTES) || !destination.knows(MAX_MESSAGE_BYTES) {
        return;
    }
    if number(destination.default_of(MAX_MESSAGE_BYTES)).is_none_or(|default| default < limit) {
        mirror
            .set
            .insert(MAX_MESSAGE_BYTES.to_owned(), limit.to_string());
    }
}

fn warn_of_smaller_limit(
    mirror: &mut MirrorConfigs,
    source: &TopicConfigs,
    wanted: &Configs,
    destination: &Destination,
) {
    let limit = number(
        source
            .get(MAX_MESSAGE_BYTES)
            .map(|value| value.value.as_str()),
    );
    let default = number(destination.default_of(MAX_MESSAGE_BYTES));
    if !wanted.exclude.iter().any(|name| name == MAX_MESSAGE_BYTES) {
        return;
    }
    if let (Some(limit), Some(default)) = (limit, default)
        && default < limit
    {
        mirror.warnings.push(format!(
            "`{MAX_MESSAGE_BYTES}` is excluded: the mirror takes {default} bytes, the source {limit}; larger batches are split, larger records held."
        ));
    }
}

fn number(value: Option<&str>) -> Option<i64> {
    value?.parse().ok()
}

/// Returns warnings on an existing topic that is, or becomes, the mirror: what in its settings changes the copy.
pub fn judge_existing(mirror: &TopicConfigs, source: &TopicConfigs) -> Vec<String> {
    let of = |configs: &'_ TopicConfigs, property: &str| {
        configs.get(property).map(|value| value.value.clone())
    };
    let mut warnings = Vec::new();
    if of(mirror, "message.timestamp.type").is_some_and(|kind| kind == "LogAppendTime") {
        warnings.push("The mirror stamps records itself (`message.timestamp.type=LogAppendTime`): the source's timestamps are lost.".to_owned());
    }
    for property in [
        "message.timestamp.before.max.ms",
        "message.timestamp.after.max.ms",
    ] {
        if of(mirror, property).is_some_and(|limit| limit != i64::MAX.to_string()) {
            warnings.push(format!(
                "The mirror limits timestamps (`{property}`): it may refuse records that the source took."
            ));
        }
    }
    let (mirror_limit, source_limit) =
        (of(mirror, MAX_MESSAGE_BYTES), of(source, MAX_MESSAGE_BYTES));
    if let (Some(ours), Some(theirs)) = (
        number(mirror_limit.as_deref()),
        number(source_limit.as_deref()),
    ) && ours < theirs
    {
        warnings.push(format!(
            "The mirror takes {ours} bytes (`{MAX_MESSAGE_BYTES}`), the source {theirs}: larger batches are split, larger records held."
        ));
    }
    warnings
}

#[cfg(test)]
mod tests;
