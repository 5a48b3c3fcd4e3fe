//! The preview of a link's topics: which match and why, what their mirrors are called, what stands in the way
//! (SEMANTICS 1, 2 and 6).
//!
//! Pure and roughly linear in the number of topics, so that 10,000 topics can be shown while somebody types.

mod judge;
mod names;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::{Name, cycle::LinkEdge, nearest::nearest, text::sentence};
use judge::judge;

/// A mirror name that no broker accepts, or that belongs to Kafka or Causeway.
pub const ILLEGAL: &str = "rename.illegal";
/// Two topics would share a mirror, here or with another link.
pub const COLLISION: &str = "rename.collision";
/// Two names are equal once `.` becomes `_`; brokers refuse the second.
pub const SIMILAR: &str = "rename.similar";
/// The links would copy in a circle, or twice into one topic.
pub const CYCLE: &str = "link.cycle";
/// Source and destination are one cluster.
pub const SAME_CLUSTER: &str = "link.same_cluster";

/// For how many exact names that wait for their topic similar topics are looked up.
const SUGGESTED: usize = 20;

/// A topic of the source cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFact {
    pub name: String,
    /// The broker's own flag.
    pub internal: bool,
}

/// A topic of the destination cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationFact {
    pub name: String,
    /// Whether it holds records; `None`, where nobody asked yet, counts as yes.
    pub has_records: Option<bool>,
}

/// A topic at the destination into which another link writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub mirror: String,
    pub link: Name,
    /// The other link's source topic.
    pub topic: String,
}

/// What a preview is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// The link itself, with the mirrors that it has.
    pub link: &'f LinkEdge,
    /// All other links (this one, in an older version, is passed over); those whose cluster ids are unknown are
    /// left out.
    pub others: &'f [LinkEdge],
    pub source_topics: &'f [TopicFact],
    pub destination_topics: &'f [DestinationFact],
    /// Mirrors of other links at the same destination, from SQL and from the control topics there.
    pub taken: &'f [Taken],
    /// Mirror names whose topics may be appended to although they hold records.
    pub append_to: &'f [String],
}

/// What a link would copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Every source topic, in the order in which the topics were given.
    pub topics: Vec<TopicPreview>,
    pub counts: Counts,
    /// Exact include rows without a topic: they wait for it.
    pub waiting: Vec<Waiting>,
    /// Topics of the rename map that are not selected.
    pub unused_pairs: Vec<String>,
    /// Why no topic of the link can be copied, if so.
    pub refusals: Vec<Refusal>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPreview {
    pub topic: String,
    /// Which line of the table decided, such as "include row 2".
    pub reason: String,
    /// The mirror's name, where the topic is selected and has one.
    pub mirror_topic: Option<String>,
    /// What the rename would say now, where the mirror keeps an older name.
    pub renamed: Option<String>,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    NotSelected,
    /// The mirror is this link's already.
    Keep,
    /// The mirror is to be created.
    Create,
    /// An empty topic becomes the mirror.
    Adopt,
    /// A topic with records becomes the mirror, as was ticked.
    Append,
    /// A topic of that name holds records: tick "append to it" or take another name.
    NeedsAppend,
    Refused(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Problem code such as [`COLLISION`].
    pub code: String,
    /// One sentence with the names concerned.
    pub message: String,
}

/// How many source topics there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub topics: u32,
    pub selected: u32,
    pub keep: u32,
    pub create: u32,
    pub adopt: u32,
    pub append: u32,
    pub needs_append: u32,
    pub refused: u32,
}

/// An exact include row whose topic does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub topic: String,
    /// Existing topics with a similar name, closest first.
    pub similar: Vec<String>,
}

/// Works out the preview.
pub fn preview(facts: &Facts<'_>) -> Preview {
    let mut selection: Vec<TopicPreview> = facts
        .source_topics
        .iter()
        .map(|topic| select(facts.link, topic))
        .collect();
    let refusal = facts
        .link
        .check_clusters()
        .err()
        .map(|cause| refusal(SAME_CLUSTER, &cause.to_string()));
    judge(facts, &mut selection, refusal.as_ref());
    Preview {
        counts: count(&selection),
        waiting: waiting(facts),
        unused_pairs: unused_pairs(facts.link, &selection),
        refusals: refusal.into_iter().collect(),
        topics: selection,
    }
}

/// Decides about one topic and names its mirror; what stands in its way follows in [`judge()`].
fn select(link: &LinkEdge, topic: &TopicFact) -> TopicPreview {
    let decision = link.selector.decide(&topic.name, topic.internal);
    let mut line = TopicPreview {
        topic: topic.name.clone(),
        reason: decision.reason.to_string(),
        mirror_topic: None,
        renamed: None,
        verdict: Verdict::NotSelected,
    };
    if !decision.selected {
        return line;
    }
    let named = link.renamer.mirror_name(&topic.name);
    match (link.fixed.get(&topic.name), named) {
        (Some(fixed), named) => {
            line.renamed = named.ok().filter(|name| name != fixed);
            line.mirror_topic = Some(fixed.clone());
            line.verdict = Verdict::Keep;
        }
        (None, Ok(name)) => {
            line.mirror_topic = Some(name);
            line.verdict = Verdict::Create;
        }
        (None, Err(cause)) => {
            line.verdict = Verdict::Refused(refusal(ILLEGAL, &cause.to_string()));
        }
    }
    line
}

fn count(lines: &[TopicPreview]) -> Counts {
    let mut counts = Counts::default();
    for line in lines {
        counts.topics += 1;
        let kind = match &line.verdict {
            Verdict::NotSelected => continue,
            Verdict::Keep => &mut counts.keep,
            Verdict::Create => &mut counts.create,
            Verdict::Adopt => &mut counts.adopt,
            Verdict::Append => &mut counts.append,
            Verdict::NeedsAppend => &mut counts.needs_append,
            Verdict::Refused(_) => &mut counts.refused,
        };
        *kind += 1;
        counts.selected += 1;
    }
    counts
}

fn waiting(facts: &Facts<'_>) -> Vec<Waiting> {
    let existing: HashSet<&str> = facts
        .source_topics
        .iter()
        .map(|t| t.name.as_str())
        .collect();
    let waits =
        |name: &&str| !existing.contains(name) && facts.link.selector.decide(name, false).selected;
    let missing: BTreeSet<&str> = facts.link.selector.exact_names().filter(waits).collect();
    let similar = |index: usize, name: &str| -> Vec<String> {
        if index >= SUGGESTED {
            return Vec::new();
        }
        nearest(name, existing.iter().copied(), 3)
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    let missing = missing.into_iter().enumerate();
    missing
        .map(|(i, name)| Waiting {
            topic: name.to_owned(),
            similar: similar(i, name),
        })
        .collect()
}

fn unused_pairs(link: &LinkEdge, lines: &[TopicPreview]) -> Vec<String> {
    let verdicts: BTreeMap<&str, &Verdict> = lines
        .iter()
        .map(|line| (line.topic.as_str(), &line.verdict))
        .collect();
    let unused = |topic: &&str| {
        verdicts
            .get(topic)
            .is_none_or(|v| **v == Verdict::NotSelected)
    };
    link.renamer
        .mapped_topics()
        .filter(unused)
        .map(str::to_owned)
        .collect()
}

fn refusal(code: &str, cause: &str) -> Refusal {
    Refusal {
        code: code.to_owned(),
        message: sentence(cause),
    }
}

#[cfg(test)]
mod tests;
