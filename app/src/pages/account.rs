//! `/account`: one's own name and role, password, sessions, API tokens and theme.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::account::PersonView;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
mod agent;
#[cfg(feature = "ssr")]
pub mod form;
mod password;
#[cfg(feature = "ssr")]
pub mod query;
mod sessions;
mod tokens;

use super::load::{load, shown};
use crate::{
    components::{
        frame::{ThemeForm, visitor},
        icon::{Glyph, Icon},
    },
    fns,
};
use password::PasswordCard;
use sessions::SessionsCard;
use tokens::TokensCard;

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountView {
    pub person: PersonView,
    /// When the page was made, milliseconds since the epoch, UTC: ages count from here.
    pub now_ms: i64,
    /// Last seen first.
    pub sessions: Vec<SessionRow>,
    /// Tokens that are good, newest first.
    pub tokens: Vec<TokenRow>,
    /// Expired and revoked ones, newest first.
    pub tokens_over: Vec<TokenRow>,
    /// The token that was just made.
    pub new_token: Option<NewToken>,
    /// Key of this page's form for a new token, so that it makes one however often it is sent.
    pub form: String,
}

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    pub id: String,
    /// The browser in a few words.
    pub browser: String,
    /// What it calls itself; foreign text.
    pub user_agent: String,
    pub created_at_ms: i64,
    /// Up to a minute late.
    pub last_seen_at_ms: i64,
    /// The one that looks at the page.
    pub current: bool,
}

/// An API token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    pub id: String,
    pub name: String,
    pub role: String,
    pub created_at_ms: i64,
    pub expires_at_ms: Option<i64>,
    pub state: TokenState,
}

/// Whether a token opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenState {
    Good,
    Expired,
    Revoked,
}

/// A token with its text, on the only page that ever shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    pub name: String,
    pub text: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// One's own account.
#[component]
pub fn AccountPage() -> impl IntoView {
    let made = use_query_map().with_untracked(|query| query.get("made").unwrap_or_default());
    let view = load(move || fns::account::Account { made: made.clone() });
    view! {
        <Title text="Account" />
        {shown(view, |view| view! { <Account view /> }.into_any())}
    }
}

#[component]
fn Account(view: AccountView) -> impl IntoView {
    let now_ms = view.now_ms;
    let role = view.person.role;
    view! {
        <header class="page-head">
            <h1><bdi>{view.person.name}</bdi></h1>
            <span class="pill">{role.as_str()}</span>
        </header>
        <Done />
        <div class="columns even account">
            <div class="stack">
                <SessionsCard sessions=view.sessions now_ms />
                <TokensCard
                    good=view.tokens
                    over=view.tokens_over
                    new_token=view.new_token
                    form=view.form
                    role
                />
            </div>
            <div class="stack">
                <PasswordCard />
                <section class="card" aria-labelledby="theme-title">
                    <header>
                        <h2 id="theme-title">"Theme"</h2>
                    </header>
                    <div class="body stack">
                        <p class="muted">"Kept in this browser. System follows its light or dark setting."</p>
                        <ThemeForm theme=visitor().theme />
                    </div>
                </section>
            </div>
        </div>
    }
}

/// Says what was just done.
#[component]
fn Done() -> impl IntoView {
    let query = use_query_map();
    let words = move || {
        let (done, ended) = query.with(|query| (query.get("done"), query.get("ended")));
        match done?.as_str() {
            "password" => Some(password_changed(ended)),
            "session" => Some("The session has ended.".to_owned()),
            "token" => Some("The token is revoked; nobody gets in with it any more.".to_owned()),
            _ => None,
        }
    };
    move || {
        {
            words().map(|words| {
                view! {
                    <div class="notice done" role="status">
                        <Icon glyph=Signal::stored(Glyph::Tick) />
                        <div><p>{words}</p></div>
                    </div>
                }
            })
        }
        .into_any()
    }
}

fn password_changed(ended: Option<String>) -> String {
    let others = match ended.and_then(|count| count.parse::<u32>().ok()) {
        None | Some(0) => "There was no other session.".to_owned(),
        Some(1) => "The other session has ended.".to_owned(),
        Some(count) => format!("The {count} other sessions have ended."),
    };
    format!("The password is changed. {others}")
}
