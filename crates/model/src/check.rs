//! The one validation of clusters and links, for browser, server and files alike.
//!
//! Every fault is reported at once, by the path of its field, as a sentence that says what to do. Without feature
//! `pattern` regular expressions are looked at for their length only. Nothing secret is repeated in a message.

mod cluster;
mod link;
mod pem;

pub(crate) use link::LIMIT_BYTES_PER_S;

use crate::{
    problem::FieldError,
    text::{grouped, sentence},
};

/// Longest title, in characters.
const MAX_TITLE: usize = 200;

/// Collects faults.
#[derive(Debug, Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
    }

    /// Adds what is wrong with a single-line text of at most `limit` characters, called `what` in the message.
    fn check_line(&mut self, field: &str, what: &str, text: &str, limit: usize) {
        let length = text.chars().count();
        if length > limit {
            let (length, limit) = (grouped(length), grouped(limit));
            self.add(
                field,
                format!("{what} has {length} characters, at most {limit} are allowed."),
            );
        }
        if let Some(position) = text.chars().position(char::is_control) {
            let position = position + 1;
            self.add(
                field,
                format!("{what}, character {position}: remove this control character."),
            );
        }
    }

    fn check_title(&mut self, title: &str) {
        self.check_line("title", "The title", title, MAX_TITLE);
    }

    /// Adds `cause`, a fragment, behind where it was found.
    fn add_cause(&mut self, field: impl Into<String>, place: &str, cause: &impl std::fmt::Display) {
        self.add(field, sentence(&format!("{place}: {cause}")));
    }
}

#[cfg(test)]
mod tests;
