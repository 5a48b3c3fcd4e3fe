//! What the dialect leaves out, and the words in which it says so.

use regex_syntax::{
    ast::{
        self, AssertionKind, Ast, ClassSetBinaryOp, ClassSetBinaryOpKind, ClassSetItem, Flag,
        Flags, FlagsItemKind, GroupKind, LiteralKind, Repetition, RepetitionKind, Span,
        SpecialLiteralKind, Visitor, parse::ParserBuilder,
    },
    hir::{self, translate::Translator},
};

use super::{PatternError, too_large};
use crate::text::shown;

/// Checks that `pattern` stands within the dialect, nested no deeper than `nest_limit`.
pub(super) fn check(pattern: &str, nest_limit: u32) -> Result<(), PatternError> {
    let ast = ParserBuilder::new()
        .nest_limit(nest_limit)
        .build()
        .parse(pattern)
        .map_err(|error| name_parse_error(pattern, &error))?;
    ast::visit(&ast, Dialect { pattern })?;
    Translator::new()
        .translate(pattern, &ast)
        .map_err(|e| name_meaning_error(pattern, &e))?;
    Ok(())
}

/// Refuses what parses but reads differently in Java.
struct Dialect<'p> {
    pattern: &'p str,
}

impl Visitor for Dialect<'_> {
    type Output = ();
    type Err = PatternError;

    fn finish(self) -> Result<(), PatternError> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), PatternError> {
        match ast {
            Ast::Flags(set) => self.check_flags(&set.flags),
            Ast::Group(group) => match &group.kind {
                GroupKind::NonCapturing(flags) => self.check_flags(flags),
                _ => Ok(()),
            },
            Ast::Repetition(outer) => self.check_repetition(outer),
            Ast::Literal(literal) => self.check_literal(literal),
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::WordBoundaryStartAngle | AssertionKind::WordBoundaryEndAngle => self
                    .refuse(
                        &assertion.span,
                        "word boundary `\\<` or `\\>` is not supported",
                    ),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), PatternError> {
        match item {
            ClassSetItem::Literal(literal) => self.check_literal(literal),
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ClassSetBinaryOp) -> Result<(), PatternError> {
        let message = match op.kind {
            // Means the same in Java.
            ClassSetBinaryOpKind::Intersection => return Ok(()),
            ClassSetBinaryOpKind::Difference => "`--` inside a class is not supported, write `\\-`",
            ClassSetBinaryOpKind::SymmetricDifference => {
                "`~~` inside a class is not supported, write `~`"
            }
        };
        // The operation's span begins with its left side; the operator itself stands right after that.
        self.refuse(&Span::splat(op.lhs.span().end), message)
    }
}

impl Dialect<'_> {
    fn refuse(&self, span: &Span, message: &str) -> Result<(), PatternError> {
        Err(error_at(self.pattern, span.start.offset, message))
    }

    fn check_flags(&self, flags: &Flags) -> Result<(), PatternError> {
        for item in &flags.items {
            let known = matches!(
                item.kind,
                FlagsItemKind::Negation
                    | FlagsItemKind::Flag(Flag::CaseInsensitive | Flag::DotMatchesNewLine)
            );
            if !known {
                return Err(unknown_flag(self.pattern, item.span.start.offset));
            }
        }
        Ok(())
    }

    /// The crate reads `a++` as `(?:a+)+`, where Java reads a possessive quantifier.
    fn check_repetition(&self, outer: &Repetition) -> Result<(), PatternError> {
        let Ast::Repetition(inner) = &*outer.ast else {
            return Ok(());
        };
        let plus = matches!(outer.op.kind, RepetitionKind::OneOrMore);
        if plus && outer.greedy && inner.greedy {
            self.refuse(&outer.op.span, "possessive quantifier is not supported")
        } else {
            self.refuse(
                &outer.op.span,
                "a second quantifier in a row is not supported, use a group",
            )
        }
    }

    fn check_literal(&self, literal: &ast::Literal) -> Result<(), PatternError> {
        if literal.kind == LiteralKind::Special(SpecialLiteralKind::VerticalTab) {
            return self.refuse(&literal.span, "`\\v` is not supported");
        }
        Ok(())
    }
}

/// Names the construct at which parsing stopped.
fn name_parse_error(pattern: &str, error: &ast::Error) -> PatternError {
    let start = error.span().start.offset;
    let at = |message: &str| error_at(pattern, start, message);
    match error.kind() {
        ast::ErrorKind::UnsupportedLookAround => {
            let behind = pattern[start..].starts_with("(?<");
            at(if behind {
                "look-behind is not supported"
            } else {
                "look-ahead is not supported"
            })
        }
        ast::ErrorKind::UnsupportedBackreference => at("back-reference is not supported"),
        ast::ErrorKind::FlagUnrecognized => name_flag(pattern, start),
        ast::ErrorKind::EscapeUnrecognized => at(&name_escape(&pattern[start..])),
        ast::ErrorKind::ClassEscapeInvalid => at(&format!(
            "{} cannot stand inside a class",
            escape_at(&pattern[start..])
        )),
        ast::ErrorKind::NestLimitExceeded(limit) => {
            too_large(&format!("nested deeper than {limit}"))
        }
        ast::ErrorKind::ClassUnclosed => at("this class is not closed, add `]`"),
        ast::ErrorKind::GroupUnclosed => at("this group is not closed, add `)`"),
        ast::ErrorKind::GroupUnopened => at("this `)` closes no group"),
        ast::ErrorKind::RepetitionMissing => {
            at("there is nothing before this quantifier to repeat")
        }
        ast::ErrorKind::EscapeUnexpectedEof => at("a single `\\` ends the pattern"),
        ast::ErrorKind::UnicodeClassInvalid => at("this character class is not known"),
        // The crate's own words for the rest; they repeat nothing of the pattern.
        kind => at(&kind.to_string()),
    }
}

/// Names what follows `(?` where the crate expected a flag.
fn name_flag(pattern: &str, offset: usize) -> PatternError {
    if pattern[..offset].ends_with("(?") {
        let construct = match pattern[offset..].chars().next() {
            Some('>') => Some("atomic group is not supported"),
            Some('#') => Some("comment is not supported"),
            Some('|' | '(' | '&' | '\'') => Some("this kind of group is not supported"),
            _ => None,
        };
        if let Some(message) = construct {
            return error_at(pattern, offset - "(?".len(), message);
        }
    }
    unknown_flag(pattern, offset)
}

fn unknown_flag(pattern: &str, offset: usize) -> PatternError {
    let flag: String = pattern[offset..].chars().take(1).collect();
    error_at(
        pattern,
        offset,
        &format!(
            "flag `{}` is not supported, only `i` and `s` are",
            shown(&flag)
        ),
    )
}

/// Names an escape that only other dialects have.
fn name_escape(rest: &str) -> String {
    let name = match rest.chars().nth(1) {
        Some('Q' | 'E') => "quotation `\\Q…\\E`",
        Some('k' | 'g') => "back-reference",
        _ => return format!("{} is not supported", escape_at(rest)),
    };
    format!("{name} is not supported")
}

fn escape_at(rest: &str) -> String {
    let escape: String = rest.chars().take(2).collect();
    format!("`{}`", shown(&escape))
}

/// Names a class that parses but means nothing here, such as Java's `\p{javaLowerCase}`.
fn name_meaning_error(pattern: &str, error: &hir::Error) -> PatternError {
    let message = match error.kind() {
        hir::ErrorKind::UnicodePropertyNotFound | hir::ErrorKind::UnicodePropertyValueNotFound => {
            "this character class is not known".to_owned()
        }
        kind => kind.to_string(),
    };
    error_at(pattern, error.span().start.offset, &message)
}

fn error_at(pattern: &str, offset: usize, message: &str) -> PatternError {
    let position = pattern[..offset].chars().count() + 1;
    PatternError {
        position: Some(position),
        message: message.to_owned(),
    }
}
