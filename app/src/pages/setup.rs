//! `/setup`: the first administrator is made with the one-time token of the log.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::{
    components::{
        field::TextField,
        notice::{ActionNotice, ErrorSummary},
    },
    error::{UiError, answered},
    fns::session::SetUp,
};

/// Asks for the first administrator's name and password.
#[component]
pub fn SetupPage() -> impl IntoView {
    let error = answered::<SetUp>();
    #[cfg(feature = "ssr")]
    if let Some(error) = error.get_untracked() {
        crate::caller::set_status(error.problem.status);
    }
    let kept = error
        .get_untracked()
        .map(|error: UiError| error.kept("name"));
    let of_field = move |name: &'static str| {
        Signal::derive(move || error.get().and_then(|error: UiError| error.of_field(name)))
    };
    let token = use_query_map().with_untracked(|query| query.get("token").unwrap_or_default());
    let missing = token.is_empty().then(|| {
        view! {
            <p class="notice crit">
                "The set-up needs the link with a one-time token that the log of the last start shows."
            </p>
        }
    });
    let form = view! {
        <form method="post" action=SetUp::url() class="card form">
            <input type="hidden" name="token" value=token />
            <TextField
                name="name"
                label="Name"
                value=kept.unwrap_or_else(|| "admin".to_owned())
                autocomplete="username"
                required=true
                error=of_field("name")
            />
            <TextField
                name="password"
                label="Password"
                hint="10 characters or more."
                kind="password"
                autocomplete="new-password"
                required=true
                error=of_field("password")
            />
            <TextField
                name="password_again"
                label="Password again"
                kind="password"
                autocomplete="new-password"
                required=true
                error=of_field("password_again")
            />
            <button type="submit" class="primary">"Make the administrator"</button>
        </form>
    };
    let form = form.into_any();
    view! {
        <Title text="Set up" />
        <main id="content" class="gate">
            <h1>"Welcome to Causeway"</h1>
            <p class="muted">
                "Make the first administrator. Then connect two clusters and start a link."
            </p>
            {missing}
            <ActionNotice error />
            <ErrorSummary faults=Signal::derive(move || {
                error.get().map(|error| error.problem.fields).unwrap_or_default()
            }) />
            {form}
        </main>
    }
}
