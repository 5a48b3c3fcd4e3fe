//! The form that changes one's own password.

use leptos::{prelude::*, server_fn::ServerFn};
use model::account::SHORTEST_PASSWORD;

use crate::{
    components::{
        field::TextField,
        frame::visitor,
        notice::{ActionNotice, ErrorSummary},
    },
    error::{UiError, answered},
    fns::account::ChangePassword,
};

/// Changes the password. What was typed is never shown again.
#[component]
pub fn PasswordCard() -> impl IntoView {
    let error = answered::<ChangePassword>();
    let of_field = move |name: &'static str| {
        Signal::derive(move || error.get().and_then(|error: UiError| error.of_field(name)))
    };
    let faults = Signal::derive(move || {
        let error = error.get();
        error.map(|error| error.problem.fields).unwrap_or_default()
    });
    let name = visitor().actor.map(|actor| actor.name).unwrap_or_default();
    view! {
        <section class="card" aria-labelledby="password-title">
            <header>
                <h2 id="password-title">"Password"</h2>
            </header>
            <form method="post" action=ChangePassword::url() class="form">
                <ActionNotice error />
                <ErrorSummary faults />
                // Tells password stores whose password this is.
                <input type="text" name="username" value=name autocomplete="username" hidden />
                <TextField
                    name="current"
                    label="Present password"
                    kind="password"
                    autocomplete="current-password"
                    required=true
                    error=of_field("current")
                />
                <TextField
                    name="password"
                    label="New password"
                    hint=format!("{SHORTEST_PASSWORD} characters or more. All your other sessions end.")
                    kind="password"
                    autocomplete="new-password"
                    required=true
                    error=of_field("password")
                />
                <TextField
                    name="password_again"
                    label="New password again"
                    kind="password"
                    autocomplete="new-password"
                    required=true
                    error=of_field("password_again")
                />
                <div class="actions">
                    <button type="submit">"Change the password"</button>
                </div>
            </form>
        </section>
    }
}
