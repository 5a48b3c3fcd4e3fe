//! `/events`, and the lists of events on other pages: what happened, who did it, what changed.

use leptos::prelude::*;
use leptos_meta::Title;
use model::format;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub mod query;

use super::{
    address,
    load::{load, shown},
};
use crate::{components::coded::coded, fns::pages::AllEvents};

/// One page of events, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventList {
    pub items: Vec<EventRow>,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// Whether this is not the first page.
    pub further: bool,
}

/// An event as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    pub id: String,
    pub at_ms: i64,
    pub text: String,
    pub actor: String,
    pub changes: Vec<Change>,
}

/// One value that is another than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where it stands, such as `topics.include[0].pattern`.
    pub path: String,
    /// Empty where it was not there.
    pub before: String,
    pub after: String,
}

/// Returns the cursor in the address, empty for the first page.
pub fn after() -> Memo<String> {
    address::asked("after")
}

/// All events.
#[component]
pub fn EventsPage() -> impl IntoView {
    let after = after();
    let view = load(move || AllEvents { after: after.get() });
    view! {
        <Title text="Events" />
        {shown(view, |list| {
            view! {
                <h1>"Events"</h1>
                <EventsCard list path="/events".to_owned() />
            }
            .into_any()
        })}
    }
}

/// A page of events with the way to the next one; `path` is the page's address.
#[component]
pub fn EventsCard(list: EventList, path: String) -> impl IntoView {
    if list.items.is_empty() && !list.further {
        return view! {
            <section class="card">
                <p class="empty muted">"Here stands what happened and who did it. Nothing has happened yet."</p>
            </section>
        }
        .into_any();
    }
    let rows = list.items.into_iter().map(|event| view! { <Row event /> });
    let rows = rows.collect_view();
    let alone = !list.further && list.next.is_none();
    let newest = list
        .further
        .then(|| view! { <a class="button" href=path.clone()>"Newest"</a> });
    let older = list.next.map(|next| {
        let href = format!("{path}{}", address::query(&[("after", &next)]));
        view! { <a class="button" href=href rel="next">"Older"</a> }
    });
    view! {
        <section class="card" aria-label="Events">
            <div class="table-wrap">
                <table class="cards events">
                    <caption class="unseen">"Events, newest first"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Time"</th>
                            <th scope="col">"What happened"</th>
                            <th scope="col">"Who"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <footer hidden=alone>
                <span class="actions">{newest} {older}</span>
            </footer>
        </section>
    }
    .into_any()
}

#[component]
fn Row(event: EventRow) -> impl IntoView {
    let changes = (!event.changes.is_empty()).then(|| view! { <Changes changes=event.changes /> });
    view! {
        <tr>
            <td class="wide when">
                <time datetime=format::datetime(event.at_ms)>{format::moment(event.at_ms)}</time>
            </td>
            <td class="wide what">{coded(&event.text)} {changes}</td>
            <td data-label="Who"><bdi>{event.actor}</bdi></td>
        </tr>
    }
}

#[component]
fn Changes(changes: Vec<Change>) -> impl IntoView {
    let summary = match changes.len() {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    };
    let lines = changes.into_iter().map(|change| {
        let before =
            (!change.before.is_empty()).then(|| view! { <del><bdi>{change.before}</bdi></del> });
        let after =
            (!change.after.is_empty()).then(|| view! { <ins><bdi>{change.after}</bdi></ins> });
        view! { <dt><code><bdi>{change.path}</bdi></code></dt><dd>{before} " " {after}</dd> }
    });
    view! {
        <details class="changes">
            <summary>{summary}</summary>
            <dl class="facts">{lines.collect_view()}</dl>
        </details>
    }
}

/// The last few events beside something else; `more` is the address of all.
#[component]
pub fn LastEvents(events: Memo<Vec<EventRow>>, more: String) -> impl IntoView {
    view! {
        <section class="card last-events" aria-labelledby="events-title">
            <header>
                <h2 id="events-title">"Last events"</h2>
                <span class="aside"><a href=more>"all"</a></span>
            </header>
            <Show
                when=move || !events.with(Vec::is_empty)
                fallback=|| view! { <p class="body small muted">"Nothing has happened yet."</p> }
            >
                <ol>
                    <For each=move || events.get() key=|event| event.id.clone() let:event>
                        <li>
                            <time
                                class="num muted"
                                datetime=format::datetime(event.at_ms)
                                title=format::moment(event.at_ms)
                            >
                                {format::time(event.at_ms)}
                            </time>
                            <span>{coded(&event.text)}</span>
                        </li>
                    </For>
                </ol>
            </Show>
        </section>
    }
}
