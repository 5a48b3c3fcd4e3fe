//! The form of a link.

mod apply;
mod inputs;
mod names;
mod words;

use serde::{Deserialize, Serialize};

use super::{ticked, word};
use crate::{
    Name,
    finding::FindingKind,
    link::{LinkSpec, Policy, ReplicationFactor, Row, Start},
    utc::Utc,
};
use words::{
    ACTIONS, DRIFTS, FEWER_BROKERS, GUARANTEES, ISOLATIONS, KINDS, ORIGINS, POLICIES, REFUSED,
};

/// A link as a form holds it; one form, or one step of the wizard at a time (see [`LinkDraft::with`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkDraft {
    pub name: String,
    pub title: String,
    pub source: String,
    pub destination: String,
    pub rows: Vec<RowDraft>,
    /// Checkbox: pattern rows also match hidden topics.
    #[serde(default, deserialize_with = "ticked")]
    pub internal: bool,
    /// Checkbox: topics that appear later are taken.
    #[serde(default, deserialize_with = "ticked")]
    pub new_topics: bool,
    /// `same`, `prefix`, `suffix`, `format`, `regex`, `list`, or `kept`: names that a form cannot express, left as they
    /// are.
    pub rename_kind: String,
    pub prefix: String,
    pub suffix: String,
    pub format: String,
    pub rename_match: String,
    pub rename_replace: String,
    /// Lines `source = destination`.
    pub rename_list: String,
    /// `earliest`, `latest` or `timestamp`.
    pub start: String,
    /// UTC, as `2026-11-21T14:05`, seconds and `Z` as wanted.
    pub start_at: String,
    /// `read_committed` or `read_uncommitted`.
    pub isolation: String,
    /// Checkbox: missing mirror topics are made.
    #[serde(default, deserialize_with = "ticked")]
    pub create: bool,
    /// Checkbox: mirror topics get the partitions that their source topics gain.
    #[serde(default, deserialize_with = "ticked")]
    pub grow: bool,
    /// `source`, `destination` or `exactly`.
    pub replication_factor: String,
    pub replication_exact: String,
    /// `refuse` or `reduce`.
    pub on_fewer_brokers: String,
    /// `destination` or `source`.
    pub configs_from: String,
    /// `overwrite`, `report` or `ignore`.
    pub configs_on_drift: String,
    /// Seconds, a fraction allowed.
    pub configs_interval_s: String,
    /// Names between commas, spaces or line ends.
    pub configs_include: String,
    pub configs_exclude: String,
    /// Seconds, a fraction allowed.
    pub detect_interval_s: String,
    /// Mirror topics with records that may be appended to.
    pub append_to: Vec<String>,
    /// `continue` or `ask`, as the three after it.
    pub on_loss: String,
    pub on_divergence: String,
    pub on_duplicate: String,
    pub on_foreign_write: String,
    /// `hold`, `dead_letter` or `skip`.
    pub on_refused: String,
    /// Megabytes a second, a fraction allowed; empty for no limit.
    pub limit_mb_s: String,
    /// `exactly_once` or `transactional`.
    pub guarantee: String,
    pub slots: String,
}

/// One include or exclude row of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowDraft {
    /// `include` or `exclude`.
    pub action: String,
    /// `exact`, `prefix` or `regex`.
    pub kind: String,
    pub pattern: String,
}

impl Default for RowDraft {
    fn default() -> Self {
        Self {
            action: "include".to_owned(),
            kind: "exact".to_owned(),
            pattern: String::new(),
        }
    }
}

/// The inputs that one step of the wizard posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Name, title, source and destination.
    Ends,
    /// Rows, names at the destination, topics that may be appended to.
    Topics,
    /// Everything else.
    Options,
}

impl Default for LinkDraft {
    fn default() -> Self {
        let blank = words::blank();
        Self {
            name: String::new(),
            source: String::new(),
            destination: String::new(),
            rows: vec![RowDraft::default()],
            ..Self::of(&blank)
        }
    }
}

impl LinkDraft {
    /// Returns the form of a link.
    pub fn of(spec: &LinkSpec) -> Self {
        let names = names::Names::of(&spec.rename);
        let policy = |kind: FindingKind| word(&POLICIES, &policy_of(spec, kind));
        let exact = match spec.replication_factor {
            ReplicationFactor::Exactly(n) => n.to_string(),
            _ => String::new(),
        };
        Self {
            name: spec.name.to_string(),
            title: spec.title.clone(),
            source: spec.source.to_string(),
            destination: spec.destination.to_string(),
            rows: rows_of(spec),
            internal: spec.topics.internal,
            new_topics: spec.topics.new_topics,
            rename_kind: names.kind.to_owned(),
            prefix: names.prefix,
            suffix: names.suffix,
            format: names.format,
            rename_match: names.pattern,
            rename_replace: names.replace,
            rename_list: names.list,
            start: words::start(&spec.start).to_owned(),
            start_at: match spec.start {
                Start::Timestamp(at) => Utc::from_ms(at).to_string(),
                _ => String::new(),
            },
            isolation: word(&ISOLATIONS, &spec.isolation),
            create: spec.create,
            grow: spec.grow,
            replication_factor: words::replication_factor(spec.replication_factor).to_owned(),
            replication_exact: exact,
            on_fewer_brokers: word(&FEWER_BROKERS, &spec.on_fewer_brokers),
            configs_from: word(&ORIGINS, &spec.configs.defaults_from),
            configs_on_drift: word(&DRIFTS, &spec.configs.on_drift),
            configs_interval_s: words::seconds(spec.configs.interval_ms),
            configs_include: spec.configs.include.join("\n"),
            configs_exclude: spec.configs.exclude.join("\n"),
            detect_interval_s: words::seconds(spec.detect_interval_ms),
            append_to: spec.append_to.clone(),
            on_loss: policy(FindingKind::Loss),
            on_divergence: policy(FindingKind::Divergence),
            on_duplicate: policy(FindingKind::Duplicate),
            on_foreign_write: policy(FindingKind::ForeignWrite),
            on_refused: word(&REFUSED, &spec.on_refused),
            limit_mb_s: spec
                .limit_bytes_per_s
                .map(words::megabytes)
                .unwrap_or_default(),
            guarantee: word(&GUARANTEES, &spec.guarantee),
            slots: spec.slots.to_string(),
        }
    }

    /// Returns this draft with one step's inputs taken from `posted`: the other steps' inputs, unticked checkboxes
    /// above all, are not in that form.
    pub fn with(self, part: Part, posted: Self) -> Self {
        match part {
            Part::Ends => Self {
                name: posted.name,
                title: posted.title,
                source: posted.source,
                destination: posted.destination,
                ..self
            },
            Part::Topics => posted.with_options_of(self.clone()).with(Part::Ends, self),
            Part::Options => self.with_options_of(posted),
        }
    }

    fn with_options_of(self, other: Self) -> Self {
        Self {
            name: self.name,
            title: self.title,
            source: self.source,
            destination: self.destination,
            rows: self.rows,
            internal: self.internal,
            new_topics: self.new_topics,
            rename_kind: self.rename_kind,
            prefix: self.prefix,
            suffix: self.suffix,
            format: self.format,
            rename_match: self.rename_match,
            rename_replace: self.rename_replace,
            rename_list: self.rename_list,
            append_to: self.append_to,
            ..other
        }
    }

    /// Adds an empty row, as the button *Add a row* does.
    pub fn add_row(&mut self) {
        self.rows.push(RowDraft::default());
    }

    /// Takes a row out; an empty one takes the place of the last.
    pub fn remove_row(&mut self, index: usize) {
        if index < self.rows.len() {
            self.rows.remove(index);
        }
        if self.rows.is_empty() {
            self.add_row();
        }
    }
}

/// Returns a name for a link between these clusters, such as `east-west`; empty while one of them is open.
pub fn proposed_name(source: &str, destination: &str) -> String {
    let cut = |name: &str| name.trim().chars().take(49).collect::<String>();
    let name = format!("{}-{}", cut(source), cut(destination));
    let complete = !source.trim().is_empty() && !destination.trim().is_empty();
    if complete && name.parse::<Name>().is_ok() {
        name
    } else {
        String::new()
    }
}

/// What the link does on a finding of this kind, stated or by default.
fn policy_of(spec: &LinkSpec, kind: FindingKind) -> Policy {
    let stated = spec.policies.get(&kind).copied();
    stated.unwrap_or_else(|| kind.default_policy())
}

fn rows_of(spec: &LinkSpec) -> Vec<RowDraft> {
    let lists = [&spec.topics.include, &spec.topics.exclude];
    let mut rows = Vec::new();
    for ((action, _), list) in ACTIONS.iter().zip(lists) {
        rows.extend(list.iter().map(|row| row_of(action, row)));
    }
    if rows.is_empty() {
        rows.push(RowDraft::default());
    }
    rows
}

/// Returns the row as an input of one line can hold it.
fn row_of(action: &str, row: &Row) -> RowDraft {
    RowDraft {
        action: action.to_owned(),
        kind: word(&KINDS, &row.kind),
        pattern: row.pattern.replace('\n', "\\n").replace('\r', "\\r"),
    }
}

#[cfg(test)]
mod tests;
