//! `/links/{link}/delete`: asks for the typed name; the mirror topics stay.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Head, failed};
use crate::{
    access::{Action, Resource},
    components::{
        allowed::lacking,
        field::TextField,
        notice::{ActionNotice, ErrorSummary},
        post::{Post, PostForm},
        title::PageTitle,
    },
    fns::links::{DeleteLink, LinkToDelete},
    pages::{
        address,
        load::{load, shown_or},
    },
};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteView {
    pub head: Head,
    /// Whether the link's phase allows it.
    pub may: bool,
}

/// Asks whether a link shall go.
#[component]
pub fn DeleteLinkPage() -> impl IntoView {
    let name = address::part("name");
    let view = load(move || LinkToDelete { name: name.get() });
    view! {
        <PageTitle text=move || format!("Delete {}", name.get()) />
        {shown_or(view, |view| view! { <Question view /> }.into_any(), failed)}
    }
}

#[component]
fn Question(view: DeleteView) -> impl IntoView {
    let name = view.head.name;
    let back = format!("/links/{name}");
    let body = match (view.may, lacking(Action::Delete, Resource::Link(&name))) {
        (_, Some(reason)) => {
            view! { <p class="body">"You may not delete this link. " {reason}</p> }.into_any()
        }
        (false, None) => view! {
            <p class="body">"Only a stopped link can be deleted. Stop it first."</p>
        }
        .into_any(),
        (true, None) => view! { <Form name=name.clone() revision=view.head.revision /> }.into_any(),
    };
    view! {
        <nav class="crumbs" aria-label="Where you are">
            <a href="/links">"Links"</a>
            " / "
            <a href=back.clone()>{name.clone()}</a>
            " / delete"
        </nav>
        <h1>{format!("Delete {name}")}</h1>
        <section class="card narrow">
            <div class="body">
                <p>
                    "The link, its settings and its findings go. The mirror topics at "
                    <bdi>{view.head.destination}</bdi>
                    " stay with all their records, and so does what the link stored there about its positions. Nothing at "
                    <bdi>{view.head.source}</bdi> " changes."
                </p>
            </div>
            {body}
        </section>
        <p><a href=back>"Back to the link"</a></p>
    }
}

#[component]
fn Form(name: String, revision: i64) -> impl IntoView {
    let delete = Post::to::<DeleteLink>();
    let error = delete.error();
    let faults = Signal::derive(move || {
        error
            .get()
            .map(|error| error.problem.fields)
            .unwrap_or_default()
    });
    let fault = Signal::derive(move || error.get().and_then(|error| error.of_field("confirm")));
    view! {
        <ActionNotice error />
        <ErrorSummary faults />
        <PostForm post=delete class="form">
            <input type="hidden" name="name" value=name.clone() />
            <input type="hidden" name="revision" value=revision.to_string() />
            <TextField
                name="confirm"
                label=format!("Type the link's name, {name}")
                mono=true
                required=true
                error=fault
            />
            <div class="actions">
                <button type="submit" class="danger">"Delete the link"</button>
            </div>
        </PostForm>
    }
}
