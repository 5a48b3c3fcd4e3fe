//! The last step: what starting the link would do, line by line, and the buttons that do it.

use leptos::{prelude::*, server_fn::ServerFn};
use model::{
    format::grouped,
    plan::{Plan, TopicAction, TopicPlan},
};

use super::view::{Difference, FormView, PlanView};
use crate::{
    components::{
        coded::coded,
        icon::{Glyph, Icon},
        notice::{ActionNotice, ProblemNotice},
    },
    error::answered,
    fns::link_forms::FinishLinkForm,
};

/// Topics that are listed; the rest is counted.
const MOST_TOPICS: usize = 200;

/// The plan and what can be done with it.
#[component]
pub fn PlanStep(view: FormView, plan: PlanView) -> impl IntoView {
    let error = answered::<FinishLinkForm>();
    let changed = plan.changed.then(|| {
        notice(
            "The plan changed since you read it; nothing was started.",
            "A cluster or another link changed. Read the new plan below, then start.",
        )
    });
    let conflict = !plan.conflict.is_empty();
    let problem = plan
        .problem
        .clone()
        .map(|problem| view! { <ProblemNotice problem /> });
    let body = plan.plan.clone().map(|plan| view! { <PlanCard plan /> });
    view! {
        <ActionNotice error />
        {changed}
        {problem}
        <form method="post" action=FinishLinkForm::url() class="stack">
            <input type="hidden" name="id" value=view.place.id.clone() />
            <input type="hidden" name="link" value=view.place.link.clone() />
            <input
                type="hidden"
                name="fingerprint"
                value=plan.plan.as_ref().map(|plan| plan.fingerprint.clone()).unwrap_or_default()
            />
            {conflict.then(|| view! { <Conflict differences=plan.conflict.clone() /> })}
            {body}
            <Buttons view plan=plan.clone() />
        </form>
        <AsText plan />
    }
}

fn notice(title: &'static str, step: &'static str) -> impl IntoView {
    view! {
        <div class="notice warn" role="status">
            <Icon glyph=Signal::stored(Glyph::Warning) />
            <div>
                <p class="notice-title">{title}</p>
                <p class="notice-step">{step}</p>
            </div>
        </div>
    }
}

#[component]
fn Buttons(view: FormView, plan: PlanView) -> impl IntoView {
    let edit = !view.place.link.is_empty();
    let startable = plan
        .plan
        .as_ref()
        .is_some_and(|plan| plan.refusals.is_empty());
    let go = if edit { "apply" } else { "start" };
    let word = match (edit, plan.runs) {
        (false, _) => "Start link",
        (true, true) => "Apply to the running link",
        (true, false) => "Save changes",
    };
    let unplanned = (edit && plan.plan.is_none())
        .then(|| view! { <button type="submit" name="go" value="apply-unplanned">"Save without a plan"</button> });
    let draft = (!edit)
        .then(|| view! { <button type="submit" name="go" value="save">"Save as draft"</button> });
    let again = view.place.path(super::step::Step::Plan);
    let blocked = !startable || !plan.conflict.is_empty();
    view! {
        <div class="card">
            <footer>
                <p class="muted small">
                    {if edit { "Nothing is changed until you apply." } else { "Nothing is made until you start." }}
                </p>
                <div class="actions">
                    <button type="submit" name="go" value="step-options">"Back"</button>
                    <a class="button" href=again rel="external">"Plan again"</a>
                    {draft}
                    {unplanned}
                    <button type="submit" class="primary" name="go" value=go disabled=blocked>{word}</button>
                </div>
            </footer>
        </div>
    }
}

#[component]
fn PlanCard(plan: Plan) -> impl IntoView {
    let refusals = plan
        .refusals
        .iter()
        .map(|text| view! { <li class="crit">"! " {coded(text)}</li> });
    let warnings = plan
        .warnings
        .iter()
        .map(|text| view! { <li class="warn">{coded(text)}</li> });
    let (refusals, warnings) = (refusals.collect_view(), warnings.collect_view());
    let more = plan.topics.len().saturating_sub(MOST_TOPICS);
    let headline = headline(&plan);
    let rows = plan.topics.into_iter().take(MOST_TOPICS);
    let rows = rows.map(|topic| view! { <PlanRow topic /> }).collect_view();
    let fingerprint: String = plan.fingerprint.chars().take(12).collect();
    view! {
        <section class="card" aria-labelledby="plan-title">
            <header>
                <h2 id="plan-title">"Plan"</h2>
                <span class="pill">{headline}</span>
                <span class="aside">"fingerprint " <code>{fingerprint}</code></span>
            </header>
            <ul class="plan-texts">{refusals}{warnings}</ul>
            <div class="table-wrap">
                <table class="cards plan-table">
                    <caption class="unseen">"What becomes of each topic"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"What"</th>
                            <th scope="col">"Source topic"</th>
                            <th scope="col">"Mirror topic"</th>
                            <th scope="col" class="num">"Partitions"</th>
                            <th scope="col" class="num">"To copy"</th>
                            <th scope="col">"Details"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {(more > 0).then(|| view! { <p class="more muted">{format!("and {more} more topics")}</p> })}
        </section>
    }
}

fn headline(plan: &Plan) -> String {
    let count = |of: fn(&TopicAction) -> bool| plan.topics.iter().filter(|t| of(&t.action)).count();
    let make = count(|action| matches!(action, TopicAction::Create { .. }));
    let change = count(|action| matches!(action, TopicAction::Grow { .. } | TopicAction::Adopt));
    let keep = count(|action| matches!(action, TopicAction::Keep));
    let refuse = count(|action| matches!(action, TopicAction::Refuse { .. }));
    let backlog: i64 = plan
        .topics
        .iter()
        .filter_map(|topic| topic.backlog_records)
        .sum();
    let unknown = plan.topics.iter().any(|topic| {
        topic.backlog_records.is_none()
            && !matches!(topic.action, TopicAction::Refuse { .. } | TopicAction::Keep)
    });
    let least = if unknown { "at least " } else { "" };
    format!(
        "{make} to make, {change} to change, {keep} to keep, {refuse} refused; {least}{} records to copy",
        grouped(backlog)
    )
}

#[component]
fn PlanRow(topic: TopicPlan) -> impl IntoView {
    let (sign, word, tone, details) = match &topic.action {
        TopicAction::Create {
            replication_factor,
            configs,
            ..
        } => {
            let mut set = vec![format!("replication factor {replication_factor}")];
            set.extend(
                configs
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            );
            ("+", "make", "ok", set.join(" · "))
        }
        TopicAction::Grow { from, to } => {
            ("~", "grow", "busy", format!("partitions {from} → {to}"))
        }
        TopicAction::Adopt => (
            "~",
            "use",
            "busy",
            "the topic there becomes the mirror".to_owned(),
        ),
        TopicAction::Keep => ("=", "keep", "idle", String::new()),
        TopicAction::Refuse { message, .. } => ("!", "refused", "crit", message.clone()),
    };
    let backlog = match topic.backlog_records {
        Some(records) => grouped(records),
        None => "–".to_owned(),
    };
    let warnings = topic
        .warnings
        .into_iter()
        .map(|text| view! { <li>{coded(&text)}</li> });
    view! {
        <tr>
            <td><span class=format!("sign {tone}")><code>{sign}</code> " " {word}</span></td>
            <td class="mono wide"><bdi>{topic.topic}</bdi></td>
            <td class="mono wide" data-label="Mirror topic"><bdi>{topic.mirror_topic}</bdi></td>
            <td class="num" data-label="Partitions">{topic.partitions}</td>
            <td class="num" data-label="To copy">{backlog}</td>
            <td class="small wide">
                {coded(&details)}
                <ul class="warn">{warnings.collect_view()}</ul>
            </td>
        </tr>
    }
}

/// Somebody else saved the link while this form was open.
#[component]
fn Conflict(differences: Vec<Difference>) -> impl IntoView {
    let rows = differences.into_iter().map(|difference| {
        view! {
            <tr>
                <th scope="row" class="mono">{difference.field}</th>
                <td data-label="Before"><bdi>{difference.before}</bdi></td>
                <td data-label="Theirs"><bdi>{difference.theirs}</bdi></td>
                <td data-label="Yours"><bdi>{difference.mine}</bdi></td>
            </tr>
        }
    });
    view! {
        <section class="card" aria-labelledby="conflict-title" role="alert">
            <header>
                <h2 id="conflict-title">"Someone saved this link meanwhile. Nothing is lost."</h2>
            </header>
            <div class="table-wrap">
                <table class="cards">
                    <caption class="unseen">"Settings that were changed meanwhile"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Setting"</th>
                            <th scope="col">"Before"</th>
                            <th scope="col">"Theirs, in force now"</th>
                            <th scope="col">"Yours, not saved yet"</th>
                        </tr>
                    </thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
            <footer>
                <p class="muted small">"What only they changed stays; what you changed is laid on top."</p>
                <div class="actions">
                    <button type="submit" class="primary" name="go" value="rebase">"Apply mine on top"</button>
                </div>
            </footer>
        </section>
    }
}

/// The same without the console.
#[component]
fn AsText(plan: PlanView) -> impl IntoView {
    (!plan.json.is_empty()).then(|| {
        view! {
            <details class="card as-text">
                <summary>"Copy as JSON or curl"</summary>
                <pre tabindex="0"><code>{plan.json}</code></pre>
                <pre tabindex="0"><code>{plan.curl}</code></pre>
            </details>
        }
    })
}
