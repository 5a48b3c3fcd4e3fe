//! A link's settings in words, each marked where nobody chose it.

use model::{
    finding::FindingKind,
    format,
    link::{
        Configs, DefaultsFrom, Guarantee, Isolation, LinkSpec, OnDrift, OnFewerBrokers, OnRefused,
        Policy, Rename, ReplicationFactor, Row, RowKind, Start, Timestamps, TopicSelection,
    },
};

use super::{Setting, choices};

/// Names of a list that are shown.
const SHOWN_NAMES: usize = 20;

/// Returns all settings, in the order of the form.
pub fn in_words(spec: &LinkSpec) -> Vec<Setting> {
    let mut all = Vec::new();
    topics(spec, &mut all);
    names(&spec.rename, &mut all);
    reading(spec, &mut all);
    making(spec, &mut all);
    findings(spec, &mut all);
    all.push(setting(
        "Looks for new topics and partitions",
        format!("every {}", format::span(spec.detect_interval_ms as i64)),
        spec.detect_interval_ms == 30_000,
    ));
    all.push(setting(
        "Bandwidth limit",
        match spec.limit_bytes_per_s {
            Some(limit) => format!("{} MB/s", format::megabytes(limit as f64)),
            None => "none".to_owned(),
        },
        spec.limit_bytes_per_s.is_none(),
    ));
    all.push(setting(
        "Work slots",
        format!("{}, fixed at the first start", spec.slots),
        spec.slots == 24,
    ));
    all
}

fn setting(name: &str, value: impl Into<String>, default: bool) -> Setting {
    Setting {
        name: name.to_owned(),
        value: value.into(),
        default,
    }
}

fn topics(spec: &LinkSpec, all: &mut Vec<Setting>) {
    let default = TopicSelection::default();
    all.push(setting("Takes topics", rows(&spec.topics.include), false));
    all.push(setting(
        "Leaves out",
        rows(&spec.topics.exclude),
        spec.topics.exclude.is_empty(),
    ));
    let hidden = match spec.topics.internal {
        true => "patterns match hidden topics, too",
        false => "patterns pass hidden topics over",
    };
    all.push(setting(
        "Hidden topics",
        hidden,
        spec.topics.internal == default.internal,
    ));
    let new = match spec.topics.new_topics {
        true => "taken when they appear and match",
        false => "not taken: the set is that of the first plan",
    };
    all.push(setting(
        "New topics",
        new,
        spec.topics.new_topics == default.new_topics,
    ));
}

fn rows(rows: &[Row]) -> String {
    let row = |row: &Row| match row.kind {
        RowKind::Exact => row.pattern.clone(),
        RowKind::Prefix => format!("{}…", row.pattern),
        RowKind::Regex => format!("pattern {}", row.pattern),
    };
    listed(&rows.iter().map(row).collect::<Vec<_>>())
}

/// Joins names, the first ones of many.
fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN_NAMES => {
            let first = names[..SHOWN_NAMES].join(", ");
            format!("{first} and {} more", count - SHOWN_NAMES)
        }
        _ => names.join(", "),
    }
}

fn names(rename: &Rename, all: &mut Vec<Setting>) {
    let default = rename == &Rename::default();
    let mut ways: Vec<String> = Vec::new();
    if !rename.map.is_empty() {
        let pairs = rename.map.iter().map(|(from, to)| format!("{from} → {to}"));
        ways.push(listed(&pairs.collect::<Vec<_>>()));
    }
    let rules = rename.regex.iter();
    ways.extend(rules.map(|rule| format!("pattern {} → {}", rule.pattern, rule.replace)));
    let shorthand = format!("{}${{topic}}{}", rename.prefix, rename.suffix);
    ways.push(match (rename.format.as_str(), shorthand.as_str()) {
        ("${topic}", "${topic}") => "same as at the source".to_owned(),
        ("${topic}", _) => shorthand,
        (format, _) => format.to_owned(),
    });
    let value = ways.join("; then ");
    all.push(setting("Names of mirror topics", value, default));
}

fn reading(spec: &LinkSpec, all: &mut Vec<Setting>) {
    let start = match spec.start {
        Start::Earliest => "at the earliest record".to_owned(),
        Start::Latest => "at the end: records written from the start on".to_owned(),
        Start::Timestamp(ms) => format!("at the first record of {} or later", format::moment(ms)),
    };
    all.push(setting("Begins", start, spec.start == Start::default()));
    let isolation = match spec.isolation {
        Isolation::ReadCommitted => "committed records only",
        Isolation::ReadUncommitted => "all records, those of aborted transactions included",
    };
    all.push(setting(
        "Reads",
        isolation,
        spec.isolation == Isolation::default(),
    ));
    let guarantee = match spec.guarantee {
        Guarantee::ExactlyOnce => "exactly once for every reader of the mirror",
        Guarantee::Transactional => {
            "exactly once for readers of committed records, by transactions; other readers may see records of attempts that were given up"
        }
    };
    let default = spec.guarantee == Guarantee::default();
    all.push(setting("Guarantee", guarantee, default));
    let Timestamps::Source = spec.timestamps;
    all.push(setting("Record times", "those of the source", true));
}

fn making(spec: &LinkSpec, all: &mut Vec<Setting>) {
    let create = match spec.create {
        true => "made where they are missing",
        false => "not made: topics without one wait",
    };
    all.push(setting("Mirror topics", create, spec.create));
    let grow = match spec.grow {
        true => "added when the source topic grows",
        false => "not added",
    };
    all.push(setting("Partitions", grow, spec.grow));
    let factor = match spec.replication_factor {
        ReplicationFactor::Source => "the source topic's".to_owned(),
        ReplicationFactor::Destination => "the destination's default".to_owned(),
        ReplicationFactor::Exactly(count) => count.to_string(),
    };
    let default = spec.replication_factor == ReplicationFactor::default();
    all.push(setting("Replication factor", factor, default));
    let fewer = match spec.on_fewer_brokers {
        OnFewerBrokers::Refuse => "refused",
        OnFewerBrokers::Reduce => "made with as many replicas as there are brokers",
    };
    let default = spec.on_fewer_brokers == OnFewerBrokers::default();
    all.push(setting("More replicas than brokers", fewer, default));
    let usual = Configs::default();
    all.push(setting(
        "Topic settings",
        configs(&spec.configs),
        Configs {
            interval_ms: usual.interval_ms,
            on_drift: usual.on_drift,
            ..spec.configs.clone()
        } == usual,
    ));
    let default =
        (spec.configs.interval_ms, spec.configs.on_drift) == (usual.interval_ms, usual.on_drift);
    all.push(setting(
        "Topic settings later",
        keeping(&spec.configs),
        default,
    ));
    all.push(setting(
        "May append to",
        listed(&spec.append_to),
        spec.append_to.is_empty(),
    ));
}

fn configs(configs: &Configs) -> String {
    let from = match configs.defaults_from {
        DefaultsFrom::Destination => {
            "those set on the source topic; all others as the destination has them"
        }
        DefaultsFrom::Source => "all as the source has them",
    };
    let list = |what: &str, names: &[String]| match names.is_empty() {
        true => String::new(),
        false => format!("; {what} {}", listed(names)),
    };
    let include = list("copied:", &configs.include);
    format!("{from}{include}{}", list("left out:", &configs.exclude))
}

fn keeping(configs: &Configs) -> String {
    let every = format::span_short(i64::try_from(configs.interval_ms).unwrap_or(i64::MAX));
    match configs.on_drift {
        OnDrift::Overwrite => format!("compared every {every}; what differs is set"),
        OnDrift::Report => format!(
            "compared every {every}; what changes at the source is set, what somebody changed at the mirror is shown"
        ),
        OnDrift::Ignore => "set at creation only".to_owned(),
    }
}

fn findings(spec: &LinkSpec, all: &mut Vec<Setting>) {
    let kinds = [
        FindingKind::Loss,
        FindingKind::Divergence,
        FindingKind::Duplicate,
        FindingKind::ForeignWrite,
        FindingKind::SourceRecreated,
        FindingKind::DestinationChanged,
    ];
    for kind in kinds {
        let default = kind.default_policy();
        let policy = spec.policies.get(&kind).copied().unwrap_or(default);
        let words = match policy {
            Policy::Continue => "recorded, copying goes on",
            Policy::Ask => "the partition is held until somebody chooses",
        };
        let name = format!("On: {}", choices::title(kind).to_lowercase());
        all.push(setting(&name, words, policy == default));
    }
    let refused = match spec.on_refused {
        OnRefused::Hold => "the partition is held until somebody chooses",
        OnRefused::Skip => "left out and recorded",
        OnRefused::DeadLetter => "put aside into the dead-letter topic and recorded",
    };
    let default = spec.on_refused == OnRefused::default();
    all.push(setting("On: record refused", refused, default));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(spec: serde_json::Value) -> Vec<Setting> {
        in_words(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn only_what_somebody_chose_is_not_a_default() {
        let plain = json!({"name": "a", "source": "w", "destination": "e",
            "topics": {"include": [{"kind": "prefix", "pattern": "orders"}]}});
        let chosen = |settings: &[Setting]| -> Vec<String> {
            let chosen = settings.iter().filter(|setting| !setting.default);
            chosen.map(|s| format!("{}: {}", s.name, s.value)).collect()
        };
        assert_eq!(chosen(&words(plain.clone())), ["Takes topics: orders…"]);
        let mut other = plain;
        other["rename"] = json!({"prefix": "us."});
        other["slots"] = json!(3);
        other["policies"] = json!({"loss": "ask"});
        other["start"] = json!({"timestamp": 0});
        assert_eq!(
            chosen(&words(other)),
            [
                "Takes topics: orders…",
                "Names of mirror topics: us.${topic}",
                "Begins: at the first record of 1970-01-01 00:00:00 UTC or later",
                "On: loss: the partition is held until somebody chooses",
                "Work slots: 3, fixed at the first start",
            ]
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..23).map(|n| n.to_string()).collect();
        assert!(listed(&names).ends_with("19 and 3 more"));
        assert_eq!(listed(&[]), "none");
    }
}
