//! The status of a link: what the engine reports, or what its phase says where nothing runs.

use std::collections::HashMap;

use model::{
    link::Phase,
    problem::Problem,
    status::{Batches, LinkStatus, Rates, State, Throttled, TopicStatus},
};
use store::{Link, PageQuery};

use super::links::readable;
use crate::{
    Context,
    access::{Action, Actor, Resource, authorize},
    problems::from_store,
};

/// How long after a change of phase a worker may take to report.
const FIRST_REPORT_MS: i64 = 15_000;

/// Returns what a link does now.
pub async fn of_link(context: &Context, actor: &Actor, name: &str) -> Result<LinkStatus, Problem> {
    with_link(context, actor, name, |_, status| status.clone()).await
}

/// Returns what `read` takes from one link and what it does now, without copying it: there may be thousands of topics.
pub async fn with_link<T>(
    context: &Context,
    actor: &Actor,
    name: &str,
    read: impl FnOnce(&Link, &LinkStatus) -> T,
) -> Result<T, Problem> {
    let link = readable(context, actor, name).await?;
    Ok(with(context, &link, read))
}

/// Returns what `read` takes from a link that was read already and what it does now; see [`with_link`].
pub(crate) fn with<T>(
    context: &Context,
    link: &Link,
    read: impl FnOnce(&Link, &LinkStatus) -> T,
) -> T {
    let statuses = context.engine.statuses();
    let reported = statuses
        .iter()
        .find(|status| status.link == link.spec.name.as_str());
    told(context, reported, link, read)
}

/// Returns what `read` takes from each link, by name; see [`with_link`].
pub async fn with_all<T>(
    context: &Context,
    actor: &Actor,
    mut read: impl FnMut(&Link, &LinkStatus) -> T,
) -> Result<Vec<T>, Problem> {
    const ROWS: u32 = 1_000;
    authorize(actor, Action::Read, Resource::Links)?;
    let mut query = PageQuery::first(ROWS);
    let mut all = Vec::new();
    // Ends with the last page.
    loop {
        let page = context.store.links(&query).await.map_err(from_store)?;
        let statuses = context.engine.statuses();
        let by_link: HashMap<&str, &LinkStatus> = statuses
            .iter()
            .map(|status| (status.link.as_str(), status))
            .collect();
        let read = page.items.iter().map(|link| {
            let reported = by_link.get(link.spec.name.as_str()).copied();
            told(context, reported, link, &mut read)
        });
        all.extend(read);
        if page.next.is_none() {
            return Ok(all);
        }
        query.after = page.next;
    }
}

fn told<T>(
    context: &Context,
    reported: Option<&LinkStatus>,
    link: &Link,
    read: impl FnOnce(&Link, &LinkStatus) -> T,
) -> T {
    match reported {
        Some(status) if status.phase == link.phase => read(link, status),
        Some(status) => read(link, &changing(status, link, context.now_ms)),
        None => read(link, &unreported(link, context.now_ms)),
    }
}

/// The status of a link whose phase changed since its worker reported: the last numbers stand until it does again,
/// and so does what waits for a person.
fn changing(reported: &LinkStatus, link: &Link, now_ms: i64) -> LinkStatus {
    let unreported = unreported(link, now_ms);
    let asks = |topic: &TopicStatus| topic.state == State::NeedsDecision;
    let held = link.phase == Phase::Running && reported.topics.iter().any(asks);
    LinkStatus {
        state: if held {
            State::NeedsDecision
        } else {
            unreported.state
        },
        measured_at_ms: reported.measured_at_ms,
        lag_records: reported.lag_records,
        lag_time_ms: reported.lag_time_ms,
        topics: reported.topics.clone(),
        ..unreported
    }
}

/// The status of a link that no worker has reported since its phase changed.
fn unreported(link: &Link, now_ms: i64) -> LinkStatus {
    let state = match link.phase {
        Phase::Draft => State::Draft,
        Phase::Paused => State::Paused,
        Phase::Stopped => State::Stopped,
        Phase::Running if now_ms - link.updated_at_ms < FIRST_REPORT_MS => State::Starting,
        Phase::Running => State::Unknown,
    };
    LinkStatus {
        link: link.spec.name.to_string(),
        phase: link.phase,
        state,
        since_ms: link.updated_at_ms,
        measured_at_ms: now_ms,
        rates: Rates::default(),
        throttled: Throttled::default(),
        batches: Batches::default(),
        lag_records: None,
        lag_time_ms: None,
        latency: None,
        topics: Vec::new(),
        findings: Vec::new(),
        problems: Vec::new(),
        slots_owned: 0,
        slots: link.spec.slots,
        memory_bytes: 0,
        data_producer_id: None,
        first_record: None,
    }
}
