//! People and what they may do, as pages show and check it.

use serde::{Deserialize, Serialize};

use crate::problem::FieldError;

/// What a person or token may do, least first; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Operator,
    Editor,
    Administrator,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 4] = [
        Self::Viewer,
        Self::Operator,
        Self::Editor,
        Self::Administrator,
    ];

    /// Returns the word that API, SQL and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Editor => "editor",
            Self::Administrator => "administrator",
        }
    }
}

/// A text is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role, take `viewer`, `operator`, `editor` or `administrator`")]
pub struct UnknownRole(pub String);

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    pub user_id: String,
    pub name: String,
    pub role: Role,
}

/// A signed-in browser as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    pub id: String,
    /// What the browser calls itself, at most [`LONGEST_AGENT`] characters; foreign text.
    pub user_agent: String,
    /// Milliseconds since the epoch, UTC.
    pub created_at_ms: i64,
    /// Last request, up to a minute late; milliseconds since the epoch, UTC.
    pub last_seen_at_ms: i64,
    /// Its end however busy it is, milliseconds since the epoch, UTC.
    pub expires_at_ms: i64,
    /// The one that asks.
    pub current: bool,
}

/// An API token as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    pub role: String,
    pub created_at_ms: i64,
    pub expires_at_ms: Option<i64>,
    pub revoked_at_ms: Option<i64>,
    /// Id of the user whose token it is; none for those of the command line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner_id: Option<String>,
}

/// Longest name of a user or token, characters.
pub const LONGEST_NAME: usize = 100;
/// Longest kept text of a browser's name for itself, characters.
pub const LONGEST_AGENT: usize = 200;
/// Shortest password, characters.
pub const SHORTEST_PASSWORD: usize = 10;
/// Longest password, characters.
pub const LONGEST_PASSWORD: usize = 200;
/// Longest life of a token that is stated in days.
pub const LONGEST_TOKEN_DAYS: u32 = 3_650;

/// Passwords of at least [`SHORTEST_PASSWORD`] characters that are tried first.
const COMMONEST: [&str; 14] = [
    "1234567890",
    "0123456789",
    "12345678910",
    "123456789a",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "administrator",
    "changeme123",
    "iloveyou123",
    "password12",
    "password123",
    "password1234",
    "qwertyuiop",
    "qwerty12345",
];

/// Says what is wrong with the name of a user or token.
pub fn check_name(name: &str) -> Option<FieldError> {
    let length = name.chars().count();
    let blank = name.trim() != name || name.is_empty();
    (blank || length > LONGEST_NAME || name.chars().any(char::is_control)).then(|| {
        field(
            "name",
            format!(
                "A name has 1 to {LONGEST_NAME} printable characters, with no space at its ends."
            ),
        )
    })
}

/// Says what is wrong with a new password of the user `name`, typed twice: at the fields `password` and
/// `password_again`.
pub fn check_password(name: &str, password: &str, again: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if let Some(message) = why_unfit(name, password) {
        faults.push(field("password", message));
    } else if password != again {
        faults.push(field(
            "password_again",
            "The two passwords differ.".to_owned(),
        ));
    }
    faults
}

fn why_unfit(name: &str, password: &str) -> Option<String> {
    let length = password.chars().count();
    if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&length) {
        return Some(format!(
            "A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; this one has {length}."
        ));
    }
    let lower = password.to_lowercase();
    if lower == name.to_lowercase() {
        return Some("The password must not be the name.".to_owned());
    }
    let mut characters = lower.chars();
    let first = characters.next();
    let monotonous = characters.all(|character| Some(character) == first);
    (monotonous || COMMONEST.contains(&lower.as_str()))
        .then(|| "This password is one of the first that anybody would try.".to_owned())
}

fn field(field: &str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_and_of_bounded_length() {
        for good in ["a", "Ann Müller", "ann@example.net", &"x".repeat(100)] {
            assert_eq!(check_name(good), None, "{good}");
        }
        for bad in ["", " ", " ann", "ann ", "a\nb", "a\0b", &"x".repeat(101)] {
            assert_eq!(check_name(bad).unwrap().field, "name", "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_long_enough_and_not_what_anybody_would_try() {
        let long = "é".repeat(200);
        for good in ["correct horse", "exactly 10", "ünïcødé-pä", "aaaaaaaaab"] {
            assert_eq!(check_password("ann", good, good), [], "{good}");
        }
        assert_eq!(
            check_password(
                "ann",
                &format!("a{}", &long[2..]),
                &format!("a{}", &long[2..])
            ),
            []
        );
        let too_long = format!("{long}a");
        for bad in [
            "",
            "nine char",
            too_long.as_str(),
            "aaaaaaaaaa",
            "Password123",
            "ANN-OF-GREEN",
        ] {
            let faults = check_password("Ann-of-Green", bad, bad);
            assert_eq!(faults.len(), 1, "{bad}");
            assert_eq!(faults[0].field, "password", "{bad}");
            assert!(bad.is_empty() || !faults[0].message.contains(bad));
        }
    }

    #[test]
    fn the_second_typing_is_compared_once_the_first_is_fit() {
        let faults = check_password("ann", "correct horse", "correct hose");
        assert_eq!(faults[0].field, "password_again");
        assert_eq!(check_password("ann", "short", "other")[0].field, "password");
    }

    #[test]
    fn role_words_read_back_as_the_same_role() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
