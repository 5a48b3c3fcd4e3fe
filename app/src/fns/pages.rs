//! What pages show, asked for by a browser that goes from one page to another.

use leptos::prelude::*;

use crate::{
    error::UiError,
    fns::call::Call,
    pages::{events::EventList, overview::OverviewView, search::SearchView},
};

#[cfg(feature = "ssr")]
use crate::{caller::signed_in, pages};

/// Returns what `/` shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "overview")]
pub async fn overview() -> Result<OverviewView, UiError> {
    let (caller, person) = signed_in()?;
    Ok(pages::overview::query::view(&caller.context, &person.actor).await?)
}

/// Returns one page of all events; `after` is the cursor of the page before, or empty.
#[server(protocol = Call, prefix = "/fn", endpoint = "events")]
pub async fn all_events(after: String) -> Result<EventList, UiError> {
    let (caller, person) = signed_in()?;
    Ok(pages::events::query::all(&caller.context, &person.actor, &after).await?)
}

/// Returns the links, clusters and topics whose names hold `q`.
#[server(protocol = Call, prefix = "/fn", endpoint = "search")]
pub async fn search(q: String) -> Result<SearchView, UiError> {
    let (caller, person) = signed_in()?;
    Ok(pages::search::query::view(&caller.context, &person.actor, &q).await?)
}
