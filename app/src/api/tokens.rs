//! API tokens: `cw_` and 32 random bytes in base64url; only their SHA-256 is stored.

pub use model::account::TokenView;
use model::{
    account,
    problem::{FieldError, Problem},
};
use serde::{Deserialize, Serialize};
use store::{NewToken, PageQuery, Store, Token};

use super::{
    List, check_page,
    secrets::{hash, random_text},
};
use crate::{
    Context,
    access::{Action, Actor, Resource, Role, authorize},
    problems::{self, from_store},
};

/// How every token begins, so that leaked ones can be searched for.
const PREFIX: &str = "cw_";

/// A token to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    pub name: String,
    pub role: Role,
    /// First moment at which it is no longer good, milliseconds since the epoch UTC; absent: never.
    #[serde(default)]
    pub expires_at_ms: Option<i64>,
}

/// A token just made, with its text; this is the only time that the text is shown.
#[derive(Serialize)]
pub struct IssuedToken {
    #[serde(flatten)]
    pub view: TokenView,
    pub token: String,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

/// Makes a token.
pub async fn create(
    context: &Context,
    actor: &Actor,
    input: &TokenInput,
) -> Result<IssuedToken, Problem> {
    authorize(actor, Action::Create, Resource::Tokens)?;
    problems::check(faults(input, context.now_ms))?;
    issue(&context.store, input, context.by(actor)).await
}

/// Makes a token for somebody who was authorised otherwise: whoever may read the key file on the command line.
pub async fn issue(
    store: &Store,
    input: &TokenInput,
    by: store::By<'_>,
) -> Result<IssuedToken, Problem> {
    make(store, input, None, by).await
}

/// Makes a token of a user, or of nobody in particular; who makes it may do at least what it may.
pub(super) async fn make(
    store: &Store,
    input: &TokenInput,
    owner_id: Option<String>,
    by: store::By<'_>,
) -> Result<IssuedToken, Problem> {
    problems::check(faults(input, by.now_ms))?;
    let text = format!("{PREFIX}{}", random_text()?);
    let new = NewToken {
        name: input.name.clone(),
        role: input.role.as_str().to_owned(),
        sha256: hash(&text),
        expires_at_ms: input.expires_at_ms,
        owner_id,
    };
    let token = store.create_token(&new, by).await.map_err(from_store)?;
    Ok(IssuedToken {
        view: view(token),
        token: text,
    })
}

/// Returns a token as it is shown.
pub(super) fn view(token: Token) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name,
        role: token.role,
        created_at_ms: token.created_at_ms,
        expires_at_ms: token.expires_at_ms,
        revoked_at_ms: token.revoked_at_ms,
        owner_id: token.owner_id,
    }
}

/// Returns one page of all tokens, expired and revoked ones included.
pub async fn list(
    context: &Context,
    actor: &Actor,
    page: &PageQuery,
) -> Result<List<TokenView>, Problem> {
    authorize(actor, Action::Read, Resource::Tokens)?;
    check_page(page)?;
    let page = context.store.tokens(page).await.map_err(from_store)?;
    Ok(List::of(page, view))
}

/// Revokes a token at once; doing it again changes nothing.
pub async fn revoke(context: &Context, actor: &Actor, id: &str) -> Result<(), Problem> {
    authorize(actor, Action::Delete, Resource::Tokens)?;
    context
        .store
        .revoke_token(id, context.by(actor))
        .await
        .map_err(from_store)?;
    Ok(())
}

/// Returns who a token's text speaks for. All refusals read the same, whatever was wrong.
///
/// # Errors
/// `auth.token` (401), or `store.unavailable`.
pub async fn authenticate(context: &Context, text: &str) -> Result<Actor, Problem> {
    // The look-up is by hash: how long it takes tells nothing about the text.
    let found = context
        .store
        .token_by_hash(&hash(text), context.now_ms)
        .await
        .map_err(from_store)?;
    let token = found
        .filter(|_| text.starts_with(PREFIX))
        .ok_or_else(refused)?;
    // A role that this version does not know gives no rights.
    let mut role: Role = token.role.parse().map_err(|_| refused())?;
    if let Some(owner_role) = &token.owner_role {
        role = role.min(owner_role.parse().map_err(|_| refused())?);
    }
    Ok(Actor {
        id: token.id,
        name: format!("token {}", token.name),
        role,
    })
}

fn refused() -> Problem {
    Problem {
        code: "auth.token".to_owned(),
        status: 401,
        title: "A valid API token is needed.".to_owned(),
        detail: "Send the header `authorization: Bearer cw_…` with a token that is neither expired nor revoked."
            .to_owned(),
        next_step: Some("Make one with `causeway token create`.".to_owned()),
        ..Problem::default()
    }
}

fn faults(input: &TokenInput, now_ms: i64) -> Vec<FieldError> {
    let mut faults = Vec::from_iter(account::check_name(&input.name));
    if input.expires_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        let message = "The end lies in the past.".to_owned();
        faults.push(FieldError {
            field: "expires_at_ms".to_owned(),
            message,
        });
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_new_token_hides_its_text() {
        let view = TokenView {
            id: "1".to_owned(),
            name: "ci".to_owned(),
            role: "viewer".to_owned(),
            created_at_ms: 0,
            expires_at_ms: None,
            revoked_at_ms: None,
            owner_id: None,
        };
        let issued = IssuedToken {
            view,
            token: "cw_canary".to_owned(),
        };
        assert!(!format!("{issued:?}").contains("canary"));
    }

    #[test]
    fn names_and_ends_are_checked() {
        let input = |name: &str, expires_at_ms| TokenInput {
            name: name.to_owned(),
            role: Role::Viewer,
            expires_at_ms,
        };
        assert!(faults(&input("ci", Some(11)), 10).is_empty());
        for bad in [input("", None), input("a\nb", None), input("ci", Some(10))] {
            assert_eq!(faults(&bad, 10).len(), 1, "{bad:?}");
        }
    }
}
