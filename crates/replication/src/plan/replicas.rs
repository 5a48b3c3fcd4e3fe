//! How many replicas a new mirror gets, and how many must be in sync (SEMANTICS 3, F23). Pure.

use std::collections::BTreeMap;

use model::link::{LinkSpec, OnFewerBrokers, ReplicationFactor};

use super::facts::{Destination, Refusal, SourceTopic};

const MIN_IN_SYNC: &str = "min.insync.replicas";

/// The brokers' own default in a CreateTopics request.
const BROKER_DEFAULT: i16 = -1;

/// The replication factor of a new mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// For CreateTopics: -1 is the destination's default.
    pub requested: i16,
    /// What it comes to, where known.
    pub effective: Option<i16>,
    pub warnings: Vec<String>,
}

/// Decides the replication factor of a new mirror and lowers `min.insync.replicas` in `configs` with it.
///
/// # Errors
/// A [`Refusal`] where the destination has fewer brokers, or wants more in-sync replicas than there will be, and the
/// link does not allow to reduce.
pub fn decide(
    topic: &SourceTopic,
    spec: &LinkSpec,
    destination: &Destination,
    configs: &mut BTreeMap<String, String>,
) -> Result<Replicas, Refusal> {
    let wanted = wanted(topic.replication_factor, spec, destination);
    let by_default = spec.replication_factor == ReplicationFactor::Destination;
    let Some(wanted) = wanted else {
        return Ok(Replicas {
            requested: BROKER_DEFAULT,
            effective: None,
            warnings: Vec::new(),
        });
    };
    let brokers = i16::try_from(destination.brokers).unwrap_or(i16::MAX);
    if wanted > brokers && spec.on_fewer_brokers == OnFewerBrokers::Refuse {
        return Err(too_few_brokers(wanted, brokers));
    }
    let effective = wanted.min(brokers);
    let requested = if by_default && effective == wanted {
        BROKER_DEFAULT
    } else {
        effective
    };
    let mut warnings = Vec::new();
    if effective < wanted {
        warnings.push(format!(
            "Replication factor reduced from {wanted} to {effective}: the destination has {}.",
            brokers_in_words(brokers)
        ));
    }
    fit_in_sync(
        &Fit {
            wanted,
            effective,
            spec,
            destination,
        },
        configs,
        &mut warnings,
    )?;
    Ok(Replicas {
        requested,
        effective: Some(effective),
        warnings,
    })
}

fn wanted(of_source: i16, spec: &LinkSpec, destination: &Destination) -> Option<i16> {
    match spec.replication_factor {
        ReplicationFactor::Source => Some(of_source),
        ReplicationFactor::Exactly(number) => Some(number),
        ReplicationFactor::Destination => destination.default_replication_factor,
    }
}

/// Lowers `min.insync.replicas` in `configs` to what a mirror with this replication factor can hold.
pub fn fit_existing(
    (of_source, of_mirror): (i16, i16),
    spec: &LinkSpec,
    destination: &Destination,
    configs: &mut BTreeMap<String, String>,
) {
    let wanted = wanted(of_source, spec, destination).unwrap_or(of_mirror);
    let value = configs.get(MIN_IN_SYNC).and_then(|v| v.parse().ok());
    if let Some(in_sync) = value {
        let lowered = lowered(in_sync, wanted.max(of_mirror), of_mirror);
        configs.insert(MIN_IN_SYNC.to_owned(), lowered.to_string());
    }
}

/// As many replicas may be out of sync as before.
fn lowered(in_sync: i16, wanted: i16, effective: i16) -> i16 {
    (in_sync - (wanted - effective)).clamp(1, effective.max(1))
}

fn too_few_brokers(wanted: i16, brokers: i16) -> Refusal {
    Refusal::new(
        "topic.replication_factor",
        format!(
            "Replication factor {wanted} needs {wanted} brokers, the destination has {}: add brokers, set `replication_factor`, or set `on_fewer_brokers` to `reduce`.",
            brokers_in_words(brokers)
        ),
    )
}

fn brokers_in_words(brokers: i16) -> String {
    if brokers == 1 {
        "1 broker".to_owned()
    } else {
        format!("{brokers} brokers")
    }
}

struct Fit<'a> {
    wanted: i16,
    effective: i16,
    spec: &'a LinkSpec,
    destination: &'a Destination,
}

/// A mirror that wants more in-sync replicas than it has refuses every write: brokers accept such a topic.
fn fit_in_sync(
    fit: &Fit<'_>,
    configs: &mut BTreeMap<String, String>,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    let value = configs
        .get(MIN_IN_SYNC)
        .map(String::as_str)
        .or(fit.destination.default_of(MIN_IN_SYNC));
    let Some(in_sync) = value.and_then(|value| value.parse::<i16>().ok()) else {
        return Ok(());
    };
    let follows = fit.effective < fit.wanted && configs.contains_key(MIN_IN_SYNC);
    if in_sync <= fit.effective && !follows {
        return Ok(());
    }
    let excluded = fit
        .spec
        .configs
        .exclude
        .iter()
        .any(|name| name == MIN_IN_SYNC);
    if excluded || fit.spec.on_fewer_brokers == OnFewerBrokers::Refuse {
        return Err(Refusal::new(
            "topic.min_insync_replicas",
            format!(
                "`{MIN_IN_SYNC}` would be {in_sync} with replication factor {}, so that nothing could be written: raise `replication_factor`, or set `on_fewer_brokers` to `reduce`.",
                fit.effective
            ),
        ));
    }
    let lowered = lowered(in_sync, fit.wanted, fit.effective);
    if lowered != in_sync {
        warnings.push(format!(
            "`{MIN_IN_SYNC}` reduced from {in_sync} to {lowered}, with the replication factor."
        ));
    }
    configs.insert(MIN_IN_SYNC.to_owned(), lowered.to_string());
    Ok(())
}
