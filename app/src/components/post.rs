//! Forms that are sent without loading a page where the browser's side runs, and as plain forms elsewhere.
//!
//! What they send is taken from the form as it is and never made into the function's own type, so all share one code.

use leptos::{prelude::*, server_fn::ServerFn};

use crate::error::{UiError, answered};

/// A server function that forms of this page post to.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    path: &'static str,
    pending: RwSignal<bool>,
    error: RwSignal<Option<UiError>>,
}

impl Post {
    /// Makes the page's way to `F`. It begins with what a plain post answered, if that failed.
    pub fn to<F: ServerFn<Error = UiError>>() -> Self {
        Self {
            path: F::PATH,
            pending: RwSignal::new(false),
            error: RwSignal::new(answered::<F>().get_untracked()),
        }
    }

    /// Says whether an answer is awaited.
    pub fn is_pending(self) -> bool {
        self.pending.get()
    }

    /// Returns the last answer, if that was an error.
    pub fn error(self) -> Signal<Option<UiError>> {
        self.error.into()
    }
}

/// A form that posts to a server function.
#[component]
pub fn PostForm(
    post: Post,
    #[prop(optional)] class: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    view! {
        <form method="post" action=post.path class=class on:submit=move |event| submit(post, event)>
            {children()}
        </form>
    }
}

#[cfg(feature = "hydrate")]
fn submit(post: Post, event: leptos::ev::SubmitEvent) {
    // What cannot be read is left to the browser, which posts the form by itself.
    let Ok(data) = leptos::form::form_data_from_event(&event) else {
        return;
    };
    event.prevent_default();
    let fields = fields_of(&data);
    post.pending.set(true);
    leptos::task::spawn_local(async move {
        let answer = crate::fns::call::post(post.path, &fields).await;
        // The page may be left meanwhile.
        post.error.try_set(answer.err());
        post.pending.try_set(false);
    });
}

/// Never runs: a server hears no events.
#[cfg(not(feature = "hydrate"))]
fn submit(_post: Post, _event: leptos::ev::SubmitEvent) {}

/// Encodes a form's input the way a browser posts it.
#[cfg(feature = "hydrate")]
pub fn fields_of(data: &web_sys::FormData) -> String {
    let fields = web_sys::UrlSearchParams::new_with_str_sequence_sequence(data);
    fields
        .map(|fields| String::from(fields.to_string()))
        .unwrap_or_default()
}
