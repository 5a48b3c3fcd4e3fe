//! The selection compiled once, deciding topic by topic.

use std::{collections::HashMap, fmt};

use crate::{
    link::{Row, RowKind, TopicSelection},
    nearest::{edit_distance, limit_of},
    pattern::Pattern,
    problem::FieldError,
    topic_name,
};

/// How many of the closest rows are told.
const CLOSEST_ROWS: usize = 3;

/// A checked and compiled [`TopicSelection`].
#[derive(Clone, Debug)]
pub struct Selector {
    include: Rows,
    exclude: Rows,
    internal: bool,
}

/// Whether a topic is copied, and which line of SEMANTICS 1 decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub selected: bool,
    pub reason: Reason,
}

/// The line of the table that applied first. Row numbers count from 1 within their list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Line 1: belongs to Kafka or Causeway; no row can include it.
    Reserved,
    /// Line 2.
    ExcludedBy(usize),
    /// Line 3: an exact row names it.
    Named(usize),
    /// Line 4: hidden by its name.
    Hidden,
    /// Line 5: a prefix or regex row matches.
    IncludedBy(usize),
    /// Line 6.
    NoRow,
}

/// An include row that nearly matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosestRow {
    /// From 1 on.
    pub row: usize,
    pub pattern: String,
}

impl Selector {
    /// Compiles a selection.
    ///
    /// # Errors
    ///
    /// Returns every faulty row at once, by its path such as `topics.include[2].pattern`.
    pub fn compile(selection: &TopicSelection) -> Result<Self, Vec<FieldError>> {
        let mut errors = super::check_rows(selection);
        if errors.iter().any(|error| error.field == "topics") {
            // Too many rows: compiling them is what the limit is there to avoid.
            return Err(errors);
        }
        let include = Rows::compile("include", &selection.include, &mut errors);
        let exclude = Rows::compile("exclude", &selection.exclude, &mut errors);
        if errors.is_empty() {
            Ok(Self {
                include,
                exclude,
                internal: selection.internal,
            })
        } else {
            Err(errors)
        }
    }

    /// Decides about one source topic; `internal` is the broker's own flag.
    pub fn decide(&self, topic: &str, internal: bool) -> Decision {
        let out = |reason| Decision {
            selected: false,
            reason,
        };
        let taken = |reason| Decision {
            selected: true,
            reason,
        };
        if internal || topic_name::is_reserved(topic) {
            return out(Reason::Reserved);
        }
        if let Some(row) = self.exclude.first(topic) {
            return out(Reason::ExcludedBy(row));
        }
        if let Some(row) = self.include.exact.get(topic) {
            return taken(Reason::Named(*row));
        }
        if !self.internal && topic_name::is_hidden(topic) {
            return out(Reason::Hidden);
        }
        match self.include.first_pattern(topic) {
            Some(row) => taken(Reason::IncludedBy(row)),
            None => out(Reason::NoRow),
        }
    }

    /// Returns the exact include rows' names in no particular order.
    pub fn exact_names(&self) -> impl Iterator<Item = &str> {
        self.include.exact.keys().map(String::as_str)
    }

    /// Returns the exact and prefix include rows that resemble `topic`, closest first.
    ///
    /// Costs an edit distance per row: ask for the topics that are shown, not for all.
    pub fn closest_rows(&self, topic: &str) -> Vec<ClosestRow> {
        let exact = self
            .include
            .exact
            .iter()
            .map(|(name, row)| (*row, name, topic));
        let prefixes = self
            .include
            .patterns
            .iter()
            .filter_map(|(row, matcher)| match matcher {
                Matcher::Prefix(prefix) => {
                    Some((*row, prefix, topic.get(..prefix.len()).unwrap_or(topic)))
                }
                Matcher::Regex(_) => None,
            });
        let mut found: Vec<(usize, usize, &str)> = exact
            .chain(prefixes)
            .filter(|(_, text, part)| text.len().abs_diff(part.len()) <= limit_of(text))
            .map(|(row, text, part)| (edit_distance(text.as_bytes(), part.as_bytes()), row, text))
            .filter(|(distance, _, text)| *distance <= limit_of(text))
            .map(|(distance, row, text)| (distance, row, text.as_str()))
            .collect();
        found.sort_unstable();
        let closest = found.into_iter().take(CLOSEST_ROWS);
        closest
            .map(|(_, row, text)| ClosestRow {
                row,
                pattern: text.to_owned(),
            })
            .collect()
    }

    /// Returns the reason in words, with the closest rows where no row matches.
    pub fn explain(&self, topic: &str, internal: bool) -> String {
        let reason = self.decide(topic, internal).reason;
        if reason != Reason::NoRow {
            return reason.to_string();
        }
        let closest = self.closest_rows(topic);
        let rows: Vec<String> = closest
            .iter()
            .map(|c| format!("include row {} (`{}`)", c.row, c.pattern))
            .collect();
        if rows.is_empty() {
            reason.to_string()
        } else {
            format!("{reason}, closest: {}", rows.join(", "))
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved => f.write_str("internal to Kafka or Causeway"),
            Self::ExcludedBy(row) => write!(f, "excluded by row {row}"),
            Self::Named(row) | Self::IncludedBy(row) => write!(f, "include row {row}"),
            Self::Hidden => f.write_str("internal"),
            Self::NoRow => f.write_str("no row matches"),
        }
    }
}

/// One list of rows: exact names by hash, patterns in the rows' order.
#[derive(Clone, Debug, Default)]
struct Rows {
    exact: HashMap<String, usize>,
    patterns: Vec<(usize, Matcher)>,
}

#[derive(Clone, Debug)]
enum Matcher {
    Prefix(String),
    Regex(Pattern),
}

impl Rows {
    fn compile(list: &str, rows: &[Row], errors: &mut Vec<FieldError>) -> Self {
        let mut compiled = Self::default();
        for (index, row) in rows.iter().enumerate() {
            let number = index + 1;
            match row.kind {
                RowKind::Exact => {
                    compiled.exact.entry(row.pattern.clone()).or_insert(number);
                }
                RowKind::Prefix => {
                    compiled
                        .patterns
                        .push((number, Matcher::Prefix(row.pattern.clone())));
                }
                RowKind::Regex => match Pattern::new(&row.pattern) {
                    Ok(pattern) => compiled.patterns.push((number, Matcher::Regex(pattern))),
                    Err(error) => {
                        add_error(errors, super::field_of(list, index), error.to_string())
                    }
                },
            }
        }
        compiled
    }

    /// Returns the first row that matches, whatever its kind.
    fn first(&self, topic: &str) -> Option<usize> {
        let exact = self.exact.get(topic).copied();
        exact.into_iter().chain(self.first_pattern(topic)).min()
    }

    fn first_pattern(&self, topic: &str) -> Option<usize> {
        let matches = |matcher: &Matcher| match matcher {
            Matcher::Prefix(prefix) => topic.starts_with(prefix.as_str()),
            Matcher::Regex(pattern) => pattern.matches(topic),
        };
        self.patterns
            .iter()
            .find(|(_, matcher)| matches(matcher))
            .map(|(row, _)| *row)
    }
}

/// Adds an error unless the row has one already: its length was looked at before.
fn add_error(errors: &mut Vec<FieldError>, field: String, message: String) {
    if !errors.iter().any(|error| error.field == field) {
        errors.push(FieldError { field, message });
    }
}

#[cfg(test)]
mod tests;
