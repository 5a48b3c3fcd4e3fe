//! The rename compiled once, naming mirror by mirror.

use std::collections::BTreeMap;

use super::{
    check_rename, error, format_of,
    template::{Format, TemplateError, Token, tokens},
};
use crate::{
    Name,
    link::{Rename, RenameRule},
    pattern::Pattern,
    problem::FieldError,
    text::{sentence, shown},
    topic_name::{self, TopicNameError},
};

/// A checked and compiled [`Rename`].
#[derive(Clone, Debug)]
pub struct Renamer {
    map: BTreeMap<String, String>,
    rules: Vec<Rule>,
    format: Format,
}

/// A topic whose mirror would have an impossible name; displays with both names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot become `{}`: {cause}", shown(.topic), shown(.mirror))]
pub struct RenameError {
    pub topic: String,
    pub mirror: String,
    pub cause: TopicNameError,
}

impl Renamer {
    /// Compiles a rename; `source` and `destination` are the clusters' names.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong at once, by paths such as `rename.regex[0].match`.
    pub fn compile(
        rename: &Rename,
        source: &Name,
        destination: &Name,
    ) -> Result<Self, Vec<FieldError>> {
        let mut errors = check_rename(rename, source, destination);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut rules = Vec::new();
        for (index, rule) in rename.regex.iter().enumerate() {
            match Rule::compile(index, rule) {
                Ok(rule) => rules.push(rule),
                Err(error) => errors.push(error),
            }
        }
        match format_of(rename, source, destination) {
            Ok(format) if errors.is_empty() => Ok(Self {
                map: rename.map.clone(),
                rules,
                format,
            }),
            Ok(_) => Err(errors),
            Err(error) => Err(errors.into_iter().chain([error]).collect()),
        }
    }

    /// Returns the name of `topic`'s mirror.
    ///
    /// # Errors
    ///
    /// Refuses a name that no broker accepts or that belongs to Kafka or Causeway.
    pub fn mirror_name(&self, topic: &str) -> Result<String, RenameError> {
        let mirror = self.apply(topic);
        match topic_name::check_mirror(&mirror) {
            Ok(()) => Ok(mirror),
            Err(cause) => Err(RenameError {
                topic: topic.to_owned(),
                mirror,
                cause,
            }),
        }
    }

    /// Returns the source topics that the map names.
    pub fn mapped_topics(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    fn apply(&self, topic: &str) -> String {
        if let Some(mirror) = self.map.get(topic) {
            return mirror.clone();
        }
        let by_rule = self.rules.iter().find_map(|rule| rule.apply(topic));
        by_rule.unwrap_or_else(|| self.format.apply(topic))
    }
}

/// One regex rule. The crate's own expander is not used: it reads `$1_x` as a group called `1_x`.
#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    replacement: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Rule {
    fn compile(index: usize, rule: &RenameRule) -> Result<Self, FieldError> {
        let field = |part: &str| format!("rename.regex[{index}].{part}");
        let pattern = Pattern::new(&rule.pattern)
            .map_err(|cause| error(field("match"), cause.to_string()))?;
        let replacement = pieces(&rule.replace, &pattern)
            .map_err(|cause| error(field("replace"), sentence(&format!("replacement, {cause}"))))?;
        Ok(Self {
            pattern,
            replacement,
        })
    }

    /// Returns the new name, `None` where the rule does not match. A group that took no part is empty.
    fn apply(&self, topic: &str) -> Option<String> {
        let captures = self.pattern.captures(topic)?;
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Group(number) => captures.get(*number).map_or("", |m| m.as_str()).to_owned(),
        };
        Some(self.replacement.iter().map(piece).collect())
    }
}

fn pieces(text: &str, pattern: &Pattern) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let tokens = tokens(text)?;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Character(c) => match pieces.last_mut() {
                Some(Piece::Text(text)) => text.push(*c),
                _ => pieces.push(Piece::Text(c.to_string())),
            },
            Token::Named { position, name } => {
                let group = pattern.group_called(name).ok_or_else(|| {
                    TemplateError::new(
                        *position,
                        format!("the pattern has no group `{}`", shown(name)),
                    )
                })?;
                pieces.push(Piece::Group(group));
            }
            Token::Numbered { position, number } => {
                check_numbered(*position, *number, tokens.get(index + 1), pattern)?;
                pieces.push(Piece::Group(*number));
            }
        }
    }
    Ok(pieces)
}

/// Refuses unknown groups, and `$12` where group 12 exists: Java would take that one, so neither reading is safe.
fn check_numbered(
    position: usize,
    number: usize,
    next: Option<&Token<'_>>,
    pattern: &Pattern,
) -> Result<(), TemplateError> {
    let groups = pattern.groups();
    if number > groups {
        let message = match groups {
            0 => "the pattern has no group, put `(…)` around a part of it".to_owned(),
            1 => format!("the pattern has one group, there is no `${number}`"),
            _ => format!("the pattern has {groups} groups, there is no `${number}`"),
        };
        return Err(TemplateError::new(position, message));
    }
    match next {
        Some(Token::Character(digit @ '0'..='9'))
            if groups >= number * 10 + *digit as usize - '0' as usize =>
        {
            let message =
                format!("`${number}{digit}` is ambiguous, name the group and write `${{name}}`");
            Err(TemplateError::new(position, message))
        }
        _ => Ok(()),
    }
}
