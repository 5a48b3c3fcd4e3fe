//! What the console's forms post: texts, from which a [`crate::cluster::ClusterSpec`] or a
//! [`crate::link::LinkSpec`] is made, or a message at each faulty input.
//!
//! Every field is text, because a person's typing must survive a round trip; an absent checkbox is unticked. Errors
//! name the form's inputs, not the spec's fields. No message repeats more than a short piece of what was typed.

mod cluster;
mod link;
pub mod properties;

pub use cluster::{ClusterDraft, Typed};
pub use link::{LinkDraft, Part, RowDraft, proposed_name};

use serde::{Deserializer, de};

use crate::{
    Name,
    problem::FieldError,
    text::{grouped, sentence},
};

/// Most characters of a number in a form; longer texts are not looked at.
const MAX_NUMBER: usize = 32;

/// Returns the first message for the input called `input`.
pub fn error_for<'e>(errors: &'e [FieldError], input: &str) -> Option<&'e str> {
    let found = errors.iter().find(|error| error.field == input);
    found.map(|error| error.message.as_str())
}

/// Collects faults by input.
#[derive(Debug, Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, input: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError {
            field: input.into(),
            message: message.into(),
        });
    }

    /// Adds errors of a check, except where an input has a message of its own already.
    fn add_all(&mut self, errors: Vec<FieldError>) {
        let known: Vec<String> = self.0.iter().map(|error| error.field.clone()).collect();
        let fresh = errors.into_iter().filter(|e| !known.contains(&e.field));
        self.0.extend(fresh);
    }

    /// Returns the value that `text` stands for.
    fn choose<T: Copy>(&mut self, input: &str, text: &str, table: &[(&str, T)]) -> Option<T> {
        let found = table.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            self.add(input, "Choose one of the values offered.");
        }
        found.map(|(_, value)| *value)
    }

    fn number<T: std::str::FromStr>(&mut self, input: &str, text: &str, why: &str) -> Option<T> {
        let text = text.trim();
        let short = (text.len() <= MAX_NUMBER).then_some(text);
        let number = short.and_then(|text| text.parse().ok());
        if number.is_none() {
            self.add(input, why);
        }
        number
    }

    fn name(&mut self, input: &str, text: &str, why_empty: &str) -> Option<Name> {
        let text = text.trim();
        if text.is_empty() {
            self.add(input, why_empty);
            return None;
        }
        let name = text.parse::<Name>();
        if let Err(cause) = &name {
            self.add(input, sentence(&cause.to_string()));
        }
        name.ok()
    }

    /// Says whether `text` is at most `limit` bytes long, and adds a fault where it is longer.
    fn fits(&mut self, input: &str, text: &str, limit: usize) -> bool {
        let fits = text.len() <= limit;
        if !fits {
            let (length, limit) = (grouped(text.len()), grouped(limit));
            let message =
                format!("This text has {length} bytes, at most {limit} are allowed: shorten it.");
            self.add(input, message);
        }
        fits
    }

    fn into_result<T>(self, value: T) -> Result<T, Vec<FieldError>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0)
        }
    }
}

/// Returns the word of `value` in a form; every table names all values.
fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> String {
    let found = table.iter().find(|(_, known)| known == value);
    found.map_or_else(String::new, |(word, _)| (*word).to_owned())
}

/// Splits a list as people write it: entries between commas, spaces and line ends.
fn entries(text: &str) -> Vec<String> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns `text` with the line ends that it had before a browser posted it.
fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Reads a checkbox: `true` in JSON, `on` or its value in a form; absent is the field's default.
fn ticked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Tick;
    impl de::Visitor<'_> for Tick {
        type Value = bool;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a checkbox")
        }

        fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E>(self, value: &str) -> Result<bool, E> {
            Ok(!matches!(value, "" | "false" | "off" | "0"))
        }
    }
    deserializer.deserialize_any(Tick)
}

#[cfg(test)]
mod tests;
