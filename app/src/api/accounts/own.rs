//! One's own account: password and sessions.

use model::{
    account::{self, LONGEST_PASSWORD, SessionView},
    problem::Problem,
};
use store::{Session, StoreError, users::PasswordChange};

use super::{Attempts, Person, password, wait};
use crate::{
    Context,
    access::{Action, Resource, authorize},
    api::legal_id,
    problems::{self, from_store, invalid_field},
};

/// A change of one's own password, as typed.
#[derive(Clone, Copy)]
pub struct NewPassword<'a> {
    pub current: &'a str,
    pub password: &'a str,
    pub password_again: &'a str,
}

impl std::fmt::Debug for NewPassword<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

/// Ends the person's own session; one that has ended already is no error.
pub async fn sign_out(context: &Context, person: &Person) -> Result<(), Problem> {
    authorize(&person.actor, Action::Change, Resource::Account)?;
    let by = context.by(&person.actor);
    let ended = context
        .store
        .end_session(&person.user_id, &person.session_id, by)
        .await;
    match ended {
        Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(from_store(error)),
    }
}

/// Changes the person's password and ends all its other sessions; returns how many ended.
///
/// # Errors
/// `input.invalid` at `current`, `password`, `password_again`; `auth.wait` after too many wrong ones.
pub async fn change_password(
    context: &Context,
    attempts: &Attempts,
    person: &Person,
    new: NewPassword<'_>,
) -> Result<usize, Problem> {
    authorize(&person.actor, Action::Change, Resource::Account)?;
    let name = &person.actor.name;
    let mut faults = account::check_password(name, new.password, new.password_again);
    if new.current == new.password && faults.is_empty() {
        faults = invalid_field("password", "The new password is the present one.").fields;
    }
    problems::check(faults)?;
    let user = context.store.user(&person.user_id).await;
    let user = user.map_err(from_store)?;
    let attempt = attempts
        .begin(name, None, context.now_ms)
        .map_err(|wait_ms| wait(wait_ms, context.now_ms))?;
    // No password is longer, and comparing takes longer the longer the text is.
    let possible = new.current.chars().count() <= LONGEST_PASSWORD;
    match password::fits(
        if possible { new.current } else { "" },
        Some(&user.password),
    )
    .await
    {
        Ok(true) => attempt.succeeded(),
        Ok(false) => {
            return Err(invalid_field(
                "current",
                "This is not the present password.",
            ));
        }
        Err(problem) => {
            attempt.undecided();
            return Err(problem);
        }
    }
    let after = password::hashed(new.password).await?;
    let change = PasswordChange {
        user_id: &person.user_id,
        before: &user.password,
        after: &after,
        session_id: &person.session_id,
    };
    let by = context.by(&person.actor);
    let changed = context.store.change_password(change, by).await;
    changed.map_err(from_store)
}

/// Lists the person's sessions, last seen first.
pub async fn sessions(context: &Context, person: &Person) -> Result<Vec<SessionView>, Problem> {
    authorize(&person.actor, Action::Read, Resource::Account)?;
    let sessions = context
        .store
        .sessions_of(&person.user_id, context.now_ms)
        .await
        .map_err(from_store)?;
    let view = |session: Session| SessionView {
        current: session.id == person.session_id,
        id: session.id,
        user_agent: session.user_agent,
        created_at_ms: session.created_at_ms,
        last_seen_at_ms: session.last_seen_at_ms,
        expires_at_ms: session.expires_at_ms,
    };
    Ok(sessions.into_iter().map(view).collect())
}

/// Ends one of the person's sessions, in effect at once.
///
/// # Errors
/// `session.not_found`, for others' sessions too.
pub async fn revoke_session(context: &Context, person: &Person, id: &str) -> Result<(), Problem> {
    authorize(&person.actor, Action::Delete, Resource::Account)?;
    let id = legal_id(id, "session")?;
    let by = context.by(&person.actor);
    let ended = context.store.end_session(&person.user_id, id, by).await;
    ended.map_err(from_store)
}
