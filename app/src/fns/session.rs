//! First set-up, sign-in and sign-out, and the theme.

use leptos::prelude::*;

use crate::{error::UiError, fns::call::Call};

#[cfg(feature = "ssr")]
use crate::{
    api::accounts,
    caller::{Caller, caller, set_cookie, signed_in},
    visitor::{THEME_COOKIE, Theme},
};

/// Makes the first administrator with the one-time token of the log.
#[server(protocol = Call, prefix = "/fn", endpoint = "set-up")]
pub async fn set_up(
    token: String,
    name: String,
    password: String,
    password_again: String,
) -> Result<(), UiError> {
    let caller = caller()?;
    let issued = accounts::set_up(
        &caller.context,
        &token,
        &name,
        &password,
        &password_again,
        &caller.agent,
    )
    .await;
    let issued = issued.map_err(|problem| UiError::from(problem).keep("name", &name))?;
    begin_session(&caller, &issued);
    leptos_axum::redirect("/");
    Ok(())
}

/// Signs in and goes on to `next`, a path of this console.
#[server(protocol = Call, prefix = "/fn", endpoint = "sign-in")]
pub async fn sign_in(name: String, password: String, next: String) -> Result<(), UiError> {
    let caller = caller()?;
    let issued = accounts::sign_in(
        &caller.context,
        &caller.attempts,
        accounts::Credentials {
            name: &name,
            password: &password,
        },
        &caller.client,
        &caller.agent,
    )
    .await;
    let issued = issued.map_err(|problem| UiError::from(problem).keep("name", &name))?;
    begin_session(&caller, &issued);
    leptos_axum::redirect(safe_path(&next));
    Ok(())
}

/// Ends the session of this browser.
#[server(protocol = Call, prefix = "/fn", endpoint = "sign-out")]
pub async fn sign_out() -> Result<(), UiError> {
    let caller = caller()?;
    if let Some(person) = &caller.person {
        accounts::sign_out(&caller.context, person).await?;
    }
    set_cookie(&caller.cookies.set(caller.cookies.session(), "", 0));
    leptos_axum::redirect("/sign-in");
    Ok(())
}

/// Keeps the chosen theme in a cookie and returns to the page.
#[server(protocol = Call, prefix = "/fn", endpoint = "theme")]
pub async fn set_theme(theme: String) -> Result<(), UiError> {
    const YEAR_S: i64 = 365 * 24 * 3600;
    let (caller, _) = signed_in()?;
    let theme = Theme::of(&theme);
    set_cookie(&caller.cookies.set(THEME_COOKIE, theme.as_str(), YEAR_S));
    Ok(())
}

#[cfg(feature = "ssr")]
fn begin_session(caller: &Caller, issued: &accounts::IssuedSession) {
    let seconds = (issued.expires_at_ms - caller.context.now_ms) / 1_000;
    let cookies = caller.cookies;
    set_cookie(&cookies.set(cookies.session(), &issued.secret, seconds));
}

/// Returns `next` where it is a path of this console, else the first page: nobody is sent elsewhere by an address.
#[cfg(feature = "ssr")]
pub(super) fn safe_path(next: &str) -> &str {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own { next } else { "/" }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::safe_path;

    #[test]
    fn only_paths_of_this_console_are_gone_to() {
        for own in ["/", "/links/a?b=1"] {
            assert_eq!(safe_path(own), own);
        }
        for foreign in ["", "//evil", "/\\evil", "https://evil", "links", "/a\r\nb"] {
            assert_eq!(safe_path(foreign), "/", "{foreign:?}");
        }
    }
}
