//! The state of a link, topic or partition: icon, word and colour (UX 2.2).

use leptos::prelude::*;
use model::status::State;

use super::icon::{Glyph, Icon};

/// Returns the icon of a state.
pub fn glyph(state: State) -> Glyph {
    match state {
        State::NeedsDecision => Glyph::Hand,
        State::Waiting => Glyph::Clock,
        State::Unknown => Glyph::Question,
        State::FallingBehind => Glyph::Down,
        State::CatchingUp => Glyph::Up,
        State::Starting => Glyph::Dots,
        State::SourceDeleted => Glyph::Cross,
        State::Retired => Glyph::Dashed,
        State::Paused => Glyph::Bars,
        State::Stopped => Glyph::Square,
        State::Mirroring => Glyph::Tick,
        State::Draft => Glyph::Pencil,
    }
}

/// Returns the class that colours a state.
pub fn tone(state: State) -> &'static str {
    match state {
        State::NeedsDecision | State::Waiting => "crit",
        State::FallingBehind | State::SourceDeleted => "warn",
        State::CatchingUp | State::Starting => "busy",
        State::Mirroring => "ok",
        State::Unknown => "idle dashed",
        State::Retired | State::Paused | State::Stopped | State::Draft => "idle",
    }
}

/// Shows a state.
#[component]
pub fn StateBadge(#[prop(into)] state: Signal<State>) -> impl IntoView {
    view! {
        <span class=move || format!("badge {}", tone(state.get()))>
            <Icon glyph=Signal::derive(move || glyph(state.get())) />
            {move || state.get().words()}
        </span>
    }
}

/// Shows a word in a tone of its own, for verdicts that are no states.
#[component]
pub fn Badge(tone: &'static str, glyph: Glyph, #[prop(into)] word: String) -> impl IntoView {
    view! {
        <span class=format!("badge {tone}")>
            <Icon glyph=Signal::stored(glyph) />
            {word}
        </span>
    }
}
