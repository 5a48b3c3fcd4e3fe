//! The style sheet keeps its promises: contrast in both themes (UX 8), one set of colours a theme, no style attributes.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

type Tokens = BTreeMap<String, String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn style() -> String {
    std::fs::read_to_string(root().join("style/main.css")).unwrap()
}

/// Returns the custom properties of the rule that begins with `selector {`.
fn tokens(style: &str, selector: &str) -> Tokens {
    let start = style.find(&format!("{selector} {{")).unwrap();
    let body = &style[start..];
    let body = &body[body.find('{').unwrap() + 1..body.find('}').unwrap()];
    let pairs = body.split(';').filter_map(|line| line.split_once(':'));
    pairs
        .filter_map(|(name, value)| {
            let name = name.trim().strip_prefix("--")?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect()
}

fn light() -> Tokens {
    tokens(&style(), ":root")
}

fn dark() -> Tokens {
    let mut all = light();
    all.extend(tokens(&style(), ":root[data-theme=\"dark\"]"));
    all
}

/// Relative luminance of `#rrggbb` (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn check(theme: &str, tokens: &Tokens, fore: &str, back: &str, least: f64) {
    let found = contrast(&tokens[fore], &tokens[back]);
    assert!(
        found >= least,
        "{theme}: `{fore}` on `{back}` has {found:.2}, not {least}"
    );
}

#[test]
fn text_and_marks_stand_out_from_every_ground_in_both_themes() {
    for (theme, tokens) in [("light", light()), ("dark", dark())] {
        for ground in ["bg", "surface", "sunken"] {
            for text in [
                "text", "muted", "idle", "accent", "busy", "ok", "warn", "crit",
            ] {
                check(theme, &tokens, text, ground, 4.5);
            }
            for mark in ["edge", "ok-fill"] {
                check(theme, &tokens, mark, ground, 3.0);
            }
        }
        for state in ["ok", "busy", "warn", "crit", "idle"] {
            check(theme, &tokens, state, &format!("{state}-soft"), 4.5);
        }
        check(theme, &tokens, "accent", "busy-soft", 4.5);
        check(theme, &tokens, "on-accent", "accent", 4.5);
        check(theme, &tokens, "busy", "band", 3.0);
    }
}

#[test]
fn the_chosen_dark_theme_is_the_systems() {
    let style = style();
    let system = tokens(&style, ":root:not([data-theme=\"light\"])");
    let chosen = tokens(&style, ":root[data-theme=\"dark\"]");
    assert!(system.len() > 15);
    assert_eq!(system, chosen);
}

#[test]
fn no_page_has_a_style_attribute() {
    let mut folders = vec![root().join("app/src")];
    let mut faulty = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let marks = [" style=\"", " style=", " style:", " on:load="];
                if marks.iter().any(|mark| text.contains(mark)) {
                    faulty.push(path);
                }
            }
        }
    }
    assert!(faulty.is_empty(), "the policy forbids them: {faulty:?}");
}
