//! Who looks at a page and how it is shown: known to the first paint on the server and to the browser.

use serde::{Deserialize, Serialize};

use crate::access::Actor;

/// The person at the browser, and what the frame around every page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// `None` before sign-in.
    pub actor: Option<Actor>,
    pub theme: Theme,
    /// As they were when the page was made.
    pub counts: Counts,
}

/// How many links and clusters there are; `None` of what the visitor may not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub links: Option<i64>,
    pub clusters: Option<i64>,
}

/// Light or dark; the choice is a cookie, so the first paint is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// All themes, as the menu lists them.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Returns the word of the cookie and of the `data-theme` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Returns the theme of that word, the system's for every other word.
    pub fn of(word: &str) -> Self {
        let found = Self::ALL.into_iter().find(|theme| theme.as_str() == word);
        found.unwrap_or_default()
    }
}

/// Name of the theme's cookie.
pub const THEME_COOKIE: &str = "causeway-theme";
