//! Beside the chart: what a failover would lose, what was found, what happened last.

use leptos::prelude::*;
use model::format;

use super::{Behind, FindingCard, OverviewView, Way, actions::refusal};
use crate::{
    access::Action,
    components::{
        coded::coded,
        icon::{Glyph, Icon},
        notice::ActionNotice,
        post::{Post, PostForm},
        sentence::SentenceText,
    },
    fns::links::DecideFinding,
    pages::events::LastEvents,
};

/// The right column of the overview.
#[component]
pub fn Aside(view: ReadSignal<OverviewView>) -> impl IntoView {
    let name = view.with_untracked(|view| view.head.name.clone());
    let events = Memo::new(move |_| view.with(|view| view.events.clone()));
    view! {
        <div class="stack">
            <FailOver view />
            <Findings view />
            <LastEvents events more=format!("/links/{name}/events") />
        </div>
    }
}

#[component]
fn FailOver(view: ReadSignal<OverviewView>) -> impl IntoView {
    let behind = Memo::new(move |_| view.with(|view| view.behind.clone()));
    let body = move || match behind.get() {
        Some(behind) => view! {
            <p class="amount">
                <strong>{amount(&behind)}</strong>
                " "
                <span class="muted">{verb(&behind)}</span>
            </p>
            <p class="small">
                <SentenceText sentence=behind.sentence />
            </p>
        }
        .into_any(),
        None => view! { <p class="small">"Nothing is mirrored yet: the link never started."</p> }
            .into_any(),
    };
    view! {
        <section class="card" aria-labelledby="failover-title">
            <header>
                <h2 id="failover-title">"If you fail over now"</h2>
            </header>
            <div class="body">{body}</div>
        </section>
    }
}

fn amount(behind: &Behind) -> String {
    match (behind.records, behind.at_least) {
        (Some(0), false) => "Nothing".to_owned(),
        (None, _) => "Unknown".to_owned(),
        (records, false) => format::records_or_unknown(records),
        (records, true) => format!("At least {}", format::records_or_unknown(records)),
    }
}

fn verb(behind: &Behind) -> String {
    match (behind.records, behind.lag_time_ms) {
        (Some(0), _) if !behind.at_least => "stays behind".to_owned(),
        (Some(1..), Some(ms)) => format!("({}) stay behind", format::span(ms)),
        (Some(_), _) => "stay behind".to_owned(),
        (None, _) => "what would stay behind".to_owned(),
    }
}

#[component]
fn Findings(view: ReadSignal<OverviewView>) -> impl IntoView {
    let link = view.with_untracked(|view| view.head.name.clone());
    let destination = view.with_untracked(|view| view.head.destination.clone());
    let findings = Memo::new(move |_| view.with(|view| view.findings.clone()));
    let more = Memo::new(move |_| view.with(|view| view.more_findings));
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
    let item = move |finding| view! { <FindingItem finding link=link.clone() decide /> };
    view! {
        <section class="card findings" aria-labelledby="findings-title">
            <header>
                <h2 id="findings-title">"Findings"</h2>
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
            {move || (more.get() > 0).then(|| view! {
                <p class="body small muted">{format!("{} older or further ones are on record.", more.get())}</p>
            })}
        </section>
    }
    .into_any()
}

#[component]
fn FindingItem(finding: FindingCard, link: String, decide: Post) -> impl IntoView {
    let (tone, glyph) = match finding.held {
        true => ("crit", Glyph::Hand),
        false => ("muted", Glyph::Warning),
    };
    let refusal = refusal(Action::Decide, &link);
    let ways = finding.ways.into_iter().map(|way| {
        let (link, id, refusal) = (link.clone(), finding.id.clone(), refusal.clone());
        view! { <WayForm way link id refusal decide /> }
    });
    let ways = ways.collect_view();
    let outcome = (!finding.held).then(|| view! { <p class="small">{finding.outcome}</p> });
    let reason = refusal
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
    refusal: Option<String>,
    decide: Post,
) -> impl IntoView {
    let refused = refusal.is_some();
    let explained = format!("way-{id}-{}", way.word);
    view! {
        <PostForm post=decide class="way">
            <input type="hidden" name="link" value=link />
            <input type="hidden" name="finding" value=id />
            <input type="hidden" name="choice" value=way.word />
            <button
                type="submit"
                disabled=move || refused || decide.is_pending()
                title=refusal
                aria-describedby=explained.clone()
            >
                {way.label}
            </button>
            <p class="small muted" id=explained>{way.explanation}</p>
        </PostForm>
    }
}
