//! Findings: recorded losses, skips, duplicates, divergences, re-creations and foreign writes, with exact ranges.

use serde::{Deserialize, Serialize};

use crate::link::Policy;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Source offsets that can never be delivered.
    Loss,
    /// Records that only the destination has: the source was truncated below the position.
    Divergence,
    /// Records that may stand at the destination twice.
    Duplicate,
    /// The source topic was deleted and made again.
    SourceRecreated,
    /// The mirror topic was deleted, made again, or lost acknowledged records.
    DestinationChanged,
    /// Somebody else wrote to the mirror topic.
    ForeignWrite,
    /// The destination refuses a record.
    Refused,
    /// An operator left records out.
    Skip,
    /// A refused record was put aside into `causeway.dlq.<link>` instead of its mirror.
    DeadLetter,
    /// The control topic is that of an earlier link of the same name.
    ControlTopicChanged,
}

/// What an operator may choose on a held partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Record the range and go on after it.
    Continue,
    /// Try the same again (after its cause was mended).
    Retry,
    /// Leave the refused record out and record it.
    Skip,
    /// Put the refused record aside into `causeway.dlq.<link>` and record it.
    DeadLetter,
    /// Source re-created: copy the new topic from its start behind what the mirror holds.
    Append,
    /// Destination changed: copy again from the source's earliest record. Control topic of an earlier link: remove it.
    MirrorAnew,
    /// Destination changed: go on from the position. Control topic of an earlier link: go on from its positions.
    GoOn,
}

impl FindingKind {
    /// Returns the policy that holds where the link names none (SEMANTICS 5.2).
    pub fn default_policy(self) -> Policy {
        match self {
            Self::Loss | Self::Duplicate | Self::ForeignWrite | Self::Skip | Self::DeadLetter => {
                Policy::Continue
            }
            Self::Divergence
            | Self::SourceRecreated
            | Self::DestinationChanged
            | Self::Refused
            | Self::ControlTopicChanged => Policy::Ask,
        }
    }

    /// Returns what may be chosen while a partition is held by a finding of this kind.
    pub fn choices(self) -> &'static [Choice] {
        match self {
            Self::Loss | Self::Divergence | Self::Duplicate | Self::ForeignWrite => {
                &[Choice::Continue]
            }
            Self::SourceRecreated => &[Choice::Append],
            Self::DestinationChanged => &[Choice::MirrorAnew, Choice::GoOn],
            Self::Refused => &[Choice::Retry, Choice::DeadLetter, Choice::Skip],
            Self::Skip | Self::DeadLetter => &[],
            Self::ControlTopicChanged => &[Choice::GoOn, Choice::MirrorAnew],
        }
    }
}

/// One finding. Ranges are half-open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// UUID, the same whenever the same thing is found again.
    pub id: String,
    pub kind: FindingKind,
    pub topic: String,
    pub mirror_topic: String,
    pub partition: i32,
    /// Source offsets concerned, `from..to`.
    pub source: Option<(i64, i64)>,
    /// Destination offsets concerned, `from..to`.
    pub destination: Option<(i64, i64)>,
    /// What happened, one sentence.
    pub detail: String,
    /// The broker's error name, where one was involved.
    pub broker_error: Option<String>,
    pub found_at_ms: i64,
    pub state: FindingState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FindingState {
    /// Recorded; copying went on.
    Recorded,
    /// The partition is held until somebody chooses.
    Held,
    /// Somebody chose.
    Decided {
        choice: Choice,
        by: String,
        at_ms: i64,
    },
}
