//! The form of a new token, from texts to what is asked for.

use model::{
    account::{self, LONGEST_TOKEN_DAYS},
    problem::{FieldError, Problem},
};

use crate::{access::Role, api::accounts::OwnTokenInput, problems};

/// Reads the form.
///
/// # Errors
/// `input.invalid` with all faulty fields.
pub fn token_input(name: &str, role: &str, days: &str) -> Result<OwnTokenInput, Problem> {
    let days = days.trim();
    let legal = |days: &u32| (1..=LONGEST_TOKEN_DAYS).contains(days);
    let expires_in_days = days.parse::<u32>().ok().filter(legal);
    let mut faults = Vec::from_iter(account::check_name(name));
    let parsed = role.parse::<Role>();
    if parsed.is_err() {
        faults.push(fault("role", "Choose one of the roles shown.".to_owned()));
    }
    if !days.is_empty() && expires_in_days.is_none() {
        let message =
            format!("A number of days, 1 to {LONGEST_TOKEN_DAYS}; empty for a token without end.");
        faults.push(fault("expires_in_days", message));
    }
    problems::check(faults)?;
    Ok(OwnTokenInput {
        name: name.to_owned(),
        // Faults were told above; the least role stands where nothing was chosen.
        role: parsed.unwrap_or(Role::Viewer),
        expires_in_days,
    })
}

fn fault(field: &str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_name_a_role_and_perhaps_an_end() {
        let input = token_input("ci", "operator", " 30 ").unwrap();
        assert_eq!(
            (input.role, input.expires_in_days),
            (Role::Operator, Some(30))
        );
        assert_eq!(
            token_input("ci", "viewer", "").unwrap().expires_in_days,
            None
        );
    }

    #[test]
    fn all_faulty_fields_are_told_at_once() {
        let problem = token_input("", "root", "0").unwrap_err();
        let fields: Vec<&str> = problem.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["name", "role", "expires_in_days"]);
        for days in ["-1", "3651", "1.5", "x", "99999999999"] {
            assert!(token_input("ci", "viewer", days).is_err(), "{days}");
        }
    }
}
