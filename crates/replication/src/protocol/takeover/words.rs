//! What a take-over finds, in words.

use model::finding::FindingKind;

use crate::protocol::{finding::Found, position::Position, walk::Halt};

pub(super) const NO_POSITION: &str =
    "The mirror holds records, but no position of this link is stored.";
pub(super) const DISAGREES: &str =
    "The broker's producer state does not agree with the mirror's batches.";

pub(super) fn halt_words(halt: Halt) -> &'static str {
    match halt {
        Halt::Refilled => "The mirror does not hold what was acknowledged at the stored position.",
        Halt::Gap(_) => "Records are missing in the mirror.",
        Halt::NewerEpoch(_) => "The mirror holds newer data than the stored position knows of.",
    }
}

pub(super) fn found_source_recreated(stored: &Position) -> Found {
    Found {
        kind: FindingKind::SourceRecreated,
        source: Some((0, stored.source_next)),
        destination: None,
        detail: "The source topic was deleted and made again.".to_owned(),
    }
}

pub(super) fn found_destination(range: (i64, i64), detail: &str) -> Found {
    let kind = FindingKind::DestinationChanged;
    Found {
        kind,
        source: None,
        destination: Some(range),
        detail: detail.to_owned(),
    }
}

pub(super) fn found_duplicate(
    source: Option<(i64, i64)>,
    destination: Option<(i64, i64)>,
) -> Found {
    let detail = "These records may stand in the mirror twice.".to_owned();
    Found {
        kind: FindingKind::Duplicate,
        source,
        destination,
        detail,
    }
}

pub(super) fn found_foreign(range: (i64, i64)) -> Found {
    let detail = "Somebody else wrote to the mirror.".to_owned();
    Found {
        kind: FindingKind::ForeignWrite,
        source: None,
        destination: Some(range),
        detail,
    }
}
