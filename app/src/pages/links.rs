//! `/links`: all links, and the forms that somebody has begun.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use model::format;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub mod query;

use crate::{
    components::notice::ActionNotice,
    error::answered,
    fns::{self, link_forms::DiscardLinkForm},
    live,
    pages::{
        load::{load, shown},
        overview::{OverviewView, rows::LinksTable},
    },
};

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinksView {
    pub links: OverviewView,
    pub drafts: Vec<DraftRow>,
    pub now_ms: i64,
}

/// A form that this person has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRow {
    pub id: String,
    /// What it is: a new link, or changes of one.
    pub title: String,
    pub from_to: String,
    /// Where to go on.
    pub path: String,
    pub saved_at_ms: i64,
}

/// The page.
#[component]
pub fn LinksPage() -> impl IntoView {
    let view = load(|| fns::links_list::LinksPage {});
    view! {
        <Title text="Links" />
        {shown(view, |view| view! { <Links view /> }.into_any())}
    }
}

#[component]
fn Links(view: LinksView) -> impl IntoView {
    let LinksView {
        links,
        drafts,
        now_ms,
    } = view;
    let error = answered::<DiscardLinkForm>();
    let links = live::follow("/links".to_owned(), links);
    view! {
        <h1>"Links"</h1>
        <ActionNotice error />
        <LinksTable view=links />
        {(!drafts.is_empty()).then(|| view! { <Drafts drafts now_ms /> })}
    }
}

#[component]
fn Drafts(drafts: Vec<DraftRow>, now_ms: i64) -> impl IntoView {
    let rows = drafts.into_iter().map(|draft| {
        let age = format::ago((now_ms - draft.saved_at_ms).max(0));
        view! {
            <li>
                <div>
                    <p class="strong"><bdi>{draft.title.clone()}</bdi></p>
                    <p class="muted small">
                        <bdi>{draft.from_to}</bdi>
                        " saved "
                        <time datetime=format::datetime(draft.saved_at_ms)>{age}</time>
                    </p>
                </div>
                <div class="actions">
                    <a class="button" href=draft.path rel="external">"Continue"</a>
                    <form method="post" action=DiscardLinkForm::url()>
                        <input type="hidden" name="id" value=draft.id />
                        <button type="submit" class="danger">"Discard"</button>
                    </form>
                </div>
            </li>
        }
    });
    view! {
        <section class="card" aria-labelledby="drafts-title">
            <header>
                <h2 id="drafts-title">"Your drafts"</h2>
                <span class="aside">"kept for 14 days"</span>
            </header>
            <ul class="drafts">{rows.collect_view()}</ul>
        </section>
    }
}
