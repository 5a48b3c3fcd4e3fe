//! The form of a link: begin, save a step, preview, finish, discard.

use leptos::prelude::*;
use model::draft::LinkDraft;

use crate::{
    error::UiError,
    fns::call::Call,
    pages::link_form::view::{FormQuery, FormView, PreviewView},
};

#[cfg(feature = "ssr")]
use crate::{
    api::link_forms::{self, Pressed, Typing},
    caller::signed_in,
    pages::link_form::query,
};

/// Begins the form of a new link and leads to its first step.
#[server(protocol = Call, prefix = "/fn", endpoint = "begin-link")]
pub async fn begin_link() -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let place = link_forms::begin(&caller.context, &person).await?;
    leptos_axum::redirect(&place.path(place.steps()[0]));
    Ok(())
}

/// Begins to edit a link and leads to the first step.
#[server(protocol = Call, prefix = "/fn", endpoint = "begin-link-edit")]
pub async fn begin_link_edit(name: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let place = link_forms::begin_edit(&caller.context, &person, &name).await?;
    leptos_axum::redirect(&place.path(place.steps()[0]));
    Ok(())
}

/// Returns what one step shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "link-form")]
pub async fn link_form(id: String, step: String, query: FormQuery) -> Result<FormView, UiError> {
    let (caller, person) = signed_in()?;
    let asked = (step.as_str(), query);
    Ok(query::view(&caller.context, &person, &id, asked).await?)
}

/// Saves the choice of a cluster.
#[server(protocol = Call, prefix = "/fn", endpoint = "save-link-end")]
pub async fn save_link_end(
    id: String,
    step: String,
    #[server(default)] cluster: String,
    #[server(default)] go: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let end = (query::end_of(&step)?, cluster.as_str());
    let path = link_forms::save_end(&caller.context, &person, &id, (end, Pressed::of(&go))).await?;
    leptos_axum::redirect(&path);
    Ok(())
}

/// Saves the rows and names.
#[server(protocol = Call, prefix = "/fn", endpoint = "save-link-topics")]
pub async fn save_link_topics(
    id: String,
    #[server(default)] draft: LinkDraft,
    #[server(default)] filter: String,
    #[server(default)] go: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let posted = (draft, filter.as_str(), Pressed::of(&go));
    let path = link_forms::save_topics(&caller.context, &person, &id, posted).await?;
    leptos_axum::redirect(&path);
    Ok(())
}

/// Saves the rows and names as they are typed, and returns what they match; `sent` tells how often the form had been sent
/// when its page was made.
#[server(protocol = Call, prefix = "/fn", endpoint = "preview-link-topics")]
pub async fn preview_link_topics(
    id: String,
    #[server(default)] draft: LinkDraft,
    #[server(default)] filter: String,
    #[server(default)] sent: u32,
) -> Result<PreviewView, UiError> {
    let (caller, person) = signed_in()?;
    let typing = Typing {
        draft,
        filter,
        sent,
    };
    Ok(link_forms::typed(&caller.context, &person, &id, typing).await?)
}

/// Saves the options.
#[server(protocol = Call, prefix = "/fn", endpoint = "save-link-options")]
pub async fn save_link_options(
    id: String,
    #[server(default)] draft: LinkDraft,
    #[server(default)] go: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let posted = (draft, Pressed::of(&go));
    let path = link_forms::save_options(&caller.context, &person, &id, posted).await?;
    leptos_axum::redirect(&path);
    Ok(())
}

/// Makes, starts or changes the link.
#[server(protocol = Call, prefix = "/fn", endpoint = "finish-link-form")]
pub async fn finish_link_form(
    id: String,
    #[server(default)] link: String,
    #[server(default)] fingerprint: String,
    #[server(default)] go: String,
) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    let asked = (go.as_str(), link.as_str(), fingerprint.as_str());
    let path = link_forms::finish(&caller.context, &person, &id, asked).await?;
    leptos_axum::redirect(&path);
    Ok(())
}

/// Throws a form away.
#[server(protocol = Call, prefix = "/fn", endpoint = "discard-link-form")]
pub async fn discard_link_form(id: String) -> Result<(), UiError> {
    let (caller, person) = signed_in()?;
    link_forms::discard(&caller.context, &person, &id).await?;
    leptos_axum::redirect("/links");
    Ok(())
}
