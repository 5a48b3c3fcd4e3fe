//! `/sign-in`.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::{
    components::{field::TextField, notice::ProblemNotice},
    error::UiError,
    fns::session::SignIn,
};

/// Name and password; one text for all failures.
#[component]
pub fn SignInPage() -> impl IntoView {
    let action = ServerAction::<SignIn>::new();
    let error = Signal::derive(move || action.value().get().and_then(Result::err));
    let kept = error.get_untracked().map(|error: UiError| error.kept("name"));
    let next = use_query_map().with_untracked(|query| query.get("next").unwrap_or_default());
    view! {
        <Title text="Sign in" />
        <main id="content" class="gate">
            <h1>"Sign in to Causeway"</h1>
            {move || error.get().map(|error| view! { <ProblemNotice problem=error.problem /> })}
            <ActionForm action attr:class="card form">
                <input type="hidden" name="next" value=next />
                <TextField
                    name="name"
                    label="Name"
                    value=kept.unwrap_or_default()
                    autocomplete="username"
                    required=true
                />
                <TextField
                    name="password"
                    label="Password"
                    kind="password"
                    autocomplete="current-password"
                    required=true
                />
                <button type="submit" class="primary">"Sign in"</button>
            </ActionForm>
        </main>
    }
}
