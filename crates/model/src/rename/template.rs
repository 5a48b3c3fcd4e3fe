//! Texts with references: a format such as `${source}.${topic}`, a replacement such as `$1-mirror`.

use crate::{
    Name,
    selection::MAX_PATTERN_BYTES,
    text::{grouped, shown},
    topic_name,
};

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A character to be taken as it is.
    Character(char),
    /// `${name}`, at this 1-based character.
    Named { position: usize, name: &'t str },
    /// `$1` to `$9`, at this 1-based character.
    Numbered { position: usize, number: usize },
}

/// What is wrong at one character of a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character {position}: {message}")]
pub(super) struct TemplateError {
    pub position: usize,
    pub message: String,
}

impl TemplateError {
    pub(super) fn new(position: usize, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
        }
    }
}

/// Splits a template; whatever is no reference must be legal in topic names.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, TemplateError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut position = 1;
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            '$' => reference(rest, position)?,
            c if topic_name::is_legal(c) => (Token::Character(c), c.len_utf8()),
            c => {
                let message = format!("`{}` is not allowed in topic names", shown(&c.to_string()));
                return Err(TemplateError::new(position, message));
            }
        };
        position += rest[..length].chars().count();
        rest = &rest[length..];
        tokens.push(token);
    }
    Ok(tokens)
}

/// Reads the reference at the start of `rest` and its length in bytes.
fn reference(rest: &str, position: usize) -> Result<(Token<'_>, usize), TemplateError> {
    let after = &rest['$'.len_utf8()..];
    if let Some(inner) = after.strip_prefix('{') {
        let Some((name, _)) = inner.split_once('}') else {
            return Err(TemplateError::new(position, "`${` is not closed, add `}`"));
        };
        return Ok((Token::Named { position, name }, "${}".len() + name.len()));
    }
    match after.chars().next().and_then(|c| c.to_digit(10)) {
        // A single digit, always: `$1_x` and `$12` both refer to group 1.
        Some(digit @ 1..) => Ok((
            Token::Numbered {
                position,
                number: digit as usize,
            },
            2,
        )),
        Some(_) => Err(TemplateError::new(
            position,
            "`$0` is not supported, groups count from `$1`",
        )),
        None => Err(TemplateError::new(
            position,
            "`$` is not followed by `{…}` or a digit",
        )),
    }
}

/// A format with its constants filled in: `before`, the topic's name, `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    before: String,
    after: String,
}

impl Format {
    /// Parses a format; `Err` is a sentence for people.
    pub(super) fn parse(text: &str, source: &Name, destination: &Name) -> Result<Self, String> {
        check_length(text)?;
        let mut parts = vec![String::new()];
        for token in tokens(text).map_err(|e| in_format(&e))? {
            let part = parts
                .last_mut()
                .expect("there is a part from the beginning");
            match token {
                Token::Character(c) => part.push(c),
                Token::Named { name: "source", .. } => part.push_str(source.as_str()),
                Token::Named {
                    name: "destination",
                    ..
                } => part.push_str(destination.as_str()),
                Token::Named {
                    name: "topic",
                    position,
                } if parts.len() > 1 => {
                    let error = TemplateError::new(position, "`${topic}` may stand only once");
                    return Err(in_format(&error));
                }
                Token::Named { name: "topic", .. } => parts.push(String::new()),
                Token::Named { name, position } => return Err(in_format(&unknown(position, name))),
                Token::Numbered { number, position } => {
                    return Err(in_format(&misplaced(position, number)));
                }
            }
        }
        match <[String; 2]>::try_from(parts) {
            Ok([before, after]) => Ok(Self { before, after }),
            Err(_) => Err("Format: `${topic}` is missing.".to_owned()),
        }
    }

    /// Checks a prefix or suffix, which holds no `${topic}` of its own.
    pub(super) fn check_part(text: &str) -> Result<(), String> {
        check_length(text)?;
        for token in tokens(text).map_err(|e| in_part(&e))? {
            match token {
                Token::Character(_)
                | Token::Named {
                    name: "source" | "destination",
                    ..
                } => {}
                Token::Named {
                    name: "topic",
                    position,
                } => {
                    let message = "leave `${topic}` out, it is added by itself";
                    return Err(in_part(&TemplateError::new(position, message)));
                }
                Token::Named { name, position } => return Err(in_part(&unknown(position, name))),
                Token::Numbered { number, position } => {
                    return Err(in_part(&misplaced(position, number)));
                }
            }
        }
        Ok(())
    }

    /// Returns the name of `topic` after this format.
    #[cfg_attr(
        not(feature = "pattern"),
        expect(dead_code, reason = "only the renamer applies formats")
    )]
    pub(super) fn apply(&self, topic: &str) -> String {
        format!("{}{topic}{}", self.before, self.after)
    }
}

fn check_length(text: &str) -> Result<(), String> {
    if text.len() <= MAX_PATTERN_BYTES {
        return Ok(());
    }
    let (length, limit) = (grouped(text.len()), grouped(MAX_PATTERN_BYTES));
    Err(format!(
        "Format too large: {length} bytes, at most {limit} are allowed."
    ))
}

fn unknown(position: usize, name: &str) -> TemplateError {
    let name = shown(name);
    let known = "only `${topic}`, `${source}` and `${destination}` are";
    TemplateError::new(position, format!("`${{{name}}}` is not known, {known}"))
}

fn misplaced(position: usize, number: usize) -> TemplateError {
    TemplateError::new(
        position,
        format!("`${number}` belongs into the replacement of a rule"),
    )
}

fn in_format(error: &TemplateError) -> String {
    format!("Format, {error}.")
}

fn in_part(error: &TemplateError) -> String {
    crate::text::sentence(&error.to_string())
}
