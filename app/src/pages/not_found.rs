//! What stands at an address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

/// Says that there is no such page, with the way back.
#[component]
pub fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::caller::set_status(404);
    view! {
        <Title text="Not found" />
        <section class="alone">
            <h1>"There is nothing at this address."</h1>
            <p>"The link or cluster may have been deleted, or the address was cut off."</p>
            <p><a href="/">"Go to the map"</a></p>
        </section>
    }
}
