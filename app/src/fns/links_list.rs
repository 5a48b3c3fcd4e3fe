//! The page of all links.

use leptos::prelude::*;

use crate::{error::UiError, fns::call::Call, pages::links::LinksView};

#[cfg(feature = "ssr")]
use crate::{caller::signed_in, pages::links::query};

/// Returns what `/links` shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "links-page")]
pub async fn links_page() -> Result<LinksView, UiError> {
    let (caller, person) = signed_in()?;
    Ok(query::view(&caller.context, &person).await?)
}
