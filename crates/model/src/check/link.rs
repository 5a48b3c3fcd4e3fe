//! What a link's settings must hold.

use super::Faults;
use crate::{
    finding::FindingKind,
    link::{Configs, LinkSpec, ReplicationFactor, Start},
    problem::FieldError,
    text::{grouped, shown},
    topic_name,
};

/// Bounds of [`LinkSpec::detect_interval_ms`] and of [`crate::link::Configs::interval_ms`].
const INTERVAL_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;

/// Bounds of [`LinkSpec::limit_bytes_per_s`].
pub(crate) const LIMIT_BYTES_PER_S: std::ops::RangeInclusive<u64> = 1_000..=1_000_000_000_000;

/// Bounds of [`LinkSpec::slots`].
const SLOTS: std::ops::RangeInclusive<u32> = 1..=256;

/// Last moment of the year 9999, milliseconds since the epoch: later is a slip of units.
const LATEST_START_MS: i64 = 253_402_300_799_999;

/// Most names in `append_to`, and in each list of configuration names.
const MAX_APPEND_TO: usize = 5_000;
const MAX_CONFIGS: usize = 200;

/// Longest configuration name, in characters.
const MAX_CONFIG_NAME: usize = 255;

impl LinkSpec {
    /// Returns everything that is wrong with the settings, empty if nothing is.
    pub fn check(&self) -> Vec<FieldError> {
        let mut faults = Faults::default();
        faults.check_title(&self.title);
        if self.source == self.destination {
            let name = &self.source;
            faults.add(
                "destination",
                format!("Source and destination are both `{name}`: choose two clusters."),
            );
        }
        faults.0.extend(self.check_topics());
        self.check_ranges(&mut faults);
        self.check_append_to(&mut faults);
        self.check_configs(&mut faults);
        self.check_policies(&mut faults);
        faults.0
    }

    #[cfg(feature = "pattern")]
    fn check_topics(&self) -> Vec<FieldError> {
        use crate::{rename::Renamer, selection::Selector};

        let selection = Selector::compile(&self.topics).err();
        let rename = Renamer::compile(&self.rename, &self.source, &self.destination).err();
        selection.into_iter().chain(rename).flatten().collect()
    }

    #[cfg(not(feature = "pattern"))]
    fn check_topics(&self) -> Vec<FieldError> {
        use crate::{rename::check_rename, selection::check_rows};

        let mut errors = check_rows(&self.topics);
        errors.extend(check_rename(&self.rename, &self.source, &self.destination));
        errors
    }

    fn check_ranges(&self, faults: &mut Faults) {
        if !INTERVAL_MS.contains(&self.detect_interval_ms) {
            faults.add(
                "detect_interval_ms",
                "Look for new topics every 1 s to 1 h (1,000 to 3,600,000 ms).",
            );
        }
        if self
            .limit_bytes_per_s
            .is_some_and(|limit| !LIMIT_BYTES_PER_S.contains(&limit))
        {
            faults.add(
                "limit_bytes_per_s",
                "A limit is 1,000 to 1,000,000,000,000 bytes a second; leave it out for none.",
            );
        }
        if !SLOTS.contains(&self.slots) {
            faults.add("slots", "Take 1 to 256 slots.");
        }
        if matches!(self.replication_factor, ReplicationFactor::Exactly(n) if n < 1) {
            faults.add("replication_factor", "A replication factor is 1 or more.");
        }
        if let Start::Timestamp(at) = self.start
            && !(0..=LATEST_START_MS).contains(&at)
        {
            let message =
                "The start is in milliseconds since 1970 UTC, from 0 to the end of the year 9999.";
            faults.add("start.timestamp", message);
        }
    }

    fn check_append_to(&self, faults: &mut Faults) {
        if self.append_to.len() > MAX_APPEND_TO {
            let (found, limit) = (grouped(self.append_to.len()), grouped(MAX_APPEND_TO));
            faults.add(
                "append_to",
                format!("{found} topics, at most {limit} are allowed."),
            );
            return;
        }
        for (index, topic) in self.append_to.iter().enumerate() {
            if let Err(cause) = topic_name::check_mirror(topic) {
                faults.add_cause(
                    format!("append_to[{index}]"),
                    &format!("`{}`", shown(topic)),
                    &cause,
                );
            }
        }
    }

    fn check_configs(&self, faults: &mut Faults) {
        if !INTERVAL_MS.contains(&self.configs.interval_ms) {
            faults.add(
                "configs.interval_ms",
                "Compare properties every 1 s to 1 h (1,000 to 3,600,000 ms).",
            );
        }
        for (list, names) in [
            ("include", &self.configs.include),
            ("exclude", &self.configs.exclude),
        ] {
            if names.len() > MAX_CONFIGS {
                let found = grouped(names.len());
                let message = format!("{found} names, at most {MAX_CONFIGS} are allowed.");
                faults.add(format!("configs.{list}"), message);
                continue;
            }
            for (index, name) in names.iter().enumerate() {
                let field = format!("configs.{list}[{index}]");
                if !is_config_name(name) {
                    let name = shown(name);
                    let message =
                        format!("`{name}` is no topic configuration, such as `retention.ms`.");
                    faults.add(field, message);
                } else if list == "include" && Configs::is_never_copied(name) {
                    faults.add(field, format!("`{name}` is never copied: remove it."));
                }
            }
        }
    }

    /// Policies exist where both ways are safe; what was default anyway may be repeated.
    fn check_policies(&self, faults: &mut Faults) {
        for (kind, policy) in &self.policies {
            if *policy == kind.default_policy() {
                continue;
            }
            let message = match kind {
                FindingKind::Loss
                | FindingKind::Divergence
                | FindingKind::Duplicate
                | FindingKind::ForeignWrite => continue,
                FindingKind::Refused => {
                    "What happens with a refused record is set by `on_refused`."
                }
                FindingKind::Skip | FindingKind::DeadLetter => {
                    "This records what somebody decided already and cannot be asked about."
                }
                FindingKind::SourceRecreated
                | FindingKind::DestinationChanged
                | FindingKind::ControlTopicChanged => {
                    "There is no safe way to go on by itself here: this finding always asks."
                }
            };
            faults.add(format!("policies.{}", key_of(*kind)), message);
        }
    }
}

/// Returns the kind's name as it stands in JSON.
fn key_of(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Loss => "loss",
        FindingKind::Divergence => "divergence",
        FindingKind::Duplicate => "duplicate",
        FindingKind::SourceRecreated => "source_recreated",
        FindingKind::DestinationChanged => "destination_changed",
        FindingKind::ForeignWrite => "foreign_write",
        FindingKind::Refused => "refused",
        FindingKind::Skip => "skip",
        FindingKind::DeadLetter => "dead_letter",
        FindingKind::ControlTopicChanged => "control_topic_changed",
    }
}

fn is_config_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= MAX_CONFIG_NAME && name.chars().all(legal)
}
