//! Live numbers: one event stream per tab (UX 6). The page starts with what the server rendered, then follows the stream.
//!
//! Wire: `snapshot` carries the page's whole view as JSON, `patch` a JSON merge patch (RFC 7396) to the last one, `tick`
//! says that nothing changed, `bye` why the stream ends. Beside the view's own members stands [`COUNTS`], which the frame shows.
//! `live/browser.rs` is the half that talks to the browser.

use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use crate::visitor::Counts;

pub mod merge;
pub mod news;

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(feature = "hydrate")]
pub(crate) use browser::lead_to_sign_in;

/// The member of a stream's JSON that says how many links and clusters there are.
pub const COUNTS: &str = "_counts";

/// How fresh the numbers on the page are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// No stream: the page shows one moment.
    #[default]
    Off,
    /// The stream is being opened.
    Connecting,
    Live,
    /// No event for this many seconds; the numbers are dimmed.
    Stale(u32),
    /// A person stopped the numbers.
    Paused,
}

/// The tab's stream as the frame shows it: the indicator and its pause.
#[derive(Clone, Copy, Debug)]
pub struct Feed {
    pub freshness: RwSignal<Freshness>,
    pub paused: RwSignal<bool>,
    /// What changed its state, for the polite region: one text per 5 s.
    pub news: RwSignal<String>,
    /// What the rail shows.
    pub counts: RwSignal<Counts>,
}

impl Feed {
    /// Makes the tab's feed and offers it to all pages; `counts` are those of the page that was loaded.
    pub fn provide(counts: Counts) -> Self {
        let feed = Self {
            freshness: RwSignal::new(Freshness::Off),
            paused: RwSignal::new(false),
            news: RwSignal::new(String::new()),
            counts: RwSignal::new(counts),
        };
        provide_context(feed);
        feed
    }

    /// Returns the tab's feed; outside of the frame one that nobody looks at.
    pub fn of_tab() -> Self {
        use_context().unwrap_or_else(|| Self::provide(Counts::default()))
    }
}

/// A view that a page shows and a stream renews.
pub trait View: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static> View for T {}

/// Returns `initial`, and in the browser whatever the stream of `page` (path and query) says from then on.
///
/// The stream is closed when the page is left and while its tab is hidden.
pub fn follow<T: View>(page: String, initial: T) -> ReadSignal<T> {
    let (value, set_value) = signal(initial);
    #[cfg(feature = "hydrate")]
    browser::open(page, set_value);
    #[cfg(not(feature = "hydrate"))]
    let _ = (page, set_value);
    value
}
