//! Sentences that the summary makes, with their names set off.

use leptos::prelude::*;
use model::summary::Sentence;

/// Shows a sentence.
#[component]
pub fn SentenceText(sentence: Sentence) -> impl IntoView {
    let parts = sentence.0.into_iter().map(|part| {
        if part.strong {
            view! { <strong><bdi>{part.text}</bdi></strong> }.into_any()
        } else {
            part.text.into_any()
        }
    });
    parts.collect_view()
}
