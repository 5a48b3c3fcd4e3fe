//! The configuration pass: both sides' topic properties compared, and the mirrors' set where they differ (SEMANTICS 3).
//!
//! Slot 0's owner runs it every `configs.interval_ms`. What was refused is tried again after ten minutes, or when it
//! changes; everything else of the same mirror is set all the same.

use std::{collections::BTreeMap, sync::Arc};

use kafka::{Error, client::Broker};
use model::{
    Name,
    link::LinkSpec,
    problem::Problem,
    status::{Deviation, DeviationCause, shown_property},
};

use super::io::{End, Wire};
use crate::{
    plan::{
        drift::{Difference, Pair, compare},
        facts::{Destination, TopicConfigs},
        gather::{configs, destination_facts},
    },
    topic_sync::{Outcome, set_properties},
};

/// After which time a refused property is tried again.
const TRY_AGAIN_MS: i64 = 600_000;

/// What a pass works from.
#[derive(Debug)]
pub(super) struct ConfigsInput {
    pub(super) spec: LinkSpec,
    pub(super) mirrors: Vec<MirrorInput>,
    /// Of the destination.
    pub(super) brokers: Vec<Broker>,
    /// Monotonic.
    pub(super) now_ms: i64,
}

/// One mirror and what is known of it.
#[derive(Debug)]
pub(super) struct MirrorInput {
    pub(super) topic_id: String,
    pub(super) topic: String,
    pub(super) mirror: String,
    /// Replication factors of the source topic and of its mirror.
    pub(super) replicas: (i16, i16),
    pub(super) before: Option<BTreeMap<String, String>>,
    pub(super) refused: Vec<Refused>,
}

/// A property that the destination did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    property: String,
    wanted: Option<String>,
    /// What it took instead.
    instead: Option<String>,
    error: String,
    /// Monotonic.
    try_again_ms: i64,
}

/// What a pass found and did.
#[derive(Debug, Default)]
pub(super) struct ConfigsResult {
    pub(super) mirrors: Vec<Compared>,
    /// What kept some or all mirrors from being compared or set.
    pub(super) problem: Option<Box<Problem>>,
}

/// One mirror after a pass.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) topic_id: String,
    /// What the link has set, for the topic's record.
    pub(super) properties: BTreeMap<String, String>,
    pub(super) deviations: Vec<Deviation>,
    pub(super) refused: Vec<Refused>,
    /// What was changed, a sentence each.
    pub(super) done: Vec<String>,
}

/// Compares all mirrors and sets what differs.
pub(super) async fn keep_configs(wire: Arc<Wire>, input: ConfigsInput) -> ConfigsResult {
    let asked = match ask(&wire, &input).await {
        Ok(asked) => asked,
        Err((cluster, error)) => return ConfigsResult::failed(cluster, &error),
    };
    let mut steps = Vec::new();
    for mirror in &input.mirrors {
        if let Some(step) = Step::of(mirror, &input, &asked) {
            steps.push(step);
        }
    }
    let changes: BTreeMap<String, Vec<_>> = steps
        .iter()
        .filter(|step| !step.to_set.is_empty())
        .map(|step| (step.input.mirror.clone(), step.changes()))
        .collect();
    let destination = &wire.destination;
    let set = match destination.client() {
        Ok(client) => set_properties(client, &changes).await,
        Err(error) => Err(error),
    };
    let (mut outcomes, mut problem) = match set {
        Ok(outcomes) => (outcomes, None),
        Err(error) => (
            BTreeMap::new(),
            Some(not_set(&destination.spec.name, &error)),
        ),
    };
    let unread = input.mirrors.len() - steps.len();
    if unread > 0 {
        problem.get_or_insert_with(|| unreadable(&input.spec, unread));
    }
    let done = |step: Step<'_>| {
        let outcomes = outcomes.remove(&step.input.mirror).unwrap_or_default();
        step.done(&outcomes, input.now_ms)
    };
    ConfigsResult {
        mirrors: steps.into_iter().map(done).collect(),
        problem: problem.map(Box::new),
    }
}

/// Both sides' properties, by topic and by mirror; who may not be read is absent.
struct Asked {
    sources: BTreeMap<String, TopicConfigs>,
    mirrors: BTreeMap<String, TopicConfigs>,
    destination: Destination,
}

async fn ask<'a>(wire: &'a Wire, input: &ConfigsInput) -> Result<Asked, (&'a Name, Error)> {
    let of = |end: &'a End| move |error: Error| (&end.spec.name, error);
    let (source, destination) = (&wire.source, &wire.destination);
    let from = source.client().map_err(of(source))?;
    let to = destination.client().map_err(of(destination))?;
    let topics: Vec<&str> = input.mirrors.iter().map(|m| m.topic.as_str()).collect();
    let mirrors: Vec<&str> = input.mirrors.iter().map(|m| m.mirror.as_str()).collect();
    // Where the defaults may not be read every property counts as known, and is tried.
    let (facts, _) = destination_facts(to, &input.brokers)
        .await
        .map_err(of(destination))?;
    Ok(Asked {
        sources: configs(from, &topics).await.map_err(of(source))?,
        mirrors: configs(to, &mirrors).await.map_err(of(destination))?,
        destination: facts,
    })
}

/// One mirror between comparing and setting.
struct Step<'a> {
    input: &'a MirrorInput,
    wanted: BTreeMap<String, String>,
    to_set: Vec<Difference>,
    /// Differences that stay.
    reported: Vec<Difference>,
    /// Differences that were refused a while ago.
    refused: Vec<(Difference, Refused)>,
}

impl<'a> Step<'a> {
    fn of(mirror: &'a MirrorInput, input: &ConfigsInput, asked: &Asked) -> Option<Self> {
        let pair = Pair {
            source: asked.sources.get(&mirror.topic)?,
            mirror: asked.mirrors.get(&mirror.mirror)?,
            replicas: mirror.replicas,
            before: mirror.before.as_ref(),
        };
        let (wanted, differences) = compare(&pair, &input.spec, &asked.destination);
        let mut step = Self {
            input: mirror,
            wanted,
            to_set: Vec::new(),
            reported: Vec::new(),
            refused: Vec::new(),
        };
        for difference in differences {
            let refused = mirror
                .refused
                .iter()
                .find(|refused| refused.is_of(&difference) && input.now_ms < refused.try_again_ms);
            match refused {
                Some(refused) => step.refused.push((difference, refused.clone())),
                None if difference.is_set(&input.spec.configs) => step.to_set.push(difference),
                None => step.reported.push(difference),
            }
        }
        Some(step)
    }

    fn changes(&self) -> Vec<(String, Option<String>)> {
        let change = |d: &Difference| (d.property.clone(), d.wanted.clone());
        self.to_set.iter().map(change).collect()
    }

    fn done(self, outcomes: &BTreeMap<String, Outcome>, now_ms: i64) -> Compared {
        let before = self.input.before.as_ref();
        let mut compared = Compared {
            topic_id: self.input.topic_id.clone(),
            properties: self.wanted,
            deviations: Vec::new(),
            refused: Vec::new(),
            done: Vec::new(),
        };
        for difference in self.reported {
            let why = DeviationCause::Drift;
            compared.deviations.push(deviation(difference, why));
        }
        for (difference, refused) in self.refused {
            compared.refuse(difference, refused);
        }
        for difference in self.to_set {
            let refused = |error: &kafka::ErrorCode, instead: Option<String>| Refused {
                property: difference.property.clone(),
                wanted: difference.wanted.clone(),
                instead,
                error: error.name().to_owned(),
                try_again_ms: now_ms + TRY_AGAIN_MS,
            };
            match outcomes.get(&difference.property) {
                Some(Outcome::Set) => {
                    let told = told(&self.input.mirror, &difference);
                    compared.done.push(told);
                }
                Some(Outcome::Refused(error)) => {
                    let refused = refused(error, None);
                    compared.refuse(difference, refused);
                }
                Some(Outcome::Raised(instead, error)) => {
                    let refused = refused(error, Some(instead.clone()));
                    let difference = Difference {
                        mirror: Some(instead.clone()),
                        ..difference
                    };
                    compared.refuse(difference, refused);
                }
                // It counts as not looked at yet.
                Some(Outcome::Later) | None => {
                    compared.forget(&difference.property, before);
                }
            }
        }
        compared
    }
}

impl Refused {
    fn is_of(&self, difference: &Difference) -> bool {
        self.property == difference.property
            && self.wanted == difference.wanted
            && self
                .instead
                .as_ref()
                .is_none_or(|instead| difference.mirror.as_ref() == Some(instead))
    }
}

impl Compared {
    fn refuse(&mut self, difference: Difference, refused: Refused) {
        self.forget(&difference.property, None);
        let why = DeviationCause::NotApplied(refused.error.clone());
        self.deviations.push(deviation(difference, why));
        self.refused.push(refused);
    }

    /// What is set of a property is what was set before.
    fn forget(&mut self, property: &str, before: Option<&BTreeMap<String, String>>) {
        match before.and_then(|before| before.get(property)) {
            Some(value) => self.properties.insert(property.to_owned(), value.clone()),
            None => self.properties.remove(property),
        };
    }
}

impl ConfigsResult {
    fn failed(cluster: &Name, error: &Error) -> Self {
        let title = format!("Topic settings were not compared: `{cluster}` does not tell them.");
        Self {
            mirrors: Vec::new(),
            problem: Some(Box::new(of_error(title, error))),
        }
    }
}

fn deviation(difference: Difference, why: DeviationCause) -> Deviation {
    Deviation {
        property: difference.property,
        wanted: difference.wanted,
        mirror: difference.mirror,
        why,
    }
}

fn told(mirror: &str, difference: &Difference) -> String {
    let (property, wanted) = (&difference.property, shown_property(&difference.wanted));
    let was = shown_property(&difference.mirror);
    if difference.is_drift {
        format!(
            "`{property}` of `{mirror}` was changed at the destination to {was}: set back to {wanted}."
        )
    } else {
        format!("`{property}` of `{mirror}` set to {wanted}, as at the source; it was {was}.")
    }
}

fn not_set(destination: &Name, error: &Error) -> Problem {
    if let Error::Unsupported { .. } = error {
        return Problem {
            code: "configs.unsupported".to_owned(),
            next_step: Some(
                "Update the destination's brokers to 2.3 or later, or set topic settings there yourself."
                    .to_owned(),
            ),
            ..of_error(
                format!("Topic settings are not kept in step: `{destination}` cannot change single ones."),
                error,
            )
        };
    }
    of_error(
        format!("Topic settings were not set: `{destination}` does not answer."),
        error,
    )
}

fn of_error(title: String, error: &Error) -> Problem {
    Problem {
        code: "configs.not_kept".to_owned(),
        status: 503,
        title,
        detail: error.to_string(),
        state: Some("mirroring".to_owned()),
        cause: Some(error.to_string()),
        broker_error: error.broker_code().map(|code| code.name().to_owned()),
        next_step: Some(
            "Nothing; it is tried again, and records are copied all the same.".to_owned(),
        ),
        ..Problem::default()
    }
}

fn unreadable(spec: &LinkSpec, topics: usize) -> Problem {
    let (source, destination) = (&spec.source, &spec.destination);
    let detail = format!(
        "`{source}` or `{destination}` does not tell the settings of {topics} topics or their mirrors."
    );
    Problem {
        code: "configs.unreadable".to_owned(),
        status: 403,
        title: "Some topic settings cannot be compared.".to_owned(),
        cause: Some(detail.clone()),
        detail,
        state: Some("mirroring".to_owned()),
        next_step: Some(
            "Grant DESCRIBE_CONFIGS on the topics of both clusters; records are copied all the same."
                .to_owned(),
        ),
        ..Problem::default()
    }
}
