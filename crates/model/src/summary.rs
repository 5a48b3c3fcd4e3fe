//! The three sentences of the first page (UX 1), for page, API, command line and mail.

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};

use crate::{
    format,
    status::{LinkStatus, State},
};

/// A sentence in parts, of which some are set off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence(pub Vec<Part>);

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub text: String,
    /// Whether it is set off: names and numbers that matter.
    pub strong: bool,
}

impl Sentence {
    fn plain(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.0.push(Part {
            text,
            strong: false,
        });
        self
    }

    fn strong(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.0.push(Part { text, strong: true });
        self
    }
}

impl std::fmt::Display for Sentence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(&part.text))
    }
}

/// What the sentences must know of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInput {
    pub name: String,
    pub source: String,
    pub destination: String,
    pub state: State,
    /// Of the partitions whose lag is known.
    pub lag_records: Option<i64>,
    pub lag_time_ms: Option<i64>,
    /// Partitions whose lag is not known.
    pub unknown_partitions: usize,
    pub partitions: usize,
    /// The last moment for which the lag surely holds, see [`LinkStatus::lag_as_of_ms`].
    pub as_of_ms: Option<i64>,
    /// When it will have caught up, see [`eta_ms`].
    pub eta_ms: Option<i64>,
}

impl LinkInput {
    /// Takes what the sentences need from a link's status; the ETA stays open.
    pub fn of(status: &LinkStatus, source: &str, destination: &str) -> Self {
        let known = || {
            let all = status.topics.iter().flat_map(|topic| &topic.partitions);
            all.filter_map(|partition| partition.lag_records)
        };
        let sum = || known().reduce(i64::saturating_add);
        let (partitions, unknown_partitions) = status.partitions_and_unknown();
        Self {
            name: status.link.clone(),
            source: source.to_owned(),
            destination: destination.to_owned(),
            state: status.state,
            lag_records: status.lag_records.or_else(sum),
            lag_time_ms: status.lag_time_ms,
            unknown_partitions,
            partitions,
            as_of_ms: status.lag_as_of_ms(),
            eta_ms: None,
        }
    }

    /// Orders links worst first: by state, then by lag in time (unknown before known), records and name.
    pub fn worst_first(&self, other: &Self) -> Ordering {
        let lag = |link: &Self| {
            let time = (link.lag_time_ms.is_none(), link.lag_time_ms);
            Reverse((time, link.lag_records.is_none(), link.lag_records))
        };
        let by_state = self.state.cmp(&other.state);
        by_state
            .then_with(|| lag(self).cmp(&lag(other)))
            .then_with(|| self.name.cmp(&other.name))
    }
}

/// Longest time until a link has caught up that is told, milliseconds: 7 days.
const MAX_ETA_MS: f64 = 7.0 * 86_400_000.0;

/// Returns in how many milliseconds a link will have caught up: lag by delivered less produced rate (60 s means), if that
/// is positive and under 7 days (UX 4b).
pub fn eta_ms(lag_records: i64, delivered_per_s: f64, produced_per_s: f64) -> Option<i64> {
    let gained_per_s = delivered_per_s - produced_per_s;
    let ms = lag_records as f64 / gained_per_s * 1_000.0;
    (lag_records > 0 && gained_per_s > 0.0 && ms < MAX_ETA_MS).then_some(ms as i64)
}

/// Returns the ETA by how much the lag shrank over the last 60 s; `lags` are even samples, oldest first.
pub fn eta_of_lags(lags: &[Option<f64>], step_ms: i64) -> Option<i64> {
    let steps = usize::try_from(60_000 / step_ms.max(1)).ok()?;
    let now = lags.last().copied().flatten()?;
    let before = lags.iter().rev().nth(steps).copied().flatten()?;
    let span_s = steps as f64 * step_ms as f64 / 1_000.0;
    eta_ms(now as i64, before / span_s, now / span_s)
}

/// Returns the sentences for links that are sorted worst first: what flows, how far behind, what a failover would lose.
pub fn sentences(links: &[LinkInput]) -> Vec<Sentence> {
    if links.is_empty() {
        return vec![Sentence::default().plain("Nothing is mirrored yet.")];
    }
    let mut sentences = vec![flowing(links)];
    sentences.extend(behind(links));
    sentences.extend(failover(links));
    sentences
}

/// Lag in time that is worth a word, milliseconds.
const NOTICED_MS: i64 = 10_000;

fn flowing(links: &[LinkInput]) -> Sentence {
    let count = links.len();
    if links.iter().all(|link| link.state == State::Mirroring) {
        let noun = if count == 1 { "link" } else { "links" };
        let sentence = Sentence::default().plain(format!("Everything is flowing: {count} {noun}"));
        let worst = links.iter().max_by_key(|link| link.lag_time_ms);
        let worst = worst.filter(|link| link.lag_records != Some(0));
        return match worst.and_then(|link| Some((link, link.lag_time_ms?))) {
            Some((link, ms)) => {
                let lag = format::span(ms);
                sentence.plain(format!(", worst lag {lag} ({}).", link.name))
            }
            None => sentence.plain(", all up to date."),
        };
    }
    let mut states: Vec<State> = links.iter().map(|link| link.state).collect();
    states.sort_unstable();
    let mut clauses: Vec<String> = Vec::new();
    for group in states.chunk_by(|a, b| a == b) {
        let first = clauses.is_empty();
        let clause = clause(group[0], group.len(), first);
        clauses.push(format!("{clause}{}", eta_of_state(links, group[0])));
    }
    Sentence::default().plain(format!("{}.", clauses.join(", ")))
}

/// The latest ETA among the links that catch up, where all have one.
fn eta_of_state(links: &[LinkInput], state: State) -> String {
    let etas = links.iter().filter(|link| link.state == state);
    let etas: Option<Vec<i64>> = etas.map(|link| link.eta_ms).collect();
    match etas.and_then(|etas| etas.into_iter().max()) {
        Some(ms) if state == State::CatchingUp => format!(" (ETA {})", format::span_short(ms)),
        _ => String::new(),
    }
}

/// "1 link needs a decision", and after the first clause without the noun.
fn clause(state: State, count: usize, first: bool) -> String {
    let noun = match (first, count) {
        (false, _) => "",
        (true, 1) => " link",
        (true, _) => " links",
    };
    let verb = match (state, count) {
        (State::NeedsDecision, 1) => "needs a decision".to_owned(),
        (State::NeedsDecision, _) => "need a decision".to_owned(),
        (State::Draft, 1) => "is a draft".to_owned(),
        (State::Draft, _) => "are drafts".to_owned(),
        (state, 1) => format!("is {}", state.words()),
        (state, _) => format!("are {}", state.words()),
    };
    format!("{count}{noun} {verb}")
}

fn behind(links: &[LinkInput]) -> Option<Sentence> {
    let late = |link: &&LinkInput| link.lag_time_ms.is_some_and(|ms| ms >= NOTICED_MS);
    let mut late: Vec<&LinkInput> = links.iter().filter(late).collect();
    late.sort_by_key(|link| std::cmp::Reverse(link.lag_time_ms));
    let first = late.first()?;
    let lag = |link: &LinkInput| format::span(link.lag_time_ms.unwrap_or_default());
    let mut sentence = Sentence::default()
        .plain("Furthest behind: ")
        .strong(&first.name)
        .plain(format!(" by {}", lag(first)));
    if let Some(second) = late.get(1) {
        sentence = sentence
            .plain(", then ")
            .strong(&second.name)
            .plain(format!(" by {}", lag(second)));
    }
    Some(sentence.plain("."))
}

fn failover(links: &[LinkInput]) -> Option<Sentence> {
    let started = |link: &&LinkInput| link.state != State::Draft;
    let most = links
        .iter()
        .filter(started)
        .max_by_key(|link| (link.lag_records.is_none(), link.lag_records))?;
    Some(stays_behind(most))
}

/// Returns what a failover of this link would lose now.
pub fn stays_behind(link: &LinkInput) -> Sentence {
    let sentence = Sentence::default()
        .plain("Failing over ")
        .strong(&link.name)
        .plain(" now would leave ");
    let complete = link.unknown_partitions == 0 && link.as_of_ms.is_none();
    match link.lag_records {
        None => sentence.plain("an unknown number of records behind."),
        Some(0) if complete => {
            sentence.plain(format!("nothing behind: all is at {}.", link.destination))
        }
        Some(records) if complete => sentence.strong(amount(link, records)).plain(" behind."),
        Some(records) => incomplete(sentence, link, records),
    }
}

/// "At least" stands where a part is unknown, and what that part is behind it.
fn incomplete(sentence: Sentence, link: &LinkInput, records: i64) -> Sentence {
    let sentence = sentence
        .plain("at least ")
        .strong(amount(link, records))
        .plain(" behind");
    let sentence = match (link.unknown_partitions, link.partitions) {
        (0, _) => sentence,
        (unknown, all) => sentence.plain(format!(" ({unknown} of {all} partitions unknown)")),
    };
    let Some(as_of_ms) = link.as_of_ms else {
        return sentence.plain(".");
    };
    sentence
        .plain(format!(", as of {} UTC. What ", format::time(as_of_ms)))
        .strong(&link.source)
        .plain(" took in after that is unknown.")
}

/// `812 records (0.9 s)`.
fn amount(link: &LinkInput, records: i64) -> String {
    let text = format::records_or_unknown(Some(records));
    match link.lag_time_ms {
        Some(ms) if records > 0 => format!("{text} ({})", format::span(ms)),
        _ => text,
    }
}

#[cfg(test)]
mod tests;
