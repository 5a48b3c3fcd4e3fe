//! Keys of the console (UX 8): they press what stands on the page, so each works only where its button or link does.
//!
//! `/` and Ctrl or Cmd with `K` go to the search, `g` then `m`, `l`, `c`, `e` or `a` to a page of the rail, `n` to a new link,
//! `j` and `k` walk along rows, `.` applies waiting updates, `p` stops and starts live numbers, `t` takes the next theme, `?`
//! shows the keys. Nothing else is listened to inside fields, or with Ctrl, Alt or Cmd.

use leptos::{ev, leptos_dom::helpers::window_event_listener, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// The button of the theme after the one that is chosen: the first one after the last.
const NEXT_THEME: &str = ".account-menu [aria-pressed='true'] + button, \
    .account-menu .segmented:has([aria-pressed='true']:last-child) button:first-child";

/// Listens to keys while the frame stands.
pub fn listen() {
    let after_g = StoredValue::new(false);
    let listener = window_event_listener(ev::keydown, move |event| {
        let chord = event.ctrl_key() || event.meta_key();
        if chord && !event.alt_key() && event.key() == "k" {
            return search(&event);
        }
        if event.ctrl_key() || event.alt_key() || event.meta_key() || is_typing(&event) {
            return;
        }
        let key = event.key();
        if after_g.get_value() {
            after_g.set_value(false);
            if let Some(href) = page_of(&key) {
                press(&format!(".rail a[href='{href}']"));
            }
            return;
        }
        match key.as_str() {
            "g" => after_g.set_value(true),
            "/" => search(&event),
            "n" => press("a[href='/links/new']"),
            "." => press("[data-key='.']"),
            "p" => press("button.live"),
            "t" => press(NEXT_THEME),
            "?" => press("[popovertarget='keys']"),
            "j" => walk(1),
            "k" => walk(-1),
            _ => {}
        }
    });
    on_cleanup(move || listener.remove());
}

fn page_of(key: &str) -> Option<&'static str> {
    match key {
        "m" => Some("/"),
        "l" => Some("/links"),
        "c" => Some("/clusters"),
        "e" => Some("/events"),
        "a" => Some("/account"),
        _ => None,
    }
}

fn is_typing(event: &KeyboardEvent) -> bool {
    let target = event
        .target()
        .and_then(|t| t.dyn_into::<HtmlElement>().ok());
    target.is_some_and(|element| {
        let name = element.tag_name();
        matches!(name.as_str(), "INPUT" | "TEXTAREA" | "SELECT") || element.is_content_editable()
    })
}

fn element(selector: &str) -> Option<HtmlElement> {
    let found = document().query_selector(selector).ok().flatten()?;
    found.dyn_into().ok()
}

/// Puts the focus into the search, or goes to its page where the top bar has no room for it. The key does nothing else then.
fn search(event: &KeyboardEvent) {
    event.prevent_default();
    match element("#search") {
        Some(field) if field.offset_width() > 0 => {
            let _ = field.focus();
        }
        _ => press(".search-link"),
    }
}

fn press(selector: &str) {
    if let Some(element) = element(selector) {
        element.click();
    }
}

/// Moves the focus to the next or the previous row's link.
fn walk(step: i32) {
    let Ok(links) = document().query_selector_all("a.row-link") else {
        return;
    };
    let focused = document().active_element();
    let all: Vec<HtmlElement> = (0..links.length())
        .filter_map(|index| links.get(index)?.dyn_into().ok())
        .collect();
    let here = all
        .iter()
        .position(|link| Some(link.as_ref()) == focused.as_ref());
    let next = match (here, step) {
        (None, 1..) => Some(0),
        (None, _) => None,
        (Some(here), step) => usize::try_from(here as i32 + step).ok(),
    };
    if let Some(link) = next.and_then(|index| all.get(index)) {
        let _ = link.focus();
    }
}
