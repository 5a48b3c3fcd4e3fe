use model::link::{Configs, DefaultsFrom};

use super::mirror_configs;
use crate::plan::{
    facts::Destination,
    fixtures::{defaults, facts, with_overrides},
};

fn destination() -> Destination {
    facts().destination
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn sets_on_every_mirror_what_the_destination_knows() {
    let mut destination = destination();
    let set = mirror_configs(&with_overrides(&[]), &Configs::default(), &destination).set;
    let pairs: Vec<(&str, &str)> = set
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("compression.type", "producer"),
            ("message.timestamp.after.max.ms", "9223372036854775807"),
            ("message.timestamp.before.max.ms", "9223372036854775807"),
            ("message.timestamp.type", "CreateTime"),
        ]
    );
    destination
        .defaults
        .as_mut()
        .unwrap()
        .remove("message.timestamp.after.max.ms");
    let set = mirror_configs(&with_overrides(&[]), &Configs::default(), &destination).set;
    assert!(!set.contains_key("message.timestamp.after.max.ms"));
}

#[test]
fn copies_by_class() {
    let source = with_overrides(&[
        ("retention.ms", "-1"),
        ("min.insync.replicas", "2"),
        ("local.retention.ms", "5"),
        ("message.downconversion.enable", "true"),
        ("remote.log.copy.disable", "true"),
        ("compression.type", "gzip"),
    ]);
    let wanted = Configs {
        include: names(&[
            "local.retention.ms",
            "message.downconversion.enable",
            "remote.log.copy.disable",
        ]),
        ..Configs::default()
    };
    let set = mirror_configs(&source, &wanted, &destination()).set;
    let value = |name: &str| set.get(name).map(String::as_str);
    assert_eq!(value("retention.ms"), Some("-1"), "copied");
    assert_eq!(value("local.retention.ms"), Some("5"), "copied if included");
    assert_eq!(value("min.insync.replicas"), None, "not included");
    assert_eq!(value("message.downconversion.enable"), None, "never");
    assert_eq!(value("remote.log.copy.disable"), None, "never");
    assert_eq!(
        value("compression.type"),
        Some("producer"),
        "set on every mirror"
    );
}

#[test]
fn exclude_beats_all() {
    let wanted = Configs {
        exclude: names(&["compression.type", "retention.ms"]),
        ..Configs::default()
    };
    let set = mirror_configs(
        &with_overrides(&[("retention.ms", "-1")]),
        &wanted,
        &destination(),
    )
    .set;
    assert!(!set.contains_key("compression.type") && !set.contains_key("retention.ms"));
}

#[test]
fn defaults_come_from_the_destination_or_from_the_source() {
    let source = with_overrides(&[]);
    let from_source = Configs {
        defaults_from: DefaultsFrom::Source,
        ..Configs::default()
    };
    assert!(
        !mirror_configs(&source, &Configs::default(), &destination())
            .set
            .contains_key("retention.ms")
    );
    assert_eq!(
        mirror_configs(&source, &from_source, &destination()).set["retention.ms"],
        "604800000"
    );
}

#[test]
fn a_property_that_the_destination_does_not_know_is_left_out_with_a_warning() {
    let mut destination = destination();
    destination
        .defaults
        .as_mut()
        .unwrap()
        .remove("retention.ms");
    let mirror = mirror_configs(
        &with_overrides(&[("retention.ms", "-1")]),
        &Configs::default(),
        &destination,
    );
    assert!(!mirror.set.contains_key("retention.ms"));
    assert!(mirror.warnings[0].starts_with("Not applied: `retention.ms` = `-1`"));
}

#[test]
fn tries_every_property_where_the_destination_cannot_be_asked() {
    let destination = Destination {
        defaults: None,
        ..destination()
    };
    let set = mirror_configs(&with_overrides(&[]), &Configs::default(), &destination).set;
    assert_eq!(set["max.message.bytes"], defaults()["max.message.bytes"]);
    assert!(set.contains_key("message.timestamp.after.max.ms"));
}

#[test]
fn an_excluded_limit_that_is_too_small_is_said() {
    let wanted = Configs {
        exclude: names(&["max.message.bytes"]),
        ..Configs::default()
    };
    let mirror = mirror_configs(
        &with_overrides(&[("max.message.bytes", "5000000")]),
        &wanted,
        &destination(),
    );
    assert!(mirror.warnings[0].contains("the mirror takes 1048588 bytes, the source 5000000"));
}
