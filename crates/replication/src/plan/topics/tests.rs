use std::collections::BTreeMap;

use model::{
    link::{OnFewerBrokers, ReplicationFactor},
    plan::{TopicAction, TopicPlan},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::plan_topics;
use crate::plan::{
    facts::{DestinationTopic, Facts, FixedMirror, Refusal, Selected},
    fixtures::{existing, facts, fixed, id, refused, selected, source, with_overrides},
};

fn only(facts: &Facts) -> TopicPlan {
    let plans = plan_topics(facts);
    assert_eq!(plans.len(), 1);
    plans.into_iter().next().unwrap()
}

fn with_existing(topic: DestinationTopic) -> Facts {
    let mut facts = facts();
    facts.destination.topics.insert("orders".to_owned(), topic);
    facts
}

fn warned(plan: &TopicPlan, words: &str) -> bool {
    plan.warnings.iter().any(|warning| warning.contains(words))
}

#[test]
fn creates_a_missing_mirror_with_the_sources_partitions_and_replicas() {
    let plan = only(&facts());
    let TopicAction::Create {
        partitions: 6,
        replication_factor: 3,
        configs,
    } = plan.action
    else {
        panic!("{:?}", plan.action)
    };
    assert!(configs.contains(&("compression.type".to_owned(), "producer".to_owned())));
}

#[test]
fn refuses_a_missing_mirror_when_creation_is_off() {
    let mut facts = facts();
    facts.spec.create = false;
    assert_eq!(refused(&only(&facts)), Some("topic.missing"));
}

#[test]
fn adopts_an_empty_topic() {
    assert_eq!(only(&with_existing(existing(6))).action, TopicAction::Adopt);
}

#[test]
fn refuses_a_topic_with_records_unless_it_may_be_appended_to() {
    let mut facts = with_existing(DestinationTopic {
        has_records: true,
        ..existing(6)
    });
    assert_eq!(refused(&only(&facts)), Some("topic.has_records"));
    facts.spec.append_to = vec!["orders".to_owned()];
    let plan = only(&facts);
    assert_eq!(plan.action, TopicAction::Adopt);
    assert!(warned(&plan, "appended behind"));
}

#[test]
fn grows_a_mirror_with_fewer_partitions_or_refuses_it() {
    let mut facts = with_existing(existing(4));
    assert_eq!(only(&facts).action, TopicAction::Grow { from: 4, to: 6 });
    facts.spec.grow = false;
    assert_eq!(refused(&only(&facts)), Some("topic.fewer_partitions"));
}

#[test]
fn warns_of_keyed_order_when_the_mirror_has_more_partitions() {
    let plan = only(&with_existing(existing(8)));
    assert_eq!(plan.action, TopicAction::Adopt);
    assert!(warned(&plan, "8 partitions, the source 6"));
}

#[test]
fn keeps_a_mirror_with_records_that_the_link_has_already() {
    let mut facts = with_existing(DestinationTopic {
        has_records: true,
        ..existing(6)
    });
    facts.fixed = vec![fixed("orders", "orders")];
    assert_eq!(only(&facts).action, TopicAction::Keep);
}

#[test]
fn a_changed_rename_names_new_topics_only() {
    let mut facts = with_existing(existing(6));
    facts.fixed = vec![fixed("orders", "orders")];
    facts.selected[0].mirror_topic = "copy.orders".to_owned();
    facts.selected[0].refusal = Some(Refusal::new("rename.collision", "two sources"));
    let plan = only(&facts);
    assert_eq!(
        (plan.action.clone(), plan.mirror_topic.as_str()),
        (TopicAction::Keep, "orders")
    );
    assert!(warned(&plan, "Keeps its name `orders`"));
}

#[test]
fn never_goes_on_silently_with_a_topic_that_was_made_again() {
    let mut facts = with_existing(DestinationTopic {
        id: id(101),
        ..existing(6)
    });
    facts.fixed = vec![fixed("orders", "orders")];
    assert_eq!(refused(&only(&facts)), Some("destination.topic_recreated"));
    facts.destination.topics.clear();
    assert_eq!(refused(&only(&facts)), Some("destination.topic_deleted"));

    let mut facts = with_existing(existing(6));
    facts.fixed = vec![FixedMirror {
        topic_id: id(7),
        ..fixed("orders", "orders")
    }];
    assert_eq!(refused(&only(&facts)), Some("source.topic_recreated"));
}

#[test]
fn mirrors_anew_when_an_operator_chose_so() {
    let mut facts = facts();
    facts.fixed = vec![FixedMirror {
        mirror_id: None,
        ..fixed("orders", "orders")
    }];
    assert!(matches!(only(&facts).action, TopicAction::Create { .. }));
    facts.destination.topics.insert(
        "orders".to_owned(),
        DestinationTopic {
            id: id(101),
            ..existing(6)
        },
    );
    assert_eq!(only(&facts).action, TopicAction::Keep);
}

#[test]
fn knows_topics_without_ids_by_their_name() {
    let mut facts = with_existing(DestinationTopic {
        id: Uuid::nil(),
        has_records: true,
        ..existing(6)
    });
    facts.selected[0].topic.id = Uuid::nil();
    facts.fixed = vec![fixed("orders", "orders")];
    assert_eq!(only(&facts).action, TopicAction::Keep);
}

#[test]
fn a_refused_name_is_refused_with_its_reason() {
    let mut facts = facts();
    facts.selected[0].refusal = Some(Refusal::new(
        "rename.collision",
        "`a` and `b` both become `orders`.",
    ));
    assert_eq!(refused(&only(&facts)), Some("rename.collision"));
}

#[test]
fn replication_factors_beyond_the_brokers_are_refused_or_reduced() {
    let mut facts = facts();
    facts.destination.brokers = 2;
    assert_eq!(refused(&only(&facts)), Some("topic.replication_factor"));
    facts.spec.on_fewer_brokers = OnFewerBrokers::Reduce;
    facts.spec.configs.include = vec!["min.insync.replicas".to_owned()];
    facts.selected[0].topic.configs = with_overrides(&[("min.insync.replicas", "2")]);
    let plan = only(&facts);
    let TopicAction::Create {
        replication_factor: 2,
        configs,
        ..
    } = &plan.action
    else {
        panic!("{:?}", plan.action)
    };
    assert!(configs.contains(&("min.insync.replicas".to_owned(), "1".to_owned())));
    assert!(warned(&plan, "Replication factor reduced from 3 to 2"));
}

#[test]
fn more_in_sync_replicas_than_replicas_are_refused_or_reduced() {
    let mut facts = facts();
    facts.spec.replication_factor = ReplicationFactor::Exactly(1);
    facts
        .destination
        .defaults
        .as_mut()
        .unwrap()
        .insert("min.insync.replicas".to_owned(), "2".to_owned());
    assert_eq!(refused(&only(&facts)), Some("topic.min_insync_replicas"));
    facts.spec.on_fewer_brokers = OnFewerBrokers::Reduce;
    let TopicAction::Create { configs, .. } = only(&facts).action else {
        panic!("a mirror is made")
    };
    assert!(configs.contains(&("min.insync.replicas".to_owned(), "1".to_owned())));
}

#[test]
fn the_destinations_default_is_left_to_the_destination() {
    let mut facts = facts();
    facts.spec.replication_factor = ReplicationFactor::Destination;
    assert!(matches!(
        only(&facts).action,
        TopicAction::Create {
            replication_factor: -1,
            ..
        }
    ));
    facts.destination.default_replication_factor = None;
    assert!(matches!(
        only(&facts).action,
        TopicAction::Create {
            replication_factor: -1,
            ..
        }
    ));
}

#[test]
fn warns_of_settings_that_endanger_records_on_either_side() {
    let mut facts = with_existing(DestinationTopic {
        replication_factor: 1,
        configs: with_overrides(&[
            ("cleanup.policy", "compact"),
            ("message.timestamp.type", "LogAppendTime"),
        ]),
        ..existing(6)
    });
    facts.selected[0].topic.configs = with_overrides(&[
        ("unclean.leader.election.enable", "true"),
        ("compression.type", "zstd"),
    ]);
    facts.spec.configs.on_drift = model::link::OnDrift::Ignore;
    let plan = only(&facts);
    for words in [
        "Mirror: replication factor 1",
        "Mirror: `min.insync.replicas` is 1",
        "Mirror: compacted",
        "stamps records itself",
        "limits timestamps (`message.timestamp.after.max.ms`)",
        "Source: unclean leader election",
        "Source: `compression.type` is `zstd`",
    ] {
        assert!(warned(&plan, words), "{words} in {:?}", plan.warnings);
    }
}

#[test]
fn tells_what_the_link_sets_on_a_topic_that_it_takes_over() {
    let mut facts = with_existing(DestinationTopic {
        configs: with_overrides(&[
            ("message.timestamp.type", "LogAppendTime"),
            ("retention.ms", "1000"),
        ]),
        ..existing(6)
    });
    facts.selected[0].topic.configs = with_overrides(&[("retention.ms", "2000")]);
    let plan = only(&facts);
    for words in [
        "`message.timestamp.type` of the existing topic becomes `CreateTime`",
        "`retention.ms` of the existing topic becomes `2000`, as at the source; it is `1000`.",
    ] {
        assert!(warned(&plan, words), "{words} in {:?}", plan.warnings);
    }
    // What is mended is not warned of.
    assert!(
        !warned(&plan, "stamps records itself"),
        "{:?}",
        plan.warnings
    );
}

/// What both clusters would look like after the plan was carried out.
fn carried_out(mut facts: Facts, plans: &[TopicPlan]) -> Facts {
    for plan in plans {
        let topic = match &plan.action {
            TopicAction::Create {
                partitions,
                replication_factor,
                configs,
            } => {
                let overrides: Vec<(&str, &str)> = configs
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.as_str()))
                    .collect();
                DestinationTopic {
                    partitions: *partitions,
                    replication_factor: *replication_factor,
                    configs: with_overrides(&overrides),
                    ..existing(0)
                }
            }
            TopicAction::Grow { to, .. } => DestinationTopic {
                partitions: *to,
                ..facts.destination.topics[&plan.mirror_topic].clone()
            },
            TopicAction::Adopt | TopicAction::Keep | TopicAction::Refuse { .. } => continue,
        };
        facts
            .destination
            .topics
            .insert(plan.mirror_topic.clone(), topic);
    }
    facts
}

fn any_selected() -> impl Strategy<Value = Vec<Selected>> {
    proptest::collection::btree_map("[a-f]{1,3}", (1..20i32, 1..5i16, any::<bool>()), 0..12)
        .prop_map(|topics| {
            let make = |(number, (name, (partitions, factor, small))): (
                usize,
                (String, (i32, i16, bool)),
            )| {
                let mut topic = source(&name, partitions);
                topic.id = id(number as u128 + 1);
                topic.replication_factor = factor;
                topic.configs = with_overrides(if small {
                    &[("max.message.bytes", "5000000")]
                } else {
                    &[]
                });
                selected(topic)
            };
            topics.into_iter().enumerate().map(make).collect()
        })
}

fn any_existing() -> impl Strategy<Value = BTreeMap<String, DestinationTopic>> {
    let topic = (1..20i32, any::<bool>()).prop_map(|(partitions, has_records)| DestinationTopic {
        has_records,
        ..existing(partitions)
    });
    proptest::collection::btree_map("[a-f]{1,3}", topic, 0..12)
}

proptest! {
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(
        selected in any_selected(),
        topics in any_existing(),
        brokers in 1..4usize,
        reduce: bool,
        grow: bool,
        create: bool,
    ) {
        let mut facts = facts();
        facts.selected = selected;
        facts.destination.topics = topics;
        facts.destination.brokers = brokers;
        facts.spec.grow = grow;
        facts.spec.create = create;
        if reduce {
            facts.spec.on_fewer_brokers = OnFewerBrokers::Reduce;
        }
        let first = plan_topics(&facts);
        let second = plan_topics(&carried_out(facts, &first));
        for (before, after) in first.iter().zip(&second) {
            match &before.action {
                TopicAction::Refuse { .. } => prop_assert_eq!(&before.action, &after.action),
                _ => prop_assert!(matches!(after.action, TopicAction::Adopt | TopicAction::Keep), "{:?}", after),
            }
        }
    }

    #[test]
    fn a_mirror_never_takes_smaller_batches_than_its_source(limit in 1..4_000_000i64, overridden: bool, default in 1..4_000_000i64) {
        let mut facts = facts();
        let configs = &mut facts.selected[0].topic.configs;
        let value = configs.get_mut("max.message.bytes").unwrap();
        value.value = limit.to_string();
        value.overridden = overridden;
        facts.destination.defaults.as_mut().unwrap().insert("max.message.bytes".to_owned(), default.to_string());
        let TopicAction::Create { configs, .. } = only(&facts).action else { panic!("a mirror is made") };
        let set = configs.iter().find(|(name, _)| name == "max.message.bytes").map(|(_, value)| value.parse().unwrap());
        prop_assert!(set.unwrap_or(default) >= limit);
    }
}
