//! What happened, to one link or to anything.

use model::problem::Problem;
use serde::Serialize;
use store::{Event, Link, PageQuery, Subject};

use super::{List, check_page, links::readable};
use crate::{
    Context,
    access::{Action, Actor, Resource, Role, authorize},
    problems::from_store,
};

/// An event as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventView {
    pub id: String,
    /// Milliseconds since the epoch, UTC.
    pub at_ms: i64,
    /// Dotted word such as `link.waiting`.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// Who did it; `causeway` for the product itself.
    pub actor: String,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            at_ms: event.at_ms,
            kind: event.kind,
            text: event.text,
            actor: event.actor,
            before: event.before,
            after: event.after,
        }
    }
}

/// Returns one page of a link's events, newest first.
pub async fn of_link(
    context: &Context,
    actor: &Actor,
    link: &str,
    page: &PageQuery,
) -> Result<List<EventView>, Problem> {
    let link = readable(context, actor, link).await?;
    check_page(page)?;
    of(context, &link, page).await
}

/// Returns one page of the events of a link that somebody may read, newest first.
pub(crate) async fn of(
    context: &Context,
    link: &Link,
    page: &PageQuery,
) -> Result<List<EventView>, Problem> {
    let subject = Subject::Link(link.id.clone());
    let page = context.store.events_of(&subject, page).await;
    Ok(List::of(page.map_err(from_store)?, EventView::from))
}

/// Returns one page of all events, newest first. Who signed in, or failed to, only administrators see.
pub async fn all(
    context: &Context,
    actor: &Actor,
    page: &PageQuery,
) -> Result<List<EventView>, Problem> {
    authorize(actor, Action::Read, Resource::Events)?;
    check_page(page)?;
    let page = match actor.role {
        Role::Administrator => context.store.events(page).await,
        _ => context.store.events_of_objects(page).await,
    };
    Ok(List::of(page.map_err(from_store)?, EventView::from))
}
