//! What may be done to a link: verbs that act at once and offer the way back, and the ways to its forms.

use leptos::prelude::*;
use model::link::Phase;

use super::Head;
use crate::{
    access::{Action, Resource},
    components::{
        allowed::{ButtonLink, lacking},
        icon::{Glyph, Icon},
        notice::ActionNotice,
        post::{Post, PostForm},
    },
    pages::address,
};

/// Buttons of a link, by its phase.
#[component]
pub fn Actions(#[prop(into)] head: Signal<Head>, run: Post) -> impl IntoView {
    let name = head.with_untracked(|head| head.name.clone());
    let phase = Memo::new(move |_| head.with(|head| head.phase));
    let may_not_run = lacking(Action::Run, Resource::Link(&name));
    let may_not_change = lacking(Action::Change, Resource::Link(&name));
    let reasons = reasons(may_not_run.as_deref(), may_not_change.as_deref());
    let verb = {
        let (name, lacking) = (name.clone(), may_not_run);
        move |verb: &'static str, label: &'static str| {
            let (name, lacking) = (name.clone(), lacking.clone());
            view! { <VerbButton run name verb label lacking /> }
        }
    };
    let way = {
        let (name, lacking) = (name.clone(), may_not_change);
        move |to: &'static str, word: &'static str, class: &'static str| {
            let (href, lacking) = (format!("/links/{name}/{to}"), lacking.clone());
            view! { <ButtonLink href word class lacking /> }
        }
    };
    let buttons = move || {
        let edit = way("edit", "Edit", "button");
        let delete = || way("delete", "Delete", "button danger");
        match phase.get() {
            // A link that never started is edited and planned in one and the same form.
            Phase::Draft => {
                let start = way("edit", "Edit, plan and start", "button primary");
                (start, delete()).into_any()
            }
            Phase::Running => (edit, verb("pause", "Pause"), verb("stop", "Stop")).into_any(),
            Phase::Paused => (edit, verb("resume", "Resume"), verb("stop", "Stop")).into_any(),
            Phase::Stopped => (edit, verb("start", "Start"), delete()).into_any(),
        }
    };
    view! {
        <div class="actions">
            {buttons}
            {reasons.map(|reasons| view! { <p class="small muted reasons">{reasons}</p> })}
        </div>
    }
}

fn reasons(run: Option<&str>, change: Option<&str>) -> Option<String> {
    let run = run.map(|reason| format!("Pause, resume, start, stop: {reason}"));
    let change = change.map(|reason| format!("Edit, delete: {reason}"));
    let all: Vec<String> = run.into_iter().chain(change).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

#[component]
fn VerbButton(
    run: Post,
    name: String,
    verb: &'static str,
    label: &'static str,
    lacking: Option<String>,
) -> impl IntoView {
    let refused = lacking.is_some();
    view! {
        <PostForm post=run>
            <input type="hidden" name="name" value=name />
            <input type="hidden" name="verb" value=verb />
            <button type="submit" disabled=move || refused || run.is_pending() title=lacking>
                {label}
            </button>
        </PostForm>
    }
}

/// Says what was done just now, with the way back.
#[component]
pub fn Done(name: String, run: Post) -> impl IntoView {
    let done = address::asked("done");
    let notice = move || {
        let (text, undo) = words(&done.get())?;
        let name = name.clone();
        let form = undo.map(|verb| {
            view! { <VerbButton run name verb label="Undo" lacking=None /> }
        });
        Some(view! {
            <div class="notice done" role="status">
                <Icon glyph=Signal::stored(Glyph::Tick) />
                <div>
                    <p>{text}</p>
                </div>
                {form}
            </div>
        })
    };
    view! {
        <ActionNotice error=run.error() />
        {notice}
    }
}

/// Returns what was done and the verb that takes it back.
fn words(done: &str) -> Option<(&'static str, Option<&'static str>)> {
    match done {
        "pause" => Some((
            "Paused. Copying stands still; it goes on where it stopped.",
            Some("resume"),
        )),
        "resume" => Some(("Resumed. Copying goes on where it stopped.", Some("pause"))),
        "start" => Some(("Started.", Some("stop"))),
        "stop" => Some((
            "Stopped. Positions are kept; a start goes on from them.",
            Some("start"),
        )),
        "decide" => Some((
            "Your choice is stored. The partition goes on within seconds.",
            None,
        )),
        _ => None,
    }
}
