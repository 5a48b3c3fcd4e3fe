//! The browser's half of the event stream.
//!
//! One task of the page owns the stream: it opens it while the tab is visible, ages the indicator every second, opens it
//! again after an end (1 s to 30 s later) and closes it when the page is left.

use std::{cell::RefCell, rc::Rc};

use leptos::{leptos_dom::helpers::set_interval_with_handle, prelude::*};
use serde_json::Value;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent, VisibilityState};

use super::{COUNTS, Feed, Freshness, View, merge, news::News};
use crate::{json, visitor::Counts};

/// Seconds without an event after which numbers are stale.
const STALE_S: u32 = 5;
/// Longest pause before the stream is opened again, seconds.
const LONGEST_PAUSE_S: u32 = 30;

/// Shows a view that is given as JSON. All pages share the code around it.
type Show = dyn Fn(&Value);

type Listener = Closure<dyn FnMut(MessageEvent)>;

/// The open stream with its listeners, which live as long as it does.
struct Open {
    source: EventSource,
    _listeners: Vec<Listener>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.source.close();
    }
}

struct Stream {
    page: String,
    /// The view as JSON, as far as events told.
    json: Value,
    show: Rc<Show>,
    feed: Feed,
    news: News,
    open: Option<Open>,
    /// Id of the last event, so that the server goes on from there.
    last_id: String,
    /// Seconds since the last event.
    quiet_s: u32,
    /// Seconds since the stream was opened last.
    tried_s: u32,
    /// Pause before the next try to open.
    pause_s: u32,
    /// The server keeps no stream for this page: it holds too many for this person, or knows no such page.
    refused: bool,
    /// It is not asked again: what the page showed is gone.
    over: bool,
}

impl Stream {
    /// Notes why the server ended the stream. A try that is answered with an end makes the next pause no shorter.
    fn end(&mut self, why: &str) {
        self.open = None;
        self.over = why == "gone";
        self.refused = self.over || why == "full";
        if self.refused {
            self.pause_s = LONGEST_PAUSE_S;
        }
    }

    /// Says whether the stream is of the page itself and not of a part, and has shown something of it.
    fn shows_the_page(&self) -> bool {
        let (path, _) = self.page.split_once('?').unwrap_or((&self.page, ""));
        !self.json.is_null() && location().pathname().is_ok_and(|here| here == path)
    }

    /// Says whether to open the stream anew: it has ended, or stands open without a word. Each try gets the time to be
    /// answered before the next one takes its place.
    fn is_to_open(&self) -> bool {
        let ended = self
            .open
            .as_ref()
            .is_none_or(|open| open.source.ready_state() == EventSource::CLOSED);
        let silent = self.quiet_s > STALE_S && self.tried_s > STALE_S;
        !self.over && (ended || silent) && self.tried_s >= self.pause_s
    }
}

/// Opens the stream of `page` and lets `show` follow it until the page is left.
pub fn open<T: View>(page: String, show: WriteSignal<T>) {
    let show = move |json: &Value| {
        if let Ok(view) = json::from_value(json) {
            show.try_set(view);
        }
    };
    start(page, Rc::new(show));
}

fn start(page: String, show: Rc<Show>) {
    let feed = Feed::of_tab();
    let stream = Rc::new(RefCell::new(Stream {
        page,
        // The first event is a snapshot.
        json: Value::Null,
        show,
        feed,
        news: News::default(),
        open: None,
        last_id: String::new(),
        quiet_s: 0,
        tried_s: 0,
        pause_s: 1,
        refused: false,
        over: false,
    }));
    feed.freshness.set(Freshness::Connecting);
    connect(&stream);
    let ticking = Rc::clone(&stream);
    let clock = set_interval_with_handle(move || tick(&ticking), std::time::Duration::from_secs(1));
    let owned = StoredValue::new_local(Some(stream));
    on_cleanup(move || {
        if let Ok(clock) = clock {
            clock.clear();
        }
        owned.update_value(|stream| {
            // Listeners hold the stream: taking the source away breaks that ring.
            if let Some(stream) = stream.take() {
                stream.borrow_mut().open = None;
            }
        });
        feed.freshness.try_set(Freshness::Off);
    });
}

fn is_hidden() -> bool {
    document().visibility_state() == VisibilityState::Hidden
}

fn connect(stream: &Rc<RefCell<Stream>>) {
    let mut state = stream.borrow_mut();
    let page = js_sys::encode_uri_component(&state.page);
    let last = js_sys::encode_uri_component(&state.last_id);
    let Ok(source) = EventSource::new(&format!("/live?page={page}&last={last}")) else {
        return;
    };
    let mut listeners = Vec::new();
    for kind in ["snapshot", "patch", "tick", "bye"] {
        let stream = Rc::downgrade(stream);
        let listener = Listener::new(move |event: MessageEvent| {
            if let Some(stream) = stream.upgrade() {
                hear(&stream, kind, &event);
            }
        });
        let added =
            source.add_event_listener_with_callback(kind, listener.as_ref().unchecked_ref());
        if added.is_ok() {
            listeners.push(listener);
        }
    }
    state.tried_s = 0;
    state.open = Some(Open {
        source,
        _listeners: listeners,
    });
}

fn hear(stream: &Rc<RefCell<Stream>>, kind: &str, event: &MessageEvent) {
    let text = event.data().as_string().unwrap_or_default();
    let mut state = stream.borrow_mut();
    if kind == "bye" {
        let shown = state.shows_the_page();
        state.end(&text);
        drop(state);
        return leave(&text, shown);
    }
    state.quiet_s = 0;
    state.pause_s = 1;
    state.refused = false;
    match kind {
        "snapshot" => {
            if let Ok(json) = json::value(&text) {
                state.json = json;
            }
        }
        "patch" => {
            if let Ok(patch) = json::value(&text) {
                let Stream { json, news, .. } = &mut *state;
                news.note(json, &patch);
                merge::apply(json, patch);
            }
        }
        _ => {}
    }
    state.last_id = event.last_event_id();
    let (view, show, feed) = (state.json.clone(), state.show.clone(), state.feed);
    let counts = state.json.get(COUNTS).map(json::from_value::<Counts>);
    // Showing runs effects, which may come back here.
    drop(state);
    if feed.paused.get_untracked() {
        return feed.freshness.set(Freshness::Paused);
    }
    feed.freshness.set(Freshness::Live);
    if let Some(Ok(counts)) = counts
        && counts != feed.counts.get_untracked()
    {
        feed.counts.set(counts);
    }
    if kind != "tick" {
        show(&view);
    }
}

/// The stream ended on purpose: a session that is over leads to the sign-in; a page that was `shown` and is gone is loaded
/// once more, so that it says so.
fn leave(why: &str, shown: bool) {
    match why {
        "signed-out" => lead_to_sign_in(),
        "gone" if shown => {
            let _ = location().reload();
        }
        _ => {}
    }
}

/// Goes to the sign-in, and from there back to this page.
///
/// Does nothing while the page is being taken over: what it then reads came with its address, and is over.
pub(crate) fn lead_to_sign_in() {
    let taken_over = document()
        .body()
        .is_some_and(|body| body.has_attribute("data-hydrated"));
    let path = location().pathname().unwrap_or_default();
    if !taken_over || path == "/sign-in" || path == "/setup" {
        return;
    }
    let query = location().search().unwrap_or_default();
    let next = js_sys::encode_uri_component(&format!("{path}{query}"));
    let _ = location().set_href(&format!("/sign-in?ended=1&next={next}"));
}

fn tick(stream: &Rc<RefCell<Stream>>) {
    let mut state = stream.borrow_mut();
    let feed = state.feed;
    if is_hidden() {
        state.open = None;
        state.quiet_s = 0;
        return;
    }
    state.quiet_s += 1;
    state.tried_s += 1;
    let (quiet_s, refused) = (state.quiet_s, state.refused);
    let again = state.is_to_open();
    if again {
        state.pause_s = (state.pause_s * 2).min(LONGEST_PAUSE_S);
        state.open = None;
    }
    let resumed =
        feed.freshness.get_untracked() == Freshness::Paused && !feed.paused.get_untracked();
    let waiting = resumed.then(|| (state.json.clone(), state.show.clone()));
    let news = state.news.tell();
    drop(state);
    if let Some(news) = news {
        feed.news.set(news);
    }
    if again {
        connect(stream);
    }
    if feed.paused.get_untracked() {
        feed.freshness.set(Freshness::Paused);
    } else if refused {
        feed.freshness.set(Freshness::Off);
    } else if quiet_s > STALE_S {
        feed.freshness.set(Freshness::Stale(quiet_s));
    } else if let Some((view, show)) = waiting {
        show(&view);
        feed.freshness.set(Freshness::Live);
    }
}
