//! The fingerprint of a plan: Apply plans again and compares (DESIGN 11). Pure.

use model::plan::{Plan, TopicPlan};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What a fingerprint stands for: everything an operator agreed to, and nothing that moves by itself.
#[derive(Serialize)]
struct Agreed<'a> {
    revision: i64,
    source_cluster_id: &'a str,
    destination_cluster_id: &'a str,
    topics: Vec<AgreedTopic<'a>>,
    refusals: &'a [String],
}

#[derive(Serialize)]
struct AgreedTopic<'a> {
    topic: &'a str,
    mirror_topic: &'a str,
    partitions: i32,
    action: &'a model::plan::TopicAction,
}

/// Returns the SHA-256 (hex) of the canonical JSON of a plan: fields in fixed order, topics sorted by name, without
/// whitespace, offsets, backlog and warnings.
pub fn fingerprint(plan: &Plan, revision: i64) -> String {
    let mut topics: Vec<&TopicPlan> = plan.topics.iter().collect();
    topics.sort_by(|a, b| a.topic.cmp(&b.topic));
    let agreed = Agreed {
        revision,
        source_cluster_id: &plan.source_cluster_id,
        destination_cluster_id: &plan.destination_cluster_id,
        topics: topics
            .into_iter()
            .map(|plan| AgreedTopic {
                topic: &plan.topic,
                mirror_topic: &plan.mirror_topic,
                partitions: plan.partitions,
                action: &plan.action,
            })
            .collect(),
        refusals: &plan.refusals,
    };
    let json =
        serde_json::to_vec(&agreed).expect("a struct of strings and numbers always becomes JSON");
    Sha256::digest(&json)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use model::plan::{Plan, TopicAction};

    use super::fingerprint;
    use crate::plan::{fixtures::facts, plan_topics};

    fn plan() -> Plan {
        Plan {
            fingerprint: String::new(),
            source_cluster_id: "source".to_owned(),
            destination_cluster_id: "destination".to_owned(),
            topics: plan_topics(&facts()),
            not_selected: 3,
            warnings: Vec::new(),
            refusals: Vec::new(),
        }
    }

    #[test]
    fn ignores_what_moves_by_itself() {
        let mut moved = plan();
        moved.topics[0].backlog_records = Some(17);
        moved.not_selected = 4;
        assert_eq!(fingerprint(&plan(), 1), fingerprint(&moved, 1));
        assert_eq!(fingerprint(&plan(), 1).len(), 64);
    }

    #[test]
    fn changes_with_whatever_was_agreed_to() {
        let same = fingerprint(&plan(), 1);
        assert_ne!(same, fingerprint(&plan(), 2));
        let changes: [fn(&mut Plan); 4] = [
            |plan| plan.topics[0].action = TopicAction::Adopt,
            |plan| plan.topics[0].mirror_topic = "other".to_owned(),
            |plan| plan.source_cluster_id = "other".to_owned(),
            |plan| plan.refusals = vec!["no".to_owned()],
        ];
        for change in changes {
            let mut changed = plan();
            change(&mut changed);
            assert_ne!(same, fingerprint(&changed, 1));
        }
    }
}
