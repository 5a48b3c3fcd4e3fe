//! The three sentences of the first page (UX 1), for page, API, command line and mail.

use serde::{Deserialize, Serialize};

use crate::{format, status::State};

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
    pub destination: String,
    pub state: State,
    pub lag_records: Option<i64>,
    pub lag_time_ms: Option<i64>,
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
        clauses.push(clause(group[0], group.len(), first));
    }
    Sentence::default().plain(format!("{}.", clauses.join(", ")))
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
    match (link.lag_records, link.lag_time_ms) {
        (Some(0), _) => sentence.plain(format!("nothing behind: all is at {}.", link.destination)),
        (Some(records), Some(ms)) => {
            let records = format::records_or_unknown(Some(records));
            sentence.plain(format!("{records} ({}) behind.", format::span(ms)))
        }
        (Some(records), None) => {
            let records = format::records_or_unknown(Some(records));
            sentence.plain(format!("{records} behind."))
        }
        (None, _) => sentence.plain("an unknown number of records behind."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, state: State, records: Option<i64>, ms: Option<i64>) -> LinkInput {
        LinkInput {
            name: name.to_owned(),
            destination: "east".to_owned(),
            state,
            lag_records: records,
            lag_time_ms: ms,
        }
    }

    fn texts(links: &[LinkInput]) -> Vec<String> {
        sentences(links).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_sentence_tells_that_everything_flows() {
        let links = [
            link("orders-dr", State::Mirroring, Some(1_830), Some(4_200)),
            link("b", State::Mirroring, Some(0), Some(10)),
        ];
        assert_eq!(
            texts(&links),
            [
                "Everything is flowing: 2 links, worst lag 4.2 s (orders-dr).",
                "Failing over orders-dr now would leave 1,830 records (4.2 s) behind.",
            ]
        );
    }

    #[test]
    fn states_are_counted_worst_first() {
        let links = [
            link("a", State::NeedsDecision, Some(14_902), Some(7_440_000)),
            link("b", State::CatchingUp, Some(20), Some(372_000)),
            link("c", State::Mirroring, Some(0), Some(0)),
            link("d", State::Mirroring, Some(0), Some(0)),
        ];
        assert_eq!(
            texts(&links),
            [
                "1 link needs a decision, 1 is catching up, 2 are mirroring.",
                "Furthest behind: a by 2 h 04 min, then b by 6 min 12 s.",
                "Failing over a now would leave 14.9 k records (2 h 04 min) behind.",
            ]
        );
    }

    #[test]
    fn unknown_nothing_and_no_link_are_told_apart() {
        assert_eq!(texts(&[]), ["Nothing is mirrored yet."]);
        let unknown = texts(&[link("a", State::Unknown, None, None)]);
        assert!(unknown[1].contains("an unknown number"), "{unknown:?}");
        let level = texts(&[link("a", State::Mirroring, Some(0), Some(0))]);
        assert_eq!(level[0], "Everything is flowing: 1 link, all up to date.");
        assert!(level[1].contains("nothing behind"), "{level:?}");
        let draft = texts(&[link("a", State::Draft, None, None)]);
        assert_eq!(draft, ["1 link is a draft."]);
    }
}
