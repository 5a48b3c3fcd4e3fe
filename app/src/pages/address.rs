//! Addresses: the parts that a page reads from its own, and queries, written and read the same way on server and browser.

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

/// Longest value that is read from an address, characters.
const LONGEST: usize = 300;

/// Returns a part of the page's own address, such as `name` of `/links/:name`; empty where it has none of that name.
pub fn part(key: &'static str) -> Memo<String> {
    let params = use_params_map();
    Memo::new(move |_| params.with(|params| params.get(key).unwrap_or_default()))
}

/// Returns what the query of the page's own address says of `key`; empty where it says nothing.
pub fn asked(key: &'static str) -> Memo<String> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get(key).unwrap_or_default()))
}

/// Returns `pairs` as a query with its `?`, without those that are empty; nothing where all are.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(key);
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// Returns the value of `key` in a query (with or without its `?`), cut to what may be meant.
pub fn value(query: &str, key: &str) -> Option<String> {
    let query = query.strip_prefix('?').unwrap_or(query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.rev().find(|(name, _)| *name == key)?;
    Some(short(&decoded(value)))
}

/// Cuts a text from an address to the longest that may be meant.
pub fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// Percent-encodes all but unreserved characters (RFC 3986).
pub fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match keep(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
                continue;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["orders", "a b&c=d", "50%", "日本 <b>", "+", "%2B", ""] {
            let query = query(&[("a", "1"), ("q", text)]);
            assert_eq!(value(&query, "q").unwrap_or_default(), text, "{query}");
        }
        assert_eq!(query(&[("a", "")]), "");
    }

    #[test]
    fn broken_and_endless_values_do_no_harm() {
        for broken in ["?q=%", "?q=%f", "?q=%zz", "?q=%ff%fe", "q", "?&&=", ""] {
            let _ = value(broken, "q");
        }
        let long = format!("?q={}", "x".repeat(100_000));
        assert_eq!(value(&long, "q").unwrap().len(), LONGEST);
        assert_eq!(
            value("?q=a+b&q=c+d", "q").unwrap(),
            "c d",
            "the last one counts"
        );
    }
}
