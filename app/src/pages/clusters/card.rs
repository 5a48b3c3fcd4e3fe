//! One cluster on the list: what it is, whether it answers, who uses it.

use leptos::prelude::*;
use model::{
    cluster::{Reach, Reachability},
    format,
};

use super::{CertificateEnd, ClusterCard, ClustersView, LinkOfCluster};
use crate::{
    access::{Action, Resource},
    components::{
        allowed::{ButtonLink, lacking},
        badge::{self, Badge},
        coded::coded,
        icon::{Glyph, Icon},
        ladder::{LadderView, Verdict, VerdictBadge},
        post::{Post, PostForm},
    },
};

/// A cluster's card.
#[component]
pub fn Card(name: String, view: ReadSignal<ClustersView>, test: Post) -> impl IntoView {
    let key = name.clone();
    let card = Memo::new(move |_| view.with(|view| view.clusters.get(&key).cloned()));
    let href = format!("/clusters/{name}");
    let reach = Memo::new(move |_| card.with(|card| card.as_ref().and_then(|c| c.reach.clone())));
    let title = move || card.with(|card| card.as_ref().map(|c| c.title.clone()));
    let running = Memo::new(move |_| card.with(|card| card.as_ref().is_some_and(is_running)));
    let shown = Memo::new(move |_| {
        card.get().map(|card| ClusterCard {
            reach: None,
            ..card
        })
    });
    view! {
        <li class="card cluster-card">
            <div class="card-head">
                <h2><a class="row-link" href=href.clone()>{name.clone()}</a></h2>
                <span class="muted"><bdi>{title}</bdi></span>
                <span class="aside">{move || view! { <ReachBadge reach=reach.get() /> }}</span>
            </div>
            <div class="body">
                {move || view! { <ReachSentence reach=reach.get() /> }}
                {move || shown.get().map(|card| view! { <Facts card /> })}
            </div>
            <footer>
                <CardActions name back="/clusters".to_owned() test running />
            </footer>
        </li>
    }
}

/// Says whether a test of the cluster runs now.
pub fn is_running(card: &ClusterCard) -> bool {
    card.test
        .as_ref()
        .is_some_and(|test| test.verdict == Verdict::Running)
}

/// The buttons of a cluster.
#[component]
pub fn CardActions(
    name: String,
    /// Page to return to after a test without script.
    back: String,
    test: Post,
    #[prop(into)] running: Signal<bool>,
    /// Offer to send a record to the cluster and back.
    #[prop(optional)]
    round_trip: bool,
) -> impl IntoView {
    let lacking = lacking(Action::Change, Resource::Cluster(&name));
    let refused = lacking.is_some();
    let (hint, why) = (lacking.clone(), lacking.clone());
    let (tested, about) = (name.clone(), name.clone());
    view! {
        <PostForm post=test class="inline">
            <input type="hidden" name="name" value=tested />
            <input type="hidden" name="back" value=back />
            {round_trip.then(|| view! {
                <label class="check"><input type="checkbox" name="round_trip" value="on" /> "write a test record"</label>
            })}
            <button type="submit" disabled=move || refused || running.get() title=why>
                {move || if running.get() { "Testing…" } else { "Test" }}
                <span class="unseen">" " {about}</span>
            </button>
        </PostForm>
        <ButtonLink
            href=format!("/clusters/{name}/edit")
            word="Edit"
            about=name.clone()
            lacking=lacking.clone()
        />
        <ButtonLink
            href=format!("/clusters/{name}/remove")
            word="Remove"
            about=name.clone()
            class="button danger"
            lacking=lacking
        />
        {hint.map(|hint| view! { <span class="hint">{hint}</span> })}
    }
}

/// Whether a cluster answers, as a badge.
#[component]
pub fn ReachBadge(reach: Option<Reachability>) -> impl IntoView {
    match reach.map(|reach| reach.answer) {
        None => view! { <Badge tone="idle dashed" glyph=Glyph::Question word="not asked yet" /> },
        Some(Reach::Reachable { .. }) => {
            view! { <Badge tone="ok" glyph=Glyph::Tick word="reachable" /> }
        }
        Some(Reach::Unreachable { .. }) => {
            view! { <Badge tone="crit" glyph=Glyph::Cross word="unreachable" /> }
        }
    }
}

/// Whether a cluster answers, as a sentence.
#[component]
pub fn ReachSentence(reach: Option<Reachability>) -> impl IntoView {
    let reach = reach?;
    let since_ms = reach.since_ms;
    let since = view! {
        <time datetime=format::datetime(since_ms) title=format::moment(since_ms)>{format::time(since_ms)}</time>
    };
    let sentence = match reach.answer {
        Reach::Reachable {
            brokers,
            controller,
            took_ms,
            registered,
            ..
        } => {
            let brokers = match (brokers, registered) {
                (up, Some(all)) if all >= up => format!("{up} of {all} brokers up"),
                (1, _) => "1 broker".to_owned(),
                (count, _) => format!("{count} brokers"),
            };
            let controller = controller.map(|id| format!(", controller {id}"));
            let controller = controller.unwrap_or_default();
            view! { <p class="reach">{format!("{brokers}{controller}, answers in {took_ms} ms.")}</p> }
                .into_any()
        }
        Reach::Unreachable { detail, .. } => view! {
            <p class="reach crit">
                "Cannot be reached since " {since} " UTC: " {coded(&detail)}
            </p>
        }
        .into_any(),
    };
    Some(sentence)
}

/// What is known of a cluster.
#[component]
pub fn Facts(card: ClusterCard) -> impl IntoView {
    let addresses = card.bootstrap.into_iter();
    let addresses = addresses.map(|address| view! { <li><bdi class="mono">{address}</bdi></li> });
    let warnings = card.warnings.into_iter().map(|warning| {
        view! {
            <span class="under warn">
                <Icon glyph=Signal::stored(Glyph::Warning) /> " " {coded(&warning)}
            </span>
        }
    });
    let id = match card.cluster_id {
        Some(id) => view! { <bdi class="mono">{id}</bdi> }.into_any(),
        None => view! { <span class="muted">"not seen yet"</span> }.into_any(),
    };
    let version = match card.version.as_str() {
        "" => view! { <span class="muted">"not told yet"</span> }.into_any(),
        version => version.to_owned().into_any(),
    };
    let certificate = card.certificate.map(|end| view! { <Certificate end /> });
    view! {
        <dl class="facts">
            <dt>"Addresses"</dt>
            <dd><ul class="plain-list">{addresses.collect_view()}</ul></dd>
            <dt>"Security"</dt>
            <dd>
                {coded(&card.security)} <span class="under">{coded(&card.client_certificate)}</span>
                {warnings.collect_view()}
            </dd>
            <dt>"Kafka id"</dt>
            <dd>{id}</dd>
            <dt>"Version"</dt>
            <dd>{version}</dd>
            {certificate}
            <dt>"Links"</dt>
            <dd><LinksOf links=card.links /></dd>
            <dt>"Last test"</dt>
            <dd><LastTest test=card.test /></dd>
        </dl>
    }
}

#[component]
fn Certificate(end: CertificateEnd) -> impl IntoView {
    let class = if end.soon { "under warn" } else { "under" };
    let icon = end
        .soon
        .then(|| view! { <Icon glyph=Signal::stored(Glyph::Warning) /> " " });
    view! {
        <dt>"Certificate"</dt>
        <dd>
            "until " <time datetime=format::datetime(end.at_ms)>{format::moment(end.at_ms)}</time>
            <span class=class>{icon} {end.words}</span>
        </dd>
    }
}

/// The links that use a cluster.
#[component]
pub fn LinksOf(links: Vec<LinkOfCluster>) -> impl IntoView {
    if links.is_empty() {
        return view! { <span class="muted">"No link uses it."</span> }.into_any();
    }
    let links = links.into_iter().map(|link| {
        let href = format!("/links/{}", link.name);
        let tone = format!("link-of {}", badge::tone(link.state));
        view! {
            <li>
                <span class=tone title=link.state.words()>
                    <Icon glyph=Signal::stored(badge::glyph(link.state)) />
                    <span class="unseen">{link.state.words()} ": "</span>
                </span>
                <a href=href>{link.name}</a>
                <span class="muted">{format!(" as {}", link.role)}</span>
            </li>
        }
    });
    view! { <ul class="plain-list">{links.collect_view()}</ul> }.into_any()
}

#[component]
fn LastTest(test: Option<LadderView>) -> impl IntoView {
    let Some(test) = test else {
        return view! { <span class="muted">"Not tested since Causeway started."</span> }
            .into_any();
    };
    let at_ms = test.at_ms;
    let outdated = test.outdated.then_some(" The settings were changed since.");
    view! {
        <VerdictBadge verdict=test.verdict />
        " "
        <time class="muted small" datetime=format::datetime(at_ms) title=format::moment(at_ms)>
            {test.ago.clone()}
        </time>
        <span class="under">{coded(&test.sentence())} {outdated}</span>
    }
    .into_any()
}
