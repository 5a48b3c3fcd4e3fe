//! Icons: 16 by 16 strokes, drawn in the colour of the text around them. They carry no meaning alone: a word is beside them.

use leptos::prelude::*;

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    Hand,
    Clock,
    Question,
    Down,
    Up,
    Dots,
    Bars,
    Square,
    Tick,
    Pencil,
    Cross,
    Warning,
    Map,
    Link,
    Cluster,
    Events,
    Account,
    Menu,
    Dashed,
    Search,
}

impl Glyph {
    /// Returns the path data of the icon's strokes.
    fn path(self) -> &'static str {
        match self {
            Self::Hand => {
                "M5 8V3.5a1 1 0 0 1 2 0V7 2.5a1 1 0 0 1 2 0V7 3.5a1 1 0 0 1 2 0V9l1-1.2a1 1 0 0 1 1.6 1.2L11.5 13a3 3 0 0 1-2.5 1.5H7.5A3.5 3.5 0 0 1 4 11V7a1 1 0 0 1 1-1"
            }
            Self::Clock => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 4.5V8l2.5 1.5",
            Self::Question => "M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.600 8 9 8 10M8 12.5v.2",
            Self::Down => "M8 3v10M4 9l4 4 4-4",
            Self::Up => "M8 13V3M4 7l4-4 4 4",
            Self::Dots => "M3.500 8h.1M8 8h.1M12.500 8h.1",
            Self::Bars => "M5.500 4v8M10.500 4v8",
            Self::Square => "M4.500 4.500h7v7h-7z",
            Self::Tick => "M3 8.500l3.500 3.500L13 4.500",
            Self::Pencil => "M3 13l.7-3L11 2.700 13.300 5 6 12.300zM9.500 4.200l2.300 2.300",
            Self::Cross => "M4 4l8 8M12 4l-8 8",
            Self::Warning => "M8 2.500L14.500 13.500h-13zM8 6.500v3.500M8 11.800v.1",
            Self::Map => {
                "M1.500 4l4.300-1.500 4.400 1.500 4.300-1.500v9.500l-4.300 1.500-4.400-1.500-4.300 1.500zM5.800 2.500V12M10.200 4v9.500"
            }
            Self::Link => {
                "M6.500 9.500l3-3M7 4.500l1.500-1.500a2.800 2.800 0 0 1 4.500 4l-1.500 1.500M9 11.500L7.500 13a2.800 2.800 0 0 1-4.500-4L4.500 7.500"
            }
            Self::Cluster => "M2.500 3h11v4h-11zM2.500 9h11v4h-11zM5 5h.1M5 11h.1",
            Self::Events => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 2v6h6",
            Self::Account => {
                "M8 2.500a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600M2.500 14c.5-3 2.700-4.200 5.500-4.200s5 1.200 5.500 4.200"
            }
            Self::Menu => "M2.500 4h11M2.500 8h11M2.500 12h11",
            Self::Dashed => "M3 8h2M7 8h2M11 8h2",
            Self::Search => {
                "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M10.300 10.300l3.700 3.700"
            }
        }
    }
}

/// Draws an icon, hidden from screen readers: the word beside it says the same.
#[component]
pub fn Icon(#[prop(into)] glyph: Signal<Glyph>) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
            <path d=move || glyph.get().path() />
        </svg>
    }
}
