//! How foreign text and numbers appear inside messages: short, and without characters that could mislead.

/// Longest quoted text in a message, in characters.
const SHOWN_CHARACTERS: usize = 80;

/// Returns `text` fit for a message: control and direction-changing characters escaped, cut at 80 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == SHOWN_CHARACTERS {
            out.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Zero-width and bidirectional controls, which would let a message show something else than it holds.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Returns `number` with a comma between groups of three digits.
pub(crate) fn grouped(number: usize) -> String {
    crate::format::grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Returns `text` with its first character in upper case and a final dot.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    first
        .into_iter()
        .chain(characters)
        .chain(std::iter::once('.'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_024, "1,024"),
            (1_048_576, "1,048,576"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn shows_control_and_direction_characters_escaped_and_cuts_long_text() {
        assert_eq!(shown("a\r\nb\u{202e}c"), "a\\u{d}\\u{a}b\\u{202e}c");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), 81);
    }

    #[test]
    fn makes_a_sentence_of_a_fragment() {
        assert_eq!(sentence("pattern too large"), "Pattern too large.");
    }
}
