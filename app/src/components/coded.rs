//! Texts with names set off by backticks, as problems, events and warnings have them.

use leptos::prelude::*;

/// Shows a text with what stands between backticks as code. Where their number is odd, one belongs to a name, and the
/// text stands as it is. Foreign letters turn neither the text nor its surroundings.
pub fn coded(text: &str) -> AnyView {
    let parts = spans(text).into_iter().map(|span| match span {
        Span::Plain(text) => text.to_owned().into_any(),
        Span::Code(text) => view! { <code><bdi>{text.to_owned()}</bdi></code> }.into_any(),
    });
    view! { <bdi>{parts.collect_view()}</bdi> }.into_any()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span<'a> {
    Plain(&'a str),
    Code(&'a str),
}

fn spans(text: &str) -> Vec<Span<'_>> {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![Span::Plain(text)];
    }
    // Between two backticks, and at both ends, there may be nothing.
    let parts = parts.into_iter().enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(index, part)| match index % 2 {
            0 => Span::Plain(part),
            _ => Span::Code(part),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code() {
        let table: [(&str, &[Span<'_>]); 5] = [
            ("no names", &[Span::Plain("no names")]),
            ("`a` made", &[Span::Code("a"), Span::Plain(" made")]),
            (
                "`a` at `b`",
                &[Span::Code("a"), Span::Plain(" at "), Span::Code("b")],
            ),
            ("", &[]),
            ("one ` of a name", &[Span::Plain("one ` of a name")]),
        ];
        for (text, expected) in table {
            assert_eq!(spans(text), expected, "{text:?}");
        }
    }
}
