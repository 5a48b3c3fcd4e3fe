//! How a form states the names of mirror topics: one way of several, chosen by `rename_kind`.

use std::collections::BTreeMap;

use super::{super::Faults, LinkDraft};
use crate::{
    link::{Rename, RenameRule},
    text::shown,
    topic_name,
};

/// Longest list of pairs, in bytes: 5,000 pairs of the longest names.
const MAX_LIST: usize = 5_000 * 512;

/// Most faulty lines that are told at once.
const MAX_TOLD: usize = 10;

/// A rename taken apart into inputs.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub kind: &'static str,
    pub prefix: String,
    pub suffix: String,
    pub format: String,
    pub pattern: String,
    pub replace: String,
    pub list: String,
}

impl Names {
    /// Returns the inputs of `rename`; kind `kept` where they could not state it.
    pub(super) fn of(rename: &Rename) -> Self {
        let mut names = Self {
            prefix: rename.prefix.clone(),
            suffix: rename.suffix.clone(),
            format: rename.format.clone(),
            list: lines_of(&rename.map),
            ..Self::default()
        };
        if let [rule] = rename.regex.as_slice() {
            names.pattern = rule.pattern.clone();
            names.replace = rule.replace.clone();
        }
        let ways = ["same", "prefix", "suffix", "format", "regex", "list"];
        let states = |kind: &&str| names.rename(kind).as_ref() == Some(rename);
        names.kind = ways.into_iter().find(states).unwrap_or("kept");
        if names.kind == "kept" {
            return Self {
                kind: "kept",
                ..Self::default()
            };
        }
        if names.kind != "format" {
            names.format.clear();
        }
        names
    }

    /// Returns the rename that these inputs state when read as `kind`, faults left aside.
    fn rename(&self, kind: &str) -> Option<Rename> {
        let one_line = |text: &str| !text.contains(['\r', '\n']);
        let rename = Rename::default();
        Some(match kind {
            "same" => rename,
            "prefix" => Rename {
                prefix: self.prefix.trim().to_owned(),
                ..rename
            },
            "suffix" => Rename {
                suffix: self.suffix.trim().to_owned(),
                ..rename
            },
            "format" => Rename {
                format: self.format.trim().to_owned(),
                ..rename
            },
            "regex" if one_line(&self.pattern) && one_line(&self.replace) => Rename {
                regex: vec![RenameRule {
                    pattern: self.pattern.clone(),
                    replace: self.replace.clone(),
                }],
                ..rename
            },
            "list" => Rename {
                map: pairs(&self.list).filter_map(Result::ok).collect(),
                ..rename
            },
            _ => return None,
        })
    }
}

impl LinkDraft {
    /// Returns the rename that the form states; `base` is that of the link being edited.
    pub(super) fn rename(&self, base: Option<&Rename>, faults: &mut Faults) -> Rename {
        let kind = self.rename_kind.as_str();
        let needed = match kind {
            "prefix" => Some(("prefix", &self.prefix, "Enter the prefix, such as `us.`.")),
            "suffix" => Some(("suffix", &self.suffix, "Enter the suffix, such as `.copy`.")),
            "format" => Some((
                "format",
                &self.format,
                "Enter the format, such as `us.${topic}`.",
            )),
            "list" => {
                self.check_list(faults);
                let message = "Enter at least one pair, as `orders = us.orders`.";
                Some(("rename_list", &self.rename_list, message))
            }
            _ => None,
        };
        if let Some((input, text, message)) = needed
            && text.trim().is_empty()
        {
            faults.add(input, message);
        }
        match (kind, base) {
            ("kept", Some(base)) => return base.clone(),
            ("kept", None) => faults.add(
                "rename_kind",
                "There are no names to leave as they are: choose another way.",
            ),
            _ => {}
        }
        let Some(rename) = self.names().rename(kind) else {
            if kind == "regex" {
                faults.add(
                    "rename_match",
                    "Write the pattern and the replacement in one line each.",
                );
            } else if kind != "kept" {
                faults.add("rename_kind", "Choose one of the values offered.");
            }
            return Rename::default();
        };
        rename
    }

    fn names(&self) -> Names {
        Names {
            kind: "",
            prefix: self.prefix.clone(),
            suffix: self.suffix.clone(),
            format: self.format.clone(),
            pattern: self.rename_match.clone(),
            replace: self.rename_replace.clone(),
            list: self.rename_list.clone(),
        }
    }

    /// Adds what is wrong with the list of pairs, by line; a name given twice would be lost without a word.
    fn check_list(&self, faults: &mut Faults) {
        if !faults.fits("rename_list", &self.rename_list, MAX_LIST) {
            return;
        }
        let mut seen = BTreeMap::new();
        let mut told = 0;
        for (line, pair) in numbered_pairs(&self.rename_list) {
            let fault = match pair {
                Err(()) => Some("write a pair, as `orders = us.orders`".to_owned()),
                Ok((topic, mirror)) => why_no_pair(&topic, &mirror).or_else(|| {
                    let first = seen.insert(topic.clone(), line)?;
                    Some(format!(
                        "`{}` stands in line {first} already",
                        shown(&topic)
                    ))
                }),
            };
            if let Some(fault) = fault {
                faults.add("rename_list", format!("Line {line}: {fault}."));
                told += 1;
            }
            if told == MAX_TOLD {
                return;
            }
        }
    }
}

fn why_no_pair(topic: &str, mirror: &str) -> Option<String> {
    if let Err(cause) = topic_name::check_legal(topic) {
        return Some(format!("source topic: {cause}"));
    }
    let cause = topic_name::check_mirror(mirror).err()?;
    Some(format!("mirror topic: {cause}"))
}

fn lines_of(map: &BTreeMap<String, String>) -> String {
    let lines = map
        .iter()
        .map(|(topic, mirror)| format!("{topic} = {mirror}"));
    lines.collect::<Vec<_>>().join("\n")
}

type Pair = Result<(String, String), ()>;

fn pairs(text: &str) -> impl Iterator<Item = Pair> {
    numbered_pairs(text).map(|(_, pair)| pair)
}

/// Reads the lines that are not empty, with their numbers from 1 on.
fn numbered_pairs(text: &str) -> impl Iterator<Item = (usize, Pair)> {
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let pair = line.split_once('=').ok_or(());
            let trimmed = |(a, b): (&str, &str)| (a.trim().to_owned(), b.trim().to_owned());
            (index + 1, pair.map(trimmed))
        })
}
