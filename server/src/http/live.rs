//! `/live`: the event stream of one tab (UX 6).
//!
//! Events: `snapshot` is the page's whole view, `patch` a merge patch (RFC 7396) to the one before, `tick` says that
//! nothing changed, `bye` why the stream ends: `shutdown`, `signed-out`, `gone` (the page is), `full` (the person has too
//! many). Ids are `<boot>-<stream>-<tick>`; who comes back within a minute with the last id goes on with a patch.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use app::{
    api::{accounts, counts},
    caller::Caller,
    live::{COUNTS, merge},
    pages::views,
    visitor::Counts,
};
use axum::{
    Extension,
    extract::{Query, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior};

use super::Api;

/// Time between two events.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two looks whether the session still is good, and how many links and clusters there are.
const SESSION_TICKS: u64 = 3;
/// Streams that one person may have open.
const STREAMS_EACH: usize = 20;
/// How long an ended stream is remembered, so that it can go on.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Ended streams that are remembered at most.
const MOST_REMEMBERED: usize = 200;

/// All streams of the process.
#[derive(Debug, Default)]
pub struct Streams {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next_id: u64,
    /// Open streams of each person.
    open: HashMap<String, usize>,
    ended: HashMap<u64, Ended>,
}

/// How far a stream came that ended.
#[derive(Debug)]
struct Ended {
    user_id: String,
    page: String,
    tick: u64,
    view: Value,
    at: Instant,
}

impl Streams {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one more stream, `None` where the person has too many.
    fn open(&self, user_id: &str) -> Option<u64> {
        let mut inner = self.lock();
        let open = inner.open.entry(user_id.to_owned()).or_default();
        if *open >= STREAMS_EACH {
            return None;
        }
        *open += 1;
        inner.next_id += 1;
        Some(inner.next_id)
    }

    fn close(&self, id: u64, ended: Ended) {
        let mut inner = self.lock();
        if let Some(open) = inner.open.get_mut(&ended.user_id) {
            *open -= 1;
            if *open == 0 {
                inner.open.remove(&ended.user_id);
            }
        }
        inner
            .ended
            .retain(|_, known| known.at.elapsed() < REMEMBERED);
        if inner.ended.len() < MOST_REMEMBERED {
            inner.ended.insert(id, ended);
        }
    }

    /// Returns the view that the holder of this id has, if it is known to be the last one that was sent.
    fn resume(&self, last: &str, boot: &str, user_id: &str, page: &str) -> Option<Value> {
        let (stream, tick) = last
            .strip_prefix(boot)?
            .strip_prefix('-')?
            .split_once('-')?;
        let ended = self.lock().ended.remove(&stream.parse().ok()?)?;
        let same = ended.user_id == user_id && ended.page == page && tick == ended.tick.to_string();
        (same && ended.at.elapsed() < REMEMBERED).then_some(ended.view)
    }
}

/// The query of a stream.
#[derive(Debug, Deserialize)]
pub struct Params {
    /// Path and query of the page.
    page: String,
    /// Id of the last event that the tab has.
    #[serde(default)]
    last: String,
}

/// Opens a tab's stream.
pub async fn stream(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Response {
    let Some(person) = caller.person.clone() else {
        return no_stream("signed-out");
    };
    let Some(id) = api.streams().open(&person.user_id) else {
        return no_stream("full");
    };
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .unwrap_or(&params.last);
    let known = api
        .streams()
        .resume(last, api.boot(), &person.user_id, &params.page);
    let mut clock = tokio::time::interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let tab = Tab {
        id,
        user_id: person.user_id.clone(),
        page: params.page,
        api,
        caller,
        tick: 0,
        view: known,
        counts: None,
        clock,
        over: false,
    };
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Sse::new(events(tab)).keep_alive(alive).into_response()
}

/// Ends a stream with its first event: a browser reads no status of a stream that it could not open.
fn no_stream(why: &str) -> Response {
    let bye = stream::iter([Ok::<_, Infallible>(bye(why))]);
    Sse::new(bye).into_response()
}

/// One open stream.
struct Tab {
    id: u64,
    user_id: String,
    page: String,
    api: Api,
    caller: Caller,
    tick: u64,
    /// What the tab shows, `None` before its first event.
    view: Option<Value>,
    /// What the rail shows, looked at as often as the session.
    /// `None` until they could be looked up.
    counts: Option<Counts>,
    clock: Interval,
    over: bool,
}

impl Drop for Tab {
    fn drop(&mut self) {
        let ended = Ended {
            user_id: std::mem::take(&mut self.user_id),
            page: std::mem::take(&mut self.page),
            tick: self.tick,
            view: self.view.take().unwrap_or_default(),
            at: Instant::now(),
        };
        self.api.streams().close(self.id, ended);
    }
}

fn events(tab: Tab) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(tab, |mut tab| async move {
        if tab.over {
            return None;
        }
        let event = tab.next().await;
        Some((Ok(event), tab))
    })
}

impl Tab {
    /// Waits for the next tick and returns its event.
    async fn next(&mut self) -> Event {
        // Ends with the first event; a tick that cannot be answered is passed over, so that the tab shows its age.
        loop {
            let stop = self.api.stop_token();
            tokio::select! {
                () = stop.cancelled() => return self.end("shutdown"),
                _ = self.clock.tick() => {}
            }
            self.tick += 1;
            if self.tick.is_multiple_of(SESSION_TICKS) && !self.is_signed_in().await {
                return self.end("signed-out");
            }
            if let Some(event) = self.look().await {
                let id = format!("{}-{}-{}", self.api.boot(), self.id, self.tick);
                return event.id(id);
            }
        }
    }

    /// Makes the view anew and says what changed; `None` where it cannot be made now.
    async fn look(&mut self) -> Option<Event> {
        let context = self.api.context().ok()?;
        let person = self.caller.person.as_ref()?;
        // The first event tells them too; where they are not known, the page keeps what it has.
        if (self.tick % SESSION_TICKS == 1 || self.counts.is_none())
            && let Ok(counts) = counts::of(&context, &person.actor).await
        {
            self.counts = Some(counts);
        }
        let view = match views::of_page(&context, person, &self.page).await {
            Ok(view) => with_counts(view, self.counts.as_ref()),
            Err(problem) if problem.status >= 500 => return None,
            Err(_) => return Some(self.end("gone")),
        };
        let event = match &self.view {
            None => Event::default().event("snapshot").data(view.to_string()),
            Some(before) => match merge::diff(before, &view) {
                Some(patch) => Event::default().event("patch").data(patch.to_string()),
                None => Event::default().event("tick").data("0"),
            },
        };
        self.view = Some(view);
        Some(event)
    }

    /// Looks the session up again; while the database is away, it counts as good.
    async fn is_signed_in(&mut self) -> bool {
        let (Ok(context), Some(person)) = (self.api.context(), &self.caller.person) else {
            return true;
        };
        accounts::is_current(&context, person).await.unwrap_or(true)
    }

    fn end(&mut self, why: &str) -> Event {
        self.over = true;
        bye(why)
    }
}

/// Adds what the rail shows to a page's view.
fn with_counts(mut view: Value, counts: Option<&Counts>) -> Value {
    let counts = counts.and_then(|counts| serde_json::to_value(counts).ok());
    if let (Value::Object(members), Some(counts)) = (&mut view, counts) {
        members.insert(COUNTS.to_owned(), counts);
    }
    view
}

fn bye(why: &str) -> Event {
    Event::default().event("bye").data(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ended(tick: u64) -> Ended {
        Ended {
            user_id: "u".to_owned(),
            page: "/".to_owned(),
            tick,
            view: json!({"a": 1}),
            at: Instant::now(),
        }
    }

    #[test]
    fn a_tab_goes_on_only_from_the_last_event_that_was_sent() {
        let streams = Streams::default();
        let id = streams.open("u").unwrap();
        streams.close(id, ended(7));
        let wrong = format!("boot-{id}-6");
        assert_eq!(streams.resume(&wrong, "boot", "u", "/"), None);
        let id = streams.open("u").unwrap();
        streams.close(id, ended(7));
        let right = format!("boot-{id}-7");
        assert_eq!(streams.resume(&right, "other", "u", "/"), None);
        let view = streams.resume(&right, "boot", "u", "/");
        assert_eq!(view, Some(json!({"a": 1})));
        assert_eq!(streams.resume(&right, "boot", "u", "/"), None, "only once");
    }

    #[test]
    fn a_person_has_a_bounded_number_of_streams() {
        let streams = Streams::default();
        let ids: Vec<u64> = (0..STREAMS_EACH)
            .map(|_| streams.open("u").unwrap())
            .collect();
        assert_eq!(streams.open("u"), None);
        assert!(streams.open("v").is_some());
        streams.close(ids[0], ended(1));
        assert!(streams.open("u").is_some());
    }
}
