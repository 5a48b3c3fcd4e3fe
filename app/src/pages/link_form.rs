//! The form of a link in steps: source, destination, topics, options, plan. New links and edits use the same pages.
//!
//! Every step is a plain form that saves and leads on; the preview follows the typing where the browser's side runs.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::format;

mod ends;
mod options;
mod plan;
mod preview;
pub mod step;
mod topics;
#[cfg(feature = "hydrate")]
mod typing;
pub mod view;

#[cfg(feature = "ssr")]
pub mod query;

use crate::{
    components::{
        icon::{Glyph, Icon},
        notice::ErrorSummary,
    },
    fns::{
        self,
        link_forms::{BeginLink, BeginLinkEdit},
    },
    pages::{
        address,
        load::{load, shown, shown_or},
        overview::Failed,
    },
};
use step::{Place, Step};
use view::{FormQuery, FormView, StepView};

/// `/links/new`: begins a draft and leads to its first step.
#[component]
pub fn NewLinkPage() -> impl IntoView {
    let begun = load(|| BeginLink {});
    view! {
        <Title text="New link" />
        {shown(begun, |()| ().into_any())}
    }
}

/// `/links/{link}/edit`: begins to edit and leads to the first step.
#[component]
pub fn EditLinkPage() -> impl IntoView {
    let name = address::part("name");
    let begun = load(move || BeginLinkEdit { name: name.get() });
    view! {
        <Title text="Edit link" />
        {shown(begun, |()| ().into_any())}
    }
}

/// One step of the form.
#[component]
pub fn LinkFormPage() -> impl IntoView {
    let (id, step) = (address::part("draft"), address::part("step"));
    let query = use_query_map();
    let asked = move || {
        let (id, step) = (id.get(), step.get());
        let query = query.with(|query| FormQuery {
            check: query.get("check").is_some(),
            filter: query.get("filter").unwrap_or_default(),
            at: query.get("at").and_then(|at| at.parse().ok()).unwrap_or(0),
            agreed: query.get("agreed").unwrap_or_default(),
            fresh: query.get("fresh").is_some(),
            cluster: query.get("cluster").unwrap_or_default(),
        });
        fns::link_forms::LinkForm { id, step, query }
    };
    let view = load(asked);
    view! {
        {shown_or(
            view,
            |view| view! { <Form view /> }.into_any(),
            |error| view! { <Title text="Link" /> <Failed error /> }.into_any(),
        )}
    }
}

#[component]
fn Form(view: FormView) -> impl IntoView {
    let title = match view.place.link.as_str() {
        "" => "New link".to_owned(),
        link => format!("Edit {link}"),
    };
    let faults = if view.checked {
        view.faults.clone()
    } else {
        Vec::new()
    };
    let from_to = from_to(&view);
    let age = (view.now_ms - view.saved_at_ms).max(0);
    let body = match view.body.clone() {
        StepView::Ends(clusters) => {
            view! { <ends::EndStep view=view.clone() clusters /> }.into_any()
        }
        StepView::Topics(preview) => {
            view! { <topics::TopicsStep view=view.clone() preview=*preview /> }.into_any()
        }
        StepView::Options => view! { <options::OptionsStep view=view.clone() /> }.into_any(),
        StepView::Plan(plan) => {
            view! { <plan::PlanStep view=view.clone() plan=*plan /> }.into_any()
        }
    };
    view! {
        <Title text=title.clone() />
        <header class="form-head">
            <h1>{title}</h1>
            <p class="muted">{from_to} "draft saved " {format::ago(age)}</p>
        </header>
        <Steps place=view.place.clone() step=view.step reached=view.reached />
        <ErrorSummary faults=Signal::stored(faults) />
        {body}
    }
}

fn from_to(view: &FormView) -> String {
    let draft = &view.draft;
    match (draft.source.as_str(), draft.destination.as_str()) {
        ("", _) => String::new(),
        (source, "") => format!("from {source} · "),
        (source, destination) => format!("{source} → {destination} · "),
    }
}

/// Where the form stands; steps behind can be gone back to.
#[component]
fn Steps(place: Place, step: Step, reached: Step) -> impl IntoView {
    let steps = place.steps().iter().enumerate().map(|(index, one)| {
        let one = *one;
        let number = index + 1;
        let done = one < reached && one != step;
        let class = match (one == step, done) {
            (true, _) => "step now",
            (false, true) => "step done",
            (false, false) => "step",
        };
        let mark = match done {
            true => view! { <Icon glyph=Signal::stored(Glyph::Tick) /> }.into_any(),
            false => number.into_any(),
        };
        let word = match one <= reached && one != step {
            true => view! { <a href=place.path(one) rel="external">{one.word()}</a> }.into_any(),
            false => view! { <span>{one.word()}</span> }.into_any(),
        };
        view! {
            <li class=class aria-current=(one == step).then_some("step")>
                <span class="step-mark">{mark}</span>
                {word}
            </li>
        }
    });
    view! {
        <nav aria-label="Steps">
            <ol class="steps">{steps.collect_view()}</ol>
        </nav>
    }
}

/// The message at an input, if there is one. An empty input is only told of when somebody wanted to go on.
fn error_at(view: &FormView, input: &str) -> Option<String> {
    let found = model::draft::error_for(&view.faults, input);
    found.filter(|_| view.checked).map(str::to_owned)
}

/// The buttons that lead back and on.
#[component]
fn Onward(place: Place, step: Step) -> impl IntoView {
    let back = place.before(step).map(|before| {
        let value = format!("step-{}", before.as_str());
        view! { <button type="submit" name="go" value=value>"Back"</button> }
    });
    view! {
        <div class="actions">
            {back}
            <button type="submit" class="primary" name="go" value="continue">"Continue"</button>
        </div>
    }
}
