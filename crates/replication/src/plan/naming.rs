//! Which source topics a link takes, and what their mirrors are called: the preview's rules, seen as facts of a plan.
//! Pure.

use std::collections::BTreeMap;

use model::{
    Name,
    cycle::LinkEdge,
    link::{Configs, Isolation, LinkSpec},
    preview::{self, DestinationFact, Taken, TopicFact, TopicPreview, Verdict, preview},
    problem::FieldError,
};

use super::{
    OtherLink,
    facts::{FixedMirror, Refusal},
};

/// What the names are worked out from.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    pub spec: &'a LinkSpec,
    pub source_cluster_id: &'a str,
    pub destination_cluster_id: &'a str,
    pub others: &'a [OtherLink],
    pub fixed: &'a [FixedMirror],
    /// Mirrors that other links have at the destination.
    pub taken: &'a [Taken],
    pub new_topics: NewTopics,
}

/// Whether topics are taken that the link has no mirror of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTopics {
    /// All that match: the first start, or a link that takes new topics.
    Taken,
    /// The set is frozen.
    Left,
}

/// A source topic that the link takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub topic: String,
    pub reason: String,
    /// What the rename says now; empty where it says nothing legal.
    pub mirror_topic: String,
    pub refusal: Option<Refusal>,
}

/// All names of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub named: Vec<Named>,
    pub not_selected: usize,
    pub warnings: Vec<String>,
    /// Why no topic can be copied, if so.
    pub refusals: Vec<String>,
}

/// Works out which topics are taken under which names.
///
/// # Errors
/// What is wrong with the selection or the rename, field by field.
pub fn name_topics(
    scene: &Scene<'_>,
    source_topics: &[TopicFact],
    destination_topics: &[String],
) -> Result<Names, Vec<FieldError>> {
    let spec = scene.spec;
    let mut link = LinkEdge::compile(spec, scene.source_cluster_id, scene.destination_cluster_id)?;
    link.fixed = fixed_by_topic(scene.fixed);
    let others: Vec<LinkEdge> = scene
        .others
        .iter()
        .filter_map(|other| edge_of(scene, other))
        .collect();
    // Whether an existing topic holds records is for the plan to judge: here only its name counts.
    let destination: Vec<DestinationFact> = destination_topics
        .iter()
        .map(|name| DestinationFact {
            name: name.clone(),
            has_records: Some(false),
        })
        .collect();
    let seen = preview(&preview::Facts {
        link: &link,
        others: &others,
        source_topics,
        destination_topics: &destination,
        taken: scene.taken,
        append_to: &spec.append_to,
    });
    let mut names = Names {
        warnings: warnings(spec, &seen.unused_pairs),
        refusals: seen
            .refusals
            .into_iter()
            .map(|refusal| refusal.message)
            .collect(),
        ..Names::default()
    };
    for waiting in &seen.waiting {
        names.warnings.push(format!(
            "`{}` does not exist at the source yet; it is waited for.",
            waiting.topic
        ));
    }
    let mut left = 0;
    for line in seen.topics {
        if line.verdict == Verdict::NotSelected {
            names.not_selected += 1;
        } else if scene.new_topics == NewTopics::Left && !link.fixed.contains_key(&line.topic) {
            names.not_selected += 1;
            left += 1;
        } else {
            names.named.push(named(line));
        }
    }
    if left > 0 {
        names.warnings.push(format!(
            "{left} new topics match and are left out, because `new_topics` is off."
        ));
    }
    Ok(names)
}

fn fixed_by_topic(fixed: &[FixedMirror]) -> BTreeMap<String, String> {
    fixed
        .iter()
        .map(|mirror| (mirror.topic.clone(), mirror.mirror_topic.clone()))
        .collect()
}

/// A cluster whose id was never seen stands under its name: a link may run before anybody planned it.
fn edge_of(scene: &Scene<'_>, other: &OtherLink) -> Option<LinkEdge> {
    let place = |name: &Name, seen: &Option<String>| match seen {
        _ if *name == scene.spec.source => scene.source_cluster_id.to_owned(),
        _ if *name == scene.spec.destination => scene.destination_cluster_id.to_owned(),
        Some(id) => id.clone(),
        None => format!("unseen {name}"),
    };
    let source = place(&other.spec.source, &other.source_cluster_id);
    let destination = place(&other.spec.destination, &other.destination_cluster_id);
    LinkEdge::compile(&other.spec, &source, &destination).ok()
}

fn named(line: TopicPreview) -> Named {
    let refusal = match line.verdict {
        Verdict::Refused(refusal) => Some(Refusal {
            code: refusal.code,
            message: refusal.message,
        }),
        _ => None,
    };
    let mirror_topic = line.renamed.or(line.mirror_topic).unwrap_or_default();
    Named {
        topic: line.topic,
        reason: line.reason,
        mirror_topic,
        refusal,
    }
}

fn warnings(spec: &LinkSpec, unused_pairs: &[String]) -> Vec<String> {
    let mut warnings: Vec<String> = unused_pairs
        .iter()
        .map(|topic| format!("The rename map has a pair for `{topic}`, which is not selected."))
        .collect();
    if spec.isolation == Isolation::ReadUncommitted {
        warnings.push(
            "Records of aborted transactions become visible at the destination (`isolation: read_uncommitted`)."
                .to_owned(),
        );
    }
    for property in spec
        .configs
        .include
        .iter()
        .filter(|name| Configs::is_never_copied(name))
    {
        warnings.push(format!(
            "`{property}` is never copied, although `configs.include` names it."
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use model::{
        link::{Row, RowKind},
        preview::{COLLISION, CYCLE},
    };

    use super::*;
    use crate::plan::fixtures::{fixed, spec};

    fn topics(names: &[&str]) -> Vec<TopicFact> {
        names
            .iter()
            .map(|name| TopicFact {
                name: (*name).to_owned(),
                internal: false,
            })
            .collect()
    }

    fn all(mut spec: LinkSpec) -> LinkSpec {
        spec.topics.include = vec![Row {
            kind: RowKind::Regex,
            pattern: ".*".to_owned(),
        }];
        spec
    }

    fn scene<'a>(
        spec: &'a LinkSpec,
        others: &'a [OtherLink],
        fixed: &'a [FixedMirror],
    ) -> Scene<'a> {
        Scene {
            spec,
            source_cluster_id: "E",
            destination_cluster_id: "W",
            others,
            fixed,
            taken: &[],
            new_topics: NewTopics::Taken,
        }
    }

    #[test]
    fn names_what_is_selected_and_counts_the_rest() {
        let spec = all(spec());
        let names = name_topics(
            &scene(&spec, &[], &[]),
            &topics(&["orders", "_hidden"]),
            &[],
        )
        .unwrap();
        assert_eq!(names.named.len(), 1);
        assert_eq!(
            (names.named[0].mirror_topic.as_str(), names.not_selected),
            ("orders", 1)
        );
    }

    #[test]
    fn refuses_two_sources_for_one_name() {
        let mut spec = all(spec());
        spec.rename.map = [("a", "x"), ("b", "x")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .into();
        let names = name_topics(&scene(&spec, &[], &[]), &topics(&["a", "b"]), &[]).unwrap();
        let codes: Vec<_> = names
            .named
            .iter()
            .filter_map(|named| named.refusal.as_ref())
            .collect();
        assert!(
            codes.iter().all(|refusal| refusal.code == COLLISION) && codes.len() == 2,
            "{codes:?}"
        );
    }

    #[test]
    fn refuses_a_way_back_without_rename() {
        let there = all(spec());
        let mut back = there.clone();
        back.name = "west-east".parse().unwrap();
        std::mem::swap(&mut back.source, &mut back.destination);
        let others = [OtherLink {
            spec: back,
            source_cluster_id: Some("W".to_owned()),
            destination_cluster_id: Some("E".to_owned()),
        }];
        let names = name_topics(&scene(&there, &others, &[]), &topics(&["orders"]), &[]).unwrap();
        assert_eq!(names.named[0].refusal.as_ref().unwrap().code, CYCLE);
    }

    #[test]
    fn refuses_one_cluster_under_two_names() {
        let spec = all(spec());
        let scene = Scene {
            destination_cluster_id: "E",
            ..scene(&spec, &[], &[])
        };
        let names = name_topics(&scene, &topics(&["orders"]), &[]).unwrap();
        assert_eq!(names.refusals.len(), 1);
    }

    #[test]
    fn a_frozen_set_leaves_new_topics_out_and_says_so() {
        let spec = all(spec());
        let fixed = [fixed("orders", "orders")];
        let scene = Scene {
            new_topics: NewTopics::Left,
            ..scene(&spec, &[], &fixed)
        };
        let names =
            name_topics(&scene, &topics(&["orders", "new"]), &["orders".to_owned()]).unwrap();
        assert_eq!((names.named.len(), names.not_selected), (1, 1));
        assert!(names.warnings[0].starts_with("1 new topics match"));
    }

    #[test]
    fn a_topic_that_does_not_exist_yet_waits() {
        let mut spec = spec();
        spec.topics.include = vec![Row {
            kind: RowKind::Exact,
            pattern: "later".to_owned(),
        }];
        let names = name_topics(&scene(&spec, &[], &[]), &topics(&["orders"]), &[]).unwrap();
        assert!(names.named.is_empty());
        assert!(names.warnings[0].contains("`later` does not exist"));
    }

    #[test]
    fn a_faulty_pattern_is_named_by_its_field() {
        let mut spec = spec();
        spec.topics.include = vec![Row {
            kind: RowKind::Regex,
            pattern: "(?=a)".to_owned(),
        }];
        let errors = name_topics(&scene(&spec, &[], &[]), &[], &[]).unwrap_err();
        assert_eq!(errors[0].field, "topics.include[0].pattern");
    }
}
