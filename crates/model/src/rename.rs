//! How mirror topics are named (SEMANTICS 2): `map`, else the first `regex` rule that matches, else `format`.
//!
//! The checks here need no regular expressions and run in the browser too; feature `pattern` adds the [`Renamer`].

mod template;

#[cfg(feature = "pattern")]
mod renamer;

#[cfg(feature = "pattern")]
pub use renamer::{RenameError, Renamer};

use crate::{
    Name,
    link::Rename,
    problem::FieldError,
    selection::MAX_PATTERN_BYTES,
    text::{grouped, sentence},
    topic_name,
};
use template::Format;

/// Most pairs of a map.
pub const MAX_PAIRS: usize = 5_000;

/// Most regex rules.
pub const MAX_RULES: usize = 200;

/// Returns what is wrong with a rename, regular expressions looked at for their length only.
pub fn check_rename(rename: &Rename, source: &Name, destination: &Name) -> Vec<FieldError> {
    let mut errors = check_counts(rename);
    if !errors.is_empty() {
        return errors;
    }
    errors.extend(check_map(rename));
    errors.extend(check_rules(rename));
    if let Err(error) = format_of(rename, source, destination) {
        errors.push(error);
    }
    errors
}

/// Returns the format that the rename states, by its shorthands or in full.
fn format_of(rename: &Rename, source: &Name, destination: &Name) -> Result<Format, FieldError> {
    let is_short = !rename.prefix.is_empty() || !rename.suffix.is_empty();
    if !is_short {
        return Format::parse(&rename.format, source, destination)
            .map_err(|m| error("rename.format", m));
    }
    let field = if rename.prefix.is_empty() {
        "rename.suffix"
    } else {
        "rename.prefix"
    };
    if rename.format != Rename::default().format {
        let message = "Prefix and suffix are short for a format: state one or the other.";
        return Err(error(field, message.to_owned()));
    }
    // Each part alone first, so that a message counts its characters within its own field.
    for (field, part) in [
        ("rename.prefix", &rename.prefix),
        ("rename.suffix", &rename.suffix),
    ] {
        Format::check_part(part).map_err(|m| error(field, m))?;
    }
    let whole = format!("{}${{topic}}{}", rename.prefix, rename.suffix);
    Format::parse(&whole, source, destination).map_err(|m| error(field, m))
}

fn error(field: impl Into<String>, message: String) -> FieldError {
    FieldError {
        field: field.into(),
        message,
    }
}

fn check_counts(rename: &Rename) -> Vec<FieldError> {
    let counts = [
        ("rename.map", rename.map.len(), MAX_PAIRS, "pairs"),
        ("rename.regex", rename.regex.len(), MAX_RULES, "rules"),
    ];
    let too_many = counts
        .into_iter()
        .filter(|(_, found, limit, _)| found > limit);
    too_many
        .map(|(field, found, limit, what)| {
            error(
                field,
                format!(
                    "{} {what}, at most {} are allowed.",
                    grouped(found),
                    grouped(limit)
                ),
            )
        })
        .collect()
}

fn check_map(rename: &Rename) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (topic, mirror) in &rename.map {
        let field = || format!("rename.map.{}", crate::text::shown(topic));
        if let Err(cause) = topic_name::check_legal(topic) {
            errors.push(error(field(), format!("Source topic: {cause}.")));
        } else if let Err(cause) = topic_name::check_mirror(mirror) {
            let mirror = crate::text::shown(mirror);
            errors.push(error(
                field(),
                format!("`{topic}` cannot become `{mirror}`: {cause}."),
            ));
        }
    }
    errors
}

fn check_rules(rename: &Rename) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, rule) in rename.regex.iter().enumerate() {
        for (part, text) in [("match", &rule.pattern), ("replace", &rule.replace)] {
            let field = format!("rename.regex[{index}].{part}");
            if text.is_empty() {
                errors.push(error(field, "Enter a text, or remove the rule.".to_owned()));
            } else if text.len() > MAX_PATTERN_BYTES {
                let (length, limit) = (grouped(text.len()), grouped(MAX_PATTERN_BYTES));
                let what = if part == "match" {
                    "Pattern"
                } else {
                    "Replacement"
                };
                errors.push(error(
                    field,
                    format!("{what} too large: {length} bytes, at most {limit} are allowed."),
                ));
            } else if part == "replace"
                && let Err(cause) = template::tokens(text)
            {
                errors.push(error(field, sentence(&format!("replacement, {cause}"))));
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests;
