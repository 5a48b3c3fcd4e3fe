//! What somebody can do about a refusal: the line that grants a missing right, or which credentials to replace.

use kafka::{Error, TlsFailure};
use model::{
    Name,
    acl::AclResource,
    cluster::ClusterSpec,
    own::{MAKER, PREFIX},
    problem::Problem,
};

/// Returns the sentence that says which line grants these operations at a cluster.
pub(crate) fn grant(cluster: &ClusterSpec, operations: &[&str], resource: AclResource) -> String {
    let line = cluster.grant(operations, resource);
    format!("Grant it: `{line}`. The link goes on by itself.")
}

/// The same for what a link does below its own prefix.
pub(crate) fn own(destination: &ClusterSpec) -> String {
    let prefix = AclResource::TopicPrefix(PREFIX.to_owned());
    grant(destination, MAKER, prefix)
}

/// Names the missing right where that is why a cluster refused; any other problem stays as it is.
pub(crate) fn named(problem: Problem, error: &Error, grant: impl FnOnce() -> String) -> Problem {
    let refused = error
        .broker_code()
        .is_some_and(|code| code.is_authorization());
    if refused {
        missing(problem, grant)
    } else {
        problem
    }
}

/// The same for a problem whose cause alone tells which error the broker answered with.
pub(crate) fn named_by_cause(problem: Problem, grant: impl FnOnce() -> String) -> Problem {
    let refused = problem.cause.as_deref().is_some_and(is_missing_right);
    if refused {
        missing(problem, grant)
    } else {
        problem
    }
}

fn missing(problem: Problem, grant: impl FnOnce() -> String) -> Problem {
    Problem {
        code: "acl.missing".to_owned(),
        next_step: Some(grant()),
        ..problem
    }
}

/// Says what happened and what to do where a cluster did not let us in; any other problem stays as it is.
pub(crate) fn let_in(problem: Problem, error: &Error, cluster: &Name) -> Problem {
    let (title, replaced) = match error {
        Error::Auth { .. } => ("refused the sign-in", "Replace the credentials"),
        Error::Token { .. } => (
            "cannot be signed in to: there is no token",
            "Look at the token endpoint, or replace the credentials",
        ),
        Error::Tls {
            reason: TlsFailure::ClientCertificate | TlsFailure::ClientRefused,
            ..
        } => (
            "refused our client certificate",
            "Replace the client certificate",
        ),
        _ => return problem,
    };
    Problem {
        title: format!("`{cluster}` {title}."),
        next_step: Some(format!(
            "{replaced} of cluster `{cluster}`; the link resumes by itself, without loss while retention lasts."
        )),
        ..problem
    }
}

/// Says whether words that an error was told in name a missing right.
fn is_missing_right(cause: &str) -> bool {
    cause.contains("_AUTHORIZATION_FAILED")
}

#[cfg(test)]
mod tests {
    use kafka::ErrorCode;

    use super::*;
    use crate::protocol::ports::PortError;

    #[test]
    fn who_is_not_let_in_hears_what_to_replace() {
        let cluster: Name = "west".parse().unwrap();
        let refused = Error::Auth {
            address: "west-1:9092".parse().unwrap(),
            reason: kafka::AuthFailure::Refused,
        };
        let told = let_in(Problem::default(), &refused, &cluster);
        assert_eq!(told.title, "`west` refused the sign-in.");
        assert!(
            told.next_step
                .unwrap()
                .starts_with("Replace the credentials of cluster `west`")
        );
        let lost = Error::UnknownBroker { id: 1 };
        assert_eq!(
            let_in(Problem::default(), &lost, &cluster),
            Problem::default()
        );
    }

    #[test]
    fn only_a_refusal_for_want_of_a_right_is_told_as_one() {
        let problem = |code| {
            let error = Error::broker(code, "making `orders`");
            named(Problem::default(), &error, || "Grant it.".to_owned())
        };
        let refused = problem(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        assert_eq!(refused.code, "acl.missing");
        assert_eq!(refused.next_step.as_deref(), Some("Grant it."));
        assert_eq!(problem(ErrorCode::NOT_CONTROLLER), Problem::default());
        let told = Error::broker(ErrorCode::GROUP_AUTHORIZATION_FAILED, "x").to_string();
        for (cause, code) in [
            (told, "acl.missing"),
            (PortError::Broker(29).to_string(), "acl.missing"),
            (PortError::Broker(6).to_string(), "waits"),
        ] {
            let problem = Problem {
                code: "waits".to_owned(),
                cause: Some(cause),
                ..Problem::default()
            };
            let named = named_by_cause(problem, || "Grant it.".to_owned());
            assert_eq!(named.code, code, "{named:?}");
            assert_eq!(named.next_step.is_some(), code == "acl.missing");
        }
    }
}
