//! Findings: the worst of them beside the chart, and `/links/{link}/findings` with all of them, page by page. Partitions
//! that are held come first, each with its choices.

use leptos::{prelude::*, server_fn::ServerFn};
use model::format;
use serde::{Deserialize, Serialize};

use super::{Head, OverviewView, failed, head::LinkHead};
use crate::{
    access::{Action, Resource},
    components::{
        allowed::lacking,
        coded::coded,
        icon::{Glyph, Icon},
        notice::ActionNotice,
        post::{Post, PostForm},
        title::PageTitle,
    },
    error::answered,
    fns::links::{DecideFinding, LinkFindings},
    pages::{
        address, events,
        load::{load, shown_or},
    },
};

/// A finding as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingCard {
    pub id: String,
    pub title: String,
    pub topic: String,
    pub partition: i32,
    /// Which offsets are concerned, in words.
    pub range: String,
    pub detail: String,
    pub at_ms: i64,
    /// Whether a partition is held until somebody chooses.
    pub held: bool,
    /// What became of it, for one that is not held.
    pub outcome: String,
    /// What may be chosen, for one that is held.
    pub ways: Vec<Way>,
}

/// One choice on a held partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// The choice's word in forms.
    pub word: String,
    pub label: String,
    /// What it does to the data.
    pub explanation: String,
}

/// How many findings a link has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub all: u32,
    /// Those of partitions that are held.
    pub held: u32,
}

/// What the page of all findings shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingsView {
    pub head: Head,
    pub found: Found,
    /// Those of this page: held ones first, then the others, newest first.
    pub items: Vec<FindingCard>,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// Whether this is not the first page.
    pub further: bool,
}

/// `/links/{link}/findings`.
#[component]
pub fn LinkFindingsPage() -> impl IntoView {
    let (name, after) = (address::part("name"), events::after());
    let view = load(move || LinkFindings {
        name: name.get(),
        after: after.get(),
    });
    view! {
        <PageTitle text=move || format!("{} findings", name.get()) />
        {shown_or(view, |view| view! { <All view /> }.into_any(), failed)}
    }
}

/// Every choice loads this page anew, so that it shows what is held then.
#[component]
fn All(view: FindingsView) -> impl IntoView {
    let link = view.head.name.clone();
    let path = format!("/links/{link}/findings");
    let head = Signal::stored(view.head);
    let error = answered::<DecideFinding>();
    let items = view
        .items
        .into_iter()
        .map(|finding| view! { <FindingItem finding link=link.clone() decide=None /> });
    let items = items.collect_view();
    let none = (view.found.all == 0)
        .then(|| view! { <p class="empty muted">"Here stands what was found: losses, duplicates, records that were refused. There is none."</p> });
    let first = view
        .further
        .then(|| view! { <a class="button" href=path.clone() rel="external">"First page"</a> });
    let next = view.next.map(|next| {
        let href = format!("{path}{}", address::query(&[("after", &next)]));
        view! { <a class="button" href=href rel="external">"Next page"</a> }
    });
    let alone = first.is_none() && next.is_none();
    view! {
        <LinkHead head tab="findings" />
        <ActionNotice error />
        <section class="card findings" aria-labelledby="findings-title">
            <header>
                <h2 id="findings-title">"Findings"</h2>
                <span class="aside num">{counted(view.found)}</span>
            </header>
            <ul>{items}</ul>
            {none}
            <footer hidden=alone>
                <span class="actions">{first} {next}</span>
            </footer>
        </section>
    }
}

fn counted(found: Found) -> String {
    let grouped = |count: u32| format::grouped(i64::from(count));
    let (all, held) = (grouped(found.all), grouped(found.held));
    match found.held {
        0 => format!("{all} in all"),
        _ => format!("{all} in all, {held} held"),
    }
}

/// The worst findings, those that are held first, with the way to all.
#[component]
pub fn Findings(view: ReadSignal<OverviewView>) -> impl IntoView {
    let link = view.with_untracked(|view| view.head.name.clone());
    let destination = view.with_untracked(|view| view.head.destination.clone());
    let findings = Memo::new(move |_| view.with(|view| view.findings.clone()));
    let found = Memo::new(move |_| view.with(|view| view.found));
    let decide = Post::to::<DecideFinding>();
    let never = view.with_untracked(|view| view.behind.is_none());
    let nothing = move || {
        if never {
            return view! { <p class="body small">"None: nothing was copied yet."</p> }.into_any();
        }
        let destination = destination.clone();
        view! {
            <p class="body small">
                "None. Every record of the mirrored range is at " <bdi>{destination}</bdi>
                ", or still on its way."
            </p>
        }
        .into_any()
    };
    let path = format!("/links/{link}/findings");
    let item =
        move |finding| view! { <FindingItem finding link=link.clone() decide=Some(decide) /> };
    view! {
        <section class="card findings" aria-labelledby="findings-title">
            <header>
                <h2 id="findings-title">"Findings"</h2>
                <span class="aside num">
                    {move || {
                        let found = found.get();
                        (found.all > 0).then(|| view! { <a href=path.clone()>{counted(found)}</a> })
                    }}
                </span>
            </header>
            <ActionNotice error=decide.error() />
            <Show when=move || !findings.with(Vec::is_empty) fallback=nothing>
                <ul>
                    <For
                        each=move || findings.get()
                        key=|finding| (finding.id.clone(), finding.held, finding.outcome.clone())
                        children=item.clone()
                    />
                </ul>
            </Show>
        </section>
    }
    .into_any()
}

/// A finding; its choices go by way of `decide`, or load the page of all findings anew.
#[component]
fn FindingItem(finding: FindingCard, link: String, decide: Option<Post>) -> impl IntoView {
    let (tone, glyph) = match finding.held {
        true => ("crit", Glyph::Hand),
        false => ("muted", Glyph::Warning),
    };
    let lacking = lacking(Action::Decide, Resource::Link(&link));
    let ways = finding.ways.into_iter().map(|way| {
        let (link, id, lacking) = (link.clone(), finding.id.clone(), lacking.clone());
        view! { <WayForm way link id lacking decide /> }
    });
    let ways = ways.collect_view();
    let outcome = (!finding.held).then(|| view! { <p class="small">{finding.outcome}</p> });
    let reason = lacking
        .filter(|_| finding.held)
        .map(|reason| view! { <p class="small muted">"To decide: " {reason}</p> });
    view! {
        <li>
            <span class=tone>
                <Icon glyph=Signal::stored(glyph) />
            </span>
            <div>
                <p class="strong">{finding.title}</p>
                <p class="small muted">
                    <bdi>{finding.topic}</bdi>
                    {format!(", partition {}", finding.partition)}
                    {finding.range}
                </p>
                <p class="small">{coded(&finding.detail)}</p>
                {outcome}
                {reason}
                {ways}
                <p class="small muted">
                    <time datetime=format::datetime(finding.at_ms)>{format::moment(finding.at_ms)}</time>
                </p>
            </div>
        </li>
    }
}

/// One choice: its button, and what it does to the data.
#[component]
fn WayForm(
    way: Way,
    link: String,
    id: String,
    lacking: Option<String>,
    decide: Option<Post>,
) -> impl IntoView {
    let refused = lacking.is_some();
    let explained = format!("way-{id}-{}", way.word);
    let pending = move || decide.is_some_and(Post::is_pending);
    let inside = view! {
        <input type="hidden" name="link" value=link />
        <input type="hidden" name="finding" value=id />
        <input type="hidden" name="choice" value=way.word />
        <button
            type="submit"
            disabled=move || refused || pending()
            title=lacking
            aria-describedby=explained.clone()
        >
            {way.label}
        </button>
        <p class="small muted" id=explained>{way.explanation}</p>
    };
    match decide {
        Some(post) => view! { <PostForm post class="way">{inside}</PostForm> }.into_any(),
        None => view! {
            <form method="post" action=DecideFinding::url() class="way">
                <input type="hidden" name="among_all" value="true" />
                {inside}
            </form>
        }
        .into_any(),
    }
}
