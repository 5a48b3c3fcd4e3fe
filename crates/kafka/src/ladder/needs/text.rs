//! What rungs 7 and 8 say.

use std::time::Duration;

use model::acl::AclResource;
use model::cluster::{ClusterSpec, Rung, RungKind, RungState};
use model::own::TEST_TOPICS;

use super::Trip;
use super::in_sync::InSync;
use super::rights::Missing;
use crate::Error;
use crate::ladder::text::detail;

/// Missing rights that are told one by one.
const TOLD: usize = 5;

fn rung(kind: RungKind, state: RungState, detail: String) -> Rung {
    Rung {
        kind,
        state,
        took_ms: None,
        code: None,
        detail,
        advice: String::new(),
    }
}

/// Which rights are needed is not known yet.
pub(super) fn no_rights_needed() -> Rung {
    rung(
        RungKind::Rights,
        RungState::NotUsed,
        "No link uses this cluster yet.".to_owned(),
    )
}

/// A rung whose question was not answered.
pub(super) fn broken(kind: RungKind, error: &Error) -> Rung {
    Rung {
        code: Some(error.code().to_owned()),
        advice: "Test again; if it stays so, look at the brokers' logs.".to_owned(),
        ..rung(kind, RungState::Warning, detail("The cluster", error))
    }
}

/// What is missing, and the lines that grant it.
pub(super) fn rights(spec: &ClusterSpec, missing: &[Missing]) -> Rung {
    if missing.is_empty() {
        return rung(
            RungKind::Rights,
            RungState::Passed,
            "No right is missing.".to_owned(),
        );
    }
    let shown = &missing[..missing.len().min(TOLD)];
    let mut told: Vec<String> = shown.iter().map(lacking).collect();
    if let Some(more @ 1..) = missing.len().checked_sub(TOLD) {
        told.push(format!("{more} more"));
    }
    let lines = shown.iter().map(|missing| {
        let line = spec.grant(&missing.operations, missing.resource.clone());
        format!("`{line}`")
    });
    let lines: Vec<String> = lines.collect();
    Rung {
        code: Some("acl.missing".to_owned()),
        advice: format!("Grant it: {}.", lines.join(" and ")),
        ..rung(
            RungKind::Rights,
            RungState::Failed,
            format!("Missing: {}.", told.join("; ")),
        )
    }
}

fn lacking(missing: &Missing) -> String {
    let operations = missing.operations.join(", ");
    match &missing.resource {
        AclResource::Topic(name) => format!("{operations} on topic `{name}`"),
        AclResource::TopicPrefix(prefix) => {
            format!("{operations} on topics that begin with `{prefix}`")
        }
        AclResource::Group(name) => format!("{operations} on group `{name}`"),
        AclResource::TransactionalId(id) => format!("{operations} on transactional id `{id}`"),
        AclResource::Cluster => format!("{operations} on the cluster"),
    }
}

/// How long the brokers take, what they ask of writes, and what became of a record.
pub(super) fn trip(spec: &ClusterSpec, trip: &Trip) -> Rung {
    let mut told = vec![format!("An answer takes {}.", span(trip.slowest))];
    let mut rung = rung(RungKind::RoundTrip, RungState::Passed, String::new());
    // What is told first is what must be mended first.
    let mut warn = |code: &str, advice: &str| {
        if rung.code.is_none() {
            rung.state = RungState::Warning;
            rung.code = Some(code.to_owned());
            advice.clone_into(&mut rung.advice);
        }
    };
    if let Some(limits) = trip.in_sync {
        told.push(in_sync(limits));
        if !limits.suffices() {
            warn(
                "destination.in_sync",
                "Start the brokers that are missing, or let new topics have as many replicas as there are brokers and no fewer than writes need.",
            );
        }
    }
    match &trip.written {
        None => {}
        Some(Ok(written)) => {
            let took = span(written.took);
            told.push(format!("A record was written in {took}, read and removed."));
            if let Some(ahead_ms) = written.ahead_ms {
                told.push(clock(ahead_ms, written.took));
                if ahead_ms.unsigned_abs() > FAR_MS + millis(written.took) {
                    warn(
                        "clock.skew",
                        "Set the clocks by NTP: latency and lag in time are wrong by as much.",
                    );
                }
            }
        }
        Some(Err(error)) => {
            let failed = not_round(spec, error);
            told.push(failed.detail.clone());
            rung = failed;
        }
    }
    rung.detail = told.join(" ");
    rung
}

/// From which difference of clocks on it is told as trouble, milliseconds.
const FAR_MS: u64 = 1_000;

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn span(span: Duration) -> String {
    match millis(span) {
        0 => "less than 1 ms".to_owned(),
        ms @ 1..1_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", span.as_secs_f64()),
    }
}

fn in_sync(limits: InSync) -> String {
    let InSync {
        brokers,
        replicas,
        least,
    } = limits;
    let given = counted(replicas, "replica");
    match limits.suffices() {
        true => format!("New topics get {given}, of which {least} must be in sync."),
        false if replicas > brokers => {
            let up = counted(brokers, "broker");
            format!("New topics get {given}, and {up} can be reached: none can be made.")
        }
        false => format!(
            "New topics get {given}, but writes need {least} in sync: nothing could be written to them."
        ),
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// The difference can be told no finer than what the record took.
fn clock(ahead_ms: i64, took: Duration) -> String {
    let far = span(Duration::from_millis(ahead_ms.unsigned_abs()));
    match ahead_ms {
        _ if ahead_ms.unsigned_abs() <= millis(took).max(1) => {
            "Its clock agrees with ours.".to_owned()
        }
        1.. => format!("Its clock is {far} ahead of ours."),
        _ => format!("Its clock is {far} behind ours."),
    }
}

/// A record did not come back.
fn not_round(spec: &ClusterSpec, error: &Error) -> Rung {
    let refused = error
        .broker_code()
        .is_some_and(|code| code.is_authorization());
    let operations = ["Create", "Write", "Read", "Delete"];
    let prefix = AclResource::TopicPrefix(TEST_TOPICS.to_owned());
    let advice = match refused {
        true => format!("Grant it: `{}`.", spec.grant(&operations, prefix)),
        false => "Look at the brokers' logs; links may fare the same.".to_owned(),
    };
    Rung {
        code: Some(error.code().to_owned()),
        advice,
        ..rung(
            RungKind::RoundTrip,
            RungState::Failed,
            detail("The round trip", error),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip::Written;
    use super::*;

    fn spec() -> ClusterSpec {
        ClusterSpec {
            name: "west".parse().unwrap(),
            title: String::new(),
            bootstrap: vec!["west-1:9092".to_owned()],
            tls: model::cluster::Tls::Off,
            client_certificate: None,
            sasl: None,
        }
    }

    fn told(in_sync: Option<InSync>, written: Option<(u64, i64)>) -> Rung {
        let written = written.map(|(took_ms, ahead_ms)| {
            Ok(Written {
                took: Duration::from_millis(took_ms),
                ahead_ms: Some(ahead_ms),
            })
        });
        let slowest = Duration::from_micros(2_300);
        trip(
            &spec(),
            &Trip {
                slowest,
                in_sync,
                written,
            },
        )
    }

    #[test]
    fn what_writes_need_is_a_warning_where_it_cannot_be_had() {
        let limits = |brokers, replicas, least| {
            Some(InSync {
                brokers,
                replicas,
                least,
            })
        };
        let rung = told(limits(3, 3, 2), None);
        assert_eq!(rung.state, RungState::Passed);
        assert_eq!(
            rung.detail,
            "An answer takes 2 ms. New topics get 3 replicas, of which 2 must be in sync."
        );
        assert_eq!((rung.code, rung.advice.as_str()), (None, ""));
        for (limits, words) in [
            (
                limits(3, 1, 2),
                "writes need 2 in sync: nothing could be written",
            ),
            (
                limits(1, 3, 2),
                "3 replicas, and 1 broker can be reached: none can be made",
            ),
            (limits(2, 3, 2), "3 replicas, and 2 brokers can be reached"),
        ] {
            // A clock that is far off as well is not what must be mended first.
            let rung = told(limits, Some((1, 7_200_000)));
            assert_eq!(rung.state, RungState::Warning, "{rung:#?}");
            assert_eq!(rung.code.as_deref(), Some("destination.in_sync"));
            assert!(rung.detail.contains(words), "{rung:#?}");
            assert!(rung.detail.contains("ahead of ours"));
            assert!(rung.advice.starts_with("Start the brokers"));
        }
    }

    #[test]
    fn a_clock_is_compared_no_finer_than_the_record_allows_and_warned_of_when_it_is_far_off() {
        for (took_ms, ahead_ms, words, state) in [
            (40, 0, "agrees with ours", RungState::Passed),
            (40, -40, "agrees with ours", RungState::Passed),
            (40, 41, "is 41 ms ahead of ours", RungState::Passed),
            (40, -1_040, "is 1.0 s behind ours", RungState::Passed),
            (40, -1_041, "is 1.0 s behind ours", RungState::Warning),
            (
                0,
                7_200_000,
                "is 7200.0 s ahead of ours",
                RungState::Warning,
            ),
        ] {
            let rung = told(None, Some((took_ms, ahead_ms)));
            assert_eq!(rung.state, state, "{rung:#?}");
            assert!(rung.detail.contains(words), "{rung:#?}");
            let warned = state == RungState::Warning;
            assert_eq!(rung.code.as_deref(), warned.then_some("clock.skew"));
        }
    }

    #[test]
    fn a_record_that_did_not_come_back_fails_whatever_the_limits_are() {
        let refused = Error::broker(crate::ErrorCode::TOPIC_AUTHORIZATION_FAILED, "creating `x`");
        let rung = trip(
            &spec(),
            &Trip {
                slowest: Duration::ZERO,
                in_sync: None,
                written: Some(Err(refused)),
            },
        );
        assert_eq!(rung.state, RungState::Failed);
        assert!(rung.advice.contains("--operation Create"), "{rung:#?}");
    }
}
