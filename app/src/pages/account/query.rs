//! What `/account` shows, from the service functions of one's own account.

use http::{Method, request::Parts};
use leptos::prelude::use_context;
use model::{
    account::{SessionView, TokenView},
    problem::Problem,
};
use store::PageQuery;

use super::{AccountView, NewToken, SessionRow, TokenRow, TokenState, agent};
use crate::{
    api::accounts::{self, NewTokens, Person},
    caller::Caller,
};

/// Most tokens that are listed.
const LISTED: u32 = 1_000;

/// Returns the account of the caller; `made` is the key of the form that made a token, or empty.
pub async fn view(caller: &Caller, person: &Person, made: &str) -> Result<AccountView, Problem> {
    let context = &caller.context;
    let sessions = accounts::sessions(context, person).await?;
    let tokens = accounts::own_tokens(context, person, &PageQuery::first(LISTED)).await?;
    let now_ms = context.now_ms;
    let rows = tokens.items.into_iter().rev();
    let rows = rows.map(|token| token_row(token, now_ms));
    let (good, over) = rows.partition(|row| row.state == TokenState::Good);
    // A request for the head alone shows nothing, so it takes nothing.
    let head = use_context::<Parts>().is_some_and(|parts| parts.method == Method::HEAD);
    let new_token = if head || made.is_empty() {
        None
    } else {
        caller.new_tokens.take(person, made, now_ms)
    };
    Ok(AccountView {
        person: person.view(),
        now_ms,
        sessions: sessions.into_iter().map(session_row).collect(),
        tokens: good,
        tokens_over: over,
        new_token: new_token.map(|issued| NewToken {
            name: issued.view.name,
            text: issued.token,
        }),
        form: NewTokens::form_key()?,
    })
}

fn session_row(session: SessionView) -> SessionRow {
    SessionRow {
        browser: agent::words(&session.user_agent),
        id: session.id,
        user_agent: session.user_agent,
        created_at_ms: session.created_at_ms,
        last_seen_at_ms: session.last_seen_at_ms,
        current: session.current,
    }
}

fn token_row(token: TokenView, now_ms: i64) -> TokenRow {
    let expired = token.expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms);
    let state = match (token.revoked_at_ms, expired) {
        (Some(_), _) => TokenState::Revoked,
        (None, true) => TokenState::Expired,
        (None, false) => TokenState::Good,
    };
    TokenRow {
        id: token.id,
        name: token.name,
        role: token.role,
        created_at_ms: token.created_at_ms,
        expires_at_ms: token.expires_at_ms,
        state,
    }
}
