//! From errors of the store and faulty input to the [`Problem`] that a person or program reads.

use model::problem::{FieldError, Problem};
use store::StoreError;

/// Returns `Ok` where no field is faulty.
///
/// # Errors
/// A problem `input.invalid` (422) that lists the fields.
pub fn check(fields: Vec<FieldError>) -> Result<(), Problem> {
    if fields.is_empty() {
        Ok(())
    } else {
        Err(invalid(fields))
    }
}

/// The problem of faulty input, field by field.
pub fn invalid(fields: Vec<FieldError>) -> Problem {
    let detail = match fields.as_slice() {
        [only] => only.message.clone(),
        several => format!("{} fields need a correction.", several.len()),
    };
    Problem {
        code: "input.invalid".to_owned(),
        status: 422,
        title: "The input cannot be taken as it is.".to_owned(),
        detail,
        fields,
        ..Problem::default()
    }
}

/// The problem of one faulty field.
pub fn invalid_field(field: &str, message: impl Into<String>) -> Problem {
    invalid(vec![FieldError {
        field: field.to_owned(),
        message: message.into(),
    }])
}

/// The problem of a control database that is not there (yet).
pub fn store_unavailable() -> Problem {
    Problem {
        code: "store.unavailable".to_owned(),
        status: 503,
        title: "The control database does not answer.".to_owned(),
        detail:
            "Running links go on with their last settings; changes are refused. It heals by itself."
                .to_owned(),
        next_step: Some("Check the database.".to_owned()),
        ..Problem::default()
    }
}

/// Returns the problem for a store's error. What only a developer can read goes to the log and not into the answer.
pub fn from_store(error: StoreError) -> Problem {
    let detail = sentence(&error.to_string());
    match error {
        StoreError::NotFound { kind, .. } => problem(
            &format!("{kind}.not_found"),
            404,
            "There is no such object.",
            detail,
        ),
        StoreError::Exists { .. } => problem("save.exists", 409, "That name is taken.", detail),
        StoreError::Conflict { .. } => Problem {
            next_step: Some("Get it again, compare, apply yours on top.".to_owned()),
            ..problem(
                "save.conflict",
                412,
                "Someone saved this meanwhile. Nothing is lost.",
                detail,
            )
        },
        StoreError::InUse { .. } => {
            problem("cluster.in_use", 409, "Links use this cluster.", detail)
        }
        StoreError::Immutable { field, .. } => invalid_field(field, detail),
        StoreError::VerbRefused { phase, .. } => Problem {
            state: Some(phase_word(phase)),
            ..problem(
                "link.verb_refused",
                409,
                "The link's phase does not allow that.",
                detail,
            )
        },
        StoreError::NotStopped { phase, .. } => Problem {
            state: Some(phase_word(phase)),
            next_step: Some("Stop it first.".to_owned()),
            ..problem(
                "link.not_stopped",
                409,
                "Only a stopped link can be deleted.",
                detail,
            )
        },
        StoreError::AlreadySetUp => problem(
            "setup.done",
            409,
            "Somebody has set this installation up already.",
            detail,
        ),
        StoreError::SetupToken => problem(
            "setup.token",
            403,
            "This set-up link is not a good one.",
            "Take the link that the log of the last start shows.".to_owned(),
        ),
        StoreError::Cursor => problem(
            "request.cursor",
            400,
            "The page cursor is not one of this list.",
            detail,
        ),
        StoreError::Unavailable(_) | StoreError::Unwritable { .. } => {
            tracing::warn!(%error, "the control database did not answer");
            store_unavailable()
        }
        StoreError::Corrupt { .. }
        | StoreError::Key(_)
        | StoreError::Newer { .. }
        | StoreError::Refused(_) => {
            tracing::error!(%error, "the control database cannot be used as it is");
            problem(
                "store.failed",
                500,
                "The control database cannot be used as it is.",
                "The reason is in the log, and `causeway doctor` tells more.".to_owned(),
            )
        }
    }
}

fn problem(code: &str, status: u16, title: &str, detail: String) -> Problem {
    Problem {
        code: code.to_owned(),
        status,
        title: title.to_owned(),
        detail,
        ..Problem::default()
    }
}

/// Errors are written for logs, lowercase and without a dot; people read sentences.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// Returns the word that API and SQL use for a phase.
pub fn phase_word(phase: model::link::Phase) -> String {
    let json = serde_json::to_value(phase).unwrap_or_default();
    json.as_str().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_store_has_its_status_and_code() {
        let kind = "link";
        let name = || "a".to_owned();
        let table = [
            (
                StoreError::NotFound { kind, name: name() },
                404,
                "link.not_found",
            ),
            (
                StoreError::Exists { kind, name: name() },
                409,
                "save.exists",
            ),
            (
                StoreError::Conflict {
                    kind,
                    name: name(),
                    current: 2,
                },
                412,
                "save.conflict",
            ),
            (
                StoreError::InUse {
                    cluster: name(),
                    links: vec![name()],
                },
                409,
                "cluster.in_use",
            ),
            (StoreError::AlreadySetUp, 409, "setup.done"),
            (StoreError::SetupToken, 403, "setup.token"),
            (StoreError::Cursor, 400, "request.cursor"),
            (StoreError::Unavailable(name()), 503, "store.unavailable"),
            (
                StoreError::Refused("SELECT canary".to_owned()),
                500,
                "store.failed",
            ),
        ];
        for (error, status, code) in table {
            let problem = from_store(error);
            assert_eq!((problem.status, problem.code.as_str()), (status, code));
            assert!(!format!("{problem:?}").contains("canary"));
        }
    }

    #[test]
    fn one_faulty_field_is_told_in_the_detail_too() {
        let problem = invalid_field("limit", "A page has 1 to 1000 items.");
        assert_eq!(problem.detail, "A page has 1 to 1000 items.");
        assert_eq!(problem.fields[0].field, "limit");
    }
}
