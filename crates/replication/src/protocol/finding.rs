//! Building findings: the same thing found again has the same id, so that recording is idempotent.

use model::finding::{Finding, FindingKind, FindingState};
use uuid::Uuid;

use super::position::Identity;

/// What was found, without the words and places that every finding of a partition shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: FindingKind,
    /// Source offsets concerned, `from..to`.
    pub source: Option<(i64, i64)>,
    /// Destination offsets concerned, `from..to`.
    pub destination: Option<(i64, i64)>,
    /// One sentence.
    pub detail: String,
}

impl Found {
    /// Returns the finding of this partition, in state `Recorded`.
    pub fn finding(self, identity: &Identity, now_ms: i64) -> Finding {
        Finding {
            id: self.id(identity),
            kind: self.kind,
            topic: identity.source_topic.clone(),
            mirror_topic: identity.mirror_topic.clone(),
            partition: identity.partition,
            source: self.source,
            destination: self.destination,
            detail: self.detail,
            broker_error: None,
            found_at_ms: now_ms,
            state: FindingState::Recorded,
        }
    }

    /// UUIDv5 of link, topic ids, partition, kind and the start of the range.
    fn id(&self, identity: &Identity) -> String {
        let name = format!(
            "{}/{}/{}/{}/{:?}/{:?}/{:?}",
            identity.link_id,
            identity.source_topic_id,
            identity.mirror_topic_id,
            identity.partition,
            self.kind,
            self.source.map(|range| range.0),
            self.destination.map(|range| range.0),
        );
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            link_id: "l".to_owned(),
            source_topic: "t".to_owned(),
            source_topic_id: "a".to_owned(),
            mirror_topic: "m".to_owned(),
            mirror_topic_id: "b".to_owned(),
            partition: 0,
        }
    }

    fn loss(from: i64, to: i64) -> Found {
        Found {
            kind: FindingKind::Loss,
            source: Some((from, to)),
            destination: None,
            detail: String::new(),
        }
    }

    #[test]
    fn the_same_thing_found_again_has_the_same_id() {
        let first = loss(3, 5).finding(&identity(), 1);
        assert_eq!(first.id, loss(3, 9).finding(&identity(), 2).id);
        assert_ne!(first.id, loss(4, 5).finding(&identity(), 1).id);
    }
}
