//! Sets properties of mirrors that exist: many mirrors in one request, and one property at a time where a mirror's
//! destination refuses the lot (IncrementalAlterConfigs, KIP-339; F22).

use std::collections::BTreeMap;

use kafka::{
    Client, Error, ErrorCode,
    admin::{ConfigChange, ConfigResource, Run},
};

use super::sieve::{is_about_properties, raised};

/// Mirrors in one request.
const MIRRORS_AT_ONCE: usize = 100;

/// A property to be set, `None` to take it back to the destination's default.
pub(crate) type Change = (String, Option<String>);

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Set,
    /// This value was taken instead, and why not the wanted one.
    Raised(String, ErrorCode),
    Refused(ErrorCode),
    /// The destination may take it the next time.
    Later,
}

/// Changes properties of mirrors, by mirror and property.
///
/// # Errors
/// Where the destination does not answer, or does not know the request; what was done by then is not told.
pub(crate) async fn set_properties(
    destination: &Client,
    changes: &BTreeMap<String, Vec<Change>>,
) -> Result<BTreeMap<String, BTreeMap<String, Outcome>>, Error> {
    let mut outcomes = BTreeMap::new();
    let all: Vec<(&String, &Vec<Change>)> = changes.iter().collect();
    for some in all.chunks(MIRRORS_AT_ONCE) {
        let request = some
            .iter()
            .map(|(mirror, changes)| (resource(mirror), changes.iter().map(alter).collect()))
            .collect();
        let mut answers = destination
            .incremental_alter_configs(&request, Run::Carry)
            .await?;
        for (mirror, changes) in some {
            let answer = answers.remove(&resource(mirror));
            let done = match answer {
                Some(Err(error)) if is_about_properties(&error) => {
                    one_by_one(destination, mirror, changes).await?
                }
                Some(answer) => all_alike(changes, &outcome(answer)),
                None => all_alike(changes, &Outcome::Later),
            };
            outcomes.insert((*mirror).clone(), done);
        }
    }
    Ok(outcomes)
}

async fn one_by_one(
    destination: &Client,
    mirror: &str,
    changes: &[Change],
) -> Result<BTreeMap<String, Outcome>, Error> {
    let mut outcomes = BTreeMap::new();
    for change in changes {
        let mut done = outcome(one(destination, mirror, change).await?);
        if let (Outcome::Refused(code), (property, Some(value))) = (&done, change)
            && let Some(instead) = raised(property, value)
        {
            let change = (property.clone(), Some(instead.clone()));
            if one(destination, mirror, &change).await?.is_ok() {
                done = Outcome::Raised(instead, *code);
            }
        }
        outcomes.insert(change.0.clone(), done);
    }
    Ok(outcomes)
}

/// Outer errors are of the request, the inner one of the property.
async fn one(
    destination: &Client,
    mirror: &str,
    change: &Change,
) -> Result<Result<(), Error>, Error> {
    let request = BTreeMap::from([(resource(mirror), vec![alter(change)])]);
    let mut answers = destination
        .incremental_alter_configs(&request, Run::Carry)
        .await?;
    let unanswered = || {
        Error::broker(
            ErrorCode::UNKNOWN_SERVER_ERROR,
            format!("changing `{mirror}`"),
        )
    };
    Ok(answers
        .remove(&resource(mirror))
        .unwrap_or_else(|| Err(unanswered())))
}

fn outcome(answer: Result<(), Error>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Set,
        Err(error) if error.is_retriable() => Outcome::Later,
        Err(error) => Outcome::Refused(
            error
                .broker_code()
                .unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
        ),
    }
}

fn all_alike(changes: &[Change], outcome: &Outcome) -> BTreeMap<String, Outcome> {
    let of = |(property, _): &Change| (property.clone(), outcome.clone());
    changes.iter().map(of).collect()
}

fn resource(mirror: &str) -> ConfigResource {
    ConfigResource::Topic(mirror.to_owned())
}

fn alter((property, value): &Change) -> ConfigChange {
    match value {
        Some(value) => ConfigChange::Set(property.clone(), value.clone()),
        None => ConfigChange::Remove(property.clone()),
    }
}
