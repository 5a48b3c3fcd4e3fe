//! The frame around every page: top bar, rail, live indicator, the account's menu.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::components::{A, Outlet};
use model::format::grouped;

use super::icon::{Glyph, Icon};
use crate::{
    fns::session::{SetTheme, SignOut},
    live::{Feed, Freshness},
    visitor::{Counts, Theme, Visitor},
};

/// Returns who looks at the page.
pub fn visitor() -> Visitor {
    use_context::<Visitor>().unwrap_or_default()
}

/// The layout of all pages that need a sign-in.
#[component]
pub fn Frame() -> impl IntoView {
    let feed = Feed::provide(visitor().counts);
    let is_stale = move || matches!(feed.freshness.get(), Freshness::Stale(_));
    #[cfg(feature = "hydrate")]
    crate::keys::listen();
    view! {
        <a class="skip" href="#content" rel="external">"Skip to the content"</a>
        <header class="top">
            <button class="menu-button" type="button" popovertarget="rail" aria-label="Menu">
                <Icon glyph=Signal::stored(Glyph::Menu) />
            </button>
            <A href="/" attr:class="brand">
                <Mark />
                <span>"Causeway"</span>
            </A>
            <SearchBar />
            <span class="spring"></span>
            <LiveIndicator feed />
            <span class="zone" title="All times are UTC">"UTC"</span>
            <AccountMenu />
        </header>
        <Rail counts=feed.counts />
        <main id="content" tabindex="-1" class:stale=is_stale>
            <Outlet />
        </main>
        <KeysHelp />
        <p class="unseen" id="news" role="status" aria-live="polite">{move || feed.news.get()}</p>
    }
}

/// Looks for anything by its name: a plain form. A phone has the page of results instead.
#[component]
fn SearchBar() -> impl IntoView {
    view! {
        <form class="search" method="get" action="/search" role="search" aria-label="Everything">
            <input
                id="search"
                type="search"
                name="q"
                placeholder="Search links, clusters, topics"
                aria-label="Search links, clusters, topics"
                maxlength="300"
                autocomplete="off"
                spellcheck="false"
            />
            <kbd aria-hidden="true">"/"</kbd>
        </form>
        <a class="search-link" href="/search" aria-label="Search">
            <Icon glyph=Signal::stored(Glyph::Search) />
        </a>
    }
}

#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 24 16" width="24" height="16" aria-hidden="true" focusable="false">
            <path d="M1 12h22M2 12C4 3 20 3 22 12M7 12V7.200M12 12V5.400M17 12V7.200" />
        </svg>
    }
}

#[component]
fn Rail(counts: RwSignal<Counts>) -> impl IntoView {
    type Count = fn(&Counts) -> Option<i64>;
    let none: Count = |_| None;
    let entries = [
        ("/", Glyph::Map, "Map", none),
        ("/links", Glyph::Link, "Links", |counts| counts.links),
        ("/clusters", Glyph::Cluster, "Clusters", |counts| {
            counts.clusters
        }),
        ("/events", Glyph::Events, "Events", none),
        ("/account", Glyph::Account, "Account", none),
    ];
    let entries = entries.map(|(href, glyph, word, count)| {
        let count = move || {
            counts
                .with(count)
                .map(|count| format!(" {}", grouped(count)))
        };
        view! {
            <li>
                <A href=href exact={href == "/"}>
                    <Icon glyph=Signal::stored(glyph) />
                    {word}
                    <span class="count num">{count}</span>
                </A>
            </li>
        }
    });
    view! {
        <nav id="rail" class="rail" popover="auto" aria-label="Main">
            <ul>{entries.collect_view()}</ul>
        </nav>
    }
}

/// Says how fresh the numbers are; pressing it stops and starts them.
#[component]
fn LiveIndicator(feed: Feed) -> impl IntoView {
    let words = move || match feed.freshness.get() {
        Freshness::Off => "off".to_owned(),
        Freshness::Connecting => "connecting".to_owned(),
        Freshness::Live => "live".to_owned(),
        Freshness::Stale(seconds) => format!("stale {seconds} s"),
        Freshness::Paused => "paused".to_owned(),
    };
    let tone = move || match feed.freshness.get() {
        Freshness::Live => "live ok",
        Freshness::Stale(_) => "live warn",
        // Nothing moves on this page, which is no state of it.
        Freshness::Off => "live off",
        Freshness::Connecting | Freshness::Paused => "live idle",
    };
    let title = move || {
        if feed.paused.get() {
            "Numbers stand still. Press to let them move."
        } else {
            "Numbers renew every second. Press to stop them."
        }
    };
    view! {
        <button
            type="button"
            class=tone
            title=title
            aria-pressed=move || feed.paused.get().to_string()
            on:click=move |_| feed.paused.update(|paused| *paused = !*paused)
        >
            <span class="dot" aria-hidden="true"></span>
            <span class="unseen">"Live numbers: "</span>
            <span class="live-word">{words}</span>
        </button>
    }
}

#[component]
fn AccountMenu() -> impl IntoView {
    let visitor = visitor();
    let name = visitor.actor.map(|actor| actor.name).unwrap_or_default();
    let initials: String = name.chars().take(2).collect::<String>().to_uppercase();
    view! {
        <button
            type="button"
            class="avatar"
            popovertarget="account-menu"
            aria-label=format!("Account of {name}")
        >
            <bdi>{initials}</bdi>
        </button>
        <div id="account-menu" class="account-menu" popover="auto">
            <p class="account-name"><bdi>{name}</bdi></p>
            <A href="/account">"Account, sessions, tokens"</A>
            <ThemeForm theme=visitor.theme />
            <button type="button" class="plain" popovertarget="keys">"Keys"</button>
            <form method="post" action=SignOut::url()>
                <button type="submit" class="plain">"Sign out"</button>
            </form>
        </div>
    }
}

/// Chooses the theme: a plain form, since the cookie must be there for the first paint.
#[component]
pub fn ThemeForm(theme: Theme) -> impl IntoView {
    let buttons = Theme::ALL.map(|choice| {
        view! {
            <button
                type="submit"
                name="theme"
                value=choice.as_str()
                aria-pressed=(choice == theme).to_string()
            >
                {choice.as_str()}
            </button>
        }
    });
    view! {
        <form method="post" action=SetTheme::url() class="segmented" aria-label="Theme">
            {buttons.collect_view()}
        </form>
    }
}

/// What the keyboard does, key by key.
const KEYS: [(&str, &str); 9] = [
    ("/ or Ctrl K", "search"),
    (
        "g, then m l c e a",
        "go to map, links, clusters, events, account",
    ),
    ("n", "new link"),
    ("j, k", "next row, previous row"),
    ("Enter", "open the row"),
    (".", "apply waiting updates"),
    ("p", "stop and start live numbers"),
    ("t", "next theme: system, light, dark"),
    ("?", "show this"),
];

#[component]
fn KeysHelp() -> impl IntoView {
    let lines = KEYS.map(|(keys, what)| view! { <dt><kbd>{keys}</kbd></dt><dd>{what}</dd> });
    view! {
        <section id="keys" class="keys" popover="auto" aria-labelledby="keys-title">
            <h2 id="keys-title">"Keys"</h2>
            <dl class="facts">{lines.collect_view()}</dl>
            <p class="muted small">"They rest inside fields, and need JavaScript."</p>
        </section>
    }
}
