//! Which source topics a link copies (SEMANTICS 1).
//!
//! The checks here need no regular expressions and run in the browser too; feature `pattern` adds the [`Selector`].

#[cfg(feature = "pattern")]
mod selector;

#[cfg(feature = "pattern")]
pub use selector::{ClosestRow, Decision, Reason, Selector};

use crate::{
    link::{Row, RowKind, TopicSelection},
    problem::FieldError,
    text::{grouped, sentence},
    topic_name::{self, MAX_LENGTH},
};

/// Longest regular expression, in bytes.
pub const MAX_PATTERN_BYTES: usize = 1_024;

/// Most prefix and regex rows of a link, included and excluded together.
pub const MAX_PATTERN_ROWS: usize = 200;

/// Most exact names of a link, included and excluded together.
pub const MAX_EXACT_NAMES: usize = 5_000;

/// Returns what is wrong with the rows, regular expressions looked at for their length only.
pub fn check_rows(selection: &TopicSelection) -> Vec<FieldError> {
    let counts = check_counts(selection);
    if !counts.is_empty() {
        return counts;
    }
    let mut errors = Vec::new();
    for (list, rows) in [
        ("include", &selection.include),
        ("exclude", &selection.exclude),
    ] {
        for (index, row) in rows.iter().enumerate() {
            if let Some(message) = check_row(row) {
                errors.push(FieldError {
                    field: field_of(list, index),
                    message,
                });
            }
        }
    }
    errors
}

/// Returns the path of a row's pattern, such as `topics.include[2].pattern`.
fn field_of(list: &str, index: usize) -> String {
    format!("topics.{list}[{index}].pattern")
}

fn check_counts(selection: &TopicSelection) -> Vec<FieldError> {
    let rows = || selection.include.iter().chain(&selection.exclude);
    let exact = rows().filter(|row| row.kind == RowKind::Exact).count();
    let patterns = rows().count() - exact;
    let mut errors = Vec::new();
    let mut limit = |found: usize, limit: usize, what: &str| {
        if found > limit {
            errors.push(FieldError {
                field: "topics".to_owned(),
                message: format!(
                    "{} {what}, at most {} are allowed.",
                    grouped(found),
                    grouped(limit)
                ),
            });
        }
    };
    limit(patterns, MAX_PATTERN_ROWS, "prefix and regex rows");
    limit(exact, MAX_EXACT_NAMES, "exact names");
    errors
}

fn check_row(row: &Row) -> Option<String> {
    let text = &row.pattern;
    if text.is_empty() {
        return Some("Enter a topic name, prefix or pattern, or remove the row.".to_owned());
    }
    match row.kind {
        RowKind::Exact => topic_name::check_legal(text)
            .err()
            .map(|e| sentence(&e.to_string())),
        RowKind::Prefix => check_prefix(text),
        RowKind::Regex if text.len() > MAX_PATTERN_BYTES => {
            let (length, limit) = (grouped(text.len()), grouped(MAX_PATTERN_BYTES));
            Some(format!(
                "Pattern too large: {length} bytes, at most {limit} are allowed."
            ))
        }
        RowKind::Regex => None,
    }
}

/// A prefix may be what a whole name may not: `.`, `..`, or as long as a name can be.
fn check_prefix(text: &str) -> Option<String> {
    if let Some((index, found)) = text
        .chars()
        .enumerate()
        .find(|(_, c)| !topic_name::is_legal(*c))
    {
        let error = topic_name::TopicNameError::Character {
            position: index + 1,
            found,
        };
        return Some(sentence(&error.to_string()));
    }
    (text.len() > MAX_LENGTH).then(|| format!("A topic name has at most {MAX_LENGTH} characters."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(rows: Vec<(RowKind, &str)>) -> TopicSelection {
        let row = |(kind, pattern): (RowKind, &str)| Row {
            kind,
            pattern: pattern.to_owned(),
        };
        TopicSelection {
            include: rows.into_iter().map(row).collect(),
            ..TopicSelection::default()
        }
    }

    #[test]
    fn points_at_the_faulty_row() {
        let rows = vec![
            (RowKind::Exact, "orders"),
            (RowKind::Exact, "or ders"),
            (RowKind::Prefix, "."),
            (RowKind::Prefix, "a/"),
            (RowKind::Regex, ""),
        ];
        let errors = check_rows(&selection(rows));
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        let expected = [
            "topics.include[1].pattern",
            "topics.include[3].pattern",
            "topics.include[4].pattern",
        ];
        assert_eq!(fields, expected);
        assert!(
            errors[0]
                .message
                .starts_with("Character 3 (` `) is not allowed"),
            "{errors:?}"
        );
    }

    #[test]
    fn bounds_rows_and_lengths() {
        let long = "a".repeat(MAX_PATTERN_BYTES + 1);
        let errors = check_rows(&selection(vec![(RowKind::Regex, &long)]));
        assert_eq!(
            errors[0].message,
            "Pattern too large: 1,025 bytes, at most 1,024 are allowed."
        );
        let errors = check_rows(&selection(vec![(RowKind::Regex, "a"); 201]));
        assert_eq!(
            errors[0].message,
            "201 prefix and regex rows, at most 200 are allowed."
        );
        let errors = check_rows(&selection(vec![(RowKind::Exact, "a"); 5_001]));
        assert_eq!(
            errors[0].message,
            "5,001 exact names, at most 5,000 are allowed."
        );
        assert!(check_rows(&selection(vec![(RowKind::Exact, "a"); 5_000])).is_empty());
    }
}
