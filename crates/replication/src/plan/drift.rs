//! In which properties a mirror is not as its link wants it, and what of that is to be set (SEMANTICS 3). Pure.

use std::collections::BTreeMap;

use model::link::{Configs, LinkSpec, OnDrift};

use super::{
    configs::{is_kept, mirror_configs},
    facts::{Destination, TopicConfigs},
    replicas,
};

/// What is known of one topic and its mirror.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    pub source: &'a TopicConfigs,
    pub mirror: &'a TopicConfigs,
    /// Replication factors of the source topic and of its mirror.
    pub replicas: (i16, i16),
    /// What was set on the mirror when it was looked at last; `None` where the link never did.
    pub before: Option<&'a BTreeMap<String, String>>,
}

/// A property in which a mirror is not as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub property: String,
    /// `None`: the destination's default.
    pub wanted: Option<String>,
    /// What the mirror has set itself.
    pub mirror: Option<String>,
    /// What is wanted is what was set before: somebody changed the mirror.
    pub is_drift: bool,
}

impl Difference {
    /// Says whether the link sets the property, rather than only telling of it.
    pub fn is_set(&self, configs: &Configs) -> bool {
        !self.is_drift || configs.on_drift == OnDrift::Overwrite
    }
}

/// Returns the properties that a mirror is wanted with, and where it differs. Only what the link looks after is compared:
/// a property that is excluded, or that the source does not know, stays as the mirror has it.
pub fn compare(
    pair: &Pair<'_>,
    spec: &LinkSpec,
    destination: &Destination,
) -> (BTreeMap<String, String>, Vec<Difference>) {
    let mut wanted = mirror_configs(pair.source, &spec.configs, destination).set;
    replicas::fit_existing(pair.replicas, spec, destination, &mut wanted);
    let kept = |property: &str| {
        is_kept(property, &spec.configs)
            && (wanted.contains_key(property) || pair.source.contains_key(property))
    };
    let overrides = pair.mirror.iter().filter(|(_, value)| value.overridden);
    let has: BTreeMap<&String, &String> = overrides
        .map(|(property, value)| (property, &value.value))
        .collect();
    let mut properties: Vec<&String> = wanted.keys().chain(has.keys().copied()).collect();
    properties.sort_unstable();
    properties.dedup();
    let differs = |property: &&String| {
        let (wanted, has) = (wanted.get(*property), has.get(*property));
        wanted.map(|value| normal(value)) != has.map(|value| normal(value))
    };
    let difference = |property: &String| {
        let wanted = wanted.get(property).cloned();
        let is_drift = pair
            .before
            .is_some_and(|before| before.get(property) == wanted.as_ref());
        Difference {
            mirror: has.get(property).map(|value| (*value).clone()),
            property: property.clone(),
            wanted,
            is_drift,
        }
    };
    let differences = properties
        .into_iter()
        .filter(|property| kept(property))
        .filter(differs)
        .map(difference)
        .collect();
    (wanted, differences)
}

/// Brokers keep lists as they were written, with or without spaces.
fn normal(value: &str) -> String {
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use model::link::DefaultsFrom;

    use super::*;
    use crate::plan::{facts::ConfigValue, fixtures};

    fn configs(values: &[(&str, &str, bool)]) -> TopicConfigs {
        let value = |value: &str, overridden| ConfigValue {
            value: value.to_owned(),
            overridden,
        };
        values
            .iter()
            .map(|(name, text, overridden)| ((*name).to_owned(), value(text, *overridden)))
            .collect()
    }

    fn spec(configs: Configs) -> LinkSpec {
        LinkSpec {
            configs,
            ..fixtures::spec()
        }
    }

    fn destination() -> Destination {
        let defaults = [
            ("retention.ms", "604800000"),
            ("cleanup.policy", "delete"),
            ("min.insync.replicas", "1"),
        ];
        Destination {
            brokers: 1,
            defaults: Some(
                defaults
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
            ),
            ..Destination::default()
        }
    }

    fn differences(
        source: &[(&str, &str, bool)],
        mirror: &[(&str, &str, bool)],
        before: Option<&[(&str, &str)]>,
        wanted: Configs,
    ) -> Vec<(String, Option<String>, bool)> {
        let (source, mirror) = (configs(source), configs(mirror));
        let before = before.map(|before| {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            before.iter().map(own).collect()
        });
        let pair = Pair {
            source: &source,
            mirror: &mirror,
            replicas: (1, 1),
            before: before.as_ref(),
        };
        let (_, differences) = compare(&pair, &spec(wanted), &destination());
        differences
            .into_iter()
            .map(|d| (d.property, d.wanted, d.is_drift))
            .collect()
    }

    #[test]
    fn a_change_at_the_source_is_no_drift_and_one_at_the_mirror_is() {
        let source = [("retention.ms", "2000", true)];
        let changed = differences(
            &source,
            &[("retention.ms", "1000", true)],
            Some(&[("retention.ms", "1000")]),
            Configs::default(),
        );
        let wanted = Some("2000".to_owned());
        assert_eq!(
            changed,
            [("retention.ms".to_owned(), wanted.clone(), false)]
        );
        let drifted = differences(
            &source,
            &[("retention.ms", "5", true)],
            Some(&[("retention.ms", "2000")]),
            Configs::default(),
        );
        assert_eq!(drifted, [("retention.ms".to_owned(), wanted, true)]);
    }

    #[test]
    fn an_override_removed_at_the_source_is_removed_at_the_mirror_m12() {
        let removed = differences(
            &[("retention.ms", "604800000", false)],
            &[("retention.ms", "1000", true)],
            Some(&[("retention.ms", "1000")]),
            Configs::default(),
        );
        assert_eq!(removed, [("retention.ms".to_owned(), None, false)]);
    }

    #[test]
    fn with_the_sources_defaults_a_value_of_the_mirror_alone_returns_to_them_m11() {
        let set = differences(
            &[("retention.ms", "7", false)],
            &[("retention.ms", "1000", true)],
            None,
            Configs {
                defaults_from: DefaultsFrom::Source,
                ..Configs::default()
            },
        );
        assert_eq!(
            set,
            [("retention.ms".to_owned(), Some("7".to_owned()), false)]
        );
    }

    #[test]
    fn what_is_excluded_or_unknown_to_the_source_stays_as_the_mirror_has_it_m10() {
        let excluding = Configs {
            exclude: vec!["retention.ms".to_owned()],
            ..Configs::default()
        };
        let source = [("retention.ms", "2000", true)];
        let mirror = [
            ("retention.ms", "1000", true),
            ("vendor.tier", "x", true),
            ("cleanup.policy", "compact", true),
        ];
        assert_eq!(differences(&source, &mirror, None, excluding), []);
    }

    #[test]
    fn equal_lists_with_other_spaces_are_equal() {
        let same = differences(
            &[("cleanup.policy", "compact,delete", true)],
            &[("cleanup.policy", "compact, delete", true)],
            None,
            Configs::default(),
        );
        assert_eq!(same, []);
    }

    #[test]
    fn a_mirror_with_fewer_replicas_is_not_asked_for_more_of_them_in_sync() {
        let source = configs(&[("min.insync.replicas", "2", true)]);
        let mirror = configs(&[("min.insync.replicas", "1", true)]);
        let pair = Pair {
            source: &source,
            mirror: &mirror,
            replicas: (3, 1),
            before: None,
        };
        let wanted = Configs {
            include: vec!["min.insync.replicas".to_owned()],
            ..Configs::default()
        };
        let (_, differences) = compare(&pair, &spec(wanted), &destination());
        assert_eq!(differences, []);
    }
}
