//! Rules of topic names: what Kafka accepts, what is internal, what is hidden (SEMANTICS 1 and 2).

use crate::{
    own::{CONTROL_TOPICS, DEAD_LETTER_TOPICS, TEST_TOPICS},
    text::shown,
};

/// Longest topic name that a broker accepts, in characters.
pub const MAX_LENGTH: usize = 249;

/// Topics that belong to Kafka itself.
const KAFKAS: [&str; 4] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
    "__cluster_metadata",
];

/// Beginnings of the topics that belong to Causeway itself.
const OURS: [&str; 3] = [CONTROL_TOPICS, DEAD_LETTER_TOPICS, TEST_TOPICS];

/// Why a text cannot name a mirror topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    #[error("a topic name must not be empty")]
    Empty,
    #[error("`.` and `..` are no topic names")]
    Dots,
    #[error("a topic name has at most 249 characters, this one has {0}")]
    TooLong(usize),
    #[error(
        "character {position} (`{}`) is not allowed in topic names, which hold a-z, A-Z, 0-9, `.`, `_` and `-`",
        shown(.found.encode_utf8(&mut [0; 4]))
    )]
    Character { position: usize, found: char },
    #[error("the name belongs to Kafka or to Causeway itself")]
    Reserved,
}

/// Checks that a broker would accept `name`.
pub fn check_legal(name: &str) -> Result<(), TopicNameError> {
    if name.is_empty() {
        return Err(TopicNameError::Empty);
    }
    if let Some((index, found)) = name.chars().enumerate().find(|(_, c)| !is_legal(*c)) {
        return Err(TopicNameError::Character {
            position: index + 1,
            found,
        });
    }
    if name == "." || name == ".." {
        return Err(TopicNameError::Dots);
    }
    if name.len() > MAX_LENGTH {
        return Err(TopicNameError::TooLong(name.len()));
    }
    Ok(())
}

/// Checks that `name` is legal and may be the name of a mirror topic.
pub fn check_mirror(name: &str) -> Result<(), TopicNameError> {
    check_legal(name)?;
    if is_reserved(name) {
        Err(TopicNameError::Reserved)
    } else {
        Ok(())
    }
}

/// Says whether a character may stand in a topic name.
pub fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Says whether the topic belongs to Kafka or Causeway by its name, so that no row can include it.
pub fn is_reserved(name: &str) -> bool {
    KAFKAS.contains(&name) || OURS.iter().any(|beginning| name.starts_with(beginning))
}

/// Says whether pattern rows pass the topic over unless the selection has `internal`.
pub fn is_hidden(name: &str) -> bool {
    let ends = ["-internal", ".internal", ".replica"];
    name.starts_with('_') || ends.iter().any(|end| name.ends_with(end))
}

/// Returns the name as brokers compare it for metrics: two topics whose folded names are equal cannot both exist.
pub fn folded(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_brokers_accept() {
        for name in ["a", "A-z_0.9", "...", "a.b", &"x".repeat(249)] {
            assert_eq!(check_legal(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn refuses_what_brokers_refuse() {
        let cases = [
            ("", TopicNameError::Empty),
            (".", TopicNameError::Dots),
            ("..", TopicNameError::Dots),
            (
                "a b",
                TopicNameError::Character {
                    position: 2,
                    found: ' ',
                },
            ),
            (
                "ä",
                TopicNameError::Character {
                    position: 1,
                    found: 'ä',
                },
            ),
            (
                "a\0",
                TopicNameError::Character {
                    position: 2,
                    found: '\0',
                },
            ),
        ];
        for (name, error) in cases {
            assert_eq!(check_legal(name), Err(error), "{name:?}");
        }
        assert_eq!(
            check_legal(&"x".repeat(250)),
            Err(TopicNameError::TooLong(250))
        );
    }

    #[test]
    fn keeps_mirrors_off_internal_names() {
        for name in ["__consumer_offsets", "causeway.link.a", "causeway.dlq.a"] {
            assert_eq!(check_mirror(name), Err(TopicNameError::Reserved));
        }
        assert_eq!(check_mirror("causeway.links"), Ok(()));
    }

    #[test]
    fn hides_underscored_internal_and_replica_topics() {
        for name in [
            "_schemas",
            "__x",
            "a-internal",
            "a.internal",
            "a.replica",
            "-internal",
        ] {
            assert!(is_hidden(name), "{name}");
        }
        for name in [
            "internal",
            "ainternal",
            "a-replica",
            "replica",
            "a.internal.b",
            "a_",
        ] {
            assert!(!is_hidden(name), "{name}");
        }
    }

    #[test]
    fn escapes_a_control_character_in_its_message() {
        let message = check_legal("a\r").unwrap_err().to_string();
        assert!(
            message.starts_with("character 2 (`\\u{d}`) is not allowed"),
            "{message}"
        );
    }
}
