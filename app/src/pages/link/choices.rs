//! What an operator may choose on a held partition, in words: each says what becomes of the data.

use model::finding::{Choice, FindingKind};

/// Returns what a finding is called.
pub fn title(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Loss => "Loss",
        FindingKind::Divergence => "Divergence",
        FindingKind::Duplicate => "Possible duplicates",
        FindingKind::SourceRecreated => "Source topic made again",
        FindingKind::DestinationChanged => "Mirror topic changed",
        FindingKind::ForeignWrite => "Foreign write",
        FindingKind::Refused => "Record refused",
        FindingKind::Skip => "Records left out",
        FindingKind::DeadLetter => "Record put aside",
        FindingKind::ControlTopicChanged => "An earlier link's control topic",
    }
}

/// Returns the word of a choice in forms, the one of the API.
pub fn word(choice: Choice) -> &'static str {
    match choice {
        Choice::Continue => "continue",
        Choice::Retry => "retry",
        Choice::Skip => "skip",
        Choice::DeadLetter => "dead_letter",
        Choice::Append => "append",
        Choice::MirrorAnew => "mirror_anew",
        Choice::GoOn => "go_on",
    }
}

/// Returns the choice of that word.
pub fn of_word(text: &str) -> Option<Choice> {
    let all = [
        Choice::Continue,
        Choice::Retry,
        Choice::Skip,
        Choice::DeadLetter,
        Choice::Append,
        Choice::MirrorAnew,
        Choice::GoOn,
    ];
    all.into_iter().find(|choice| word(*choice) == text)
}

/// Returns what the button of a choice says.
pub fn label(choice: Choice) -> &'static str {
    match choice {
        Choice::Continue => "Go on after it",
        Choice::Retry => "Try again",
        Choice::Skip => "Leave it out",
        Choice::DeadLetter => "Put it aside",
        Choice::Append => "Append the new topic",
        Choice::MirrorAnew => "Copy again from the start",
        Choice::GoOn => "Go on from here",
    }
}

/// Says in one sentence what a choice does to the data.
pub fn explanation(kind: FindingKind, choice: Choice) -> &'static str {
    match (kind, choice) {
        (FindingKind::Loss, Choice::Continue) => {
            "Copying goes on after the range; those records are never at the destination, and the loss stays on record."
        }
        (FindingKind::Divergence, Choice::Continue) => {
            "Copying goes on where both sides part; what only the destination holds stays there, and the range stays on record."
        }
        (FindingKind::Duplicate, Choice::Continue) => {
            "Copying goes on; records of the range may stand at the destination twice."
        }
        (FindingKind::ForeignWrite, Choice::Continue) => {
            "Copying goes on behind what somebody else wrote; that stays in the mirror topic."
        }
        (_, Choice::Continue) => "Copying goes on; the range stays on record.",
        (FindingKind::Refused, Choice::Retry) => {
            "The same record is sent once more; choose this after the destination's limit was raised. Nothing is left out."
        }
        (_, Choice::Retry) => {
            "The same is tried once more; choose this after its cause was mended. Nothing is left out."
        }
        (_, Choice::Skip) => {
            "This record is not copied; its offset stays on record, and copying goes on with the next one."
        }
        (_, Choice::DeadLetter) => {
            "This record goes to the link's dead-letter topic at the destination, with its offset in headers, and not into the mirror topic; copying goes on with the next one."
        }
        (_, Choice::Append) => {
            "The new source topic is copied from its start behind what the mirror topic holds; nothing is overwritten."
        }
        (FindingKind::ControlTopicChanged, Choice::MirrorAnew) => {
            "The earlier link's positions are removed and this link begins as a new one; mirror topics that hold records must be allowed under \"append to\", and records may stand there twice."
        }
        (FindingKind::ControlTopicChanged, Choice::GoOn) => {
            "This link goes on where the earlier one stopped, with its mirrors and positions; nothing is copied twice."
        }
        (_, Choice::MirrorAnew) => {
            "All that the source holds is copied again from its earliest record; what the mirror topic still has stays, so records may stand there twice."
        }
        (_, Choice::GoOn) => {
            "Copying goes on from its position; what the mirror topic lost stays lost."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_choices_are_those_of_the_api() {
        for word_of_api in [
            "continue",
            "retry",
            "skip",
            "dead_letter",
            "append",
            "mirror_anew",
            "go_on",
        ] {
            let choice = of_word(word_of_api).unwrap();
            assert_eq!(serde_json::to_value(choice).unwrap(), word_of_api);
        }
        assert_eq!(of_word("delete_everything"), None);
    }
}
