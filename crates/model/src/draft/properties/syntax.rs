//! The two syntaxes of a `client.properties`: Java's property files, and the JAAS entry inside one of them.

use std::{iter::Peekable, str::Chars};

/// One property. Has no `Debug`: the value may be a password.
pub(super) struct Property {
    /// Line of its beginning, from 1 on.
    pub line: usize,
    pub key: String,
    pub value: String,
    /// Whether `=` or `:` stood between both; a stray line has none.
    pub assigned: bool,
}

/// Reads property lines as `java.util.Properties.load` does: comments, continued lines, escapes, three separators.
pub(super) fn properties(text: &str) -> Vec<Property> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = text.split('\n').zip(1..);
    let mut properties = Vec::new();
    while let Some((line, number)) = lines.next() {
        let mut logical = line.trim_start().to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while is_continued(&logical) {
            logical.pop();
            match lines.next() {
                Some((next, _)) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        properties.push(property(&logical, number));
    }
    properties
}

/// A line goes on after an odd number of backslashes.
fn is_continued(line: &str) -> bool {
    let backslashes = line.bytes().rev().take_while(|b| *b == b'\\').count();
    !backslashes.is_multiple_of(2)
}

fn property(text: &str, line: usize) -> Property {
    let mut escaped = false;
    let ends = |c: char| matches!(c, '=' | ':') || c.is_whitespace();
    let end = text.find(|c: char| {
        let end = !escaped && ends(c);
        escaped = !escaped && c == '\\';
        end
    });
    let (key, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = rest.trim_start();
    let after = rest.strip_prefix(['=', ':']);
    Property {
        line,
        key: unescaped(key),
        value: unescaped(after.unwrap_or(rest).trim_start()),
        assigned: after.is_some(),
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => out.extend(unicode(&mut characters)),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// Reads the four digits after `\u`; what is no character becomes the replacement character.
fn unicode(characters: &mut Chars<'_>) -> Option<char> {
    let digits: String = characters.by_ref().take(4).collect();
    let code = u32::from_str_radix(&digits, 16).ok();
    Some(code.and_then(char::from_u32).unwrap_or('\u{fffd}'))
}

/// The entry of a `sasl.jaas.config`. Has no `Debug`: it holds a password.
pub(super) struct Login {
    /// Class name without its package.
    pub module: String,
    pub username: Option<String>,
    pub password: Option<String>,
}

/// Reads one JAAS entry, `<class> required <name>=<value> …;`; `None` where it is none.
pub(super) fn login(text: &str) -> Option<Login> {
    let mut characters = text.trim().chars().peekable();
    let class = token(&mut characters)?;
    let flag = token(&mut characters)?;
    if !["required", "requisite", "sufficient", "optional"].contains(&flag.to_lowercase().as_str())
    {
        return None;
    }
    let mut login = Login {
        module: class.rsplit('.').next().unwrap_or_default().to_owned(),
        username: None,
        password: None,
    };
    while let Some(name) = token(&mut characters) {
        if token(&mut characters)? != "=" {
            return None;
        }
        let value = token(&mut characters)?;
        match name.as_str() {
            "username" => login.username = Some(value),
            "password" => login.password = Some(value),
            _ => {}
        }
    }
    Some(login)
}

/// Returns the next word, quoted text or `=`; `None` at the end, which a `;` marks.
fn token(characters: &mut Peekable<Chars<'_>>) -> Option<String> {
    while characters.next_if(|c| c.is_whitespace()).is_some() {}
    match characters.next()? {
        ';' => None,
        '=' => Some("=".to_owned()),
        quote @ ('"' | '\'') => quoted(characters, quote),
        first => {
            let mut word = first.to_string();
            let inside = |c: &char| !c.is_whitespace() && !matches!(c, '=' | ';');
            while let Some(c) = characters.next_if(inside) {
                word.push(c);
            }
            Some(word)
        }
    }
}

/// Reads to the closing quote; a text without one is no value.
fn quoted(characters: &mut Peekable<Chars<'_>>, quote: char) -> Option<String> {
    let mut out = String::new();
    loop {
        match characters.next()? {
            c if c == quote => return Some(out),
            '\\' => out.push(characters.next()?),
            c => out.push(c),
        }
    }
}
