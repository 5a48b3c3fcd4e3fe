//! What a browser's tab says, for pages whose name may change under them.

use leptos::prelude::*;
use leptos_meta::Title;

/// The title of a page that stays while what it shows changes.
///
/// The server writes titles when the page is made already: by then the page's signals may be gone, and to read one would
/// end the request. So it reads them here, and only the browser reads them again.
#[component]
pub fn PageTitle(text: impl Fn() -> String + Send + Sync + 'static) -> impl IntoView {
    #[cfg(not(feature = "hydrate"))]
    let text = untrack(text);
    view! { <Title text /> }
}
