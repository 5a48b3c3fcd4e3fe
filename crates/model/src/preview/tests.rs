use proptest::prelude::*;

use super::*;
use crate::link::{LinkSpec, Rename, RenameRule, Row, RowKind};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A link from `east` to `west` with these include rows.
fn link(include: &[(RowKind, &str)], rename: Rename) -> LinkEdge {
    let rows = |rows: &[(RowKind, &str)]| -> Vec<Row> {
        rows.iter()
            .map(|(kind, pattern)| Row {
                kind: *kind,
                pattern: (*pattern).to_owned(),
            })
            .collect()
    };
    let spec = r#"{"name":"east-west","source":"east","destination":"west","topics":{}}"#;
    let mut spec: LinkSpec = serde_json::from_str(spec).unwrap();
    spec.topics.include = rows(include);
    spec.rename = rename;
    LinkEdge::compile(&spec, "id-east", "id-west").unwrap()
}

fn everything(rename: Rename) -> LinkEdge {
    link(&[(RowKind::Regex, ".*")], rename)
}

fn rule(pattern: &str, replace: &str) -> Rename {
    Rename {
        regex: vec![RenameRule {
            pattern: pattern.to_owned(),
            replace: replace.to_owned(),
        }],
        ..Rename::default()
    }
}

fn topics(names: &[&str]) -> Vec<TopicFact> {
    names
        .iter()
        .map(|name| TopicFact {
            name: (*name).to_owned(),
            internal: false,
        })
        .collect()
}

fn facts<'f>(link: &'f LinkEdge, source_topics: &'f [TopicFact]) -> Facts<'f> {
    Facts {
        link,
        others: &[],
        source_topics,
        destination_topics: &[],
        taken: &[],
        append_to: &[],
    }
}

fn existing(name: &str, has_records: Option<bool>) -> DestinationFact {
    DestinationFact {
        name: name.to_owned(),
        has_records,
    }
}

fn refused(preview: &Preview, index: usize) -> (&str, &str) {
    match &preview.topics[index].verdict {
        Verdict::Refused(refusal) => (&refusal.code, &refusal.message),
        other => panic!("not refused but {other:?}"),
    }
}

#[test]
fn lists_every_topic_with_reason_and_mirror_and_counts_them() {
    let rename = Rename {
        prefix: "${source}.".to_owned(),
        ..Rename::default()
    };
    let link = link(
        &[(RowKind::Prefix, "or"), (RowKind::Exact, "_schemas")],
        rename,
    );
    let mut topics = topics(&["orders", "_schemas", "clicks", "or-flagged"]);
    topics[3].internal = true;
    let preview = preview(&facts(&link, &topics));
    let lines: Vec<_> = preview
        .topics
        .iter()
        .map(|line| {
            (
                line.topic.as_str(),
                line.reason.as_str(),
                line.mirror_topic.as_deref(),
            )
        })
        .collect();
    let expected = [
        ("orders", "include row 1", Some("east.orders")),
        ("_schemas", "include row 2", Some("east._schemas")),
        ("clicks", "no row matches", None),
        ("or-flagged", "internal to Kafka or Causeway", None),
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        preview.counts,
        Counts {
            topics: 4,
            selected: 2,
            create: 2,
            ..Counts::default()
        }
    );
}

#[test]
fn refuses_two_topics_with_one_mirror_and_shows_both() {
    let link = everything(rule("orders-.*", "orders"));
    let topics = topics(&["orders-a", "orders-b", "clicks"]);
    let preview = preview(&facts(&link, &topics));
    let (code, message) = refused(&preview, 0);
    assert_eq!(code, COLLISION);
    assert_eq!(
        message,
        "`orders-a` cannot become `orders`: `orders-b` becomes `orders` already."
    );
    assert_eq!(refused(&preview, 1).0, COLLISION);
    assert_eq!(preview.topics[2].verdict, Verdict::Create);
    assert_eq!(preview.counts.refused, 2);
}

#[test]
fn refuses_names_that_differ_only_in_dot_and_underscore() {
    let link = everything(Rename::default());
    let topics = topics(&["a.b", "c.d"]);
    let there = [existing("c_d", Some(false))];
    let facts = Facts {
        destination_topics: &there,
        ..facts(&link, &topics)
    };
    let preview = preview(&facts);
    assert_eq!(preview.topics[0].verdict, Verdict::Create);
    let (code, message) = refused(&preview, 1);
    assert_eq!(code, SIMILAR);
    assert!(
        message.starts_with("`c.d` cannot become `c.d`: `c_d` exists at the destination"),
        "{message}"
    );

    let map = [
        ("a".to_owned(), "x.y".to_owned()),
        ("b".to_owned(), "x_y".to_owned()),
    ]
    .into();
    let link = everything(Rename {
        map,
        ..Rename::default()
    });
    let topics = self::topics(&["a", "b"]);
    let preview = super::preview(&self::facts(&link, &topics));
    assert_eq!(
        (refused(&preview, 0).0, refused(&preview, 1).0),
        (SIMILAR, SIMILAR)
    );
}

#[test]
fn refuses_an_illegal_result_with_both_names() {
    let link = everything(Rename {
        suffix: "-mirror".to_owned(),
        ..Rename::default()
    });
    let long = "x".repeat(249);
    let preview = preview(&facts(&link, &topics(&[&long])));
    let (code, message) = refused(&preview, 0);
    assert_eq!(code, ILLEGAL);
    assert!(
        message.ends_with("a topic name has at most 249 characters, this one has 256."),
        "{message}"
    );
}

#[test]
fn adopts_an_empty_topic_and_asks_before_it_appends() {
    let link = everything(Rename::default());
    let topics = topics(&["empty", "full", "ticked", "unknown"]);
    let there = [
        existing("empty", Some(false)),
        existing("full", Some(true)),
        existing("ticked", Some(true)),
        existing("unknown", None),
    ];
    let ticks = ["ticked".to_owned()];
    let preview = preview(&Facts {
        destination_topics: &there,
        append_to: &ticks,
        ..facts(&link, &topics)
    });
    let verdicts: Vec<&Verdict> = preview.topics.iter().map(|line| &line.verdict).collect();
    let expected = [
        &Verdict::Adopt,
        &Verdict::NeedsAppend,
        &Verdict::Append,
        &Verdict::NeedsAppend,
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn keeps_the_names_of_mirrors_that_stand() {
    let mut link = everything(rule("new|orders", "orders"));
    link.fixed
        .insert("orders".to_owned(), "old.orders".to_owned());
    link.fixed.insert("retired".to_owned(), "gone".to_owned());
    let there = [existing("old.orders", Some(true))];
    let topics = topics(&["orders", "gone", "old.orders"]);
    let preview = preview(&Facts {
        destination_topics: &there,
        ..facts(&link, &topics)
    });
    assert_eq!(preview.topics[0].verdict, Verdict::Keep);
    assert_eq!(
        preview.topics[0].mirror_topic.as_deref(),
        Some("old.orders")
    );
    assert_eq!(preview.topics[0].renamed.as_deref(), Some("orders"));
    // The name of a retired mirror stays its topic's, and a newcomer gives way to a mirror that stands.
    assert_eq!(refused(&preview, 1).0, COLLISION);
    assert_eq!(refused(&preview, 2).0, COLLISION);
}

#[test]
fn refuses_what_another_link_writes() {
    let link = everything(Rename::default());
    let topics = topics(&["orders", "clicks", "free"]);
    let taken = [Taken {
        mirror: "orders".into(),
        link: name("north-west"),
        topic: "o".into(),
    }];
    let mut beside = self::link(&[(RowKind::Exact, "free")], rule("free", "clicks"));
    beside.link = name("beside");
    let others = [beside];
    let preview = preview(&Facts {
        others: &others,
        taken: &taken,
        ..facts(&link, &topics)
    });
    let expected =
        "`orders` cannot become `orders`: link `north-west` copies `o` into `orders` already.";
    assert_eq!(refused(&preview, 0), (COLLISION, expected));
    assert_eq!(refused(&preview, 1).0, COLLISION);
    assert_eq!(preview.topics[2].verdict, Verdict::Create);
}

#[test]
fn passes_over_its_own_older_version() {
    let link = everything(Rename::default());
    let taken = [Taken {
        mirror: "orders".into(),
        link: link.link.clone(),
        topic: "orders".into(),
    }];
    let others = [link.clone()];
    let topics = topics(&["orders"]);
    let preview = preview(&Facts {
        others: &others,
        taken: &taken,
        ..facts(&link, &topics)
    });
    assert_eq!(preview.topics[0].verdict, Verdict::Create);
}

#[test]
fn refuses_a_cycle_with_its_path() {
    let link = everything(Rename::default());
    let mut back = link.clone();
    back.link = name("west-east");
    std::mem::swap(&mut back.source, &mut back.destination);
    std::mem::swap(
        &mut back.source_cluster_id,
        &mut back.destination_cluster_id,
    );
    let others = [back];
    let topics = topics(&["orders"]);
    let preview = preview(&Facts {
        others: &others,
        ..facts(&link, &topics)
    });
    let (code, message) = refused(&preview, 0);
    assert_eq!(code, CYCLE);
    assert!(message.contains("(link `west-east`)"), "{message}");
}

#[test]
fn refuses_one_cluster_on_both_sides() {
    let mut link = everything(Rename::default());
    link.destination_cluster_id = link.source_cluster_id.clone();
    let topics = topics(&["orders"]);
    let preview = preview(&facts(&link, &topics));
    assert_eq!(preview.refusals[0].code, SAME_CLUSTER);
    assert_eq!(refused(&preview, 0).0, SAME_CLUSTER);
}

#[test]
fn tells_which_names_wait_and_which_pairs_are_unused() {
    let map = [("payments".to_owned(), "p".to_owned())].into();
    let rename = Rename {
        map,
        ..Rename::default()
    };
    let link = link(
        &[(RowKind::Exact, "order"), (RowKind::Exact, "clicks")],
        rename,
    );
    let topics = topics(&["orders", "clicks", "payments"]);
    let preview = preview(&facts(&link, &topics));
    let waiting = Waiting {
        topic: "order".to_owned(),
        similar: vec!["orders".to_owned()],
    };
    assert_eq!(preview.waiting, [waiting]);
    assert_eq!(preview.unused_pairs, ["payments"]);
}

#[test]
fn looks_at_ten_thousand_colliding_topics_once_each() {
    // Quadratic work would make this test the slowest of all by far.
    let link = everything(rule(".*", "one"));
    let topics: Vec<TopicFact> = (0..10_000)
        .map(|n| TopicFact {
            name: format!("topic-{n}"),
            internal: false,
        })
        .collect();
    let preview = preview(&facts(&link, &topics));
    assert_eq!(preview.counts.refused, 10_000);
}

proptest! {
    /// Whatever is renamed to whatever, no two topics that would be copied share a mirror as brokers compare names.
    #[test]
    fn never_lets_two_topics_share_a_mirror(
        pairs in prop::collection::btree_map("[a-d]", "[ab][._]?[ab]?", 0..4),
        there in prop::collection::vec("[ab][._]?[ab]?", 0..3),
    ) {
        let link = everything(Rename { map: pairs, ..Rename::default() });
        let topics = topics(&["a", "b", "c", "d", "a.b", "a_b"]);
        let there: Vec<_> = there.iter().map(|name| existing(name, Some(false))).collect();
        let preview = preview(&Facts { destination_topics: &there, ..facts(&link, &topics) });
        let mut folded = HashSet::new();
        for line in preview.topics {
            if !matches!(line.verdict, Verdict::Refused(_)) {
                let mirror = line.mirror_topic.unwrap();
                prop_assert!(folded.insert(mirror.replace('.', "_")), "{mirror} twice");
            }
        }
    }
}
