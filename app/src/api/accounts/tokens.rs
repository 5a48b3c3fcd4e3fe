//! One's own API tokens, which may do no more than their owner.

use model::{
    account::{LONGEST_TOKEN_DAYS, TokenView},
    problem::Problem,
};
use store::PageQuery;

use super::Person;
use crate::{
    Context,
    access::{Action, Resource, Role, authorize},
    api::{
        List, check_page, legal_id,
        tokens::{IssuedToken, TokenInput, make, view},
    },
    problems::{from_store, invalid_field},
};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// A token that a person makes for itself.
#[derive(Clone, Debug)]
pub struct OwnTokenInput {
    pub name: String,
    pub role: Role,
    /// `None`: never.
    pub expires_in_days: Option<u32>,
}

/// Returns one page of the person's tokens in the order of their making, expired and revoked ones included.
pub async fn own_tokens(
    context: &Context,
    person: &Person,
    page: &PageQuery,
) -> Result<List<TokenView>, Problem> {
    authorize(&person.actor, Action::Read, Resource::Account)?;
    check_page(page)?;
    let page = context.store.tokens_of(&person.user_id, page).await;
    Ok(List::of(page.map_err(from_store)?, view))
}

/// Makes a token of the person; the answer holds its text, this once.
///
/// # Errors
/// `input.invalid` at `name`, `role`, `expires_in_days`.
pub async fn create_own_token(
    context: &Context,
    person: &Person,
    input: &OwnTokenInput,
) -> Result<IssuedToken, Problem> {
    authorize(&person.actor, Action::Create, Resource::Account)?;
    let own = person.actor.role;
    if input.role > own {
        let message = format!(
            "A token of yours has at most your role, `{}`.",
            own.as_str()
        );
        return Err(invalid_field("role", message));
    }
    let legal = |days: u32| (1..=LONGEST_TOKEN_DAYS).contains(&days);
    if input.expires_in_days.is_some_and(|days| !legal(days)) {
        let message =
            format!("A token is good for 1 to {LONGEST_TOKEN_DAYS} days, or without end.");
        return Err(invalid_field("expires_in_days", message));
    }
    let expires_at_ms = input
        .expires_in_days
        .map(|days| context.now_ms + i64::from(days) * DAY_MS);
    let token = TokenInput {
        name: input.name.clone(),
        role: input.role,
        expires_at_ms,
    };
    let owner = Some(person.user_id.clone());
    make(&context.store, &token, owner, context.by(&person.actor)).await
}

/// Revokes one of the person's tokens at once; doing it again changes nothing.
///
/// # Errors
/// `token.not_found`, for others' tokens too.
pub async fn revoke_own_token(context: &Context, person: &Person, id: &str) -> Result<(), Problem> {
    authorize(&person.actor, Action::Delete, Resource::Account)?;
    let id = legal_id(id, "token")?;
    let by = context.by(&person.actor);
    let revoked = context.store.revoke_token_of(&person.user_id, id, by).await;
    revoked.map(|_| ()).map_err(from_store)
}
