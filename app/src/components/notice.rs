//! Problems as people read them, and the summary above a faulty form.

use leptos::prelude::*;
use model::problem::{FieldError, Problem};

use super::{
    coded::coded,
    icon::{Glyph, Icon},
};
use crate::error::UiError;

/// Shows a problem: what happened, where and why, what to do.
#[component]
pub fn ProblemNotice(problem: Problem) -> impl IntoView {
    let broker_error = problem
        .broker_error
        .map(|name| view! { " " <code>{name}</code> });
    let detail = (!problem.detail.is_empty())
        .then(|| view! { <p class="notice-detail">{coded(&problem.detail)}{broker_error}</p> });
    let next_step = problem
        .next_step
        .map(|step| view! { <p class="notice-step">{coded(&step)}</p> });
    view! {
        <div class="notice crit" role="alert">
            <Icon glyph=Signal::stored(Glyph::Warning) />
            <div>
                <p class="notice-title">{coded(&problem.title)}</p>
                {detail}
                {next_step}
            </div>
        </div>
    }
}

/// Shows what an action answered, if it failed. Faulty fields are told at their fields and in the form's own summary.
#[component]
pub fn ActionNotice(#[prop(into)] error: Signal<Option<UiError>>) -> impl IntoView {
    move || {
        {
            let error = error.get().filter(|error| error.problem.fields.is_empty());
            error.map(|error| view! { <ProblemNotice problem=error.problem /> })
        }
        .into_any()
    }
}

/// Lists the faulty fields of a form with links to them; it takes the focus when the page loads.
#[component]
pub fn ErrorSummary(#[prop(into)] faults: Signal<Vec<FieldError>>) -> impl IntoView {
    move || {
        {
            let faults = faults.get();
            (!faults.is_empty()).then(|| {
                let count = faults.len();
                let title = match count {
                    1 => "One field needs a correction.".to_owned(),
                    _ => format!("{count} fields need a correction."),
                };
                let lines = faults.into_iter().map(|fault| {
                    let target = format!("#{}", super::field::id_of(&fault.field));
                    view! { <li><a href=target rel="external">{coded(&fault.message)}</a></li> }
                });
                view! {
                    <div class="notice crit summary" role="alert" tabindex="-1" autofocus>
                        <Icon glyph=Signal::stored(Glyph::Warning) />
                        <div>
                            <p class="notice-title">{title}</p>
                            <ul>{lines.collect_view()}</ul>
                        </div>
                    </div>
                }
            })
        }
        .into_any()
    }
}
