//! From a link's form to its spec, alone or laid over the spec that is being edited.

use super::{
    super::{Faults, entries},
    LinkDraft, RowDraft, policy_of, row_of,
    words::{
        self, ACTIONS, Action, DRIFTS, FEWER_BROKERS, GUARANTEES, ISOLATIONS, KINDS, ORIGINS,
        POLICIES, REFUSED,
    },
};
use crate::{
    Name,
    finding::FindingKind,
    link::{LinkSpec, ReplicationFactor, Row, RowKind, Start},
    problem::FieldError,
    text::sentence,
    utc,
};

/// Longest list of configuration names, in bytes: 200 of the longest.
const MAX_CONFIGS: usize = 200 * 256;

const NO_TOPIC: &str =
    "Choose at least one topic: enter a name, a prefix or a pattern in an include row.";

impl LinkDraft {
    /// Returns the link that the form describes.
    ///
    /// # Errors
    /// Every fault, by the name of its input, such as `rows[2].pattern`.
    pub fn spec(&self) -> Result<LinkSpec, Vec<FieldError>> {
        self.lay_over(None)
    }

    /// Returns what the form makes of `base`. What the form cannot state stays as it is: names of kind `kept`, policies
    /// of kinds without an input, defaults that are written out. An empty name or cluster is that of `base`.
    ///
    /// # Errors
    /// Every fault, by the name of its input.
    pub fn apply(&self, base: &LinkSpec) -> Result<LinkSpec, Vec<FieldError>> {
        self.lay_over(Some(base))
    }

    fn lay_over(&self, base: Option<&LinkSpec>) -> Result<LinkSpec, Vec<FieldError>> {
        let mut faults = Faults::default();
        let mut spec = base.cloned().unwrap_or_else(words::blank);
        self.lay_names(&mut spec, base.is_some(), &mut faults);
        spec.title = self.title.trim().to_owned();
        self.lay_rows(&mut spec, &mut faults);
        spec.topics.internal = self.internal;
        spec.topics.new_topics = self.new_topics;
        spec.rename = self.rename(base.map(|base| &base.rename), &mut faults);
        self.lay_start(&mut spec, &mut faults);
        self.lay_creation(&mut spec, &mut faults);
        self.lay_reactions(&mut spec, &mut faults);
        self.lay_numbers(&mut spec, &mut faults);
        faults.add_all(self.at_inputs(spec.check()));
        faults.into_result(spec)
    }

    /// Faulty names leave what stands there, so that all other faults are found as well.
    fn lay_names(&self, spec: &mut LinkSpec, edited: bool, faults: &mut Faults) {
        let inputs: [(&str, &str, &mut Name, &str); 3] = [
            (
                "name",
                &self.name,
                &mut spec.name,
                "Enter a name, such as `east-west`.",
            ),
            (
                "source",
                &self.source,
                &mut spec.source,
                "Choose the source cluster.",
            ),
            (
                "destination",
                &self.destination,
                &mut spec.destination,
                "Choose the destination cluster.",
            ),
        ];
        for (input, text, place, why_empty) in inputs {
            if edited && text.trim().is_empty() {
                continue;
            }
            if let Some(name) = faults.name(input, text, why_empty) {
                *place = name;
            }
        }
    }

    fn lay_rows(&self, spec: &mut LinkSpec, faults: &mut Faults) {
        let mut include = Vec::new();
        let mut exclude = Vec::new();
        for (index, draft) in self.filled_rows() {
            let action = faults.choose(&format!("rows[{index}].action"), &draft.action, &ACTIONS);
            let kind = faults.choose(&format!("rows[{index}].kind"), &draft.kind, &KINDS);
            let (Some(action), Some(kind)) = (action, kind) else {
                continue;
            };
            let row = unchanged_row(spec, draft).unwrap_or_else(|| Row {
                kind,
                pattern: draft.text().to_owned(),
            });
            match action {
                Action::Include => include.push(row),
                Action::Exclude => exclude.push(row),
            }
        }
        if include.is_empty() && faults.0.iter().all(|e| !e.field.starts_with("rows")) {
            faults.add("rows", NO_TOPIC);
        }
        spec.topics.include = include;
        spec.topics.exclude = exclude;
    }

    /// Returns the rows that hold something, with their places in the form.
    pub(super) fn filled_rows(&self) -> impl Iterator<Item = (usize, &RowDraft)> {
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, row)| !row.text().is_empty())
    }

    fn lay_start(&self, spec: &mut LinkSpec, faults: &mut Faults) {
        spec.start = match self.start.as_str() {
            "earliest" => Start::Earliest,
            "latest" => Start::Latest,
            "timestamp" => match utc::parse_ms(&self.start_at) {
                Ok(ms) => Start::Timestamp(ms),
                Err(cause) => return faults.add("start_at", sentence(&cause.to_string())),
            },
            _ => return faults.add("start", "Choose one of the values offered."),
        };
        choose_into(
            faults,
            ("isolation", &self.isolation),
            &ISOLATIONS,
            &mut spec.isolation,
        );
    }

    fn lay_creation(&self, spec: &mut LinkSpec, faults: &mut Faults) {
        spec.create = self.create;
        spec.grow = self.grow;
        match self.replication_factor.as_str() {
            "source" => spec.replication_factor = ReplicationFactor::Source,
            "destination" => spec.replication_factor = ReplicationFactor::Destination,
            "exactly" => {
                let why = "Enter how many replicas, such as 3.";
                let number = faults.number("replication_exact", &self.replication_exact, why);
                if let Some(number) = number {
                    spec.replication_factor = ReplicationFactor::Exactly(number);
                }
            }
            _ => faults.add("replication_factor", "Choose one of the values offered."),
        }
        let fewer = ("on_fewer_brokers", self.on_fewer_brokers.as_str());
        choose_into(faults, fewer, &FEWER_BROKERS, &mut spec.on_fewer_brokers);
        let from = ("configs_from", self.configs_from.as_str());
        choose_into(faults, from, &ORIGINS, &mut spec.configs.defaults_from);
        let drift = ("configs_on_drift", self.configs_on_drift.as_str());
        choose_into(faults, drift, &DRIFTS, &mut spec.configs.on_drift);
        for (input, text, list) in [
            (
                "configs_include",
                &self.configs_include,
                &mut spec.configs.include,
            ),
            (
                "configs_exclude",
                &self.configs_exclude,
                &mut spec.configs.exclude,
            ),
        ] {
            if faults.fits(input, text, MAX_CONFIGS) {
                *list = entries(text);
            }
        }
    }

    fn lay_reactions(&self, spec: &mut LinkSpec, faults: &mut Faults) {
        for (input, text, kind) in [
            ("on_loss", &self.on_loss, FindingKind::Loss),
            (
                "on_divergence",
                &self.on_divergence,
                FindingKind::Divergence,
            ),
            ("on_duplicate", &self.on_duplicate, FindingKind::Duplicate),
            (
                "on_foreign_write",
                &self.on_foreign_write,
                FindingKind::ForeignWrite,
            ),
        ] {
            let Some(policy) = faults.choose(input, text, &POLICIES) else {
                continue;
            };
            // A default that is written out stays so; one that is chosen needs no entry.
            if policy == policy_of(spec, kind) {
                continue;
            }
            if policy == kind.default_policy() {
                spec.policies.remove(&kind);
            } else {
                spec.policies.insert(kind, policy);
            }
        }
        choose_into(
            faults,
            ("on_refused", &self.on_refused),
            &REFUSED,
            &mut spec.on_refused,
        );
        let guarantee = ("guarantee", self.guarantee.as_str());
        choose_into(faults, guarantee, &GUARANTEES, &mut spec.guarantee);
    }

    fn lay_numbers(&self, spec: &mut LinkSpec, faults: &mut Faults) {
        for (input, text, place) in [
            (
                "detect_interval_s",
                &self.detect_interval_s,
                &mut spec.detect_interval_ms,
            ),
            (
                "configs_interval_s",
                &self.configs_interval_s,
                &mut spec.configs.interval_ms,
            ),
        ] {
            match words::milliseconds(text.trim()) {
                Some(ms) if (1_000..=3_600_000).contains(&ms) => *place = ms,
                _ => faults.add(input, "Enter the seconds, from 1 to 3600."),
            }
        }
        spec.limit_bytes_per_s = match self.limit_mb_s.trim() {
            "" => None,
            text => {
                let limit = words::bytes(text)
                    .filter(|bytes| crate::check::LIMIT_BYTES_PER_S.contains(bytes));
                if limit.is_none() {
                    faults.add(
                        "limit_mb_s",
                        "Enter the MB/s, from 0.001 to 1000000, or leave it empty for no limit.",
                    );
                }
                limit
            }
        };
        if let Some(slots) = faults.number("slots", &self.slots, "Take 1 to 256 slots.") {
            spec.slots = slots;
        }
        let topics = self.append_to.iter().map(|topic| topic.trim());
        spec.append_to = topics
            .filter(|topic| !topic.is_empty())
            .map(str::to_owned)
            .collect();
    }
}

impl RowDraft {
    /// Returns what was typed, without the spaces that pasting adds to names; in a pattern a space is a character.
    fn text(&self) -> &str {
        if self.kind == "regex" {
            &self.pattern
        } else {
            self.pattern.trim()
        }
    }
}

/// Returns the row of the edited link that `draft` shows, where nobody has touched it.
fn unchanged_row(spec: &LinkSpec, draft: &RowDraft) -> Option<Row> {
    if draft.kind != "regex" || !draft.pattern.contains('\\') {
        return None;
    }
    let rows = spec.topics.include.iter().chain(&spec.topics.exclude);
    let of_kind = rows.filter(|row| row.kind == RowKind::Regex);
    let mut same = of_kind.filter(|row| row_of(&draft.action, row) == *draft);
    same.next().cloned()
}

fn choose_into<T: Copy>(
    faults: &mut Faults,
    (input, text): (&str, &str),
    table: &[(&str, T)],
    place: &mut T,
) {
    if let Some(value) = faults.choose(input, text, table) {
        *place = value;
    }
}
