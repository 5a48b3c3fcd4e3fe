//! Why there is no plan, as people and programs read it.

use kafka::Error;
use model::{cluster::ClusterSpec, problem::Problem};

use super::{GatherError, PlanRequest};

/// One cluster did not answer.
pub(super) fn unreachable(cluster: &ClusterSpec, error: &Error) -> Box<Problem> {
    let name = &cluster.name;
    Box::new(Problem {
        code: error.code().to_owned(),
        status: 503,
        title: format!("Cluster `{name}` does not answer, so there is no plan."),
        detail: format!("Cluster `{name}`: {error}."),
        cause: Some(error.to_string()),
        broker_error: error.broker_code().map(|code| code.name().to_owned()),
        next_step: Some(format!(
            "Test the connection of cluster `{name}`, then plan again."
        )),
        ..Problem::default()
    })
}

/// A cluster's topics cannot be listed.
pub(super) fn not_listed(cluster: &ClusterSpec, cause: &str, code: &str) -> Problem {
    let name = &cluster.name;
    Problem {
        code: code.to_owned(),
        status: 503,
        title: format!("The topics of cluster `{name}` cannot be listed."),
        detail: format!("Cluster `{name}`: {cause}."),
        cause: Some(cause.to_owned()),
        next_step: Some(format!("Test the connection of cluster `{name}`.")),
        ..Problem::default()
    }
}

/// Both answer, but not in time.
pub(super) fn too_slow(request: &PlanRequest) -> Box<Problem> {
    let (source, destination) = (&request.source.name, &request.destination.name);
    Box::new(Problem {
        code: "plan.timeout".to_owned(),
        status: 503,
        title: "The plan took too long.".to_owned(),
        detail: format!(
            "`{source}` or `{destination}` answers slowly: no plan after {:?}.",
            request.timeout
        ),
        next_step: Some(
            "Plan again; if it stays so, test the connection of both clusters.".to_owned(),
        ),
        ..Problem::default()
    })
}

pub(super) fn not_gathered(request: &PlanRequest, error: GatherError) -> Box<Problem> {
    match error {
        GatherError::Source(error) => unreachable(&request.source, &error),
        GatherError::Destination(error) => unreachable(&request.destination, &error),
        GatherError::Fields(fields) => Box::new(Problem {
            code: "link.invalid".to_owned(),
            status: 422,
            title: "The link's topics or names are not valid.".to_owned(),
            detail: format!("{} fields are to be corrected.", fields.len()),
            next_step: Some("Correct the fields named here.".to_owned()),
            fields,
            ..Problem::default()
        }),
    }
}
