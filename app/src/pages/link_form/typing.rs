//! Lets the preview follow the typing: the browser's half of the topics' step.

use std::time::Duration;

use leptos::{
    leptos_dom::helpers::TimeoutHandle, prelude::*, server_fn::ServerFn, task::spawn_local,
};
use wasm_bindgen::JsCast;
use web_sys::{Element, FormData, HtmlFormElement};

use super::view::PreviewView;
use crate::{
    components::post::fields_of,
    fns::{
        call::{post, read},
        link_forms::PreviewLinkTopics,
    },
};

/// How long the typing must rest.
const REST: Duration = Duration::from_millis(400);

/// Returns what to do on every input of the form, and when it is sent.
pub fn follow(show: WriteSignal<PreviewView>) -> impl Fn(leptos::ev::Event) + Copy {
    let turn = StoredValue::new(0_u32);
    let timer = StoredValue::new_local(None::<TimeoutHandle>);
    let forget = move || {
        timer.update_value(|timer| {
            if let Some(waiting) = timer.take() {
                waiting.clear();
            }
        });
    };
    on_cleanup(forget);
    move |event| {
        forget();
        turn.update_value(|turn| *turn = turn.wrapping_add(1));
        // Asking saves what was typed: behind the form's own way it would undo what its button did.
        if event.type_() == "submit" {
            return;
        }
        let Some(form) = form_of(&event) else { return };
        let mine = turn.get_value();
        let ask = move || {
            let Some(input) = input_of(&form) else { return };
            spawn_local(async move {
                let answer = post(PreviewLinkTopics::PATH, &input).await;
                let answer = answer.and_then(|text| read(&text));
                // What was asked before the last key is out of date.
                if let (Ok(view), Some(newest)) = (answer, turn.try_get_value())
                    && newest == mine
                {
                    show.try_set(view);
                }
            });
        };
        timer.set_value(set_timeout_with_handle(ask, REST).ok());
    }
}

fn form_of(event: &leptos::ev::Event) -> Option<HtmlFormElement> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target.closest("form").ok()??.dyn_into().ok()
}

fn input_of(form: &HtmlFormElement) -> Option<String> {
    let data = FormData::new_with_form(form).ok()?;
    Some(fields_of(&data))
}
