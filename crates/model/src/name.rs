//! Names of clusters and links: immutable, safe in URLs, topics and file names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::shown;

/// A cluster's or link's name: 1 to 100 characters of `[a-z0-9-]`; `new` is reserved (URLs use it).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name is needed")]
    Empty,
    #[error("a name has at most 100 characters, this one has {0}")]
    TooLong(usize),
    #[error("character {position} (`{}`) is not one of a-z, 0-9 and `-`", shown(.found.encode_utf8(&mut [0; 4])))]
    Character { position: usize, found: char },
    #[error("`new` is reserved, take another name")]
    Reserved,
}

impl Name {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let length = text.chars().count();
        if length == 0 {
            return Err(NameError::Empty);
        }
        if length > 100 {
            return Err(NameError::TooLong(length));
        }
        let illegal = |c: &char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-');
        if let Some((index, found)) = text.chars().enumerate().find(|(_, c)| illegal(c)) {
            return Err(NameError::Character {
                position: index + 1,
                found,
            });
        }
        if text == "new" {
            return Err(NameError::Reserved);
        }
        Ok(Self(text))
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_lower_case_letters_digits_and_dashes() {
        for text in ["a", "0", "-", "east-west-2", &"x".repeat(100), "news"] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn says_why_a_text_is_no_name() {
        let cases = [
            ("", "a name is needed"),
            ("new", "`new` is reserved, take another name"),
            ("East", "character 1 (`E`) is not one of a-z, 0-9 and `-`"),
            (
                "a\u{202e}",
                "character 2 (`\\u{202e}`) is not one of a-z, 0-9 and `-`",
            ),
            ("../x", "character 1 (`.`) is not one of a-z, 0-9 and `-`"),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Name>().unwrap_err().to_string(), message);
        }
        assert_eq!(
            "x".repeat(101).parse::<Name>(),
            Err(NameError::TooLong(101))
        );
    }
}
