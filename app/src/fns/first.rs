//! The page that waits for a link's first record.

use leptos::prelude::*;

use crate::{error::UiError, fns::call::Call, pages::first::FirstView};

#[cfg(feature = "ssr")]
use crate::{caller::signed_in, pages::first::query};

/// Returns what the page shows.
#[server(protocol = Call, prefix = "/fn", endpoint = "first-record")]
pub async fn first_record(name: String) -> Result<FirstView, UiError> {
    let (caller, person) = signed_in()?;
    Ok(query::view(&caller.context, &person.actor, &name).await?)
}
