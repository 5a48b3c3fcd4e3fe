//! The tab *Config*: the link's settings in words, and as JSON to take along.

use leptos::prelude::*;
use model::format;
use serde::{Deserialize, Serialize};

use super::{Head, failed, head::LinkHead};
use crate::{
    components::title::PageTitle,
    fns::links::LinkConfig,
    pages::{
        address,
        load::{load, shown_or},
    },
};

/// What the tab *Config* shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigView {
    pub head: Head,
    pub settings: Vec<Setting>,
    /// The settings as the API takes them.
    pub json: String,
    pub updated_at_ms: i64,
}

/// One setting in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    pub name: String,
    pub value: String,
    /// Whether nobody chose it.
    pub default: bool,
}

/// `/links/{link}/config`.
#[component]
pub fn LinkConfigPage() -> impl IntoView {
    let name = address::part("name");
    let view = load(move || LinkConfig { name: name.get() });
    view! {
        <PageTitle text=move || format!("{} settings", name.get()) />
        {shown_or(view, |view| view! { <Settings view /> }.into_any(), failed)}
    }
}

#[component]
fn Settings(view: ConfigView) -> impl IntoView {
    let revision = format!("revision {}, ", view.head.revision);
    let rows = view.settings.into_iter().map(|setting| {
        let mark = setting
            .default
            .then(|| view! { " " <span class="pill">"default"</span> });
        view! {
            <dt>{setting.name}</dt>
            <dd><bdi>{setting.value}</bdi> {mark}</dd>
        }
    });
    view! {
        <LinkHead head=Signal::stored(view.head) tab="config" />
        <section class="card" aria-labelledby="settings-title">
            <header>
                <h2 id="settings-title">"Settings"</h2>
                <span class="aside">
                    {revision}
                    <time datetime=format::datetime(view.updated_at_ms)>
                        {format::moment(view.updated_at_ms)}
                    </time>
                </span>
            </header>
            <dl class="body facts">{rows.collect_view()}</dl>
        </section>
        <section class="card" aria-labelledby="json-title">
            <header>
                <h2 id="json-title">"As JSON"</h2>
                <span class="aside">"One press selects all; the API takes it as it is."</span>
            </header>
            <pre class="body json" tabindex="0" role="region" aria-label="Settings as JSON">{view.json}</pre>
        </section>
    }
}
