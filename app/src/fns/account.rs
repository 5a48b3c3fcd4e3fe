//! One's own account: password, sessions, API tokens.

use leptos::prelude::*;

use crate::{error::UiError, fns::call::Call, pages::account::AccountView};

#[cfg(feature = "ssr")]
use crate::{
    api::accounts::{self, NewPassword},
    caller::{set_cookie, signed_in},
    pages::account::{form, query},
};

/// Returns what `/account` shows; `made` is the key of the form that made a token, or empty.
#[server(protocol = Call, prefix = "/fn", endpoint = "account")]
pub async fn account(made: String) -> Result<AccountView, UiError> {
    let (caller, person) = signed_in()?;
    Ok(query::view(&caller, &person, &made).await?)
}

/// Changes one's own password, which ends all other sessions.
#[server(protocol = Call, prefix = "/fn", endpoint = "change-password")]
pub async fn change_password(
    current: String,
    password: String,
    password_again: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let new = NewPassword {
        current: &current,
        password: &password,
        password_again: &password_again,
    };
    let ended = accounts::change_password(&caller.context, &caller.attempts, &person, new).await?;
    leptos_axum::redirect(&format!("/account?done=password&ended={ended}"));
    Ok(())
}

/// Ends one of one's own sessions; one that is over already is no fault.
#[server(protocol = Call, prefix = "/fn", endpoint = "end-session")]
pub async fn end_session(id: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    match accounts::revoke_session(&caller.context, &person, &id).await {
        Err(problem) if problem.code != "session.not_found" => return Err(problem.into()),
        _ => {}
    }
    if id == person.session_id {
        set_cookie(&caller.cookies.set(caller.cookies.session(), "", 0));
        leptos_axum::redirect("/sign-in");
    } else {
        leptos_axum::redirect("/account?done=session");
    }
    Ok(())
}

/// Makes an API token; the page that follows shows its text, once.
#[server(protocol = Call, prefix = "/fn", endpoint = "make-token")]
pub async fn make_token(
    form: String,
    name: String,
    role: String,
    expires_in_days: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let kept = |error: UiError| {
        let error = error.keep("name", &name).keep("role", &role);
        error.keep("expires_in_days", &expires_in_days)
    };
    let input = form::token_input(&name, &role, &expires_in_days);
    let input = input.map_err(|problem| kept(problem.into()))?;
    let tokens = &caller.new_tokens;
    let made = tokens.make(&caller.context, &person, &form, &input).await;
    made.map_err(|problem| kept(problem.into()))?;
    let query = crate::pages::address::query(&[("made", &form)]);
    leptos_axum::redirect(&format!("/account{query}#new-token"));
    Ok(())
}

/// Revokes one of one's own API tokens.
#[server(protocol = Call, prefix = "/fn", endpoint = "revoke-token")]
pub async fn revoke_token(id: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    accounts::revoke_own_token(&caller.context, &person, &id).await?;
    leptos_axum::redirect("/account?done=token");
    Ok(())
}
