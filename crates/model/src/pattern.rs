//! Regular expressions over topic names (SEMANTICS 1).
//!
//! The dialect is the `regex` crate's against the whole name, less whatever reads differently in Java: who brings a
//! pattern along gets the same topics or a refusal with its position, never other topics. Matching time is linear
//! in the name, memory is bounded at compilation.

mod dialect;

use regex::{Captures, Regex, RegexBuilder};

use crate::{
    selection::MAX_PATTERN_BYTES,
    text::{grouped, sentence},
};

/// Bound of a compiled pattern and of its matching cache, in bytes each.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// Deepest nesting of groups, classes and repetitions.
const NEST_LIMIT: u32 = 50;

/// A compiled pattern that matches whole names.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

/// Why a pattern is refused; displays as a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .position.map_or_else(|| sentence(.message), |p| format!("Pattern, character {p}: {}.", .message)))]
pub struct PatternError {
    /// 1-based character of the pattern, where one can be named.
    pub position: Option<usize>,
    /// What is wrong there, without a final dot.
    pub message: String,
}

impl Pattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    ///
    /// Refuses what is longer than 1,024 bytes, nested deeper than 50, larger than 1 MiB when compiled, not a regular
    /// expression, or one that Java would read differently.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            let (length, limit) = (grouped(pattern.len()), grouped(MAX_PATTERN_BYTES));
            return Err(too_large(&format!(
                "{length} bytes, at most {limit} are allowed"
            )));
        }
        // Parsed alone before it is wrapped, so that `a)|(b` cannot step out of the wrapper.
        dialect::check(pattern, NEST_LIMIT)?;
        let regex = RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            // The wrapper nests twice; the operator's own nesting is checked above.
            .nest_limit(NEST_LIMIT + 2)
            .build()
            .map_err(refusal_of)?;
        Ok(Self { regex })
    }

    /// Says whether the whole `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// Returns how many groups the pattern has.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// Returns the number, from 1 on, of the group called `name`.
    pub fn group_called(&self, name: &str) -> Option<usize> {
        self.regex
            .capture_names()
            .position(|known| known == Some(name))
    }

    /// Returns the groups of `name`, `None` where the whole name does not match.
    pub(crate) fn captures<'n>(&self, name: &'n str) -> Option<Captures<'n>> {
        self.regex.captures(name)
    }
}

fn refusal_of(error: regex::Error) -> PatternError {
    match error {
        regex::Error::CompiledTooBig(_) => too_large("its repetitions need too much memory"),
        // Parsing and translation succeeded before, so nothing else is expected; the text has no part of the pattern.
        _ => PatternError {
            position: None,
            message: "the pattern cannot be compiled".to_owned(),
        },
    }
}

fn too_large(detail: &str) -> PatternError {
    PatternError {
        position: None,
        message: format!("pattern too large: {detail}"),
    }
}

#[cfg(test)]
mod tests;
