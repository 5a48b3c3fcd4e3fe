//! What stands in the way of the selected topics: collisions, loops, existing topics.

use std::collections::{HashMap, HashSet};

use super::{
    CYCLE, DestinationFact, Facts, Refusal, TopicPreview, Verdict,
    names::{Names, Owner},
    refusal,
};
use crate::cycle::{Graph, LinkEdge};

/// Gives every line that has a mirror its final verdict.
pub(super) fn judge(facts: &Facts<'_>, lines: &mut [TopicPreview], same_cluster: Option<&Refusal>) {
    let graph = Graph::new(other_links(facts).chain([facts.link]));
    let names = all_names(facts, lines);
    let existing: HashMap<&str, &DestinationFact> = facts
        .destination_topics
        .iter()
        .map(|fact| (fact.name.as_str(), fact))
        .collect();
    let ticked: HashSet<&str> = facts.append_to.iter().map(String::as_str).collect();
    for line in lines {
        let Some(mirror) = line.mirror_topic.as_deref() else {
            continue;
        };
        if let Some(refusal) = same_cluster
            .cloned()
            .or_else(|| obstacle(facts, &graph, &names, line))
        {
            line.verdict = Verdict::Refused(refusal);
        } else if line.verdict == Verdict::Create
            && let Some(fact) = existing.get(mirror)
        {
            line.verdict = match fact.has_records {
                Some(false) => Verdict::Adopt,
                _ if ticked.contains(mirror) => Verdict::Append,
                _ => Verdict::NeedsAppend,
            };
        }
    }
}

fn obstacle(
    facts: &Facts<'_>,
    graph: &Graph<'_>,
    names: &Names,
    line: &TopicPreview,
) -> Option<Refusal> {
    let mirror = line.mirror_topic.as_deref()?;
    let conflict = names.conflict(&line.topic, mirror);
    // A mirror that stands keeps standing: our newcomer with its name is refused instead.
    let conflict = conflict.filter(|claim| line.verdict != Verdict::Keep || claim.is_anothers());
    if let Some(claim) = conflict {
        return Some(claim.refusal(&line.topic, mirror));
    }
    let cause = graph.walk(facts.link, &line.topic).err()?;
    Some(refusal(CYCLE, &cause.to_string()))
}

fn other_links<'f>(facts: &Facts<'f>) -> impl Iterator<Item = &'f LinkEdge> {
    let own = &facts.link.link;
    facts.others.iter().filter(move |other| other.link != *own)
}

/// Collects every name at the destination, existing and planned, with whose it is.
fn all_names(facts: &Facts<'_>, lines: &[TopicPreview]) -> Names {
    let mut names = Names::default();
    for fact in facts.destination_topics {
        names.add(&fact.name, Owner::Nobody);
    }
    for (topic, mirror) in &facts.link.fixed {
        names.add(
            mirror,
            Owner::Ours {
                topic: topic.clone(),
            },
        );
    }
    for line in lines.iter().filter(|line| line.verdict == Verdict::Create) {
        if let Some(mirror) = &line.mirror_topic {
            names.add(
                mirror,
                Owner::Ours {
                    topic: line.topic.clone(),
                },
            );
        }
    }
    for taken in facts
        .taken
        .iter()
        .filter(|taken| taken.link != facts.link.link)
    {
        let owner = Owner::Anothers {
            link: taken.link.clone(),
            topic: taken.topic.clone(),
        };
        names.add(&taken.mirror, owner);
    }
    add_planned_by_others(facts, &mut names);
    names
}

/// Adds what links beside this one, from the same source to the same destination, would name their mirrors.
fn add_planned_by_others(facts: &Facts<'_>, names: &mut Names) {
    let link = facts.link;
    let beside = other_links(facts).filter(|other| {
        other.source_cluster_id == link.source_cluster_id
            && other.destination_cluster_id == link.destination_cluster_id
    });
    for other in beside {
        for topic in facts.source_topics.iter().filter(|topic| !topic.internal) {
            if let Some(mirror) = other.mirror_of(&topic.name) {
                let owner = Owner::Anothers {
                    link: other.link.clone(),
                    topic: topic.name.clone(),
                };
                names.add(&mirror, owner);
            }
        }
    }
}
