//! The HTML document around every page.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::{caller, console::App};

/// Addresses of the files that a page loads, with a version in each so that browsers may keep them.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    pub css: String,
    pub js: String,
    pub wasm: String,
}

/// Returns the document of the current request.
pub fn document(assets: &Assets) -> impl IntoView + use<> {
    let visitor = caller::caller().map(|caller| caller.visitor);
    let theme = visitor.unwrap_or_default().theme.as_str();
    let script = format!(
        "import init,{{hydrate}} from '{}';init({{module_or_path:'{}'}}).then(hydrate)",
        assets.js, assets.wasm
    );
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="stylesheet" href=assets.css.clone() />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="modulepreload" href=assets.js.clone() />
                <MetaTags />
            </head>
            <body>
                <App />
                <script type="module" nonce=use_nonce()>{script}</script>
            </body>
        </html>
    }
}
