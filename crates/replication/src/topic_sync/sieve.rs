//! Finds out which properties of a new topic the destination refuses, and does without them (F22).
//!
//! Brokers name a refused property only in a free text, so they are asked: with `validateOnly`, property by property.
//! What was learnt about one topic is tried first on the next. 4.x brokers refuse `segment.bytes` below 1 MiB, older
//! ones take it: there the value is raised rather than left out.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use kafka::{Error, ErrorCode};

/// Properties by name.
pub(crate) type Properties = BTreeMap<String, String>;

const SEGMENT_BYTES: &str = "segment.bytes";

/// Least `segment.bytes` of Kafka 4.0 and later (KIP-1030).
const LEAST_SEGMENT_BYTES: i64 = 1 << 20;

/// Whether an attempt makes the topic or only asks whether it could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Make,
    Ask,
}

/// A property that the destination did not take as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotApplied {
    pub(crate) property: String,
    pub(crate) value: String,
    pub(crate) error: ErrorCode,
    /// The value that was taken instead.
    pub(crate) instead: Option<String>,
}

impl NotApplied {
    /// Returns the row that a person reads.
    pub(crate) fn warning(&self) -> String {
        let (
            Self {
                property,
                value,
                instead,
                ..
            },
            error,
        ) = (self, self.error.name());
        match instead {
            Some(instead) => format!(
                "`{property}` raised from `{value}` to `{instead}`: the destination refuses less ({error})."
            ),
            None => format!("Not applied: `{property}` = `{value}`: {error}."),
        }
    }
}

/// What the destination took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken<T> {
    pub(crate) outcome: T,
    pub(crate) properties: Properties,
    pub(crate) not_applied: Vec<NotApplied>,
}

/// What one destination is known to refuse; shared by all topics that are made there.
#[derive(Debug, Default)]
pub struct Sieve {
    known: Mutex<Vec<NotApplied>>,
    /// Properties that are never left out: without them the topic is not made.
    required: &'static [&'static str],
}

/// Says whether an error may be a property's fault.
pub(crate) fn is_about_properties(error: &Error) -> bool {
    matches!(
        error.broker_code(),
        Some(ErrorCode::INVALID_CONFIG | ErrorCode::POLICY_VIOLATION)
    )
}

impl Sieve {
    /// Makes a sieve that never leaves these properties out.
    pub(crate) fn requiring(required: &'static [&'static str]) -> Self {
        Self {
            required,
            ..Self::default()
        }
    }

    /// Tries with all properties, then with as many as the destination takes.
    ///
    /// # Errors
    /// The destination's error where it has nothing to do with properties, or stays without any of them.
    pub(crate) async fn pass<T, F>(
        &self,
        wanted: &Properties,
        attempt: impl Fn(Properties, Attempt) -> F,
    ) -> Result<Taken<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let error = match attempt(wanted.clone(), Attempt::Make).await {
            Ok(outcome) => {
                return Ok(Taken {
                    outcome,
                    properties: wanted.clone(),
                    not_applied: Vec::new(),
                });
            }
            Err(error) if is_about_properties(&error) => error,
            Err(error) => return Err(error),
        };
        let not_applied = self.search(wanted, &error, &attempt).await?;
        if not_applied
            .iter()
            .any(|row| self.required.contains(&row.property.as_str()))
        {
            return Err(error);
        }
        let properties = without(wanted, &not_applied);
        let outcome = attempt(properties.clone(), Attempt::Make).await?;
        self.learn(&not_applied);
        Ok(Taken {
            outcome,
            properties,
            not_applied,
        })
    }

    fn learn(&self, not_applied: &[NotApplied]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for row in not_applied {
            if !known.contains(row) {
                known.push(row.clone());
            }
        }
    }

    /// Returns what of these properties is known to be refused.
    fn known_of(&self, wanted: &Properties) -> Vec<NotApplied> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .filter(|row| wanted.get(&row.property) == Some(&row.value))
            .cloned()
            .collect()
    }

    /// From the likely to the laborious: what is known, a small segment, any one property, every property by itself.
    async fn search<T, F>(
        &self,
        wanted: &Properties,
        error: &Error,
        attempt: &impl Fn(Properties, Attempt) -> F,
    ) -> Result<Vec<NotApplied>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let code = error.broker_code().unwrap_or(ErrorCode::INVALID_CONFIG);
        let raised = raise_segment(wanted, code).into_iter().collect();
        let mut guesses = vec![self.known_of(wanted), raised];
        guesses.extend(
            wanted
                .iter()
                .map(|(property, value)| vec![left_out(property, value, code)]),
        );
        guesses.retain(|guess| !guess.is_empty());
        for guess in guesses {
            if is_taken(attempt(without(wanted, &guess), Attempt::Ask).await)?.is_none() {
                return Ok(guess);
            }
        }
        let mut not_applied = Vec::new();
        for (property, value) in wanted {
            let alone = Properties::from([(property.clone(), value.clone())]);
            not_applied.extend(ask_alone(alone, attempt).await?);
        }
        Ok(not_applied)
    }
}

/// Asks about one property: `None` where it is taken.
async fn ask_alone<T, F>(
    alone: Properties,
    attempt: &impl Fn(Properties, Attempt) -> F,
) -> Result<Option<NotApplied>, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let Some(code) = is_taken(attempt(alone.clone(), Attempt::Ask).await)? else {
        return Ok(None);
    };
    if let Some(row) = raise_segment(&alone, code) {
        let raised = without(&alone, std::slice::from_ref(&row));
        if is_taken(attempt(raised, Attempt::Ask).await)?.is_none() {
            return Ok(Some(row));
        }
    }
    Ok(alone
        .into_iter()
        .next()
        .map(|(property, value)| left_out(&property, &value, code)))
}

/// Returns the error where properties were refused, `None` where they were taken.
fn is_taken<T>(answer: Result<T, Error>) -> Result<Option<ErrorCode>, Error> {
    match answer {
        Ok(_) => Ok(None),
        Err(error) if is_about_properties(&error) => Ok(error.broker_code()),
        Err(error) => Err(error),
    }
}

fn left_out(property: &str, value: &str, error: ErrorCode) -> NotApplied {
    NotApplied {
        property: property.to_owned(),
        value: value.to_owned(),
        error,
        instead: None,
    }
}

fn raise_segment(wanted: &Properties, error: ErrorCode) -> Option<NotApplied> {
    let value = wanted.get(SEGMENT_BYTES)?;
    Some(NotApplied {
        instead: Some(raised(SEGMENT_BYTES, value)?),
        ..left_out(SEGMENT_BYTES, value, error)
    })
}

/// Returns the value that may be taken where this one is refused.
pub(super) fn raised(property: &str, value: &str) -> Option<String> {
    let is_small = |bytes: i64| bytes < LEAST_SEGMENT_BYTES;
    let raises = property == SEGMENT_BYTES && value.parse().is_ok_and(is_small);
    raises.then(|| LEAST_SEGMENT_BYTES.to_string())
}

fn without(wanted: &Properties, not_applied: &[NotApplied]) -> Properties {
    let mut properties = wanted.clone();
    for row in not_applied {
        match &row.instead {
            Some(instead) => properties.insert(row.property.clone(), instead.clone()),
            None => properties.remove(&row.property),
        };
    }
    properties
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        future::ready,
    };

    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// A destination that refuses by a rule and remembers what it was asked.
    struct Broker<F> {
        takes: F,
        error: ErrorCode,
        asked: Cell<usize>,
        made: RefCell<Vec<Properties>>,
    }

    impl<F: Fn(&Properties) -> bool> Broker<F> {
        fn new(takes: F) -> Self {
            Self {
                takes,
                error: ErrorCode::INVALID_CONFIG,
                asked: Cell::new(0),
                made: RefCell::default(),
            }
        }

        async fn pass(&self, sieve: &Sieve, wanted: &Properties) -> Result<Taken<()>, Error> {
            sieve
                .pass(wanted, |properties, attempt| {
                    ready(self.answer(properties, attempt))
                })
                .await
        }

        fn answer(&self, properties: Properties, attempt: Attempt) -> Result<(), Error> {
            self.asked.set(self.asked.get() + 1);
            if !(self.takes)(&properties) {
                return Err(Error::broker(self.error, "making `orders`"));
            }
            if attempt == Attempt::Make {
                self.made.borrow_mut().push(properties);
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn asks_once_when_all_is_taken() {
        let broker = Broker::new(|_| true);
        let wanted = properties(&[("a", "1")]);
        let taken = broker.pass(&Sieve::default(), &wanted).await.unwrap();
        assert_eq!((taken.properties, broker.asked.get()), (wanted, 1));
    }

    #[tokio::test]
    async fn leaves_out_the_one_that_is_refused() {
        let broker = Broker::new(|properties| !properties.contains_key("b"));
        let taken = broker
            .pass(&Sieve::default(), &properties(&[("a", "1"), ("b", "2")]))
            .await
            .unwrap();
        assert_eq!(taken.properties, properties(&[("a", "1")]));
        assert_eq!(
            taken.not_applied[0].warning(),
            "Not applied: `b` = `2`: INVALID_CONFIG."
        );
        assert_eq!(*broker.made.borrow(), [properties(&[("a", "1")])]);
    }

    #[tokio::test]
    async fn leaves_out_each_of_several_that_are_refused() {
        let broker = Broker::new(|properties| {
            !properties.contains_key("b") && !properties.contains_key("c")
        });
        let wanted = properties(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let taken = broker.pass(&Sieve::default(), &wanted).await.unwrap();
        assert_eq!(taken.properties, properties(&[("a", "1")]));
        assert_eq!(taken.not_applied.len(), 2);
    }

    #[tokio::test]
    async fn raises_a_segment_that_is_too_small() {
        let broker = Broker::new(|properties| {
            properties
                .get("segment.bytes")
                .is_none_or(|bytes| bytes.parse::<i64>().unwrap() >= 1 << 20)
                && !properties.contains_key("b")
        });
        for extra in [&[][..], &[("b", "2"), ("c", "3")]] {
            let mut wanted = properties(extra);
            wanted.insert("segment.bytes".to_owned(), "65536".to_owned());
            let taken = broker.pass(&Sieve::default(), &wanted).await.unwrap();
            assert_eq!(taken.properties["segment.bytes"], "1048576");
        }
    }

    #[tokio::test]
    async fn makes_nothing_without_what_is_required() {
        let broker = Broker::new(|properties| !properties.contains_key("b"));
        let sieve = Sieve::requiring(&["b"]);
        broker
            .pass(&sieve, &properties(&[("a", "1"), ("b", "2")]))
            .await
            .unwrap_err();
        assert!(broker.made.borrow().is_empty());
    }

    #[tokio::test]
    async fn tries_first_what_it_learnt_from_the_last_topic() {
        let broker = Broker::new(|properties| {
            !properties.contains_key("y") && !properties.contains_key("z")
        });
        let wanted = properties(&[("a", "1"), ("b", "2"), ("y", "2"), ("z", "3")]);
        let sieve = Sieve::default();
        broker.pass(&sieve, &wanted).await.unwrap();
        broker.asked.set(0);
        broker.pass(&sieve, &wanted).await.unwrap();
        assert_eq!(broker.asked.get(), 3);
    }

    #[tokio::test]
    async fn gives_up_where_properties_are_not_the_reason() {
        let broker = Broker {
            error: ErrorCode::POLICY_VIOLATION,
            ..Broker::new(|_| false)
        };
        let error = broker
            .pass(&Sieve::default(), &properties(&[("a", "1")]))
            .await
            .unwrap_err();
        assert_eq!(error.broker_code(), Some(ErrorCode::POLICY_VIOLATION));
        let broker = Broker {
            error: ErrorCode::TOPIC_ALREADY_EXISTS,
            ..Broker::new(|_| false)
        };
        broker
            .pass(&Sieve::default(), &properties(&[("a", "1")]))
            .await
            .unwrap_err();
        assert_eq!(broker.asked.get(), 1);
    }
}
