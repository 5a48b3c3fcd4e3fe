//! What a topic of a cluster is set to when nothing is set on the topic: the brokers' properties under the topics' names.
//! Pure.

use std::collections::BTreeMap;

/// Topic property and the broker property that it is inherited from.
const INHERITED: [(&str, &str); 28] = [
    ("cleanup.policy", "log.cleanup.policy"),
    ("compression.gzip.level", "compression.gzip.level"),
    ("compression.lz4.level", "compression.lz4.level"),
    ("compression.type", "compression.type"),
    ("compression.zstd.level", "compression.zstd.level"),
    ("delete.retention.ms", "log.cleaner.delete.retention.ms"),
    ("file.delete.delay.ms", "log.segment.delete.delay.ms"),
    ("flush.messages", "log.flush.interval.messages"),
    ("flush.ms", "log.flush.interval.ms"),
    ("index.interval.bytes", "log.index.interval.bytes"),
    ("local.retention.bytes", "log.local.retention.bytes"),
    ("local.retention.ms", "log.local.retention.ms"),
    ("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    ("max.message.bytes", "message.max.bytes"),
    (
        "message.timestamp.after.max.ms",
        "log.message.timestamp.after.max.ms",
    ),
    (
        "message.timestamp.before.max.ms",
        "log.message.timestamp.before.max.ms",
    ),
    ("message.timestamp.type", "log.message.timestamp.type"),
    (
        "min.cleanable.dirty.ratio",
        "log.cleaner.min.cleanable.ratio",
    ),
    ("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("preallocate", "log.preallocate"),
    ("retention.bytes", "log.retention.bytes"),
    ("retention.ms", "log.retention.ms"),
    ("segment.bytes", "log.segment.bytes"),
    ("segment.index.bytes", "log.index.size.max.bytes"),
    ("segment.jitter.ms", "log.roll.jitter.ms"),
    ("segment.ms", "log.roll.ms"),
    (
        "unclean.leader.election.enable",
        "unclean.leader.election.enable",
    ),
];

/// Times that older settings state in other units, used where the one in milliseconds is unset.
const IN_OTHER_UNITS: [(&str, &str, i64); 4] = [
    ("retention.ms", "log.retention.minutes", 60_000),
    ("retention.ms", "log.retention.hours", 3_600_000),
    ("segment.ms", "log.roll.hours", 3_600_000),
    ("segment.jitter.ms", "log.roll.jitter.hours", 3_600_000),
];

/// Returns the topic properties that a broker with these properties knows, with the value that topics inherit. A value
/// that cannot be told is empty.
pub fn topic_defaults(broker: &BTreeMap<String, Option<String>>) -> BTreeMap<String, String> {
    let mut defaults = BTreeMap::new();
    for (topic, inherited) in INHERITED {
        if let Some(value) = broker.get(inherited) {
            let value = value
                .clone()
                .or_else(|| in_other_units(topic, broker))
                .unwrap_or_default();
            defaults.insert(topic.to_owned(), value);
        }
    }
    // Tiered storage has no broker property to inherit from; brokers that know it have its switch.
    if broker.contains_key("remote.log.storage.system.enable") {
        defaults.insert("remote.storage.enable".to_owned(), "false".to_owned());
    }
    defaults
}

fn in_other_units(topic: &str, broker: &BTreeMap<String, Option<String>>) -> Option<String> {
    let of = |property: &str| broker.get(property)?.as_ref()?.parse::<i64>().ok();
    let units = IN_OTHER_UNITS.iter().filter(|(name, _, _)| *name == topic);
    let (value, unit) = units
        .filter_map(|(_, property, unit)| Some((of(property)?, *unit)))
        .next()?;
    // -1 is "for ever" in every unit.
    Some(
        if value < 0 {
            -1
        } else {
            value.saturating_mul(unit)
        }
        .to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::topic_defaults;

    #[test]
    fn takes_broker_properties_under_their_topics_names() {
        let broker = [
            ("message.max.bytes", Some("5")),
            ("log.retention.ms", None),
            ("log.retention.minutes", None),
            ("log.retention.hours", Some("2")),
            ("remote.log.storage.system.enable", Some("false")),
        ];
        let broker = broker
            .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
            .into();
        let defaults = topic_defaults(&broker);
        assert_eq!(defaults["max.message.bytes"], "5");
        assert_eq!(defaults["retention.ms"], "7200000");
        assert!(defaults.contains_key("remote.storage.enable"));
        assert!(
            !defaults.contains_key("message.timestamp.after.max.ms"),
            "this broker does not know it"
        );
    }
}
