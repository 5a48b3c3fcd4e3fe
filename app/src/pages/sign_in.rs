//! `/sign-in`.
//!
//! A plain form: the page behind it is loaded anew, since all of it depends on who is signed in.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::{
    components::{field::TextField, notice::ProblemNotice},
    error::{UiError, answered},
    fns::session::SignIn,
};

/// Name and password; one text for all failures.
#[component]
pub fn SignInPage() -> impl IntoView {
    let error = answered::<SignIn>().get_untracked();
    #[cfg(feature = "ssr")]
    if let Some(error) = &error {
        crate::caller::set_status(error.problem.status);
    }
    let kept = error.as_ref().map(|error: &UiError| error.kept("name"));
    let kept = kept.unwrap_or_default();
    let query = use_query_map().get_untracked();
    let next = query.get("next").unwrap_or_default();
    let ended = error.is_none() && query.get("ended").is_some();
    let form = view! {
        <form method="post" action=SignIn::url() class="card form">
            <input type="hidden" name="next" value=next />
            <TextField
                name="name"
                label="Name"
                value=kept.clone()
                autocomplete="username"
                autofocus=kept.is_empty()
                required=true
            />
            <TextField
                name="password"
                label="Password"
                kind="password"
                autocomplete="current-password"
                autofocus={!kept.is_empty()}
                required=true
            />
            <button type="submit" class="primary">"Sign in"</button>
        </form>
    };
    let form = form.into_any();
    view! {
        <Title text="Sign in" />
        <main id="content" class="gate">
            <h1>"Sign in to Causeway"</h1>
            {ended.then(|| view! {
                <p class="muted" role="status">
                    "Your session has ended, here or by a change of the password. Sign in and go on where you were."
                </p>
            })}
            {error.map(|error| view! { <ProblemNotice problem=error.problem /> })}
            {form}
        </main>
    }
}
