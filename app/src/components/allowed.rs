//! Actions that the visitor may not take: they stay visible, disabled, and name the role that they need.

use leptos::prelude::*;

use super::frame::visitor;
use crate::access::{Action, Resource, missing_role};

/// Says which role the visitor lacks for an action, `None` where nothing is lacking. All pages ask here.
pub fn lacking(action: Action, resource: Resource<'_>) -> Option<String> {
    let actor = visitor().actor?;
    let role = missing_role(&actor, action, resource)?;
    Some(format!("Needs the role {}.", role.as_str()))
}

/// A link that looks like a button; without `href` while something is lacking.
#[component]
pub fn ButtonLink(
    #[prop(into)] href: String,
    #[prop(into)] word: String,
    /// What the link is about, for screen readers.
    #[prop(optional, into)]
    about: String,
    #[prop(default = "button")] class: &'static str,
    /// Why it cannot be followed.
    #[prop(into)]
    lacking: Option<String>,
) -> impl IntoView {
    let about =
        (!about.is_empty()).then(|| view! { " " <span class="unseen"><bdi>{about}</bdi></span> });
    let why = lacking
        .clone()
        .map(|why| view! { " " <span class="unseen">{why}</span> });
    let disabled = lacking.is_some().then_some("true");
    let href = lacking.is_none().then_some(href);
    view! {
        <a class=class href=href rel="external" role="link" aria-disabled=disabled title=lacking>
            {word}
            {about}
            {why}
        </a>
    }
}
